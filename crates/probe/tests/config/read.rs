//! What stands in the file is what is asked.

use std::sync::Arc;
use std::time::Duration;

use probe::{Config, Detail, Shard};

use crate::{Scratch, config, defaults, names, target};

#[test]
fn a_target_is_read_with_all_its_keys() {
    let config = config(
        "targets:\n  - name: shop\n    url: https://shop.example/health\n    interval: 30s\n    timeout: 5s\n    \
         module: post\n    slow_after: 800ms\n    labels: {team: web, env: prod}\n    metrics: totals\n\
         modules:\n  post:\n    prober: http\n    timeout: 7s\n    http: {method: POST}\n",
    );
    let target = &config.targets[0];
    assert_eq!((target.name.as_str(), target.spec.url.as_str()), ("shop", "https://shop.example/health"));
    assert_eq!((target.interval, target.spec.timeout), (Duration::from_secs(30), Duration::from_secs(5)));
    assert_eq!((target.module.as_str(), target.spec.client.module().method.as_str()), ("post", "POST"));
    assert_eq!((target.slow_after, target.metrics), (Some(Duration::from_millis(800)), Detail::Totals));
    // Sorted, so that those of all targets are in one order.
    let labels = [("env", "prod"), ("team", "web")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(target.labels, labels);
    assert_eq!((config.targets.len(), config.all_targets, config.modules.len()), (1, 1, 1));
}

#[test]
fn a_target_needs_no_more_than_its_url() {
    let target = target("");
    assert_eq!(target.name, "http://127.0.0.1:1/");
    assert_eq!((target.interval, target.spec.timeout), (Duration::from_secs(60), Duration::from_secs(10)));
    assert_eq!((target.module.as_str(), target.spec.client.module().method.as_str()), ("http_2xx", "GET"));
    assert_eq!((target.slow_after, target.metrics, target.labels.len()), (None, Detail::Phases, 0));
}

/// The URL is the name as it is written, not as it is asked.
#[test]
fn a_name_is_as_it_is_written() {
    let config = config(
        "targets:\n- url: HTTPS://Shop.Example\n- {url: http://a, name: 007}\n- {url: http://b, name: 'läden: 1'}",
    );
    assert_eq!(names(&config), ["HTTPS://Shop.Example", "007", "läden: 1"]);
}

#[test]
fn a_timeout_is_the_targets_or_the_modules_or_a_default() {
    let content = "targets:\n- {name: own, url: http://a, timeout: 1s, module: m}\n- {name: module, url: http://a, module: m}\n\
                   - {name: default, url: http://a}\n- {name: short, url: http://a, interval: 4s}\n\
                   modules: {m: {prober: http, timeout: 2s}}\n";
    let scratch = Scratch::new(content);
    let timeouts = |timeout: Option<u64>| {
        let defaults = probe::ConfigDefaults { timeout: timeout.map(Duration::from_secs), ..defaults() };
        let config = Config::load(&scratch.path(), &defaults).config.unwrap();
        config.targets.iter().map(|target| target.spec.timeout.as_secs()).collect::<Vec<_>>()
    };
    assert_eq!(timeouts(None), [1, 2, 10, 4]);
    assert_eq!(timeouts(Some(3)), [1, 2, 3, 3]);
}

#[test]
fn the_limits_themselves_are_allowed() {
    assert_eq!(target("interval: 10ms").interval, Duration::from_millis(10));
    assert_eq!(target("interval: 366d").interval, Duration::from_secs(366 * 24 * 60 * 60));
    assert_eq!(target("interval: 5s, timeout: 5s").spec.timeout, Duration::from_secs(5));
    assert_eq!(target(&format!("name: {}", "ä".repeat(200))).name.chars().count(), 200);
    assert_eq!(target(&format!("labels: {{a: '{}', b: ''}}", "x".repeat(200))).labels.len(), 2);
    let ten = (0..10).fold(String::new(), |labels, n| labels + &format!("_l{n}: {n}, "));
    assert_eq!(target(&format!("labels: {{{ten}}}")).labels.len(), 10);
}

#[test]
fn a_client_is_made_once_for_all_targets_of_a_module() {
    let config =
        config("targets: [{url: http://a}, {url: http://b}, {url: http://c, module: m}]\nmodules: {m: {prober: http}}");
    let [a, b, c] = [0, 1, 2].map(|n| &config.targets[n].spec.client);
    assert!(Arc::ptr_eq(a, b) && !Arc::ptr_eq(a, c));
}

#[test]
fn http_2xx_is_built_in_and_can_be_another() {
    let config = config("targets: [{url: http://a}]\nmodules: {http_2xx: {prober: http, http: {method: HEAD}}}");
    assert_eq!(config.targets[0].spec.client.module().method.as_str(), "HEAD");
}

#[test]
fn what_is_null_is_not_given() {
    for nothing in
        ["targets:\n", "targets: []\n", "targets: ~\ntarget_files:\nmodules:\n", "modules: {}\n", "target_files: []"]
    {
        assert_eq!(config(nothing).all_targets, 0, "{nothing}");
    }
    let target = target("name: , interval: ~, timeout: null, module: , slow_after: , labels: , metrics: ");
    assert_eq!((target.name.as_str(), target.labels.len()), ("http://127.0.0.1:1/", 0));
}

/// What is known of blackbox_exporter's own example: modules of other probers are listed, and do no harm.
#[test]
fn a_blackbox_yml_loads_as_it_is() {
    let config = config(include_str!("../modules/seed.yml"));
    assert_eq!((config.targets.len(), config.all_targets), (0, 0));
    let modules: Vec<_> = config.modules.iter().map(|entry| (entry.name.as_str(), entry.module.is_ok())).collect();
    assert_eq!(modules, [("http_2xx", true), ("merged", true), ("tcp", false)]);
    let tcp = config.modules[2].module.as_ref().unwrap_err();
    assert!(tcp.position().is_some() && tcp.message().contains("prober tcp"), "{tcp}");
}

#[test]
fn json_crlf_tabs_and_a_byte_order_mark_are_read() {
    let json = "{\n\t\"targets\": [\n\t\t{\"url\": \"http:\\/\\/a\", \"labels\": {\"team\": \"web\"}}\n\t]\n}\n";
    assert_eq!(names(&config(json)), ["http://a"]);
    assert_eq!(names(&config("targets:\r\n  - url: http://a\r\n    interval: 5s\r\n")), ["http://a"]);
    assert_eq!(names(&config("\u{feff}targets:\n  - url: http://a\n")), ["http://a"]);
}

#[test]
fn anchors_and_merges_are_followed() {
    let config = config(
        "targets:\n  - &first {url: http://a, interval: 5s, labels: &labels {team: web}}\n  \
         - {<<: *first, url: http://b}\n  - {url: http://c, labels: *labels}\n",
    );
    assert_eq!(names(&config), ["http://a", "http://b", "http://c"]);
    assert_eq!(config.targets[1].interval, Duration::from_secs(5));
}

/// The same file is refused by all shares, whatever their targets are.
#[test]
fn all_targets_are_checked_and_ours_are_kept() {
    let content = (0..100).fold("targets:\n".to_owned(), |file, n| file + &format!("- url: http://127.0.0.1:1/{n}\n"));
    let load = |content: &str, shard: &str| {
        let defaults = probe::ConfigDefaults { shard: shard.parse::<Shard>().unwrap(), ..defaults() };
        Config::load(&Scratch::new(content).path(), &defaults).config
    };
    let shares = ["1/3", "2/3", "3/3"].map(|shard| load(&content, shard).unwrap());
    assert!(shares.iter().all(|share| share.all_targets == 100 && share.targets.len() > 10));
    assert_eq!(shares.iter().map(|share| share.targets.len()).sum::<usize>(), 100);
    let wrong = content + "- url: nowhere\n";
    assert!(["1/3", "2/3", "3/3"].iter().all(|shard| load(&wrong, shard).is_err()));
}
