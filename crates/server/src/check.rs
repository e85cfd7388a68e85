//! `--config.check`: what would be asked, and what it costs, for people to read.

use std::fmt::{self, Write as _};

use humantime::format_duration;
use metrics_core::ExternalMetrics;
use probe::{Config, Detail, ModuleEntry, Shard, Target};

use crate::configuration::Configuration;
use crate::exit::{Exit, print};
use crate::web::keeper::Opened;

/// Targets that are listed; the others are counted.
const LISTED: usize = 20;
/// What a target takes while it waits for its next run: docs/performance.md.
const MEMORY: usize = 5 * 1024;

/// Reads the configuration and prints what it says. Nobody is asked.
pub(crate) fn check(configuration: &Configuration, web: &Opened) -> Result<(), Exit> {
    let config = configuration.load().config.map_err(|refused| Exit::Usage(refused.to_string()))?;
    let mut text = text(&config, configuration.shard()).map_err(|error| Exit::Usage(error.to_string()))?;
    text.push_str(&web.summary());
    print(text.as_bytes())
}

fn text(config: &Config, shard: Option<Shard>) -> Result<String, metrics_core::TargetError> {
    let metrics: Vec<_> = config.targets.iter().map(Target::metrics_config).collect();
    let cost = ExternalMetrics::cost(&metrics)?;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = list(&mut text, config);
    let targets = config.targets.len();
    // What nothing adds up to is -0.
    let runs = config.targets.iter().fold(0.0, |runs, target| runs + target.interval.as_secs_f64().recip());
    if config.on_demand.is_open() {
        let _ = writeln!(text, "on demand: {}", config.on_demand.allow());
    }
    let shard = shard.map(|shard| format!(", shard {shard}")).unwrap_or_default();
    let _ = writeln!(text, "targets: {} of {}{shard}", grouped(targets), grouped(config.all_targets));
    let _ = writeln!(text, "runs: {} a second", fraction(runs));
    let (series, bytes) = (grouped(cost.series), grouped(cost.bytes));
    let _ = writeln!(text, "a scrape: {series} series of targets, {bytes} bytes");
    let (series, bytes) = (grouped(cost.series_per_target), grouped(cost.bytes_per_target));
    let _ = writeln!(text, "a target: {series} series, {bytes} bytes, about {} KiB of memory", MEMORY / 1024);
    let _ = writeln!(text, "memory of all: about {} KiB", grouped((targets * MEMORY).div_ceil(1024)));
    Ok(text)
}

fn list(text: &mut String, config: &Config) -> fmt::Result {
    config.targets.iter().take(LISTED).try_for_each(|target| line(text, target))?;
    if let more @ 1.. = config.targets.len().saturating_sub(LISTED) {
        writeln!(text, "… and {} more targets", grouped(more))?;
    }
    for entry in &config.modules {
        // A name may hold anything, and this is a line.
        let name = entry.name.escape_debug();
        match usable(config, entry) {
            Ok(()) => writeln!(text, "module {name}: can be used")?,
            Err(error) => writeln!(text, "module {name}: cannot be used: {error}")?,
        }
    }
    Ok(())
}

/// A module that anyone may ask for has been made ready, its certificates read.
fn usable(config: &Config, entry: &ModuleEntry) -> Result<(), String> {
    match &entry.module {
        Ok(_) if config.on_demand.is_open() => config.on_demand.client(&entry.name).map(drop),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn line(text: &mut String, target: &Target) -> fmt::Result {
    write!(text, "target {}: {}", target.name.escape_debug(), target.shown_url())?;
    let (interval, timeout) = (format_duration(target.interval), format_duration(target.spec.timeout));
    write!(text, " every {interval}, timeout {timeout}, module {}", target.module.escape_debug())?;
    if let Some(slow) = target.slow_after {
        write!(text, ", slow after {}", format_duration(slow))?;
    }
    text.push_str(match target.metrics {
        Detail::Totals => ", totals",
        Detail::Phases => ", phases",
    });
    target.labels.iter().try_for_each(|(name, value)| write!(text, ", {name}={value:?}"))?;
    text.push('\n');
    Ok(())
}

/// `1,234,567`
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.char_indices() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three digits that count.
fn fraction(number: f64) -> String {
    let decimals = if number >= 100.0 {
        0
    } else if number >= 1.0 {
        1
    } else {
        4
    };
    format!("{number:.decimals$}")
}
