//! HTTP to servers on this machine: short limits, no proxy, any status is an answer.

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use ureq::typestate::WithoutBody;
use ureq::{Agent, RequestBuilder};

static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into()
});

/// The body of an answer with status 200.
pub(crate) fn get(url: &str) -> Result<String> {
    get_with(url, &[])
}

/// The same in the format of `accept`.
pub(crate) fn get_as(url: &str, accept: &str) -> Result<String> {
    body(url, AGENT.get(url).header("accept", accept))
}

pub(crate) fn get_with(url: &str, query: &[(&str, &str)]) -> Result<String> {
    body(url, AGENT.get(url).query_pairs(query.iter().copied()))
}

fn body(url: &str, request: RequestBuilder<WithoutBody>) -> Result<String> {
    let mut answer = request.call().with_context(|| format!("GET {url}"))?;
    let body = answer.body_mut().read_to_string().with_context(|| format!("GET {url}: its body"))?;
    ensure!(answer.status() == 200, "GET {url} answered {}: {}", answer.status(), body.trim());
    Ok(body)
}

pub(crate) fn json(url: &str, query: &[(&str, &str)]) -> Result<Value> {
    let body = get_with(url, query)?;
    serde_json::from_str(&body).with_context(|| format!("GET {url}: not JSON"))
}
