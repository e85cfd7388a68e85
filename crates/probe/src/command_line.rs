//! What the command lines of the programs have in common: durations, and errors that are one line.

use std::time::Duration;

use clap::error::{ContextKind, ContextValue};

/// A year: what is more is a slip of the pen.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A number and a unit, as `15s`, `1m` or `500ms`.
///
/// # Errors
/// It is none, or 0, or more than a year: what to write.
pub fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration.is_zero() => Err("must be more than 0".to_owned()),
        Ok(duration) if duration > LONGEST => Err("must be at most a year".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}; write a number and a unit, e.g. 15s, 1m or 500ms")),
    }
}

/// What is wrong, and the tips. clap writes a paragraph, with the usage of everything; the first lines say all that matters.
pub fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    let first = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let line = lines.fold(first, |line, more| {
        let joint = if line.ends_with(':') { " " } else { "; " };
        line + joint + more
    });
    without_credentials(line, error)
}

/// A URL that is refused for its password must not spread it.
fn without_credentials(line: String, error: &clap::Error) -> String {
    match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) if value.contains('@') => line.replace(value, "…"),
        _ => line,
    }
}
