//! What is wrong is said in one line: where, what, and what to do.

use std::time::Duration;

use probe::{Config, ConfigDefaults, Roots};

use crate::{Scratch, defaults, load, one_line, place, refused};

/// The place, a part of what is wrong, and a part of what to do.
type Case<'a> = (&'a str, &'a str, &'a str, &'a str);

fn unexpected<'a>(cases: &[Case<'a>], content: impl Fn(&str) -> String) -> Vec<String> {
    let told = |case: &Case<'a>| {
        let (text, at, what, todo) = *case;
        let error = refused(content(text));
        let as_expected = place(&error) == at && error.message().contains(what) && error.message().contains(todo);
        (!as_expected).then(|| format!("{error}, not {case:?}"))
    };
    cases.iter().filter_map(told).collect()
}

const FILES: &[Case<'_>] = &[
    ("", "1:1", "nothing in the file", "write targets:"),
    ("# a comment\n", "1:1", "nothing in the file", ""),
    ("~", "1:1", "nothing in the file", ""),
    ("hello", "1:1", "the file must be a map, not text", ""),
    ("- url: http://a\n", "1:1", "the file must be a map, not a list", ""),
    ("target: []\n", "1:1", "unknown option target in the file", "did you mean targets?"),
    ("modules: {}\ncolour: {}\n", "2:1", "unknown option colour", "known are targets, target_files, modules, probe"),
    ("probe: [public]\n", "1:8", "probe must be a map, not a list", ""),
    ("probe: {alow: public}\n", "1:9", "unknown option alow in probe", "did you mean allow?"),
    ("probe: {allow: {a: b}}\n", "1:16", "allow must be text, not a map", ""),
    ("probe: {allow: [public, 10.0.0.0/33]}\n", "1:25", "allow 10.0.0.0/33: not a network", "write public"),
    ("probe:\n  allow:\n  - https://a.test/\n", "3:5", "allow https://a.test/: a URL", "write public"),
    ("targets: {a: b}\n", "1:10", "targets must be a list, not a map", "write - before each"),
    ("targets: http://a\n", "1:10", "targets must be a list, not text", ""),
    ("targets:\n- http://a\n", "2:3", "the target must be a map, not text", ""),
    ("targets:\n- [a]\n", "2:3", "the target must be a map, not a list", ""),
    ("targets:\n- name: a\n", "2:3", "a target without url", "write url:"),
    ("targets:\n- url: http://a\n-\n", "3:", "a target without url", ""),
    ("targets:\n\t- url: http://a\n", "2:1", "a tab", "spaces"),
    ("targets: []\n---\ntargets: []\n", "2:1", "a second document", ""),
    ("targets: []\ntargets: []\n", "2:1", "the same key stands in line 1", ""),
    ("targets: [}\n", "1:10", "not YAML", ""),
    ("target_files: {a: b}\n", "1:15", "target_files must be text, not a map", ""),
    ("modules:\n  m: {prober: htpp}\n", "2:15", "prober htpp: not known", ""),
    (
        "targets:\n- {name: a, url: http://a}\n- {name: a, url: http://b}\n",
        "3:10",
        "name: a is the name of the target in",
        "config.yml:2; give one of them another",
    ),
    ("targets:\n- {url: http://a}\n- {url: http://a}\n", "3:9", "the URL, which is the name", "config.yml:2;"),
    (
        "targets:\n- {url: http://a, labels: {team: a, env: b}}\n- {url: http://b, labels: {team: a}}\n",
        "3:27",
        "no label env, which the first target in",
        "config.yml:2 has: all have the same; write env:",
    ),
    (
        "targets:\n- {url: http://a}\n- {url: http://b, labels: {team: a}}\n",
        "3:28",
        "label team, which the first target in",
        "config.yml:2 does not have: all have the same; leave it out",
    ),
    (
        "targets:\n- {url: http://a, labels: {team: a}}\n- url: http://b\n",
        "3:3",
        "no label team, which the first target in",
        "",
    ),
];

#[test]
fn s30_files_that_are_wrong_are_refused() {
    // A place that ends with a colon is any column of the line: what is empty stands where the parser says.
    let (exact, lines): (Vec<Case<'_>>, Vec<Case<'_>>) = FILES.iter().copied().partition(|case| !case.1.ends_with(':'));
    assert_eq!(unexpected(&exact, str::to_owned), [""; 0]);
    for (content, _, what, _) in lines {
        assert!(refused(content).message().contains(what), "{content}");
    }
}

/// What stands in the braces of a target that is otherwise right, from line 1, column 38 on.
const TARGETS: &[Case<'_>] = &[
    ("intervall: 5s", "1:38", "unknown option intervall in the target", "did you mean interval?"),
    ("colour: red", "1:38", "unknown option colour", "known are name, url,"),
    ("name: ''", "1:44", "an empty name", "leave the option out"),
    ("name: ' '", "1:44", "an empty name", ""),
    ("name: [a]", "1:44", "name must be text, not a list", ""),
    ("name: \"a\\nb\"", "1:44", "name: a line break or control character", "leave that out"),
    ("interval: soon", "1:48", "interval soon: not a duration", "e.g. 10s"),
    ("interval: 5", "1:48", "interval 5: not a duration", "a unit"),
    ("interval: 0s", "1:48", "interval 0s: too short", ""),
    ("interval: 9ms", "1:48", "interval 9ms: too short", "at least 10ms"),
    ("interval: 367d", "1:48", "interval 367d: too long", "a year"),
    ("interval: [5s]", "1:48", "interval must be text", ""),
    ("timeout: 0s", "1:47", "timeout 0s: too short", ""),
    ("timeout: 61s", "1:47", "timeout 1m 1s is longer than the interval, 1m", "lower the timeout or raise"),
    ("timeout: {a: b}", "1:47", "timeout must be text", ""),
    ("slow_after: 0s", "1:50", "slow_after 0s: too short", ""),
    ("slow_after: 10s", "1:50", "slow_after 10s: no run that succeeds", "less than the timeout, 10s"),
    ("slow_after: 2s, timeout: 1s", "1:50", "slow_after 2s", "less than the timeout, 1s"),
    ("metrics: all", "1:47", "metrics all: not known", "write phases or totals"),
    ("metrics: [phases]", "1:47", "metrics must be text", ""),
    ("module: http_2x", "1:46", "no module http_2x", "choose one of http_2xx"),
    ("module: [a]", "1:46", "module must be text", ""),
    ("labels: a", "1:46", "labels must be a map, not text", ""),
    ("labels: {a: [b]}", "1:50", "the value of a label must be text, not a list", ""),
    ("labels: {a: \"b\\u0007\"}", "1:50", "the value of a label: a line break or control character", ""),
    ("labels: {a-b: c}", "1:47", "label a-b: not the name of a label", "letters, digits and _"),
    ("labels: {1a: c}", "1:47", "label 1a: not the name", ""),
    ("labels: {'': c}", "1:47", "label : not the name", ""),
    ("labels: {__a: c}", "1:47", "label __a: not the name", "no __ at the beginning"),
    ("labels: {ä: c}", "1:47", "label ä: not the name", ""),
    ("labels: {target: c}", "1:47", "label target: the metrics have a label of this name", "choose another"),
    ("labels: {reason: c}", "1:47", "label reason: the metrics", ""),
    ("labels: {phase: c}", "1:47", "label phase: the metrics", ""),
    ("labels: {cause: c}", "1:47", "label cause: the metrics", ""),
    ("labels: {version: c}", "1:47", "label version: the metrics", ""),
    ("labels: {cipher: c}", "1:47", "label cipher: the metrics", ""),
    ("labels: {le: c}", "1:47", "label le: the metrics", ""),
    ("labels: {quantile: c}", "1:47", "label quantile: the metrics", ""),
    (
        "labels: {a: a, b: b, c: c, d: d, e: e, f: f, g: g, h: h, i: i, j: j, k: k}",
        "1:107",
        "label k: one more than the ten",
        "leave some out",
    ),
];

#[test]
fn targets_that_are_wrong_are_refused() {
    let content = |options: &str| format!("targets: [{{url: 'http://127.0.0.1/', {options}}}]");
    assert_eq!(content("x").find('x'), Some(37));
    assert_eq!(unexpected(TARGETS, content), [""; 0]);
}

#[test]
fn what_is_too_long_is_refused() {
    let long = "x".repeat(201);
    for (options, what) in [
        (format!("name: {long}"), "name: 201 characters; write at most 200"),
        (format!("labels: {{a: {long}}}"), "the value of a label: 201 characters"),
        (format!("labels: {{{long}: a}}"), "not the name of a label"),
    ] {
        let error = refused(format!("targets: [{{url: http://a, {options}}}]"));
        assert!(error.message().contains(what), "{error}");
    }
    let error = refused(format!("targets: [{{url: http://a/{long}}}]"));
    assert!(error.message().contains("the URL, which is the name where none is given: 210 characters"), "{error}");
    assert!(error.message().len() < 200, "{error}");
}

#[test]
fn urls_that_cannot_be_asked_are_refused_and_no_password_is_shown() {
    for (url, what) in [
        ("a.example", "url: not an absolute URL"),
        ("ftp://a", "url: scheme ftp cannot be probed"),
        ("http://", "url: not a URL (empty host)"),
        ("https://me:c4n4ry@a", "url: a user name or password"),
        ("https://c4n4ry@a", "url: a user name or password"),
        ("c4n4ry:c4n4ry@a", "url: a user name or password"),
        ("https://me:c4n4ry@a:99999", "url: not a URL (invalid port number)"),
        ("https://me:c4n4ry@[::1", "url: not a URL"),
    ] {
        let error = refused(format!("targets:\n- name: a\n  url: '{url}'\n"));
        assert!(error.message().contains(what) && !format!("{error:?}").contains("c4n4ry"), "{error}");
        assert_eq!(place(&error), "3:8");
    }
    for slip in
        ["url:https://me:c4n4ry@a", "https://me:c4n4ry@a: b", "'https://me:c4n4ry@a'", "url: [https://me:c4n4ry@a]"]
    {
        let error = refused(format!("targets:\n- {slip}\n"));
        assert!(!format!("{error} {error:?}").contains("c4n4ry"), "{error}");
    }
}

#[test]
fn a_timeout_that_is_not_the_targets_is_told_with_its_owner() {
    let modules = "modules: {slow: {prober: http, timeout: 90s}}";
    for (options, at, what) in [
        ("module: slow", "2:3", "the timeout of module slow, 1m 30s is longer than the interval, 1m: "),
        ("module: slow, interval: 5s", "2:39", "the timeout of module slow, 1m 30s is longer than the interval, 5s: "),
        ("interval: 5s", "2:25", "--probe.timeout 7s is longer than the interval, 5s: "),
    ] {
        let scratch = Scratch::new(format!("targets:\n- {{url: http://a, {options}}}\n{modules}\n"));
        let defaults = ConfigDefaults { timeout: Some(Duration::from_secs(7)), ..defaults() };
        let error = one_line(Config::load(&scratch.path(), &defaults).config.unwrap_err());
        assert!(place(&error).starts_with(at.split_once(':').unwrap().0), "{error}");
        assert!(error.message().starts_with(what), "{error}");
    }
}

#[test]
fn a_module_that_cannot_be_used_is_told_where_it_is_used() {
    let modules = "modules:\n  ping: {prober: icmp}\n  http_2xx: {prober: http, http: {enable_http3: true}}\n";
    let error = refused(format!("{modules}targets:\n- {{url: http://a, module: ping}}\n"));
    assert_eq!(place(&error), "5:27", "{error}");
    assert!(error.message().contains("config.yml:2:18: module ping: prober icmp: only http is asked"), "{error}");
    // Where none is named, it is the target that is wrong.
    let error = refused(format!("{modules}targets:\n- {{url: http://a}}\n"));
    assert_eq!(place(&error), "5:3", "{error}");
    assert!(error.message().contains("config.yml:3:35: module http_2xx: enable_http3"), "{error}");
}

#[test]
fn certificates_that_cannot_be_read_are_told_where_they_are_used() {
    let scratch = Scratch::new("");
    let pipe = scratch.0.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, what) in [
        (scratch.0.join("none.pem"), "none.pem: No such file or directory"),
        (scratch.write("empty.pem", ""), "no certificate in it; give a PEM file"),
        (scratch.0.clone(), "a directory; name a file in it"),
        (pipe, "pipe: a pipe, a socket or a device"),
        ("/dev/zero".into(), "/dev/zero: a pipe, a socket or a device"),
    ] {
        let module = format!("m: {{prober: http, http: {{tls_config: {{ca_file: '{}'}}}}}}", path.display());
        scratch.write("config.yml", format!("modules:\n  {module}\ntargets:\n- {{url: https://a, module: m}}\n"));
        let error = scratch.refused();
        assert_eq!(place(&error), "4:28", "{error}");
        assert!(error.message().starts_with("module m in line 2: ") && error.message().contains(what), "{error}");
        // A module that no target names is none of ours.
        scratch.write("config.yml", format!("modules:\n  {module}\ntargets: [{{url: https://a}}]\n"));
        assert_eq!(scratch.config().all_targets, 1);
        let roots = ConfigDefaults { roots: Roots::File(path), ..defaults() };
        let error = one_line(Config::load(&scratch.path(), &roots).config.unwrap_err());
        assert!(error.message().starts_with("module http_2xx: ") && place(&error) == "3:11", "{error}");
    }
}

#[test]
fn s30_what_is_no_file_is_refused_at_once() {
    let scratch = Scratch::new("");
    let pipe = scratch.0.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let large = scratch.write("large.yml", "");
    std::fs::File::options().write(true).open(&large).unwrap().set_len(100 << 20).unwrap();
    for (path, what) in [
        (scratch.0.join("none.yml"), "No such file or directory (os error 2); check that the file exists"),
        (scratch.0.clone(), "a directory; name a file in it"),
        (pipe, "a pipe, a socket or a device; write it into a file"),
        ("/dev/zero".into(), "a pipe, a socket or a device"),
        (large, "more than 16 MiB; check its name"),
    ] {
        let error = one_line(load(&path).config.unwrap_err());
        assert!(error.position().is_none() && error.message().starts_with(what), "{error}");
        assert_eq!(error.path(), path);
    }
}

#[test]
fn s30_what_is_not_utf8_is_told_with_its_place() {
    let error = refused(b"targets:\n- url: http://\xff\n");
    assert_eq!((place(&error), error.message()), ("2:15".to_owned(), "not UTF-8; save the file as UTF-8"));
}
