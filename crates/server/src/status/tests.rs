//! Text and JSON of a target in each state are what the files in `golden/` say; the JSON is what its schema in the docs says.
//! `ACTIX_EXPORTER_TEST_BLESS=1 cargo test -p server golden` writes the files anew: look at what changed.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use metrics_core::{Outcome, Phase, Reason, TlsOutcome};
use probe::{
    Cell, Certificate, Client, Counts, Detail, Failure, Hop, Incident, Module, Phases, Roots, RunReport, Sketch, Spec,
    State, Target, Tls,
};
use serde_json::Value;

use super::view::Window;
use super::*;

/// 2026-11-28T10:44:00Z.
const NOW: i64 = 1_795_862_640;
const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

fn target(slow_after: Option<Duration>) -> Target {
    let client = Client::new(Module::default(), &Roots::BuiltIn).unwrap().into();
    let url = probe::parse_url("https://3-shake.com/?key=canary").unwrap();
    Target {
        name: "https://3-shake.com".to_owned(),
        spec: Spec { url, timeout: Duration::from_secs(10), client },
        module: "http_2xx".to_owned(),
        interval: Duration::from_secs(60),
        slow_after,
        labels: Vec::new(),
        metrics: Detail::Phases,
    }
}

fn report(reason: Option<Reason>, total: u64, days_left: i64) -> RunReport {
    let ms = Duration::from_millis;
    let certificate = Certificate {
        subject: "CN=3-shake.com".to_owned(),
        issuer: "CN=An authority".to_owned(),
        names: vec!["3-shake.com".to_owned()],
        serial: "01".to_owned(),
        fingerprint: "ab".repeat(32),
        not_before: NOW - 60 * DAY,
        not_after: NOW + days_left * DAY,
    };
    let reached_tls = reason != Some(Reason::DnsFailure);
    let mut phases = Phases::default();
    phases[Phase::Resolve as usize] = Some(ms(1));
    let mut hop = Hop::new(probe::parse_url("https://3-shake.com/?key=canary").unwrap(), Duration::ZERO);
    if reached_tls {
        phases[Phase::Connect as usize] = Some(ms(20));
        phases[Phase::Tls as usize] = Some(ms(41));
        hop.address = Some("127.0.0.1:443".parse().unwrap());
        let expired = reason == Some(Reason::TlsExpired);
        hop.tls = Some(Tls {
            version: (!expired).then_some("TLS 1.3"),
            cipher: (!expired).then_some("TLS_AES_256_GCM_SHA384"),
            chain: [certificate.clone()].into(),
            rejected: expired.then(|| "expired".to_owned()),
            trusted_until: (!expired).then_some(certificate.not_after),
        });
    }
    let status = reason.is_none().then_some(200);
    if status.is_some() {
        phases[Phase::Processing as usize] = Some(ms(total - 62 - 1));
        phases[Phase::Transfer as usize] = Some(ms(1));
        hop.version = Some(actix_web::http::Version::HTTP_11);
    }
    (hop.status, hop.phases) = (status, phases);
    let outcome = Outcome {
        at: UNIX_EPOCH + Duration::from_secs((NOW - 12).unsigned_abs()),
        total: if status.is_some() { ms(total) } else { ms(62) },
        head: None,
        status,
        reason,
        phases,
        redirects: 0,
        body_bytes: None,
        tls: hop.tls.as_ref().map(|tls| TlsOutcome {
            version: tls.version,
            cipher: tls.cipher,
            not_after: Some(certificate.not_after),
            chain_not_after: Some(certificate.not_after),
        }),
    };
    let failure =
        reason.map(|reason| Failure { reason, phase: None, detail: format!("what {reason} says\nof itself") });
    RunReport { outcome, hops: vec![hop], failure }
}

/// As it is after some days in which it was down twice; before the first run if there is no report.
fn view(state: State, report: Option<&RunReport>) -> View {
    let target = target((state == State::Slow).then_some(Duration::from_secs(1)));
    let counts = |good, failed, unknown| Counts { good, slow: u32::from(state == State::Slow), failed, unknown };
    let since = (NOW - 9 * MINUTE) * 1000;
    let summary = Summary {
        name: target.name.clone(),
        state,
        since: report.is_some().then_some(since),
        last: report.cloned().map(Arc::new),
        target: Some(Arc::new(target.clone())),
        now: NOW * 1000,
    };
    let lasting = |end: Option<i64>, runs| Incident {
        end,
        failed: runs,
        reasons: vec![("tls_expired".to_owned(), runs - 1), ("status".to_owned(), 1)],
        detail: "the certificate ended".to_owned(),
        run: "0-1a221c6d000".to_owned(),
    };
    let mut incidents = Vec::new();
    if state == State::Down {
        incidents.push((since, lasting(None, 9)));
    }
    let nothing = report.is_none();
    if !nothing {
        incidents.push(((NOW - 2 * DAY) * 1000, lasting(Some((NOW - 2 * DAY + 200 * MINUTE) * 1000), 200)));
    }
    let window = |name, good, failed, unknown, watched: Option<u64>| {
        let counts = if nothing { Counts::default() } else { counts(good, failed, unknown) };
        Window { name, counts, watched: watched.map(Duration::from_secs) }
    };
    let days = (0..90).map(|n| {
        let known = (80..90).contains(&n) && !nothing;
        ((NOW / DAY - 89 + n) * DAY, known.then(|| counts(1430, u32::from(n == 87) * 200, 10)))
    });
    View {
        last_run: report.map(|report| probe::to_public_json(report, &target)),
        detailed: true,
        windows: vec![
            window("24 h", 1430, 0, 10, None),
            window("7 d", 9_000, 200, 70, None),
            window("30 d", 13_000, 200, 100, Some(10 * DAY.unsigned_abs())),
            window("90 d", 13_000, 200, 100, Some(10 * DAY.unsigned_abs())),
        ],
        days: days.collect(),
        hour: (0..60).map(|n| (n >= 20 && !nothing).then(|| minute(n))).collect(),
        points: Vec::new(),
        times: (0..60).filter(|_| !nothing).fold(Sketch::default(), |mut times, n| {
            times.merge(&minute(n).times);
            times
        }),
        usual: Phases::default(),
        incidents,
        failed: if state == State::Down { vec![((NOW - 12) * 1000, "0-1a221c6d000".to_owned())] } else { Vec::new() },
        summary,
    }
}

/// One of the last hour: some runs fail, some are missed.
fn minute(n: u64) -> Cell {
    let mut cell = Cell::default();
    match n {
        30 | 31 => cell.counts.failed = 1,
        40 => cell.counts.unknown = 1,
        _ => {
            cell.counts.good = 1;
            cell.times.add(Duration::from_millis(100 + n * n % 97));
        }
    }
    cell
}

fn states() -> [(&'static str, View); 5] {
    [
        ("up", view(State::Up, Some(&report(None, 143, 33)))),
        ("slow", view(State::Slow, Some(&report(None, 1_234, 20)))),
        ("down", view(State::Down, Some(&report(Some(Reason::TlsExpired), 0, -3)))),
        ("unknown", view(State::Unknown, Some(&report(Some(Reason::DnsFailure), 0, 1)))),
        ("pending", view(State::Pending, None)),
    ]
}

/// Compares with a file, or writes it.
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/status/golden").join(name);
    if std::env::var_os("ACTIX_EXPORTER_TEST_BLESS").is_some() {
        return std::fs::write(path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} is\n{text}\nand should be\n{expected}");
}

#[test]
fn golden_texts_of_every_state_have_at_most_ten_lines() {
    for (name, view) in states() {
        let text = text::text(&view, &Opening::Primary);
        assert!(text.lines().count() <= 10 && text.ends_with('\n'), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains("canary"), "{text}");
        golden(&format!("{name}.txt"), &text);
    }
    assert!(
        text::text(&view(State::Pending, None), &Opening::Named)
            .starts_with("Last 3-shake.com access status: none yet\n")
    );
}

#[test]
fn the_text_in_the_docs_is_one_of_them() {
    let (page, text) = (include_str!("../../../../docs/status.md"), include_str!("golden/up.txt"));
    assert!(page.contains(&format!("```text\n{text}```")), "docs/status.md does not show golden/up.txt:\n{text}");
}

#[test]
fn golden_objects_of_every_state_are_what_their_schema_says() {
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/status.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let valid = |value: &Value| {
        let errors: Vec<_> =
            schema.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}\n{value:#}");
    };
    for (name, view) in states() {
        let value = json::target(&view);
        valid(&value);
        assert!(!value.to_string().contains("canary"), "{value}");
        golden(&format!("{name}.json"), &format!("{value:#}\n"));
        // It can fail: each of its members is said, and none is that is not.
        for member in value.as_object().unwrap().keys() {
            let mut less = value.clone();
            less.as_object_mut().unwrap().remove(member);
            assert!(!schema.is_valid(&less), "{member} is optional");
        }
        let mut wrong = value.clone();
        wrong["state"] = "fine".into();
        assert!(!schema.is_valid(&wrong));
    }
    valid(&json::nobody());
    valid(&serde_json::json!(json::list(&states().map(|(_, view)| view.summary), 9)));
}

#[test]
fn pages_of_every_state_answer_first_and_are_small() {
    let request = actix_web::test::TestRequest::with_uri("/3-shake-status").to_http_request();
    let wanted = Wanted::of(&request).unwrap();
    let frame = Frame::new(&request, &wanted, "", UNIX_EPOCH);
    for (name, view) in states() {
        let page = html::target(&view, &frame).unwrap();
        let banner = page.split_once("<h1").unwrap().1.split_once("</h1>").unwrap().0;
        assert!(banner.contains(&view.summary.sentence()), "{name}: {banner}");
        assert!(!page.contains("canary") && !page.contains("<script"), "{page}");
        assert!(page.len() < 40_000, "{name}: {} bytes before gzip", page.len());
    }
}

#[test]
fn what_stands_in_names_and_answers_is_text_on_every_page() {
    let evil = "<script>alert(1)</script>\"'&";
    let mut view = view(State::Down, Some(&report(Some(Reason::TlsExpired), 0, -3)));
    view.summary.name = evil.to_owned();
    view.incidents[0].1.detail = evil.to_owned();
    view.incidents[0].1.reasons.push((evil.to_owned(), 1));
    let request = actix_web::test::TestRequest::with_uri("/status").to_http_request();
    let wanted = Wanted { search: evil.to_owned(), ..Wanted::of(&request).unwrap() };
    let frame = Frame::new(&request, &wanted, "", UNIX_EPOCH);
    let told = Told { target: evil.to_owned(), start: 0, incident: view.incidents[0].1.clone() };
    let pages = [
        html::target(&view, &frame).unwrap(),
        html::list(&[], &[Listed { summary: &view.summary, uptime: Counts::default() }], 1, (1, 2), &wanted, &frame)
            .unwrap(),
        html::badge(evil, evil, State::Down).unwrap(),
        feed::feed(vec![told], "", Some(evil)).unwrap(),
    ];
    for page in pages {
        assert!(!page.contains("<script>") && page.contains("alert(1)"), "{page}");
    }
}

#[test]
fn links_lead_to_where_the_routes_are() {
    for (prefix, uri, root) in [
        ("", "/3-shake-status", ""),
        ("", "/status/a", "../"),
        ("", "/status/https://a", "../../../"),
        ("/x", "/x/status", ""),
        ("/x", "/x/runs/1", "../"),
    ] {
        let request = actix_web::test::TestRequest::with_uri(uri).to_http_request();
        let frame = Frame::new(&request, &Wanted::of(&request).unwrap(), prefix, UNIX_EPOCH);
        let page = html::target(&view(State::Pending, None), &frame).unwrap();
        assert!(page.contains(&format!("href=\"{root}status\"")), "{uri}: {root}");
    }
}
