//! docs/configuration.md, docs/blackbox.md and the README: their examples are read, and the former leaves no key out.

use crate::{Scratch, refused};

const DOCS: &str = include_str!("../../../../docs/configuration.md");
const BLACKBOX: &str = include_str!("../../../../docs/blackbox.md");
const README: &str = include_str!("../../../../README.md");

fn examples(page: &'static str, language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}");
    // The name of a file may follow.
    let blocks = page.split(fence.as_str()).skip(1).filter_map(|rest| rest.split_once('\n'));
    blocks.filter_map(|(_, rest)| rest.split("```").next()).collect()
}

#[test]
fn every_example_is_read() {
    // Others are of Prometheus and its operator.
    let on_demand = examples(BLACKBOX, "yaml").into_iter().filter(|example| example.starts_with("probe:")).collect();
    let examples = [examples(DOCS, "yaml"), examples(DOCS, "json"), examples(README, "yaml"), on_demand].concat();
    assert!(examples.len() >= 6);
    for example in examples {
        let scratch = Scratch::new("target_files: [list.yml]");
        // A list of targets is a file of them.
        let name = if example.starts_with(['-', '[']) { "list.yml" } else { "config.yml" };
        scratch.write(name, example);
        let config = scratch.config();
        let keys = ["target_files", "modules", "probe:"];
        assert!(config.all_targets > 0 || keys.iter().any(|key| example.contains(key)), "{example}");
        assert!(config.modules.iter().all(|entry| entry.module.is_ok()), "{example}");
    }
}

/// The error on an unknown key lists those that are known.
#[test]
fn every_key_is_documented_with_an_example() {
    let examples = examples(DOCS, "yaml").concat();
    for wrong in ["colour: 1", "targets: [{colour: 1}]", "probe: {colour: 1}"] {
        let error = refused(wrong);
        let (_, known) = error.message().split_once("known are ").unwrap();
        for key in known.split(", ") {
            assert!(DOCS.contains(&format!("| `{key}` |")), "{key} is not documented");
            assert!(examples.contains(&format!("{key}:")), "{key} has no example");
        }
    }
}
