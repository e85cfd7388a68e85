//! How a line is written: logfmt, as Go's slog writes it, or JSON. Whatever is in it, it is one line of text that does nothing to a terminal.

use std::borrow::Cow;
use std::fmt::Write;
use std::time::{Duration, SystemTime};

use log::kv::{Error, Key, Value, VisitSource, VisitValue};
use log::{Level, Record};

use super::Format;

/// An event.
pub(super) struct Line<'a> {
    pub(super) now: SystemTime,
    pub(super) level: Level,
    /// Of which library it is.
    pub(super) source: Option<String>,
    pub(super) message: Cow<'a, str>,
    pub(super) values: Values,
}

/// What belongs to an event, by name.
pub(super) struct Values(Vec<(String, Datum)>);

pub(super) enum Datum {
    Text(String),
    /// As it is written.
    Number(String),
}

impl From<u64> for Datum {
    fn from(number: u64) -> Self {
        Self::Number(number.to_string())
    }
}

impl Values {
    pub(super) fn one(name: &str, value: Datum) -> Self {
        Self(vec![(name.to_owned(), value)])
    }

    pub(super) fn read(record: &Record<'_>) -> Self {
        let mut values = Self(Vec::new());
        // A value that cannot be read is left out.
        let _ = record.key_values().visit(&mut values);
        values
    }
}

impl<'kvs> VisitSource<'kvs> for Values {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let mut read = Read(None);
        value.visit(&mut read)?;
        self.0.extend(read.0.map(|value| (key.to_string(), value)));
        Ok(())
    }
}

/// What is null is not there.
struct Read(Option<Datum>);

impl VisitValue<'_> for Read {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.0 = Some(Datum::Text(value.to_string()));
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.0 = Some(value.into());
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.0 = Some(Datum::Number(value.to_string()));
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        // Others are no numbers in JSON.
        self.0 = value.is_finite().then(|| Datum::Number(value.to_string()));
        Ok(())
    }
}

impl Line<'_> {
    /// With the line feed at its end, and no other.
    pub(super) fn written(&self, format: Format) -> String {
        let time = humantime::format_rfc3339_millis(self.now.clamp(SystemTime::UNIX_EPOCH, latest())).to_string();
        let mut line = String::with_capacity(256);
        if format == Format::Json {
            line.push('{');
        }
        let mut put = |name: &str, value: &Datum| match format {
            Format::Logfmt => logfmt(&mut line, name, value),
            Format::Json => json(&mut line, name, value),
        };
        put("time", &Datum::Text(time));
        put("level", &Datum::Text(self.level.as_str().to_owned()));
        if let Some(source) = &self.source {
            put("source", &Datum::Text(source.clone()));
        }
        put("msg", &Datum::Text(self.message.as_ref().to_owned()));
        for (name, value) in &self.values.0 {
            put(name, value);
        }
        line.push_str(if format == Format::Json { "}\n" } else { "\n" });
        line
    }
}

/// The end of the year 9999, after which there is no RFC 3339; before 1970 the formatter has none.
fn latest() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799)
}

fn logfmt(line: &mut String, name: &str, value: &Datum) {
    if !line.is_empty() {
        line.push(' ');
    }
    line.push_str(name);
    line.push('=');
    match value {
        Datum::Number(number) => line.push_str(number),
        Datum::Text(text) if is_plain(text) => line.push_str(text),
        Datum::Text(text) => {
            line.push('"');
            for character in text.chars() {
                match character {
                    '"' => line.push_str("\\\""),
                    '\\' => line.push_str("\\\\"),
                    '\n' => line.push_str("\\n"),
                    '\r' => line.push_str("\\r"),
                    '\t' => line.push_str("\\t"),
                    character if does_something(character) => escape(line, character),
                    character => line.push(character),
                }
            }
            line.push('"');
        }
    }
}

fn json(line: &mut String, name: &str, value: &Datum) {
    if line.len() > 1 {
        line.push(',');
    }
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    line.push_str(&quoted(name));
    line.push(':');
    match value {
        Datum::Number(number) => line.push_str(number),
        Datum::Text(text) => {
            // What JSON may leave as it is, a terminal or an editor may not.
            for character in quoted(text).chars() {
                if does_something(character) { escape(line, character) } else { line.push(character) }
            }
        }
    }
}

/// As JSON and Go write it.
fn escape(line: &mut String, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        let _ = write!(line, "\\u{unit:04x}");
    }
}

fn is_plain(text: &str) -> bool {
    let plain =
        |character: char| !(character.is_whitespace() || does_something(character) || "\"=\\".contains(character));
    !text.is_empty() && text.chars().all(plain)
}

/// Ends a line, moves what is read, or is not seen: control characters, separators, marks of direction, and what has no width.
fn does_something(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\r\nlevel=ERROR\u{1b}[31m\0\u{7f}\u{85}\u{9b}\u{2028}\u{202e}\u{feff}\"\\ =ä日🦀";

    fn line(message: &'static str, values: &[(&str, Datum)]) -> Line<'static> {
        let values = values.iter().map(|(name, value)| {
            let value = match value {
                Datum::Text(text) => Datum::Text(text.clone()),
                Datum::Number(number) => Datum::Number(number.clone()),
            };
            ((*name).to_owned(), value)
        });
        Line {
            now: SystemTime::UNIX_EPOCH,
            level: Level::Info,
            source: None,
            message: message.into(),
            values: Values(values.collect()),
        }
    }

    #[test]
    fn what_a_line_looks_like() {
        let line = line(
            "it starts",
            &[("status", 200.into()), ("uri", Datum::Text("/?a=b".into())), ("no", Datum::Text(String::new()))],
        );
        assert_eq!(
            line.written(Format::Logfmt),
            "time=1970-01-01T00:00:00.000Z level=INFO msg=\"it starts\" status=200 uri=\"/?a=b\" no=\"\"\n"
        );
        assert_eq!(
            line.written(Format::Json),
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"INFO\",\"msg\":\"it starts\",\"status\":200,\"uri\":\"/?a=b\",\"no\":\"\"}\n"
        );
    }

    #[test]
    fn s35_a_clock_that_is_far_off_is_no_panic() {
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        for now in [SystemTime::UNIX_EPOCH - year, SystemTime::UNIX_EPOCH + year * 20_000] {
            let written = Line { now, ..line("x", &[]) }.written(Format::Logfmt);
            assert!(
                written.starts_with("time=1970-01-01T00:00:00.000Z ")
                    || written.starts_with("time=9999-12-31T23:59:59.000Z "),
                "{written}"
            );
        }
    }

    #[test]
    fn s21_whatever_is_in_it_it_is_one_line() {
        let line = line(HOSTILE, &[("uri", Datum::Text(HOSTILE.into()))]);
        for format in [Format::Logfmt, Format::Json] {
            let written = line.written(format);
            let (text, end) = written.split_at(written.len() - 1);
            assert_eq!(end, "\n");
            let hostile = |c: char| c.is_control() || "\u{2028}\u{202e}\u{feff}".contains(c);
            assert!(!text.contains(hostile), "{text:?}");
        }
        let object: serde_json::Value = serde_json::from_str(&line.written(Format::Json)).unwrap();
        assert_eq!((object["msg"].as_str(), object["uri"].as_str()), (Some(HOSTILE), Some(HOSTILE)));
    }
}
