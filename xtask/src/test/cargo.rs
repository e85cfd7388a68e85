//! Suite `cargo`: what plain `cargo test` runs, counted.

use std::process::Command;

use anyhow::{Result, anyhow};
use xshell::{Shell, cmd};

use super::Tally;
use crate::process;

pub(crate) fn run(sh: &Shell, tally: &mut Tally) -> Result<()> {
    named(sh, &[], tally)
}

/// Those of these names, or all where there are none.
pub(super) fn named(sh: &Shell, names: &[&str], tally: &mut Tally) -> Result<()> {
    // All test binaries run even when an early one fails, so that the counts are of the whole.
    let test = cmd!(sh, "cargo test --workspace --all-features --no-fail-fast -- {names...}");
    let (status, output) = process::tee(&mut Command::from(test))?;
    let seen = count(&output);
    tally.add(&seen);
    tally.notes_passed(&output);
    if !status.success() && seen.failed == 0 {
        tally.fail("cargo test", &anyhow!("{status} without a failed test: the output above says why"));
    }
    Ok(())
}

/// One test binary, counted; where it fails without saying so, that is a failure too.
pub(super) fn run_binary(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let name = command.get_program().display().to_string();
    let (status, output) = process::tee(command)?;
    let seen = count(&output);
    if !status.success() && seen.failed == 0 || seen == Tally::default() {
        tally.fail(&name, &anyhow!("{status}: the output above says why"));
    }
    tally.notes_passed(&output);
    tally.add(&seen);
    Ok(())
}

/// Adds up the `test result:` lines of all test binaries.
pub(super) fn count(output: &str) -> Tally {
    let mut tally = Tally::default();
    for line in output.lines().filter_map(|line| line.trim().strip_prefix("test result:")) {
        let fields = line.split(['.', ';']).map(str::trim);
        for (number, what) in fields.filter_map(|field| field.split_once(' ')) {
            let number = number.parse().unwrap_or(0);
            match what {
                "passed" => tally.passed += number,
                "failed" => tally.failed += number,
                "ignored" => tally.skipped += number,
                _ => {}
            }
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::{Tally, count};

    #[test]
    fn results_of_all_test_binaries_are_added_up() {
        let output = "running 2 tests\n\
            test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.05s\n\
            test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.25s\n";
        assert_eq!(count(output), Tally { passed: 16, failed: 2, skipped: 1, names: Vec::new() });
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(count("test a_test ... ok\n5 passed\nerror: test failed\n"), Tally::default());
    }
}
