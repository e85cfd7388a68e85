//! A local HTTPS server stands in for 3-shake.com, and behaves and misbehaves: metrics and page say the truth each time.

use crate::exporter::Exporter;
use crate::kit::{Action, Authority, Flaw, Peer, ok, redirect, response};

/// Waits for a run that ends in this state, and checks all that is said of it.
fn sees(exporter: &Exporter, status: &str, state: &str) {
    let page = exporter.page_that("/3-shake-status", |page| {
        page.lines().next() == Some(&format!("Last 3-shake.com access status: {status}")) && page.contains(state)
    });
    assert!(page.contains("\n3-shake.com is "), "{page}");
    let code = status.parse().unwrap_or(0.0);
    let up = state.starts_with("is up");
    let metrics = exporter.metrics();
    let has = |line: String| assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    has(format!("last_external_access_status_code {code}"));
    has(format!("external_access_up{{target=\"https://3-shake.com\"}} {}", u8::from(up)));
    let labelled = metrics.lines().any(|line| line.starts_with("external_access_last_status_code{"));
    assert_eq!(labelled, code > 0.0, "absent without a response:\n{metrics}");
    if let Some(reason) = state.strip_prefix("why: ") {
        let series = format!(r#"external_access_failures_total{{target="https://3-shake.com",reason="{reason}"}}"#);
        assert!(exporter.metric(&series) > Some(0.0), "{series}");
    }
}

#[test]
fn p27_the_truth_is_told_in_every_state_and_after_recovery() {
    let authority = Authority::new();
    let good = authority.server("3-shake.com", &Flaw::None);
    let peer = Peer::tls(good.clone(), |_| ok());
    let resolve = format!("3-shake.com:443:{}", peer.address);
    let ca = authority.file("outside");
    let exporter = Exporter::start(&[
        "--resolve",
        &resolve,
        "--ca-file",
        ca.to_str().unwrap(),
        "--probe.interval",
        "300ms",
        "--probe.timeout",
        "300ms",
    ]);
    let answered = || exporter.metric("external_access_duration_seconds_count").unwrap();
    let up = || {
        peer.answers(|_| ok());
        sees(&exporter, "200", "is up");
    };
    up();
    peer.answers(|path| if path == "/there" { ok() } else { redirect("301 Moved Permanently", "/there") });
    exporter.page_that("/3-shake-status", |page| {
        page.contains("; 301 https://3-shake.com/ to https://3-shake.com/there\n")
    });
    sees(&exporter, "200", "is up");
    assert_eq!(exporter.metric(r#"external_access_redirects{target="https://3-shake.com"}"#), Some(1.0));

    peer.answers(|_| response("500 Oops", "", ""));
    sees(&exporter, "500", "why: status");
    up();

    peer.goes_away();
    sees(&exporter, "none (connect_refused)", "why: connect_refused");
    // A run without an answer has no duration in the article's histogram.
    let (before, runs) = (answered(), exporter.metric(r#"external_access_runs_total{target="https://3-shake.com"}"#));
    exporter.page_that("/metrics", |page| {
        let series = r#"external_access_runs_total{target="https://3-shake.com"} "#;
        page.lines().find_map(|line| line.strip_prefix(series)?.parse().ok()) > runs.map(|runs| runs + 1.0)
    });
    assert_eq!(answered().to_bits(), before.to_bits());
    peer.comes_back();
    up();

    peer.answers(|_| Action::Hang);
    sees(&exporter, "none (response_timeout)", "why: response_timeout");
    // A failed run has a duration too: all others here take milliseconds, this one its whole timeout.
    let waited = exporter.metric(r#"external_access_run_duration_seconds_sum{target="https://3-shake.com"}"#);
    assert!(waited >= Some(0.3), "{waited:?}");
    let processing = r#"external_access_phase_duration_seconds_sum{target="https://3-shake.com",phase="processing"}"#;
    exporter.wait_until("waiting for the response is processing", || exporter.metric(processing) >= Some(0.25));
    up();

    peer.shows(authority.server("other.test", &Flaw::None));
    sees(&exporter, "none (tls_wrong_name)", "why: tls_wrong_name");
    peer.shows(Authority::new().server("3-shake.com", &Flaw::None));
    sees(&exporter, "none (tls_untrusted)", "why: tls_untrusted");
    peer.shows(good);
    up();

    // A change of state is a line, a run is not.
    let log = exporter.log();
    let states: Vec<&str> = log.lines().filter(|line| line.contains(" probed=")).collect();
    assert!((10..=12).contains(&states.len()), "{states:#?}");
    // The sum over reasons is the number of failed runs, and the run histogram has every run.
    let metrics = exporter.metrics();
    let sum = |name: &str| -> f64 {
        let values = metrics.lines().filter(|line| line.starts_with(name)).map(|line| line.rsplit_once(' ').unwrap().1);
        values.map(|value| value.parse::<f64>().unwrap()).sum()
    };
    let runs = sum("external_access_runs_total{");
    assert!((sum("external_access_run_duration_seconds_count{") - runs).abs() < 0.5);
    assert!(sum("external_access_failures_total{") >= 6.0 && sum("external_access_failures_total{") < runs);
}

#[test]
fn before_the_first_run_has_ended_nothing_is_claimed() {
    let peer = Peer::plain(|_| Action::Hang);
    let url = peer.url("/");
    let exporter = Exporter::start(&["--target", &url]);
    assert!(exporter.ask("GET", "/3-shake-status").1.starts_with("Last 3-shake.com access status: none yet\n"));
    let metrics = exporter.metrics();
    assert!(metrics.contains("\nlast_external_access_status_code 0\n"), "{metrics}");
    assert!(metrics.contains("\nexternal_access_duration_seconds_count 0\n"), "{metrics}");
    for absent in ["external_access_up{", "external_access_last_", "external_access_body_bytes{"] {
        assert!(!metrics.contains(&format!("\n{absent}")), "{absent}\n{metrics}");
    }
}

#[test]
fn what_tls_showed_is_of_the_last_run_also_of_one_that_rejected_it() {
    let authority = Authority::new();
    let peer = Peer::tls(authority.server("3-shake.com", &Flaw::None), |_| ok());
    let plain = Peer::plain(|_| ok());
    let resolve = format!("3-shake.com:443:{}", peer.address);
    let ca = authority.file("tls");
    let ca = ca.to_str().unwrap();
    let exporter = Exporter::start(&["--resolve", &resolve, "--ca-file", ca, "--probe.interval", "300ms"]);
    // Years 4096 and 2020.
    let of_tls = |not_after: &str| {
        vec![
            format!(r#"external_access_tls_chain_not_after_timestamp_seconds{{target="https://3-shake.com"}} {not_after}"#),
            r#"external_access_tls_info{target="https://3-shake.com",version="TLS 1.3",cipher="TLS_AES_128_GCM_SHA256"} 1"#
                .to_owned(),
            format!(r#"external_access_tls_not_after_timestamp_seconds{{target="https://3-shake.com"}} {not_after}"#),
        ]
    };
    let sees = |up: &str, expected: &[String]| {
        exporter.page_that("/metrics", |page| {
            let lines: Vec<&str> = page.lines().collect();
            let found = lines.iter().filter(|line| line.starts_with("external_access_tls_"));
            found.eq(expected)
                && lines.contains(&&*format!("external_access_up{{target=\"https://3-shake.com\"}} {up}"))
        });
    };
    sees("1", &of_tls("67090118400"));
    peer.shows(authority.server("3-shake.com", &Flaw::Expired));
    sees("0", &of_tls("1577836800"));
    peer.goes_away();
    sees("0", &[]);
    peer.comes_back();
    sees("0", &of_tls("1577836800"));
    // Where a redirect leads, there is no TLS.
    let there = plain.url("/");
    peer.answers(move |_| redirect("302 Found", &there));
    peer.shows(authority.server("3-shake.com", &Flaw::None));
    sees("1", &[]);
}
