//! `--config.check`: what would be asked, and what it costs. It asks nobody and listens nowhere.

use crate::bad_input::refused;
use crate::exporter::program;
use crate::kit::{self, Peer, ok};

fn check(args: &[&str]) -> String {
    let output = program().arg("--config.check").args(args).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

const FILE: &str = "\
targets:
- {name: shop, url: 'https://shop.test/health?key=s3cret', slow_after: 1s, labels: {team: \"a\\\"b\"}}
- {url: 'http://127.0.0.1:1/', interval: 500ms, timeout: 200ms, module: post, metrics: totals, labels: {team: web}}
modules:
  post: {prober: http, http: {method: POST, headers: {X-Key: s3cret}}}
  ping: {prober: icmp}
";

#[test]
fn it_says_what_would_be_asked() {
    let file = kit::file("check.yml", FILE);
    let file = file.to_str().unwrap();
    let text = check(&["--config.file", file]);
    let expected = format!(
        "target shop: https://shop.test/health?… every 1m, timeout 10s, module http_2xx, slow after 1s, phases, team=\"a\\\"b\"\n\
         target http://127.0.0.1:1/: http://127.0.0.1:1/ every 500ms, timeout 200ms, module post, totals, team=\"web\"\n\
         module post: can be used\n\
         module ping: cannot be used: {file}:6:18: module ping: prober icmp: only http is asked; keep this module in \
         blackbox_exporter\n\
         targets: 2 of 2\n\
         runs: 2.0 a second\n"
    );
    assert!(text.starts_with(&expected), "{text}");
    let rest: Vec<&str> = text[expected.len()..].lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(rest, ["a scrape", "a target", "memory of all"], "{text}");
    assert!(!text.contains("s3cret"), "{text}");
    let share = check(&["--config.file", file, "--shard", "1/2"]);
    assert!(share.contains(" of 2, shard 1/2\n"), "{share}");
}

#[test]
fn of_what_may_be_asked_on_demand_it_says_what_can_be() {
    let file = kit::file(
        "check-on-demand.yml",
        "modules:\n  post: {prober: http, http: {method: POST}}\n  ping: {prober: icmp}\n  \
         ca: {prober: http, http: {tls_config: {ca_file: /no/such.pem}}}\nprobe: {allow: [10.0.0.0/8]}\n",
    );
    let file = file.to_str().unwrap();
    let text = check(&["--config.file", file, "--probe.allow", "public"]);
    let expected = format!(
        "module post: can be used\n\
         module ping: cannot be used: {file}:3:18: module ping: prober icmp: only http is asked; keep this module in \
         blackbox_exporter\n\
         module ca: cannot be used: module ca in line 4: /no/such.pem: "
    );
    assert!(text.starts_with(&expected), "{text}");
    assert!(text.contains("\non demand: public, 10.0.0.0/8\ntargets: 0 of 0\nruns: 0.0000 a second\n"), "{text}");
}

#[test]
fn without_a_file_it_says_what_the_flags_say() {
    let peer = Peer::plain(|_| ok());
    let target = peer.url("/");
    let text = check(&["--target", &target, "--probe.interval", "5s"]);
    let line = format!("target {target}: {target} every 5s, timeout 5s, module http_2xx, phases\ntargets: 1 of 1\n");
    assert!(text.starts_with(&line), "{text}");
    assert_eq!(peer.connections(), 0);
    let (code, line) = refused(program().args(["--config.check", "--ca-file", "/no/such.pem"]));
    assert!(code == 2 && line.contains("/no/such.pem: No such file"), "{line}");
}

#[test]
fn many_are_counted_and_not_listed() {
    let targets: Vec<String> =
        (0..1_500).map(|n| format!("- {{name: t{n}, url: 'http://127.0.0.1:1/{n}'}}\n")).collect();
    let file = kit::file("check-many.yml", format!("targets:\n{}", targets.concat()));
    let text = check(&["--config.file", file.to_str().unwrap(), "--probe.interval", "1s"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[19].starts_with("target t19: "), "{text}");
    assert_eq!(lines[20..23], ["… and 1,480 more targets", "targets: 1,500 of 1,500", "runs: 1500 a second"], "{text}");
    assert!(lines[23].starts_with("a scrape: ") && lines[23].contains(" series of targets, "), "{text}");
}
