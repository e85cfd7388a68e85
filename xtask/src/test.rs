//! `test`: every suite in its order, one tally, one last line that says how it went.

mod batch;
mod blackbox;
mod browser;
mod cargo;
mod clocks;
mod dashboards;
mod docs;
pub(crate) mod exporter;
mod faults;
mod formats;
mod forwarder;
mod fuzz;
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
mod soak;
mod stack;
pub(crate) mod suite;
mod supply;
pub(crate) mod tls_peer;

use std::fmt;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use xshell::Shell;

use crate::flags;
use crate::soak::MINUTES;
use crate::wait;
use faults::Faults;
use setup::Setup;
use stack::Extent;
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
            Suite::Docs => docs::run(sh, &setup, &mut tally),
            Suite::Rules => rules::run(sh, &setup, &mut tally),
            Suite::Prometheus => prometheus::run(sh, &setup, &mut tally),
            Suite::Batch => batch::run(sh, &setup, &mut tally),
            Suite::Parsers => parsers::run(sh, &setup, &mut tally),
            Suite::Fuzz => fuzz::run(sh, &setup, &mut tally),
            Suite::Supply => {
                supply::run(sh, &setup, &mut tally);
                Ok(())
            }
            Suite::Stack => stack::run(sh, &setup, Extent::All, &mut tally),
            Suite::Soak => {
                soak::run(sh, &setup, MINUTES, &mut tally);
                Ok(())
            }
        };
        if let Err(error) = ended {
            tally.fail(&format!("suite {suite}"), &error);
        }
        println!("suite {suite}: {}", took(start, suite.budget()));
        if wait::interrupted() {
            break;
        }
    }
    if flags.suite.is_empty() {
        match Faults::listed(sh) {
            Ok(faults) => faults.check(&mut tally),
            Err(error) => tally.fail("faults", &error),
        }
        docs::each_was_run(&mut tally);
    }
    tally.end(flags.no_skips)
}

/// The tests of all faults, and no other ones but for those that cannot be left out.
pub(crate) fn faults(sh: &Shell, flags: &flags::Faults) -> ExitCode {
    let setup = Setup::new(sh, !flags.no_setup);
    let mut tally = Tally::default();
    println!("faults: budget {} s", faults::BUDGET);
    let start = Instant::now();
    if let Err(error) = faults::run(sh, &setup, &mut tally) {
        tally.fail("faults", &error);
    }
    println!("faults: {}", took(start, faults::BUDGET));
    tally.end(flags.no_skips)
}

fn took(start: Instant, budget: u64) -> String {
    let took = start.elapsed().as_secs();
    format!("took {took} s{}", if took > budget { ", over its budget" } else { "" })
}

/// How many tests ended how.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
    /// What has passed.
    names: Vec<String>,
}

impl Tally {
    /// Runs one check and says how it ended; whether it passed is for checks that build on it.
    fn check(&mut self, name: &str, check: impl FnOnce() -> Result<()>) -> bool {
        match check() {
            Ok(()) => {
                println!("ok   {name}");
                self.passed += 1;
                self.names.push(name.to_owned());
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

    /// What a test binary says of its tests.
    fn notes_passed(&mut self, output: &str) {
        let tests = output.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... ok"));
        self.names.extend(tests.map(|name| name.trim_end_matches(" - should panic").to_owned()));
    }

    /// Whether a test of this name has passed, in whichever module, by whichever program.
    fn has_passed(&self, test: &str) -> bool {
        self.names.iter().any(|name| {
            let before = name.strip_suffix(test);
            before.is_some_and(|before| before.is_empty() || before.ends_with("::") || before.ends_with(": "))
        })
    }

    fn end(&self, no_skips: bool) -> ExitCode {
        println!("{self}");
        let good = self.failed == 0 && !(no_skips && self.skipped > 0) && !wait::interrupted();
        if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
