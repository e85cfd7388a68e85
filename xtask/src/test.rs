//! `test`: every suite in its order, one tally, one last line that says how it went.

mod batch;
mod blackbox;
mod browser;
mod cargo;
mod clocks;
mod dashboards;
mod doors;
mod exporter;
mod formats;
mod forwarder;
mod jumps;
mod loopback;
#[cfg(test)]
mod manifests;
mod network;
mod parsers;
mod prometheus;
mod resolver;
mod rules;
pub(crate) mod setup;
mod stack;
pub(crate) mod suite;
mod tls_peer;

use std::fmt;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use xshell::Shell;

use crate::flags;
use crate::wait;
use setup::Setup;
use suite::Suite;

pub(crate) fn run(sh: &Shell, flags: &flags::Test) -> ExitCode {
    let chosen = if flags.suite.is_empty() { &Suite::ALL[..] } else { &flags.suite };
    let setup = Setup::new(sh, !flags.no_setup);
    let mut tally = Tally::default();
    for suite in chosen {
        println!("suite {suite}: budget {} s", suite.budget());
        let start = Instant::now();
        let ended = match suite {
            Suite::Cargo => cargo::run(sh, &mut tally),
            Suite::Clocks => clocks::run(sh, &setup, &mut tally),
            Suite::Resolver => resolver::run(sh, &setup, &mut tally),
            Suite::Blackbox => blackbox::run(sh, &setup, &mut tally),
            Suite::Browser => browser::run(sh, &setup, &mut tally),
            Suite::Doors => doors::run(sh, &setup, &mut tally),
            Suite::Rules => rules::run(sh, &setup, &mut tally),
            Suite::Prometheus => prometheus::run(sh, &setup, &mut tally),
            Suite::Batch => batch::run(sh, &setup, &mut tally),
            Suite::Parsers => parsers::run(sh, &setup, &mut tally),
            Suite::Stack => stack::run(sh, &setup, &mut tally),
        };
        if let Err(error) = ended {
            tally.fail(&format!("suite {suite}"), &error);
        }
        let took = start.elapsed().as_secs();
        let over = if took > suite.budget() { ", over its budget" } else { "" };
        println!("suite {suite}: took {took} s{over}");
        if wait::interrupted() {
            break;
        }
    }
    println!("{tally}");
    let good = tally.failed == 0 && !(flags.no_skips && tally.skipped > 0) && !wait::interrupted();
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many tests ended how.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Tally {
    /// Runs one check and says how it ended; whether it passed is for checks that build on it.
    fn check(&mut self, name: &str, check: impl FnOnce() -> Result<()>) -> bool {
        match check() {
            Ok(()) => {
                println!("ok   {name}");
                self.passed += 1;
                true
            }
            Err(seen) => {
                self.fail(name, &seen);
                false
            }
        }
    }

    /// What others have counted.
    fn add(&mut self, other: &Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    fn fail(&mut self, name: &str, seen: &anyhow::Error) {
        println!("FAIL {name}: {seen:#}");
        self.failed += 1;
    }

    fn skip(&mut self, name: &str, reason: &anyhow::Error) {
        println!("skip {name}: {reason:#}");
        self.skipped += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}
