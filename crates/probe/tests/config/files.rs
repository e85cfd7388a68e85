//! Files of targets that the configuration file names, and how a change of any file is seen.

use std::os::unix::fs::symlink;

use crate::{Scratch, load, names, place};

const LISTS: &str = "targets: [{name: main, url: http://main}]\ntarget_files: [\"targets/*.yml\", extra.json]\n";

fn list(name: &str) -> String {
    format!("- name: {name}\n  url: http://{name}\n")
}

fn scratch() -> Scratch {
    let scratch = Scratch::new(LISTS);
    scratch.write("extra.json", r#"{"targets": [{"name": "extra", "url": "http://extra"}]}"#);
    scratch.write("targets/b.yml", list("b"));
    scratch.write("targets/a.yml", list("a"));
    scratch
}

#[test]
fn files_are_read_in_the_order_of_patterns_and_names() {
    let scratch = scratch();
    scratch.write("targets/.hidden.yml", "what");
    scratch.write("targets/a.yml~", "what");
    scratch.write("targets/below/c.yml", "what");
    assert_eq!(names(&scratch.config()), ["main", "a", "b", "extra"]);
}

#[test]
fn a_list_may_be_written_later_but_a_file_that_is_named_is_there() {
    let scratch = Scratch::new("target_files: ['*.list', 'nowhere/*.yml', 'nowhere/*/a.yml']");
    assert_eq!(scratch.config().all_targets, 0);
    scratch.write("config.yml", "target_files:\n- '*.list'\n- none.list\n");
    let error = scratch.refused();
    assert_eq!(place(&error), "3:3", "{error}");
    assert!(
        error.message().starts_with("target file ") && error.message().contains("none.list: No such file"),
        "{error}"
    );
    assert_eq!(error.path(), scratch.path());
}

#[test]
fn a_file_is_read_once_whatever_names_it() {
    let scratch = Scratch::new("target_files: [a.yml, '*.yml', 'a.y?l', '[a].yml']");
    // The configuration file is named by a pattern too: it is no list of targets.
    scratch.write("a.yml", list("a"));
    let error = scratch.refused();
    assert!(error.message().starts_with("unknown option target_files in a file of targets"), "{error}");
    scratch.write("config.yml", "target_files: [a.yml, 'a*.yml', 'a.y?l', '[a].yml']");
    assert_eq!(names(&scratch.config()), ["a"]);
}

#[test]
fn directories_can_be_patterns_too() {
    let scratch = Scratch::new("target_files: 'teams/*/targets.yml'");
    scratch.write("teams/web/targets.yml", list("web"));
    scratch.write("teams/db/targets.yml", list("db"));
    scratch.write("teams/none/other.yml", "what");
    scratch.write("teams/file", "what");
    assert_eq!(names(&scratch.config()), ["db", "web"]);
}

#[test]
fn names_are_of_the_directory_of_the_configuration_file_or_whole() {
    let (scratch, other) = (Scratch::new(""), Scratch::new(""));
    let path = other.write("a.yml", list("a"));
    scratch.write("config.yml", format!("target_files: ['{}']", path.display()));
    assert_eq!(names(&scratch.config()), ["a"]);
    scratch.write("b.yml", list("b"));
    scratch.write("below/config.yml", "target_files: ['../b.yml']");
    assert_eq!(names(&load(&scratch.0.join("below/config.yml")).config.unwrap()), ["b"]);
}

/// As Kubernetes mounts a ConfigMap: links to a directory that is replaced.
#[test]
fn links_are_followed() {
    let scratch = Scratch::new("target_files: 'mount/*'");
    scratch.write("mount/..2026/a.yml", list("a"));
    symlink("..2026", scratch.0.join("mount/..data")).unwrap();
    symlink("..data/a.yml", scratch.0.join("mount/a.yml")).unwrap();
    let before = scratch.load();
    assert_eq!(names(&before.config.unwrap()), ["a"]);
    scratch.write("mount/..2027/a.yml", list("b"));
    std::fs::remove_file(scratch.0.join("mount/..data")).unwrap();
    symlink("..2027", scratch.0.join("mount/..data")).unwrap();
    let after = scratch.load();
    assert_ne!(before.digest, after.digest);
    assert_eq!(names(&after.config.unwrap()), ["b"]);
}

#[test]
fn what_is_wrong_in_a_list_is_told_of_its_file() {
    for (content, at, what) in [
        ("", "1:1", "nothing in the file; write a list of targets, or [] for none"),
        ("text", "1:1", "targets must be a list, not text"),
        ("modules: {}", "1:1", "unknown option modules in a file of targets"),
        ("targets: {}", "1:10", "targets must be a list, not a map"),
        ("- name: b\n  url: nowhere\n", "2:8", "url: not an absolute URL"),
        ("- name: b\n  url: http://b\n  intervall: 5s\n", "3:3", "unknown option intervall"),
        ("- name: main\n  url: http://b\n", "1:9", "main is the name of the target in "),
        ("- name: a\n  url: http://b\n", "1:9", "targets/a.yml:1; give one of them another"),
        ("- {name: b, url: http://b, labels: {x: y}}\n", "1:37", "config.yml:1 does not have"),
        ("- {name: b, url: http://b, module: m}\n", "1:36", "no module m; choose one of http_2xx"),
        ("[[", "1:", "not YAML"),
        ("- &a\n  - *a\n", "2:", "an alias within what it stands for"),
    ] {
        let scratch = scratch();
        let path = scratch.write("targets/b.yml", content);
        let error = scratch.refused();
        assert_eq!(error.path(), path, "{error}");
        assert!(place(&error).starts_with(at) && error.message().contains(what), "{error}");
    }
    let scratch = scratch();
    let path = scratch.write("targets/b.yml", b"- name: \xff\n");
    let error = scratch.refused();
    assert_eq!((error.path(), place(&error)), (path.as_path(), "1:9".to_owned()));
}

#[test]
fn lists_without_targets_are_read() {
    let scratch = scratch();
    for nothing in ["[]", "targets: []", "targets:", "{}", "{\"targets\": []}"] {
        scratch.write("targets/b.yml", nothing);
        assert_eq!(names(&scratch.config()), ["main", "a", "extra"], "{nothing}");
    }
}

#[test]
fn what_matches_and_is_no_file_is_refused() {
    let scratch = scratch();
    std::fs::create_dir(scratch.0.join("targets/old.yml")).unwrap();
    let error = scratch.refused();
    assert_eq!((error.path(), place(&error)), (scratch.path().as_path(), "2:16".to_owned()));
    assert!(error.message().contains("targets/old.yml: a directory; name a file in it"), "{error}");
    std::fs::remove_dir(scratch.0.join("targets/old.yml")).unwrap();
    let pipe = scratch.0.join("targets/pipe.yml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(scratch.refused().message().contains("pipe.yml: a pipe, a socket or a device"));
    std::fs::remove_file(&pipe).unwrap();
    symlink("nowhere", &pipe).unwrap();
    assert!(scratch.refused().message().contains("pipe.yml: No such file or directory"));
}

#[test]
fn patterns_that_mean_nothing_are_refused() {
    for (pattern, what) in [
        ("'**/*.yml'", "directories are not searched through; write *"),
        ("'a[.yml'", "invalid range pattern; write e.g. *.yml, and [[] for a bracket"),
        ("''", "not the name of a file"),
        ("[a]", "must be text"),
    ] {
        let error = crate::refused(format!("target_files: [{pattern}]"));
        assert!(error.message().contains(what) && place(&error) == "1:16", "{error}");
    }
}

/// A watcher reads again and again: what is as it was has the digest that it had, be it right or wrong.
#[test]
fn a_digest_is_another_one_after_any_change() {
    let scratch = scratch();
    scratch.write("ca.pem", "");
    let module = format!(
        "modules: {{m: {{prober: http, http: {{tls_config: {{ca_file: '{}/ca.pem'}}}}}}}}\n",
        scratch.0.display()
    );
    let mut seen = Vec::new();
    let mut changed = |what: &str| {
        let digest = scratch.load().digest;
        assert_eq!(digest, scratch.load().digest, "{what}");
        assert!(!seen.contains(&digest), "{what}");
        seen.push(digest);
    };
    changed("at first");
    scratch.write("config.yml", format!("# another\n{LISTS}"));
    changed("the configuration file");
    scratch.write("targets/a.yml", list("another"));
    changed("a list");
    scratch.write("targets/c.yml", list("c"));
    changed("a list that came");
    std::fs::rename(scratch.0.join("targets/c.yml"), scratch.0.join("targets/d.yml")).unwrap();
    changed("a list of another name");
    std::fs::remove_file(scratch.0.join("targets/b.yml")).unwrap();
    changed("a list that went");
    scratch.write("targets/a.yml", "what");
    changed("a list that is wrong");
    scratch.write("targets/a.yml", "what else");
    changed("a list that is wrong in another way");
    std::fs::remove_file(scratch.0.join("extra.json")).unwrap();
    scratch.write("targets/a.yml", list("a"));
    changed("a file that is missing");
    scratch.write("config.yml", module.clone());
    changed("a module that nobody uses");
    scratch.write("config.yml", module + "targets: [{url: https://a, module: m}]");
    changed("its certificates");
    scratch.write("ca.pem", "others");
    changed("others");
    std::fs::remove_file(scratch.path()).unwrap();
    changed("no configuration file");
}

/// What one file loses and the next one gains is a change too.
#[test]
fn a_digest_knows_where_a_file_ends() {
    let scratch = Scratch::new("target_files: '*.list'");
    let digest = |a: &str, b: &str| {
        scratch.write("a.list", a);
        scratch.write("b.list", b);
        scratch.load().digest
    };
    assert_ne!(digest("[]\n\n", "[]\n"), digest("[]\n", "\n[]\n"));
}
