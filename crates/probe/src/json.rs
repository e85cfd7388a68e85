//! A report as JSON. Programs rely on these names: docs/probe.md has them all. What has no value is null; a phase that was
//! not reached is absent.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics_core::Phase;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::report::{Certificate, Hop, Phases, RunReport, Tls};
use crate::target::Target;

/// Changes when a name or a meaning does, not when something new comes in.
const VERSION: u32 = 1;

/// What a run found. Queries of redirects are left out, as sites put keys in them.
///
/// ```no_run
/// # #[actix_rt::main] async fn main() -> anyhow::Result<()> {
/// # let client = probe::Client::new(probe::Module::default(), &probe::Roots::BuiltIn)?.into();
/// # let timeout = std::time::Duration::from_secs(10);
/// # let spec = probe::Spec { url: probe::parse_url("https://3-shake.com")?, timeout, client };
/// let report = probe::run(&spec, &probe::Env::default()).await;
/// println!("{}", probe::to_json(&report)); // {"version":1,"kind":"run","url":"https://3-shake.com/",…
/// # Ok(()) }
/// ```
pub fn to_json(report: &RunReport) -> Value {
    let outcome = &report.outcome;
    let failure = report.failure.as_ref();
    json!({
        "version": VERSION,
        "kind": "run",
        "url": report.hops.first().map(|hop| hop.url.as_str()),
        "at": time(outcome.at),
        "up": outcome.reason.is_none(),
        "reason": outcome.reason.map(metrics_core::Reason::as_str),
        "phase": failure.and_then(|failure| failure.phase).map(Phase::as_str),
        "detail": failure.map(|failure| &failure.detail),
        "total_seconds": seconds(outcome.total),
        "status": outcome.status,
        "http_version": report.hops.iter().rev().find_map(http_version),
        "redirects": outcome.redirects,
        "phases": phases(&outcome.phases),
        "hops": report.hops.iter().enumerate().map(|(n, hop)| self::hop(n, hop)).collect::<Vec<_>>(),
    })
}

/// What a run of a target found, for all to see: as [`to_json`], without the query of the target's URL.
pub fn to_public_json(report: &RunReport, target: &Target) -> Value {
    let mut run = to_json(report);
    let shown = Value::from(target.shown_url());
    if let Some(first) = run.pointer_mut("/hops/0/url") {
        *first = shown.clone();
    }
    run["url"] = shown;
    run["target"] = target.name.as_str().into();
    run
}

/// What a failed run of a target found, with all that is kept to explain it: the headers of each response, the first `sample` bytes of the
/// last body, and the command that asks the same again; as text.
pub(crate) fn failed_run(report: &RunReport, target: &Target, sample: usize) -> String {
    let mut run = to_public_json(report, target);
    for (n, hop) in report.hops.iter().enumerate() {
        let headers = hop.headers.iter().map(|(name, value)| json!([name, value])).collect();
        run["hops"][n]["headers"] = Value::Array(headers);
        if let Some(text) = hop.sample.as_deref().filter(|_| sample > 0) {
            run["hops"][n]["body_sample"] = first(text, sample).into();
        }
    }
    run["curl"] = crate::curl::command(report, target).into();
    let text = run.to_string();
    if text.len() <= MOST { text } else { cut(run, report).to_string() }
}

/// Of a failed run that is kept, in bytes: what a peer says must not fill a disk.
const MOST: usize = 16 << 10;
/// Of a text in one that is cut, in characters.
const MOST_TEXT: usize = 500;
/// Of names of a certificate, and of addresses that were tried.
const MOST_ITEMS: usize = 10;

fn fits(run: &Value) -> bool {
    run.to_string().len() <= MOST
}

/// Leaves out what is long: headers and certificates but the first, then the beginning of the body, and then all hops but the last.
fn cut(mut run: Value, report: &RunReport) -> Value {
    run["cut"] = true.into();
    shorten(&mut run);
    let hops = |run: &mut Value, change: &dyn Fn(&mut Value)| {
        run["hops"].as_array_mut().into_iter().flatten().for_each(change);
    };
    hops(&mut run, &|hop| {
        hop["headers"] = json!([]);
        if let Some(chain) = hop.pointer_mut("/tls/chain").and_then(Value::as_array_mut) {
            chain.truncate(1);
        }
    });
    if !fits(&run) {
        hops(&mut run, &|hop| _ = hop.as_object_mut().and_then(|hop| hop.remove("body_sample")));
    }
    if !fits(&run) {
        let others = report.hops.len().saturating_sub(1);
        run["hops"].as_array_mut().map(|hops| hops.drain(..others.min(hops.len())).count());
    }
    run
}

/// Cuts long texts and lists, but for the body's.
fn shorten(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some((end, _)) = text.char_indices().nth(MOST_TEXT) {
                text.truncate(end);
            }
        }
        Value::Object(members) => {
            for (name, member) in
                members.iter_mut().filter(|(name, _)| !["body_sample", "curl"].contains(&name.as_str()))
            {
                if let (Value::Array(items), "names" | "tried") = (&mut *member, name.as_str()) {
                    items.truncate(MOST_ITEMS);
                }
                shorten(member);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        _ => {}
    }
}

/// As many of its characters as fit into so many bytes.
fn first(text: &str, bytes: usize) -> &str {
    let end = text.char_indices().map(|(start, c)| start + c.len_utf8()).take_while(|end| *end <= bytes).last();
    &text[..end.unwrap_or_default()]
}

/// Milliseconds of Unix time, by which the history knows runs and incidents; 0 before 1970.
pub fn unix_ms(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or_default()
}

/// Unix time in RFC 3339, in UTC; `None` for years that the RFC cannot write.
pub fn rfc3339(unix: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(unix).ok()?.format(&Rfc3339).ok()
}

fn hop(n: usize, hop: &Hop) -> Value {
    json!({
        "url": if n == 0 { hop.url.as_str() } else { hop.shown() },
        "start_seconds": seconds(hop.start),
        "phases": phases(&hop.phases),
        "tried": hop.tried.iter().map(|(address, why)| json!({ "address": address, "error": why })).collect::<Vec<_>>(),
        "address": hop.address,
        "tls": hop.tls.as_ref().map(tls),
        "http_version": http_version(hop),
        "status": hop.status,
        "body_bytes": hop.body.map(|body| body.bytes),
        "decoded_bytes": hop.body.map(|body| body.decoded),
    })
}

fn tls(tls: &Tls) -> Value {
    json!({
        "version": tls.version,
        "cipher": tls.cipher,
        "trusted": (!tls.chain.is_empty()).then_some(tls.rejected.is_none()),
        "rejected": tls.rejected,
        "chain": tls.chain.iter().map(certificate).collect::<Vec<_>>(),
    })
}

fn certificate(certificate: &Certificate) -> Value {
    json!({
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "names": certificate.names,
        "serial": certificate.serial,
        "fingerprint_sha256": certificate.fingerprint,
        "not_before": rfc3339(certificate.not_before),
        "not_after": rfc3339(certificate.not_after),
    })
}

fn phases(phases: &Phases) -> Value {
    let reached = Phase::ALL.iter().zip(phases).filter_map(|(phase, time)| Some((phase, (*time)?)));
    Value::Object(reached.map(|(phase, time)| (phase.to_string(), seconds(time))).collect::<Map<_, _>>())
}

fn http_version(hop: &Hop) -> Option<String> {
    hop.version.map(|version| format!("{version:?}"))
}

/// To the nanosecond: divided once, so that what is printed is what was measured.
fn seconds(time: Duration) -> Value {
    Value::from(time.as_nanos() as f64 / 1e9)
}

fn time(at: SystemTime) -> Option<String> {
    // To the millisecond, which is what clocks agree on.
    let since = at.duration_since(UNIX_EPOCH).ok()?.as_millis();
    let nanos = i128::try_from(since).ok()?.checked_mul(1_000_000)?;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_written_as_they_were_measured() {
        for (nanos, text) in [(0, "0.0"), (1, "1e-9"), (100_000, "0.0001"), (1_200_000_001, "1.200000001")] {
            assert_eq!(seconds(Duration::from_nanos(nanos)).to_string(), text);
        }
    }

    #[test]
    fn a_failed_run_that_is_kept_is_bounded_whatever_a_peer_says() {
        let url = |path: &str| crate::target::parse_url(&format!("https://a.test/{path}")).unwrap();
        let client = crate::Client::new(crate::Module::default(), &crate::Roots::BuiltIn).unwrap().into();
        let target = Target {
            name: "a".to_owned(),
            spec: crate::Spec { url: url(""), timeout: Duration::from_secs(1), client },
            module: String::new(),
            interval: Duration::from_secs(60),
            slow_after: None,
            labels: Vec::new(),
            metrics: crate::Detail::Totals,
        };
        let certificate = Certificate {
            subject: "CN=long".repeat(1_000),
            issuer: String::new(),
            names: vec!["a.test".repeat(40); 500],
            serial: String::new(),
            fingerprint: String::new(),
            not_before: 0,
            not_after: 0,
        };
        let hop = |path: &str| {
            let mut hop = Hop::new(url(path), Duration::ZERO);
            hop.tls = Some(Tls { chain: vec![certificate.clone(); 10].into(), ..Tls::default() });
            hop.headers = vec![("x".to_owned(), "y".repeat(1_000)); 2];
            hop.sample = Some("\u{1}".repeat(4_096));
            hop.tried = vec![("127.0.0.1:1".parse().unwrap(), "z".repeat(100)); 100];
            hop
        };
        let kept = |report: &RunReport, sample| -> Value {
            serde_json::from_str(&failed_run(report, &target, sample)).unwrap()
        };
        let mut report = crate::engine::panicked(SystemTime::now(), tokio::time::Instant::now());
        for (hops, sample, is_cut) in [(1, 0, true), (1, 4_096, true), (11, 4_096, true)] {
            report.hops = (0..hops).map(|_| hop(&"p".repeat(5_000))).collect();
            let run = kept(&report, sample);
            assert!(fits(&run) && run["cut"] == is_cut, "{hops} hops: {} bytes", run.to_string().len());
            assert_eq!((&run["reason"], run["hops"].as_array().unwrap().len()), (&"internal".into(), 1));
        }
        report.hops = vec![Hop::new(url(""), Duration::ZERO)];
        assert_eq!(kept(&report, 9)["cut"], Value::Null);
    }

    #[test]
    fn times_of_every_certificate_can_be_written() {
        for (unix, text) in [
            (0, Some("1970-01-01T00:00:00Z")),
            (-631_152_000, Some("1950-01-01T00:00:00Z")),
            (253_402_300_799, Some("9999-12-31T23:59:59Z")),
            (253_402_300_800, None),
            (i64::MIN, None),
        ] {
            assert_eq!(rfc3339(unix).as_deref(), text, "{unix}");
        }
        assert_eq!(time(UNIX_EPOCH + Duration::from_micros(1_500)).as_deref(), Some("1970-01-01T00:00:00.001Z"));
    }
}
