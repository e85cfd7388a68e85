//! Values that are written as text: times, sizes, status codes, expressions.

use std::ops::RangeInclusive;
use std::time::Duration;

use regex::bytes::{Regex, RegexBuilder};

use super::Position;
use super::dialect::from_go;
use super::section::{Problem, shown};

/// A year: what is more is a slip of the pen.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

pub(super) fn duration(option: &str, (at, text): (Position, &str)) -> Result<Duration, Problem> {
    let wrong = |why: &str| Problem::new(at, format!("{option} {}: {why}", shown(text)));
    match humantime::parse_duration(text) {
        Ok(duration) if duration.is_zero() => Err(wrong("too short; write more than 0, e.g. 10s")),
        Ok(duration) if duration > LONGEST => Err(wrong("too long; write at most a year, e.g. 10s")),
        Ok(duration) => Ok(duration),
        Err(_) => Err(wrong("not a duration; write a number and a unit, e.g. 10s, 500ms or 1m30s")),
    }
}

/// Bytes; none for 0, which is no limit. As in the library that blackbox_exporter uses: KB and KiB are the same, 1024, and
/// parts add up, `1MB512KB`.
pub(super) fn size(option: &str, (at, text): (Position, &str)) -> Result<Option<u64>, Problem> {
    let wrong = || {
        let message = "not a size; write a number and a unit, e.g. 512KB or 10MB, or 0 for no limit";
        Problem::new(at, format!("{option} {}: {message}", shown(text)))
    };
    let (mut bytes, mut rest) = (0.0, if text == "0" { "0B" } else { text });
    while !rest.is_empty() {
        let (number, more) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?);
        let (unit, more) = more.split_at(more.find(|c: char| c.is_ascii_digit()).unwrap_or(more.len()));
        bytes += number.parse::<f64>().map_err(|_| wrong())? * unit_bytes(unit).ok_or_else(wrong)?;
        rest = more;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates, and is not negative")]
    let bytes = bytes as u64;
    Ok((bytes > 0).then_some(bytes))
}

fn unit_bytes(unit: &str) -> Option<f64> {
    let power = match unit.strip_suffix("iB").or_else(|| unit.strip_suffix('B'))? {
        "" if unit == "B" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        "P" => 5,
        "E" => 6,
        _ => return None,
    };
    Some(1024_f64.powi(power))
}

/// `200`, `2xx` or `200-299`.
pub(super) fn status_codes((at, text): (Position, &str)) -> Result<RangeInclusive<u16>, Problem> {
    let code = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|code: &u16| digits && *code >= 100)
    };
    let class = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX"));
    let codes = match (class, text.split_once('-')) {
        (Some(class), _) => code(&format!("{class}00")).map(|first| first..=first + 99),
        (None, Some((first, last))) => code(first.trim()).zip(code(last.trim())).map(|(first, last)| first..=last),
        (None, None) => code(text).map(|code| code..=code),
    };
    codes.filter(|codes| !codes.is_empty()).ok_or_else(|| {
        let message = "not a status code; write one of 100 to 999, 2xx or 200-299";
        Problem::new(at, format!("valid_status_codes {}: {message}", shown(text)))
    })
}

/// Compiled expressions of a file may be as large as this.
const EXPRESSIONS: usize = 128 << 20;
/// Bytes of an expression as it is written: to parse it costs a hundred times as much.
const LONGEST_EXPRESSION: usize = 64 << 10;
/// How large an expression may become, compiled: most are small, and none may be larger than the last.
const SIZES: [usize; 5] = [16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20];

/// Compiles expressions, and keeps an account of what they cost.
pub(super) struct Expressions {
    left: usize,
}

impl Default for Expressions {
    fn default() -> Self {
        Self { left: EXPRESSIONS }
    }
}

impl Expressions {
    pub(super) fn compile(&mut self, option: &str, (at, text): (Position, &str)) -> Result<Regex, Problem> {
        let wrong = |why: &str| Problem::new(at, format!("{option} {}: {why}", shown(text)));
        let sizes = if text.len() > LONGEST_EXPRESSION { &[] } else { SIZES.as_slice() };
        let written = if sizes.is_empty() { String::new() } else { from_go(text) };
        for &size in sizes {
            match RegexBuilder::new(&written).size_limit(size).build() {
                Ok(_) if self.left < size => {
                    return Err(wrong("too many expressions in one file; split it"));
                }
                Ok(regex) => {
                    self.left -= size;
                    return Ok(regex);
                }
                Err(regex::Error::CompiledTooBig(_)) => {}
                Err(error) => return Err(wrong(&reason(&error))),
            }
        }
        Err(wrong("too large an expression; shorten it, lower its counts, or write (?-u) before \\w, \\d and the like"))
    }
}

/// The crate draws the place into several lines; the last says what it is.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let what: String = last.trim_start_matches("error: ").chars().take(120).flat_map(char::escape_debug).collect();
    format!("not an expression: {what}; write it in RE2's syntax")
}
