//! The suites of `test`: their names and time budgets.

use std::fmt;
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    /// The tests of the crates.
    Cargo,
    /// curl asks the same peers as a probe, and tells the same of its phases; the clock on the wall is set.
    Clocks,
    /// Names and routes that fail, in a network of its own.
    Resolver,
    /// blackbox_exporter says the same of the same peers, and its rules fire.
    Blackbox,
    /// The pages in a real browser.
    Browser,
    /// What the pages say is what happens.
    Docs,
    /// Prometheus' and Alertmanager's own tools check rules and configurations.
    Rules,
    /// A real Prometheus scrapes the running server.
    Prometheus,
    /// A batch job pushes to a real Pushgateway.
    Batch,
    /// Parsers of others read the metrics.
    Parsers,
    /// Bytes that nobody thought of.
    Fuzz,
    /// What comes in with dependencies, and a second build.
    Supply,
    /// The compose stack on a real engine.
    Stack,
    /// Two servers under load for minutes, and the books.
    Soak,
}

impl Suite {
    pub(crate) const ALL: [Suite; 14] = [
        Suite::Cargo,
        Suite::Clocks,
        Suite::Resolver,
        Suite::Blackbox,
        Suite::Browser,
        Suite::Docs,
        Suite::Rules,
        Suite::Prometheus,
        Suite::Batch,
        Suite::Parsers,
        Suite::Fuzz,
        Suite::Supply,
        Suite::Stack,
        Suite::Soak,
    ];

    /// Seconds that a cold run takes on two cores, downloads apart.
    pub(crate) fn budget(self) -> u64 {
        match self {
            Suite::Stack => 1500,
            Suite::Soak => 720,
            Suite::Cargo => 360,
            Suite::Fuzz | Suite::Supply => 600,
            Suite::Prometheus => 240,
            Suite::Blackbox | Suite::Docs => 120,
            Suite::Browser | Suite::Resolver | Suite::Rules => 90,
            Suite::Batch | Suite::Clocks | Suite::Parsers => 60,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Suite::Cargo => "cargo",
            Suite::Clocks => "clocks",
            Suite::Resolver => "resolver",
            Suite::Blackbox => "blackbox",
            Suite::Browser => "browser",
            Suite::Docs => "docs",
            Suite::Rules => "rules",
            Suite::Prometheus => "prometheus",
            Suite::Batch => "batch",
            Suite::Parsers => "parsers",
            Suite::Fuzz => "fuzz",
            Suite::Supply => "supply",
            Suite::Stack => "stack",
            Suite::Soak => "soak",
        })
    }
}

impl FromStr for Suite {
    type Err = String;

    fn from_str(name: &str) -> Result<Suite, String> {
        let known = Suite::ALL.into_iter().find(|suite| suite.to_string() == name);
        known.ok_or(format!(
            "`{name}` is no suite: choose cargo, clocks, resolver, blackbox, browser, docs, rules, prometheus, batch, parsers, fuzz, supply, stack or soak"
        ))
    }
}
