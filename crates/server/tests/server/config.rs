//! `--config.file`: what stands in it is asked, as it stands there.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::bad_input::{harmless, refused};
use crate::exporter::{Exporter, program};
use crate::kit::{self, Peer, ok};

/// A server that asks what is in this file.
pub(crate) fn exporter(file: &Path, args: &[&str]) -> Exporter {
    Exporter::start(&[&["--config.file", file.to_str().unwrap()], args].concat())
}

#[test]
fn all_targets_of_a_file_are_asked_as_it_says() {
    let peer = Peer::plain(|path| {
        if path == "/slow" {
            std::thread::sleep(Duration::from_millis(50));
        }
        ok()
    });
    let file = kit::file(
        "targets.yml",
        format!(
            "targets:\n\
             - {{name: slow, url: '{0}/slow', interval: 300ms, slow_after: 5ms, labels: {{team: sales}}}}\n\
             - {{name: totals, url: '{0}/totals', metrics: totals, labels: {{team: ''}}}}\n\
             - {{url: '{0}/strict', module: strict, interval: 200ms, timeout: 100ms, labels: {{team: \"a\\\"b\"}}}}\n\
             modules:\n  strict: {{prober: http, http: {{valid_status_codes: [404]}}}}\n",
            peer.url("")
        ),
    );
    let exporter = exporter(&file, &["--probe.interval", "250ms"]);
    exporter
        .page_that("/3-shake-status", |page| page.starts_with("Last 3-shake.com access status: 200\nslow is slow: "));
    let strict = peer.url("/strict");
    let up = format!("external_access_up{{target=\"{strict}\",team=\"a\\\"b\"}} 0\n");
    let page = exporter.page_that("/metrics", |page| {
        let up = ["external_access_up{target=\"totals\",team=\"\"} 1\n", &up];
        up.iter().all(|up| page.contains(up))
    });
    for series in [
        "external_access_primary{target=\"slow\",team=\"sales\"} 1\n",
        "external_access_interval_seconds{target=\"slow\",team=\"sales\"} 0.3\n",
        "external_access_interval_seconds{target=\"totals\",team=\"\"} 0.25\n",
        "external_access_slow_after_seconds{target=\"slow\",team=\"sales\"} 0.005\n",
    ] {
        assert!(page.contains(series), "{series}{page}");
    }
    let phases =
        |target: &str| page.contains(&format!("external_access_phase_duration_seconds_sum{{target=\"{target}\""));
    assert!(phases("slow") && phases(&strict) && !phases("totals"), "{page}");
    exporter.logged(&format!("{strict} is down: status"));
}

#[test]
fn the_shards_of_a_file_are_all_of_it_and_each_target_is_of_one() {
    let peer = Peer::plain(|_| ok());
    let names: BTreeSet<String> = (0..20).map(|n| peer.url(&format!("/{n}"))).collect();
    let targets: Vec<String> = names.iter().map(|name| format!("- url: {name}\n")).collect();
    let file = kit::file("shards.yml", format!("targets:\n{}", targets.concat()));
    let of_shard = |shard| {
        let exporter = exporter(&file, &["--shard", shard]);
        let series = exporter.metrics_of("external_access_interval_seconds{target=\"").into_keys();
        series.map(|series| series.trim_end_matches("\"}").to_owned()).collect::<BTreeSet<_>>()
    };
    let shares = ["1/2", "2/2"].map(of_shard);
    assert!(shares.iter().all(|share| !share.is_empty()) && shares[0].is_disjoint(&shares[1]), "{shares:?}");
    assert_eq!(&shares[0] | &shares[1], names);
}

#[test]
fn a_file_without_targets_asks_nobody() {
    let file = kit::file("nobody.yml", "modules: {m: {prober: http}}\n");
    let exporter = exporter(&file, &[]);
    exporter.logged("nobody is asked: no target is configured");
    let page = exporter.ask("GET", "/3-shake-status").1;
    assert_eq!(page, "Last 3-shake.com access status: none yet\nno target is configured: nobody is asked\n");
    let metrics = exporter.metrics();
    assert!(!metrics.contains("{target=") && metrics.contains("\nactix_exporter_config_last_reload_successful 1\n"));
}

#[test]
fn a_file_and_what_it_replaces_are_not_given_together() {
    let file = kit::file("beside.yml", "targets: []\n");
    let file = file.to_str().unwrap();
    for (args, variable, parts) in [
        (&["--config.file", file, "--target", "http://127.0.0.1:1/"][..], None, ["--target beside", "leave one out"]),
        (&["--config.file", file, "--probe.module", "a:b"], None, ["--probe.module beside", "leave one out"]),
        (
            &["--config.file", file],
            Some(("ACTIX_EXPORTER_PROBE_MODULE", "a:b")),
            ["--probe.module (from its environment variable) beside", "leave one out"],
        ),
        (&["--shard", "1/2"], None, ["--shard without --config.file", "give a file"]),
        (&["--config.file", file, "--shard", "3/2"], None, ["--shard", "3/3"]),
        (&["--config.enable-auto-reload"], None, ["--config.enable-auto-reload without --config.file", "give one"]),
        (&["--config.file", file, "--probe.max-runs", "0"], None, ["--probe.max-runs", "0"]),
    ] {
        let mut program = if args.contains(&"--config.file") { program() } else { harmless() };
        let (code, line) = refused(program.args(["--web.listen-address", "127.0.0.1:0"]).args(args).envs(variable));
        assert!(code == 2 && parts.iter().all(|part| line.contains(part)), "{line}");
    }
}

#[test]
fn s30_what_is_wrong_with_a_file_is_one_line_with_its_place() {
    let bomb = (1..9).fold("a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned(), |bomb, n| {
        let aliases = vec![format!("*a{}", n - 1); 9].join(",");
        bomb + &format!("a{n}: &a{n} [{aliases}]\n")
    });
    let huge = kit::file("s30-huge.yml", "");
    std::fs::File::options().write(true).open(&huge).unwrap().set_len(100 << 20).unwrap();
    let directory = env!("CARGO_TARGET_TMPDIR");
    let file = |name: &str, text: &str| kit::file(&format!("s30-{name}.yml"), text).display().to_string();
    for (path, place, todo) in [
        ("/no/such/file.yml".to_owned(), ": No such file", "check that the file exists"),
        (directory.to_owned(), ": a directory", "name a file"),
        (file("empty", ""), ":1:1: ", "write targets:"),
        (huge.display().to_string(), ": more than 16 MiB", "check its name"),
        (file("key", "targets:\n- {url: 'http://127.0.0.1:1/', intervall: 1m}\n"), ":2:32: ", "did you mean interval?"),
        (file("type", "targets:\n  url: http://127.0.0.1:1/\n"), ":2:3: targets must be a list", "write - before"),
        (file("twice", "targets:\n- {name: a, url: 'http://a/'}\n- {name: a, url: 'http://b/'}\n"), ":3:", "another"),
        (file("bomb", &bomb), ":", ""),
        (file("latin", "targets: \n"), "", ""),
    ] {
        if place.is_empty() {
            std::fs::write(&path, b"targets:\n- {name: caf\xe9}\n").unwrap();
        }
        let place = if place.is_empty() { ":2:13: not UTF-8" } else { place };
        for check in [&[][..], &["--config.check"]] {
            let arguments = ["--web.listen-address", "127.0.0.1:0", "--config.file", &path];
            let (code, line) = refused(program().args(arguments).args(check));
            assert_eq!(code, 2, "{line}");
            assert!(line.starts_with(&format!("error: {path}{place}")) && line.contains(todo), "{line}");
        }
    }
}
