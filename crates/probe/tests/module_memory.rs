//! A file of modules or targets takes little memory, whatever is in it. A test binary of its own, as the memory is that of a whole process.

use std::path::PathBuf;
use std::time::Duration;

use probe::{Config, ConfigDefaults, Roots, Shard};

/// The most that the process has had in memory so far. Only Linux says so.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"))?;
    Some(kibibytes.trim().parse::<u64>().ok()? << 10)
}

/// Bytes, a little less than a file may have.
const LARGE: usize = 15 << 20;
const HTTP: &str = "modules:\n  m:\n    prober: http\n    http:\n      ";

/// Each line is nine times the line before.
fn laughs(first: &str, line: impl Fn(usize, &str) -> String) -> String {
    (1..40).fold(format!("modules:\n  a: &a0 {first}\n"), |file, n| {
        file + &line(n, &vec![format!("*a{}", n - 1); 9].join(", "))
    })
}

/// What is in a file, and how many MiB the process may have taken thereafter. A peak does not sink: the higher comes later.
type Case = (&'static str, fn() -> String, u64);

const CASES: [Case; 11] = [
    ("lists", || laughs("[lol]", |n, aliases| format!("  b{n}: &a{n} [{aliases}]\n")), 64),
    (
        "merges",
        || laughs("{k0: v}", |n, aliases| format!("  b{n}: &a{n} {{<<: [{aliases}], x{n}: [{aliases}]}}\n")),
        64,
    ),
    ("a text", || "a".repeat(LARGE), 96),
    ("aliases of a text", || format!("- &a \"{}\"\n{}", "\\x41".repeat(1 << 20), "- *a\n".repeat(1 << 16)), 96),
    ("an expression", || format!("{HTTP}fail_if_body_matches_regexp: {}", "a".repeat(LARGE)), 96),
    (
        "encodings",
        || format!("{HTTP}compression: gzip\n      headers: {{Accept-Encoding: '{}gzip'}}", "a,".repeat(LARGE / 2)),
        96,
    ),
    ("items", || "- a\n".repeat(LARGE / 4), 192),
    ("anchors", || "- &a a\n".repeat(LARGE / 7), 192),
    (
        "targets",
        || {
            (0..20_000)
                .fold("targets:\n".to_owned(), |file, n| file + &format!("- {{name: n{n}, url: http://a/{n}}}\n"))
        },
        192,
    ),
    (
        "aliases of a target",
        || format!("targets:\n- &a {{url: http://a, name: {}}}\n{}", "a".repeat(1 << 20), "- *a\n".repeat(1 << 16)),
        192,
    ),
    ("expressions", || format!("{HTTP}fail_if_body_matches_regexp:\n{}", "      - '\\w{60}'\n".repeat(1000)), 384),
];

#[test]
fn p11_no_file_takes_much_memory() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("memory-{}.yml", std::process::id()));
    let interval = Duration::from_secs(60);
    let defaults =
        ConfigDefaults { roots: Roots::BuiltIn, interval, timeout: None, shard: Shard::default(), allow: Vec::new() };
    for (name, content, most) in CASES {
        std::fs::write(&path, content()).unwrap();
        let _ = Config::load(&path, &defaults);
        if let Some(peak) = peak() {
            assert!(peak < most << 20, "{name}: {} MiB", peak >> 20);
        }
    }
    std::fs::remove_file(&path).unwrap();
}
