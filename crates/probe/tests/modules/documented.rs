//! docs/modules.md: its examples are read, and it leaves no option out.

use crate::{file, read};

const DOCS: &str = include_str!("../../../../docs/modules.md");

fn examples() -> Vec<&'static str> {
    DOCS.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn every_example_is_read() {
    let examples = examples();
    assert!(examples.len() >= 5);
    for example in examples {
        let modules = read(example).unwrap_or_else(|error| panic!("{error}\n{example}"));
        assert!(!modules.entries().is_empty(), "{example}");
        for entry in modules.entries() {
            assert!(entry.module.is_ok(), "{:?}", entry.module);
        }
    }
}

/// The error on an unknown option lists those that are known.
#[test]
fn every_option_is_documented_with_an_example() {
    let examples = examples().concat();
    for (wrong, unsupported) in [
        ("colour: 1", &["cel", "proxy", "oauth2", "enable_http3"][..]),
        ("basic_auth: {colour: 1}", &["_ref"]),
        ("authorization: {colour: 1}", &["_ref"]),
        ("tls_config: {colour: 1}", &["_ref", "next_protos"]),
        ("http_headers: {A: {colour: 1}}", &[]),
        ("fail_if_header_matches: [{colour: 1}]", &[]),
    ] {
        let error = read(file(wrong)).unwrap_err();
        let (_, known) = error.message().split_once("known are ").unwrap();
        for option in known.split(", ") {
            // `username` and its ways are told as one.
            let stem = option.trim_end_matches("_file").trim_end_matches("_env");
            assert!(
                [option, stem].iter().any(|name| DOCS.contains(&format!("`{name}`"))),
                "{option} is not documented"
            );
            let is_ours = !unsupported.iter().any(|part| option.contains(part));
            assert!(!is_ours || examples.contains(&format!("{option}:")), "{option} has no example");
        }
    }
}

#[test]
fn expressions_differ_from_those_of_go_as_documented() {
    let reads = |expression: &str| read(file(&format!("fail_if_body_matches_regexp: '{expression}'"))).is_ok();
    for expression in [
        r#"{"status": "ok"}"#,
        "[[a&&]",
        r"\Q(\E",
        r"(?-u:\d)",
        "(?s-u:.)",
        r"\x53",
        r"\z",
        "(?i)a",
        "(?U)a+",
        "(?P<a>b)",
    ] {
        assert!(reads(expression), "{expression}");
    }
    for expression in [r"\C", r"\123"] {
        assert!(!reads(expression), "{expression}");
    }
}
