//! The log: one line per event on standard error, whatever bytes are in it, and never at the cost of what is served. A reader that is slow,
//! full or gone loses lines, which are counted; a flood loses those beyond a rate.

mod format;
pub(crate) mod request;
mod writer;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use anyhow::Context;
use clap::ValueEnum;
use env_logger::{Builder, Target};
use log::{Level, LevelFilter, Record};
use metrics_core::ProgramCounter;

use self::format::{Line, Values};
use self::writer::Writer;
use crate::rate::Rate;

/// The flags that say what is logged, and how.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogFlags {
    /// What to log, on standard error; info has a line per request
    #[arg(long = "log.level", value_name = "LEVEL", value_enum, default_value = "info")]
    #[arg(env = "ACTIX_EXPORTER_LOG_LEVEL", hide_env_values = true)]
    level: LogLevel,

    /// How a line is written
    #[arg(long = "log.format", value_name = "FORMAT", value_enum, default_value = "logfmt")]
    #[arg(env = "ACTIX_EXPORTER_LOG_FORMAT", hide_env_values = true)]
    format: Format,

    /// How many lines to log in a second; more are dropped and counted. Warnings and errors have as many for themselves. 0: no limit
    #[arg(long = "log.max-lines", value_name = "NUMBER", default_value = "500")]
    #[arg(env = "ACTIX_EXPORTER_LOG_MAX_LINES", hide_env_values = true)]
    max_lines: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

impl LogLevel {
    fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::Error,
            Self::Warn => LevelFilter::Warn,
            Self::Info => LevelFilter::Info,
            Self::Debug => LevelFilter::Debug,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// `key=value`, as Go's programs write it
    Logfmt,
    /// An object per line
    Json,
}

/// The log that is written. Clones are the same.
#[derive(Clone)]
pub(crate) struct Logs {
    writer: Writer,
    dropped: ProgramCounter,
}

impl LogFlags {
    /// From here on, what is logged is written.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub(crate) fn start(&self) -> anyhow::Result<Logs> {
        let dropped = ProgramCounter::default();
        let writer = Writer::start(dropped.clone()).context("no thread to write the log on")?;
        let (level, format) = (self.level.filter(), self.format);
        let limit = Limit::new(NonZeroU32::new(self.max_lines), dropped.clone());
        Builder::new()
            // Of libraries only what goes wrong here; to actix-http a client that speaks no HTTP is an error.
            .filter_level(level.min(LevelFilter::Warn))
            .filter_module("actix_http", if level == LevelFilter::Debug { level } else { LevelFilter::Off })
            .filter_module("actix_exporter", level)
            .filter_module("probe", level)
            .target(Target::Pipe(Box::new(writer.clone())))
            .format(move |out, record| {
                use std::io::Write;
                if let Some(lost) = limit.admits(record.level()) {
                    let now = SystemTime::now();
                    if lost > 0 {
                        let values = Values::one("lines", lost.into());
                        let line = Line {
                            now,
                            level: Level::Warn,
                            source: None,
                            message: "lines of this log were dropped".into(),
                            values,
                        };
                        out.write_all(line.written(format).as_bytes())?;
                    }
                    out.write_all(line(record, now).written(format).as_bytes())?;
                }
                Ok(())
            })
            .init();
        Ok(Logs { writer, dropped })
    }
}

/// Only lines of others say whose they are.
fn line(record: &Record<'_>, now: SystemTime) -> Line<'static> {
    let ours = ["actix_exporter", "probe"].iter().any(|ours| record.target().starts_with(ours));
    let source = (!ours).then(|| record.target().to_owned());
    Line { now, level: record.level(), source, message: record.args().to_string().into(), values: Values::read(record) }
}

impl Logs {
    /// The counter of lines that nobody will read.
    pub(crate) fn dropped(&self) -> &ProgramCounter {
        &self.dropped
    }

    /// Waits until what has been logged is written, but not for long.
    pub(crate) fn flush(&self) {
        self.writer.flush();
    }
}

/// How many lines there may be. What goes wrong has a share of its own, so that a flood of requests hides no error.
struct Limit {
    rates: Option<[Rate; 2]>,
    dropped: ProgramCounter,
    /// Those of which no line tells yet.
    untold: AtomicU64,
}

impl Limit {
    fn new(per_second: Option<NonZeroU32>, dropped: ProgramCounter) -> Self {
        let rates = per_second.map(|most| [Rate::per_second(most), Rate::per_second(most)]);
        Self { rates, dropped, untold: AtomicU64::new(0) }
    }

    /// Whether there may be one more line, and if so, how many were dropped since the last one.
    fn admits(&self, level: Level) -> Option<u64> {
        let Some([usual, wrong]) = &self.rates else { return Some(0) };
        let rate = if level <= Level::Warn { wrong } else { usual };
        if rate.takes(Instant::now()) {
            return Some(self.untold.swap(0, Ordering::Relaxed));
        }
        self.dropped.inc();
        self.untold.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_requests_hides_no_error() {
        let dropped = ProgramCounter::default();
        let limit = Limit::new(NonZeroU32::new(2), dropped.clone());
        let admitted: Vec<_> = [Level::Info; 5].into_iter().filter_map(|level| limit.admits(level)).collect();
        assert!(admitted.len() >= 2 && dropped.get() + admitted.len() as u64 == 5, "{admitted:?}");
        assert_eq!(limit.admits(Level::Error), Some(dropped.get()), "and it tells of those that were dropped");
        assert_eq!(limit.admits(Level::Warn), Some(0));
        let limit = Limit::new(None, dropped);
        assert!((0..10_000).all(|_| limit.admits(Level::Info) == Some(0)));
    }
}
