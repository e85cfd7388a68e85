//! What may be asked on demand: nothing, unless it is allowed; then by any module of the file.

use probe::{Config, ConfigDefaults};

use crate::{Scratch, config, defaults};

#[test]
fn nothing_is_allowed_that_nobody_allows() {
    for text in ["targets: []\n", "probe:\n", "probe: {}\ntargets: []\n", "probe: {allow: []}\n", "probe: {allow:}\n"] {
        assert!(config(text).on_demand.allow().is_empty(), "{text}");
    }
    // No module is made ready for nobody: what is wrong with its files does not matter.
    assert!(config("modules: {m: {prober: http}}\n").on_demand.client("m").is_err());
}

#[test]
fn the_file_and_the_flag_allow_together() {
    let scratch = Scratch::new("probe:\n  allow:\n  - shop.test\n  - 10.0.0.0/8\n");
    let defaults = ConfigDefaults { allow: vec!["public".parse().unwrap()], ..defaults() };
    let config = Config::load(&scratch.path(), &defaults).config.unwrap();
    assert_eq!(config.on_demand.allow().to_string(), "public, shop.test, 10.0.0.0/8");
    assert_eq!(crate::config("probe: {allow: '*.shop.test'}\n").on_demand.allow().to_string(), "*.shop.test");
}

#[test]
fn each_module_can_be_used_or_says_why_not() {
    let config = config(
        "probe: {allow: [public]}\nmodules:\n  post: {prober: http, http: {method: POST}}\n  ping: {prober: icmp}\n  \
         ca: {prober: http, http: {tls_config: {ca_file: /no/such.pem}}}\n",
    );
    let on_demand = &config.on_demand;
    assert_eq!(on_demand.client("post").unwrap().module().method.as_str(), "POST");
    assert!(on_demand.client("http_2xx").is_ok(), "it is built in");
    for (name, part) in [
        ("ping", "only http is asked"),
        ("ca", "/no/such.pem: No such file"),
        ("pots", "no module pots; choose one of ca, http_2xx, ping, post"),
        ("", "no module"),
    ] {
        let error = on_demand.client(name).unwrap_err();
        assert!(error.contains(part) && error.lines().count() == 1, "{name}: {error}");
    }
}

/// A certificate that is renewed is taken over by a reload, and seen by whoever looks for one.
#[test]
fn files_of_all_modules_are_watched_once_they_can_be_asked() {
    let authority =
        |text| format!("modules: {{m: {{prober: http, http: {{tls_config: {{ca_file: 'PATH'}}}}}}}}\n{text}");
    for (text, watched) in [("targets: []\n", false), ("probe: {allow: [public]}\n", true)] {
        let scratch = Scratch::new("");
        let ca = scratch.write("ca.pem", "none");
        scratch.write("config.yml", authority(text).replace("PATH", ca.to_str().unwrap()));
        let before = scratch.load().digest;
        scratch.write("ca.pem", "another");
        assert_eq!(scratch.load().digest != before, watched, "{text}");
    }
}
