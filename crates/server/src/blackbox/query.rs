//! What a request to `/probe` says: the parameters of blackbox_exporter.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpRequest, web};
use probe::{Client, DEFAULT_MODULE, OnDemand, Spec};

/// The time of a scraper that does not say how much it has.
const PATIENCE: Duration = Duration::from_secs(120);
/// What is more is no time that a scraper has.
const LONGEST: Duration = Duration::from_secs(3600);

/// What a request asks for.
pub(super) struct Query {
    pub(super) spec: Spec,
    /// The name of the module.
    pub(super) module: String,
    pub(super) debug: bool,
}

impl Query {
    /// # Errors
    /// What is wrong with it, and what to do, in one line.
    pub(super) fn read(request: &HttpRequest, demands: &OnDemand, offset: TimeoutOffset) -> Result<Self, String> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        let pairs = pairs.map_err(|_| "the query is not one; write /probe?target=URL&module=NAME")?.into_inner();
        // The first of several, as in Go.
        let given = |name: &str| pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value);
        let module = Some(given("module")).filter(|module| !module.is_empty()).unwrap_or(DEFAULT_MODULE);
        let client = demands.client(module).map_err(|error| format!("module: {error}"))?;
        let client = match given("hostname") {
            "" => client.clone(),
            host => client.for_host(host).map(Arc::new).map_err(|error| format!("hostname: {error}"))?,
        };
        let url = match given("target") {
            "" => return Err("no target is given; write /probe?target=URL".to_owned()),
            target => probe::parse_url(&with_scheme(target)).map_err(|error| format!("target: {error}"))?,
        };
        let timeout = timeout(request, &client, offset)?;
        let debug = given("debug") == "true";
        Ok(Self { spec: Spec { url, timeout, client }, module: module.to_owned(), debug })
    }
}

/// As in blackbox_exporter, what names no scheme is meant for HTTP. A URL in a query is not at the beginning.
fn with_scheme(target: &str) -> String {
    let in_scheme = |character: char| character.is_ascii_alphanumeric() || "+-.".contains(character);
    match target.split_once("://") {
        Some((scheme, _)) if scheme.chars().all(in_scheme) => target.to_owned(),
        _ => format!("http://{target}"),
    }
}

/// What the scraper leaves, and the module allows.
fn timeout(request: &HttpRequest, client: &Client, offset: TimeoutOffset) -> Result<Duration, String> {
    let scrape = match request.headers().get("X-Prometheus-Scrape-Timeout-Seconds") {
        None => PATIENCE,
        Some(value) => {
            let seconds = value.to_str().ok().and_then(|text| text.trim().parse::<f64>().ok());
            let seconds = seconds.filter(|seconds| *seconds > 0.0 && seconds.is_finite());
            let seconds =
                seconds.ok_or("X-Prometheus-Scrape-Timeout-Seconds: not a number of seconds; write e.g. 10")?;
            Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64()))
        }
    };
    let left = offset.from(scrape);
    Ok(client.module().timeout.map_or(left, |timeout| timeout.min(left)))
}

/// What a scraper's time is shortened by, so that it has the answer before its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeoutOffset(Duration);

impl TimeoutOffset {
    /// An offset that would leave less than half of it leaves half.
    fn from(self, scrape: Duration) -> Duration {
        scrape.saturating_sub(self.0).max(scrape / 2)
    }
}

impl FromStr for TimeoutOffset {
    type Err = String;

    /// Seconds, as blackbox_exporter has it, or a time with a unit.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "not a time; write seconds, e.g. 0.5, or 500ms".to_owned();
        let offset = match text.parse::<f64>() {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?,
            Err(_) => humantime::parse_duration(text).map_err(|_| wrong())?,
        };
        if offset > LONGEST { Err("must be at most an hour".to_owned()) } else { Ok(Self(offset)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_leaves_at_least_half_of_a_scrapers_time() {
        let left = |offset: &str, scrape| {
            let offset: TimeoutOffset = offset.parse().unwrap();
            offset.from(Duration::from_millis(scrape)).as_millis()
        };
        for (offset, scrape, expected) in [
            ("0.5", 10_000, 9_500),
            ("500ms", 10_000, 9_500),
            ("0", 10_000, 10_000),
            ("0.5", 1_000, 500),
            ("0.5", 400, 200),
            ("1h", 400, 200),
        ] {
            assert_eq!(left(offset, scrape), expected, "{offset} of {scrape} ms");
        }
    }

    #[test]
    fn what_names_no_scheme_is_meant_for_http() {
        for (target, url) in [
            ("a.test", "http://a.test"),
            ("a.test:80/x", "http://a.test:80/x"),
            ("a.test/?u=http://b.test", "http://a.test/?u=http://b.test"),
            ("https://a.test/?u=http://b.test", "https://a.test/?u=http://b.test"),
            ("ftp://a.test", "ftp://a.test"),
        ] {
            assert_eq!(with_scheme(target), url);
        }
    }

    #[test]
    fn what_is_no_offset_says_so() {
        for text in ["", "-1", "NaN", "inf", "half", "1e300"] {
            assert!(text.parse::<TimeoutOffset>().unwrap_err().contains("write seconds"), "{text}");
        }
        assert!("2h".parse::<TimeoutOffset>().unwrap_err().contains("at most an hour"));
    }
}
