//! What differs from one machine and one run to the next: a page says how it looks, and not what it will be.

use std::sync::LazyLock;

use regex::Regex;

/// Times, dates, addresses, fingerprints, and bars that are drawn of times.
static MEASURED: LazyLock<Regex> = LazyLock::new(|| Regex::new(PATTERN).unwrap());
const PATTERN: &str = r"(?x)
    \d{4}-\d\d-\d\d(T[\d:.]+Z)?
    | \b[0-9a-f]{16,}\b
    | \b\d\d:\d\d\ UTC
    | \b\d+\.\d+\.\d+\.\d+\b
    | \b\d+(\.\d+)?\ (µs|ms|s|min|h|d|days?)\b
    | \b\d+\.\d\d+\b
    | [▐█▌├─┤]+";

/// `line` with a mark in the place of each, and single spaces.
pub(crate) fn without(line: &str) -> String {
    let marked = MEASURED.replace_all(line, "#");
    marked.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
