//! What each service is doing, in a line each.

use std::net::SocketAddr;

use anyhow::Result;

use super::services::{self, Service};
use super::{Ports, Profile, Stack};
use crate::http;
use crate::prometheus::Api;

/// Of the services of these profiles.
pub(crate) fn print(stack: &Stack<'_>, profiles: &[Profile]) -> Result<()> {
    for service in services::of(profiles) {
        let health = stack.health(service.name)?;
        let detail = detail(service, &stack.ports).map(|detail| format!("; {detail}")).unwrap_or_default();
        line(service.name, &format!("{health}{detail}"), stack.ports.url(service).as_deref());
    }
    Ok(())
}

pub(crate) fn line(name: &str, state: &str, url: Option<&str>) {
    let url = url.map(|url| format!("  {url}")).unwrap_or_default();
    println!("{name:<15} {state}{url}");
}

/// What a service says of itself, where it says more than that it is healthy.
pub(crate) fn detail(service: &Service, ports: &Ports) -> Option<String> {
    match service.name {
        services::EXPORTER => exporter(ports.exporter()),
        services::PROMETHEUS => prometheus(&Api::on(ports.prometheus())),
        _ => None,
    }
}

/// What its status page says first of its target.
fn exporter(address: SocketAddr) -> Option<String> {
    let text = http::get(&format!("http://{address}/3-shake-status?format=text")).ok()?;
    // The first line is the article's.
    text.lines().nth(1).map(str::to_owned)
}

/// What it scrapes, and which alerts fire. None where it does not answer.
pub(crate) fn prometheus(api: &Api) -> Option<String> {
    let targets = api.targets().ok()?;
    let up = targets.iter().filter(|target| target["health"] == "up").count();
    let firing = api.value(r#"count(ALERTS{alertstate="firing"})"#).ok()?.unwrap_or_default();
    let alerts = if firing == 0.0 { "no alert fires".to_owned() } else { format!("{firing} alerts fire") };
    Some(format!("{up} of {} targets up, {alerts}", targets.len()))
}
