//! Files that are made to hurt: they are refused, in little time and memory.

use std::fmt::Write;
use std::fs::File;
use std::time::{Duration, Instant};

use probe::ModuleFile;

use crate::mutants::Random;
use crate::{file, module, read, refused};

/// For what takes milliseconds, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// p11_ the bomb of YAML: each line is nine times the line before.
#[test]
fn aliases_that_multiply_are_refused() {
    let mut laughs = "modules:\n  a: &a0 [lol]\n".to_owned();
    for n in 1..30 {
        let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
        writeln!(laughs, "  b{n}: &a{n} [{aliases}]").unwrap();
    }
    let error = refused(laughs);
    assert!(error.message().contains("with all aliases written out"), "{error}");
    let mut merges = "modules:\n  a: &a0 {k0: v}\n".to_owned();
    for n in 1..30 {
        let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
        writeln!(merges, "  b{n}: &a{n} {{<<: [{aliases}], x{n}: [{aliases}]}}").unwrap();
    }
    assert!(refused(merges).message().contains("with all aliases written out"));
    let mut texts = format!("modules:\n  a: &a \"{}\"\n  b:\n", "\\x41".repeat(1 << 20));
    texts.extend(std::iter::repeat_n("  - *a\n", 100));
    assert!(refused(texts).message().contains("with all aliases written out"));
}

#[test]
fn what_is_too_deep_is_refused() {
    let chain = (1..100).fold("modules:\n  a: &a0 [lol]\n".to_owned(), |mut chain, n| {
        writeln!(chain, "  b{n}: &a{n} [*a{}]", n - 1).unwrap();
        chain
    });
    let blocks: String = (0..1000).flat_map(|level| [" ".repeat(level), "a:\n".to_owned()]).collect();
    for content in [
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        "? ".repeat(100_000),
        format!("modules: {}", "[{a: ".repeat(1000)),
        blocks,
        chain,
    ] {
        let error = refused(&content);
        assert!(error.message().contains("more than 32 levels"), "{error}");
    }
}

/// A hole of a file: it takes no disk, and would take all memory.
#[test]
fn a_large_file_is_not_read() {
    let path = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("hole-{}.yml", std::process::id()));
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let start = Instant::now();
    let error = ModuleFile::read(&path);
    std::fs::remove_file(&path).unwrap();
    assert!(error.unwrap_err().message().contains("more than 16 MiB"));
    assert!(ModuleFile::read("/dev/zero").unwrap_err().message().contains("or a device"));
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn a_file_of_expressions_is_bounded() {
    let mut content = file("fail_if_body_matches_regexp:");
    content.extend(std::iter::repeat_n("        - a\n", 9000));
    let start = Instant::now();
    assert!(refused(content).message().contains("too many expressions in one file"));
    assert!(start.elapsed() < PATIENCE);
}

/// The parser of expressions takes a hundred times the space of what it reads.
#[test]
fn a_long_expression_is_refused_unread() {
    let start = Instant::now();
    let content = file(&format!("fail_if_body_matches_regexp: {}", "a".repeat(15 << 20)));
    assert!(refused(content).message().contains("too large an expression"));
    assert!(start.elapsed() < PATIENCE);
}

/// Nothing is compared with all that came before.
#[test]
fn many_headers_are_read() {
    let start = Instant::now();
    let headers = (0..100_000).fold("headers:\n".to_owned(), |file, n| file + &format!("  k{n}: v\n"));
    assert_eq!(module(&headers).headers.len(), 100_000);
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn many_modules_are_read() {
    let mut content = "modules:\n".to_owned();
    for n in 0..5000 {
        writeln!(
            content,
            "  m{n}: {{prober: http, timeout: 5s, http: {{method: GET, valid_status_codes: [{}]}}}}",
            200 + n % 99
        )
        .unwrap();
    }
    let start = Instant::now();
    let modules = read(content).unwrap();
    assert_eq!(modules.entries().len(), 5000);
    assert!(start.elapsed() < PATIENCE);
}

const SEED: &str = include_str!("seed.yml");

/// Whatever is in a file: it is read or refused, in one line, with a place that is in the file.
#[test]
fn no_mutant_does_harm() {
    let mut random = Random(2121);
    let start = Instant::now();
    for _ in 0..4000 {
        let mutant = random.mutant(SEED.as_bytes());
        let (lines, error) = (mutant.split(|byte| *byte == b'\n').count(), read(&mutant).err());
        let Some(error) = error else { continue };
        let line = error.to_string();
        assert!(line.lines().count() == 1 && line.contains("; "), "{line}");
        assert!(line.len() < 1500 && !line.chars().any(char::is_control), "{line:?}");
        let place = error.position().expect("it could be read");
        assert!(place.line >= 1 && place.column >= 1 && place.line <= lines + 1, "{line}");
        assert!(start.elapsed() < PATIENCE);
    }
}
