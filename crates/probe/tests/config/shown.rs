//! What is shown of a configuration can be read again and is the same; no secret is in it.

use crate::{Scratch, config};

const ALL: &str = r#"
targets:
  - {name: "it's", url: "http://127.0.0.1:1/a", interval: 90s, timeout: 1500ms, module: post, slow_after: 800ms, labels: {team: "a: b"}, metrics: totals}
  - {url: "http://127.0.0.1:2/", labels: {team: ""}}
probe: {allow: [public, "*.shop.test", 10.0.0.0/8]}
modules:
  post: {prober: http, timeout: 3s, http: {method: POST, fail_if_body_matches_regexp: ["it's"], valid_status_codes: [200]}}
"#;

#[test]
fn it_is_the_same_configuration() {
    let first = config(ALL);
    let shown = first.to_string();
    let again = Scratch::new(&shown).load().config.unwrap_or_else(|error| panic!("{error}\n{shown}"));
    assert_eq!(again.to_string(), shown);
    for (a, b) in first.targets.iter().zip(&again.targets) {
        assert_eq!(
            (&a.name, &a.spec.url, a.interval, a.spec.timeout),
            (&b.name, &b.spec.url, b.interval, b.spec.timeout)
        );
        assert_eq!((&a.module, a.slow_after, &a.labels, a.metrics), (&b.module, b.slow_after, &b.labels, b.metrics));
    }
    assert_eq!(first.targets.len(), again.targets.len());
    assert_eq!(config("targets: []\n").to_string(), "targets: []\n");
}

#[test]
fn no_secret_is_in_it() {
    let shown = config(
        "targets: [{name: one, url: 'http://127.0.0.1:1/?key=canary', module: m}]\n\
         modules: {m: {prober: http, http: {bearer_token: canary, body: canary, headers: {X-Key: canary}}}, ping: {prober: icmp}}\n",
    );
    let shown = shown.to_string();
    assert!(!shown.contains("canary"), "{shown}");
    assert!(
        shown.contains("url: 'http://127.0.0.1:1/?…'") && shown.contains("'ping':\n    # cannot be used: "),
        "{shown}"
    );
}
