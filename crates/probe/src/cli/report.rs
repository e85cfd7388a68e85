//! One report as text: hop by hop a waterfall, what TLS showed and what was answered; at the end the verdict.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use awc::http::StatusCode;
use metrics_core::Phase;
use probe::{Certificate, Hop, RunReport, Tls};

use super::terminal::{Page, Paint, Terminal, printable};
use super::waterfall::{Axis, MARGIN};

/// Of the column in which facts begin.
const INDENT: usize = 14;
/// Names of a certificate that are shown; one may have thousands.
const MOST_NAMES: usize = 20;
/// Fewer days than this are said in yellow, as in blackbox_exporter's alerts.
const FEW_DAYS: i64 = 21;

/// What a run found.
pub(crate) fn text(report: &RunReport, terminal: Terminal) -> String {
    let mut page = Page::new(terminal);
    let axis = Axis::new(report.outcome.total, terminal);
    for (n, hop) in report.hops.iter().enumerate() {
        let is_last = n + 1 == report.hops.len();
        title(&mut page, n, hop);
        waterfall(&mut page, hop, report, &axis, is_last);
        if is_last {
            let total = milliseconds(report.outcome.total, report.outcome.total);
            page.put(Paint::Plain, " ");
            row(&mut page, Paint::Bold, "total", &total, Paint::Dim, &axis.line());
        }
        address(&mut page, hop);
        if let Some(tls) = &hop.tls {
            let before = report.hops[..n].iter().filter_map(|hop| hop.tls.as_ref());
            let is_known = before.clone().any(|before| !tls.chain.is_empty() && before.chain == tls.chain);
            self::tls(&mut page, tls, is_known, unix(report.outcome.at));
        }
        answer(&mut page, hop);
        page.end_line();
    }
    verdict(&mut page, report);
    page.into_text()
}

/// The last line: whether it is up; if not, why.
fn verdict(page: &mut Page, report: &RunReport) {
    let outcome = &report.outcome;
    match &report.failure {
        None => {
            let status = outcome.status.map(|status| format!("{status} in ")).unwrap_or_default();
            let redirects = match outcome.redirects {
                0 => String::new(),
                1 => ", 1 redirect".to_owned(),
                n => format!(", {n} redirects"),
            };
            let total = milliseconds(outcome.total, outcome.total);
            page.put(Paint::Good, "up").put(Paint::Plain, &format!(": {status}{total} ms{redirects}"));
        }
        Some(failure) => {
            let phase = failure.phase.map(|phase| format!(" in {phase}")).unwrap_or_default();
            page.put(Paint::Bad, "down").put(Paint::Plain, ": ").put(Paint::Bold, failure.reason.as_str());
            page.put(Paint::Plain, &format!("{phase}: {}", failure.detail));
        }
    }
    page.end_line();
}

/// The query of what the user wrote is no secret to him; that of a redirect may be one to whoever looks on.
fn title(page: &mut Page, n: usize, hop: &Hop) {
    if n == 0 {
        page.put(Paint::Bold, hop.url.as_str());
    } else {
        let arrow = if page.terminal.unicode { "→ " } else { "-> " };
        page.put(Paint::Dim, arrow).put(Paint::Bold, hop.shown());
    }
    page.end_line();
}

fn waterfall(page: &mut Page, hop: &Hop, report: &RunReport, axis: &Axis, is_last: bool) {
    let failed = report.failure.as_ref().and_then(|failure| failure.phase).filter(|_| is_last);
    let mut start = hop.start;
    for (n, (phase, time)) in Phase::ALL.iter().zip(hop.phases).enumerate() {
        let Some(time) = time else { continue };
        let (mark, paint, of_bar) = match failed {
            Some(failed) if failed == *phase => (cross(page), Paint::Bad, Paint::Bad),
            _ => (' ', Paint::Plain, Paint::Phase(n)),
        };
        page.put(Paint::Bad, mark.encode_utf8(&mut [0; 4]));
        row(page, paint, phase.as_str(), &milliseconds(time, report.outcome.total), of_bar, &axis.bar(start, time));
        start += time;
    }
}

fn cross(page: &Page) -> char {
    if page.terminal.unicode { '✗' } else { 'x' }
}

/// Behind a mark of one character.
fn row(page: &mut Page, paint: Paint, label: &str, time: &str, of_bar: Paint, bar: &str) {
    let label = format!(" {label:<11}");
    let time = format!("{time:>width$} ms ", width = MARGIN - 1 - " ms ".len() - label.len());
    page.put(paint, &label).put(Paint::Plain, &time).put(of_bar, bar).end_line();
}

fn address(page: &mut Page, hop: &Hop) {
    for (address, why) in &hop.tried {
        fact(page, "tried", Paint::Warning, &format!("{address}: {why}"));
    }
    if let Some(address) = hop.address {
        fact(page, "address", Paint::Plain, &address.to_string());
    }
}

fn tls(page: &mut Page, tls: &Tls, is_known: bool, now: i64) {
    if let (Some(version), cipher) = (tls.version, tls.cipher.unwrap_or("unknown cipher")) {
        fact(page, "session", Paint::Plain, &format!("{version}, {cipher}"));
    }
    let Some(leaf) = tls.chain.first() else { return };
    match &tls.rejected {
        Some(why) => fact(page, "trusted", Paint::Bad, &format!("no: {why}")),
        None => fact(page, "trusted", Paint::Good, "yes"),
    }
    if is_known {
        return fact(page, "certificate", Paint::Plain, "the one above");
    }
    certificate(page, leaf, now);
    let earliest = tls.chain.iter().enumerate().min_by_key(|(_, certificate)| certificate.not_after);
    if let (Some((n, first)), true) = (earliest, tls.chain.len() > 1) {
        let (days, paint) = days(first, now);
        let end =
            if n == 0 { "this one ends first".to_owned() } else { format!("number {} ends first, {days}", n + 1) };
        fact(page, "chain", paint, &format!("{} certificates, {end}", tls.chain.len()));
    }
}

fn certificate(page: &mut Page, certificate: &Certificate, now: i64) {
    let or_none = |text: &str| if text.is_empty() { "(none)".to_owned() } else { text.to_owned() };
    fact(page, "certificate", Paint::Plain, &or_none(&certificate.subject));
    fact(page, "issuer", Paint::Plain, &or_none(&certificate.issuer));
    let mut names = certificate.names.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
    if let more @ 1.. = certificate.names.len().saturating_sub(MOST_NAMES) {
        names = format!("{names} and {more} more");
    }
    fact(page, "names", Paint::Plain, &or_none(&names));
    let (days, paint) = days(certificate, now);
    fact(page, "valid from", Paint::Plain, &date(certificate.not_before));
    fact(page, "valid until", paint, &format!("{}, {days}", date(certificate.not_after)));
    fact(page, "serial", Paint::Dim, &certificate.serial);
    fact(page, "sha-256", Paint::Dim, &certificate.fingerprint);
}

fn date(unix: i64) -> String {
    probe::rfc3339(unix).unwrap_or_else(|| format!("Unix time {unix}"))
}

fn days(certificate: &Certificate, now: i64) -> (String, Paint) {
    const DAY: i64 = 24 * 60 * 60;
    let plural = |days: i64| if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    let left = certificate.not_after.saturating_sub(now);
    if left < 0 {
        return (format!("expired {} ago", plural(left.saturating_neg() / DAY)), Paint::Bad);
    }
    if certificate.not_before > now {
        return (
            format!("not valid for another {}", plural(certificate.not_before.saturating_sub(now) / DAY)),
            Paint::Bad,
        );
    }
    let days = left / DAY;
    (format!("{} left", plural(days)), if days < FEW_DAYS { Paint::Warning } else { Paint::Plain })
}

fn answer(page: &mut Page, hop: &Hop) {
    let Some(status) = hop.status else { return };
    let words = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let mut line = status.to_string();
    if let Some(words) = words {
        line = format!("{line} {words}");
    }
    if let Some(version) = hop.version {
        line = format!("{line}, {version:?}");
    }
    if let Some(body) = hop.body {
        let bytes = if body.bytes == 1 { "1 byte".to_owned() } else { format!("{} bytes", body.bytes) };
        let decoded = if body.decoded == body.bytes { String::new() } else { format!(" ({} decoded)", body.decoded) };
        line = format!("{line}, {bytes}{decoded}");
    }
    fact(page, "answer", Paint::Plain, &line);
}

/// A label and what is said under it, broken between words where the terminal ends.
fn fact(page: &mut Page, label: &str, paint: Paint, text: &str) {
    let room = page.terminal.width.saturating_sub(INDENT);
    let mut label = format!("  {label}");
    // What is escaped is longer.
    for line in wrapped(&printable(text, page.terminal.unicode), room) {
        page.put(Paint::Dim, &format!("{label:INDENT$}")).put(paint, &line).end_line();
        label.clear();
    }
}

fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => *line = format!("{line} {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// As many digits as make sense beside `total`, the longest of them.
pub(crate) fn milliseconds(time: Duration, total: Duration) -> String {
    let digits = if total < Duration::from_millis(100) { 2 } else { 1 };
    format!("{:.digits$}", time.as_secs_f64() * 1000.0)
}

fn unix(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use metrics_core::{Outcome, Reason};
    use probe::{Failure, Phases};

    use super::*;

    const NOW: i64 = 1_800_000_000;
    const DAY: i64 = 24 * 60 * 60;

    fn certificate(name: &str, from: i64, until: i64) -> Certificate {
        Certificate {
            subject: format!("CN={name}"),
            issuer: String::new(),
            names: Vec::new(),
            serial: "01".to_owned(),
            fingerprint: "02".to_owned(),
            not_before: NOW + from * DAY,
            not_after: NOW + until * DAY,
        }
    }

    fn hop(chain: Vec<Certificate>) -> Hop {
        Hop {
            tried: vec![("[::1]:443".parse().unwrap(), "no answer in time".to_owned())],
            address: Some("127.0.0.1:443".parse().unwrap()),
            tls: Some(Tls { chain: chain.into(), ..Tls::default() }),
            ..Hop::new(probe::parse_url("https://a.test/").unwrap(), Duration::ZERO)
        }
    }

    fn page(hops: Vec<Hop>, width: usize) -> String {
        let outcome = Outcome {
            at: UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs()),
            total: Duration::from_millis(1),
            head: None,
            status: None,
            reason: Some(Reason::Internal),
            phases: Phases::default(),
            redirects: 0,
            body_bytes: None,
            tls: None,
        };
        let failure = Failure { reason: Reason::Internal, phase: None, detail: "no\tsecret".to_owned() };
        let report = RunReport { outcome, hops, failure: Some(failure) };
        text(&report, Terminal { width, unicode: true, color: false })
    }

    #[test]
    fn a_run_that_never_began_has_its_url_and_verdict() {
        let bare = Hop { tried: Vec::new(), address: None, tls: None, ..hop(Vec::new()) };
        let text = page(vec![bare], 80);
        assert!(text.starts_with("https://a.test/\n") && text.ends_with("\ndown: internal: no\\tsecret\n"), "{text}");
    }

    #[test]
    fn a_certificate_says_how_long_it_lasts_and_the_chain_what_ends_first() {
        for (from, until, words) in [
            (-1, 90, "90 days left"),
            (-1, 1, "1 day left"),
            (-9, -2, "expired 2 days ago"),
            (3, 90, "not valid for another 3 days"),
        ] {
            let text = page(vec![hop(vec![certificate("leaf", from, until)])], 80);
            assert!(text.contains(&format!("Z, {words}\n")) && !text.contains("  chain "), "{text}");
        }
        let chain = vec![certificate("leaf", -1, 90), certificate("issuer", -9, 40)];
        let text = page(vec![hop(chain.clone()), hop(chain)], 80);
        assert!(text.contains("\n  chain       2 certificates, number 2 ends first, 40 days left\n"), "{text}");
        assert_eq!(text.matches("  certificate CN=leaf\n").count(), 1, "{text}");
        assert_eq!(text.matches("  certificate the one above\n").count(), 1, "{text}");
    }

    #[test]
    fn addresses_that_were_tried_in_vain_stand_before_the_one_that_answered() {
        let text = page(vec![hop(Vec::new())], 80);
        assert!(text.contains("  tried       [::1]:443: no answer in time\n  address     127.0.0.1:443\n"), "{text}");
    }

    #[test]
    fn facts_keep_within_the_terminal_and_names_are_not_endless() {
        let mut leaf = certificate("leaf", -1, 90);
        leaf.names = (0..1_000).map(|n| format!("name-{n}.test")).collect();
        let text = page(vec![hop(vec![leaf])], 50);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("name-19.test and 980 more") && !text.contains("name-20"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 50), "{text}");
    }
}
