//! Files that are made to hurt, or were cut off: they are refused, in little time.

use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::mutants::Random;
use crate::{Scratch, config, load, one_line, refused};

/// For what takes milliseconds, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn s30_bombs_are_refused() {
    let start = Instant::now();
    let laughs = (1..30).fold("targets:\n- &a0 {url: http://a, labels: {a: b}}\n".to_owned(), |file, n| {
        file + &format!("- &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", "))
    });
    assert!(refused(laughs).message().contains("with all aliases written out"));
    assert!(refused("[".repeat(100_000)).message().contains("more than 32 levels"));
    assert!(refused(format!("targets: [{}", "{labels: ".repeat(1000))).message().contains("more than 32 levels"));
    let aliases = format!("targets:\n- &a {{url: http://a}}\n{}", "- *a\n".repeat(100_000));
    assert!(refused(aliases).message().contains("is the name of the target in"));
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn ten_thousand_targets_are_read_in_no_time() {
    let mut content = "targets:\n".to_owned();
    for n in 0..10_000 {
        writeln!(
            content,
            "- name: shop-{n}\n  url: https://shop-{n}.example/health\n  interval: 30s\n  labels: {{team: web}}"
        )
        .unwrap();
    }
    let start = Instant::now();
    assert_eq!(config(content).targets.len(), 10_000);
    assert!(start.elapsed() < PATIENCE);
}

/// Files together may have what one file may not.
#[test]
fn there_are_at_most_a_hundred_thousand_targets() {
    let scratch = Scratch::new("target_files: ['*.list']");
    for file in 0..5 {
        let list = (0..20_000).fold(String::new(), |list, n| list + &format!("- url: http://a/{file}/{n}\n"));
        scratch.write(&format!("{file}.list"), list);
    }
    assert_eq!(scratch.config().all_targets, 100_000);
    scratch.write("z.list", "\n- url: http://a\n");
    let error = scratch.refused();
    assert!(error.to_string().contains("z.list:2:8: more than 100000 targets; split them"), "{error}");
}

#[test]
fn there_are_at_most_a_thousand_files_of_64_mib() {
    let scratch = Scratch::new("target_files: ['*.list']");
    for n in 0..1001 {
        scratch.write(&format!("{n}.list"), "[]");
    }
    assert!(scratch.refused().message().contains("more than 1000 files of targets"));
    let large = Scratch::new("target_files: ['*.list']");
    for n in 0..5 {
        large.write(&format!("{n}.list"), format!("# {}\n[]", "x".repeat(15 << 20)));
    }
    let error = large.refused();
    assert!(error.message().contains("4.list: more than 64 MiB with those before it"), "{error}");
    let patterns = refused(format!("target_files: [{}]", "a*, ".repeat(1001)));
    assert!(patterns.message().contains("more than 1000 patterns"), "{patterns}");
}

/// A pattern of many stars is compared in no time.
#[test]
fn no_pattern_takes_long() {
    let start = Instant::now();
    let scratch = Scratch::new(format!("target_files: ['{}b']", "*a".repeat(400)));
    scratch.write(&"a".repeat(250), "what");
    assert_eq!(scratch.config().all_targets, 0);
    assert!(start.elapsed() < PATIENCE);
}

const SEED: &str = include_str!("seed.yml");
const LIST: &str = include_str!("list.yml");

#[test]
fn the_seeds_are_right() {
    assert_eq!(config(SEED).all_targets, 3);
    let scratch = Scratch::new("target_files: list.yml");
    scratch.write("list.yml", LIST);
    assert_eq!(scratch.config().all_targets, 2);
}

/// Whatever is in a file: it is read or refused, in one line, with a place that is in the file.
#[test]
fn no_mutant_does_harm() {
    let mut random = Random(2121);
    let scratch = Scratch::new("");
    let main = Scratch::new("target_files: list.yml");
    let mut refused = 0;
    for n in 0..3000 {
        let in_list = n % 3 == 0;
        let mutant = random.mutant(if in_list { LIST } else { SEED }.as_bytes());
        let lines = mutant.split(|byte| *byte == b'\n').count();
        let (path, loaded) = if in_list {
            (main.write("list.yml", &mutant), main.load())
        } else {
            (scratch.write("config.yml", &mutant), load(&scratch.path()))
        };
        let Err(error) = loaded.config.map_err(one_line) else { continue };
        let at = error.position().expect("it could be read");
        assert_eq!(error.path(), path);
        assert!(at.line >= 1 && at.column >= 1 && at.line <= lines + 1, "{error}");
        refused += 1;
    }
    assert!(refused > 1000, "{refused}");
}

/// A file that is still being written, or a disk that is full.
#[test]
fn no_file_that_is_cut_off_does_harm() {
    let scratch = Scratch::new("");
    for end in (0..SEED.len()).step_by(3).filter(|end| SEED.is_char_boundary(*end)) {
        scratch.write("config.yml", &SEED[..end]);
        if let Err(error) = load(&scratch.path()).config.map_err(one_line) {
            assert!(error.position().is_some(), "{error}");
        }
    }
}
