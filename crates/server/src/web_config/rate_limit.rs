//! `rate_limit`: how often requests may come in.

use std::time::Duration;

use probe::yaml::{Node, Problem, Section, shown};

/// One request in an interval, or `burst` at once after a while without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimit {
    pub(crate) interval: Duration,
    pub(crate) burst: u32,
}

/// None where the interval is 0.
pub(super) fn read(node: &Node) -> Result<Option<RateLimit>, Problem> {
    let section = Section::new("rate_limit", node, &["interval", "burst"])?;
    let interval = match section.text("interval")? {
        None | Some((_, "0")) => Duration::ZERO,
        Some((at, text)) => humantime::parse_duration(text).map_err(|_| {
            Problem::new(
                at,
                format!("interval {} is no duration; write a number and a unit, e.g. 100ms or 1s", shown(text)),
            )
        })?,
    };
    let burst = match section.text("burst")? {
        None => 0,
        Some((at, text)) => text.parse().map_err(|_| {
            Problem::new(at, format!("burst {} is no whole number that is not negative; write e.g. 20", shown(text)))
        })?,
    };
    if interval.is_zero() {
        return Ok(None);
    }
    if burst == 0 {
        let at = section.get("burst").map_or_else(|| node.position(), Node::position);
        return Err(Problem::new(at, "a rate_limit whose burst is 0 lets no request in; write at least 1"));
    }
    Ok(Some(RateLimit { interval, burst }))
}
