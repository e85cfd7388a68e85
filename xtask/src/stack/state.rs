//! What each service is doing, in a line each.

use anyhow::Result;

use super::services;
use super::{Profile, Stack};
use crate::http;
use crate::prometheus::Api;

/// Of the services of these profiles.
pub(crate) fn print(stack: &Stack<'_>, profiles: &[Profile]) -> Result<()> {
    for service in services::of(profiles) {
        let health = stack.health(service.name)?;
        let detail = match service.name {
            services::EXPORTER => exporter(&format!("http://{}", stack.ports.exporter())),
            services::PROMETHEUS => prometheus(&stack.api()),
            _ => None,
        };
        let detail = detail.map(|detail| format!("; {detail}")).unwrap_or_default();
        line(service.name, &format!("{health}{detail}"), stack.ports.url(service).as_deref());
    }
    Ok(())
}

pub(crate) fn line(name: &str, state: &str, url: Option<&str>) {
    let url = url.map(|url| format!("  {url}")).unwrap_or_default();
    println!("{name:<15} {state}{url}");
}

/// What its status page says first of its target.
pub(crate) fn exporter(base: &str) -> Option<String> {
    let text = http::get(&format!("{base}/3-shake-status?format=text")).ok()?;
    // The first line is the article's.
    text.lines().nth(1).map(str::to_owned)
}

pub(crate) fn prometheus(api: &Api) -> Option<String> {
    let count = |expr: &str| api.value(expr).ok().map(Option::unwrap_or_default);
    let (up, all) = (count("sum(up)")?, count("count(up)")?);
    let firing = count(r#"count(ALERTS{alertstate="firing"})"#)?;
    let alerts = if firing == 0.0 { "no alert fires".to_owned() } else { format!("{firing} alerts fire") };
    Some(format!("{up} of {all} targets up, {alerts}"))
}
