//! `bench`: each subcommand has a file that measures, prints a table and says how large its figures may be.

mod doors;
mod engine;
mod measured;
mod middleware;
mod probe;
mod scrape;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::build;
use crate::flags::{Bench, BenchCmd};

pub(crate) fn run(sh: &Shell, flags: &Bench) -> Result<ExitCode> {
    let (figures, check) = match &flags.subcommand {
        BenchCmd::Doors(flags) => (doors::run(sh)?, flags.check),
        BenchCmd::Engine(flags) => (engine::run(sh)?, flags.check),
        BenchCmd::Middleware(flags) => (middleware::run(sh)?, flags.check),
        BenchCmd::Probe(flags) => (probe::run(sh)?, flags.check),
        BenchCmd::Status(flags) => (status::run(sh)?, flags.check),
        BenchCmd::Scrape(flags) => (scrape::run(sh)?, flags.check),
    };
    // On stderr, so that stdout is what goes into the docs.
    figures.iter().filter_map(Figure::complaint).for_each(|complaint| eprintln!("{complaint}"));
    let failed = check && !figures.iter().all(Figure::passes);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn binary(sh: &Shell, package: &str, bench: &str) -> Result<PathBuf> {
    build::executable(cmd!(sh, "cargo bench --package {package} --all-features --bench {bench} --no-run"), bench)
}

/// A figure, how large it should be at most, and how large it may be.
struct Figure {
    name: String,
    value: f64,
    goal: f64,
    limit: f64,
}

impl Figure {
    /// NaN does not pass.
    fn passes(&self) -> bool {
        self.value <= self.limit
    }

    fn complaint(&self) -> Option<String> {
        let Figure { name, value, goal, limit } = self;
        let miss = if self.passes() { "misses the goal" } else { "over the limit" };
        (!self.passes() || value > goal)
            .then(|| format!("{miss}: {name} {value:.3} (goal {goal:.2}, limit {limit:.2})"))
    }
}

#[cfg(test)]
impl Figure {
    /// The names of those that do not pass.
    fn failed(figures: &[Self]) -> Vec<String> {
        figures.iter().filter(|figure| !figure.passes()).map(|figure| figure.name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Figure;

    fn figure(value: f64) -> Figure {
        Figure { name: "/hello, ours/peer".into(), value, goal: 0.4, limit: 0.5 }
    }

    #[test]
    fn a_figure_just_over_its_limit_fails_and_is_named() {
        assert!(!figure(0.501).passes());
        assert_eq!(
            figure(0.501).complaint().unwrap(),
            "over the limit: /hello, ours/peer 0.501 (goal 0.40, limit 0.50)"
        );
    }

    #[test]
    fn a_missed_goal_is_named_and_passes() {
        assert!(figure(0.5).passes());
        assert!(figure(0.5).complaint().unwrap().starts_with("misses the goal: /hello, ours/peer 0.500"));
    }

    #[test]
    fn a_reached_goal_is_not_spoken_of() {
        assert!(figure(0.4).passes() && figure(0.4).complaint().is_none());
    }

    #[test]
    fn what_is_not_a_number_fails() {
        assert!(!figure(f64::NAN).passes() && figure(f64::NAN).complaint().is_some());
    }
}
