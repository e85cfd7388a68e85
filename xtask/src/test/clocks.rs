//! Suite `clocks`: the phases of a run are those that curl tells of the same peers. crates/probe/examples/clocks.rs asks.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use super::setup::Setup;
use super::{Tally, jumps};
use crate::build;

const CASES: [&str; 3] = ["http", "https", "redirect"];

/// How often a case is asked at most: what a busy machine adds to a phase of one side it does not add each time, and what is
/// told of the wrong phase is there each time.
const ROUNDS: usize = 10;

pub(crate) fn run(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) -> Result<()> {
    let curl = match setup.curl() {
        Ok(curl) => curl,
        Err(reason) => {
            tally.skip("curl", &reason);
            return Ok(());
        }
    };
    let (clocks, dir) = (build::example(sh, "clocks")?, sh.create_temp_dir()?);
    let dir = dir.path();
    for case in CASES {
        tally.check(&format!("{case}: phases are those of curl"), || {
            let ask = || differences(&cmd!(sh, "{clocks} {curl} {dir} {case}").quiet().read()?);
            let mut differ = ask()?;
            for _ in 1..ROUNDS {
                if !differ.is_empty() {
                    let again = ask()?;
                    differ.retain(|phase, _| again.contains_key(phase));
                }
            }
            ensure!(differ.is_empty(), differ.into_values().collect::<Vec<_>>().join("; "));
            Ok(())
        });
    }
    jumps::run(sh, setup, tally)
}

/// The phases in which the clocks do not agree, and by how much, of lines `PHASE OURS CURL` in seconds.
fn differences(output: &str) -> Result<BTreeMap<String, String>> {
    let mut phases: BTreeMap<&str, Vec<[f64; 2]>> = BTreeMap::new();
    for line in output.lines() {
        let unreadable = || format!("clocks printed `{line}`");
        let [phase, ours, curl] = line.split(' ').collect::<Vec<_>>()[..] else { bail!(unreadable()) };
        let times = [ours.parse().with_context(unreadable)?, curl.parse().with_context(unreadable)?];
        phases.entry(phase).or_default().push(times);
    }
    ensure!(!phases.is_empty(), "clocks printed nothing");
    let differ = phases.into_iter().filter_map(|(phase, mut tries)| {
        // NaN, where a side does not have the phase, comes last, and agrees with nothing.
        tries.sort_by(|a, b| (a[0] - a[1]).abs().total_cmp(&(b[0] - b[1]).abs()));
        let [ours, curl] = tries[tries.len() / 2];
        let agree = (ours - curl).abs() <= 0.001 + 0.01 * curl;
        let told = format!("{phase} took {:.1} ms, and {:.1} ms by curl", ours * 1e3, curl * 1e3);
        (!agree).then(|| (phase.to_owned(), told))
    });
    Ok(differ.collect())
}

#[cfg(test)]
mod tests {
    use super::differences;

    /// One try in three was disturbed.
    const AGREE: &str = "\
connect 0.0002 0.0001\ntls 0.1549 0.1524\nprocessing 0.2029 0.2000\ntotal 0.3570 0.3525
connect 0.0500 0.0001\ntls 0.1520 0.1520\nprocessing 0.2000 0.2000\ntotal 0.4020 0.3521
connect 0.0002 0.0001\ntls 0.1520 0.1520\nprocessing 0.2000 0.2000\ntotal 0.3522 0.3521
";

    fn seen(output: &str) -> Vec<String> {
        differences(output).unwrap().into_values().collect()
    }

    #[test]
    fn what_differs_by_1_ms_and_a_hundredth_agrees_and_a_disturbed_try_is_no_matter() {
        assert_eq!(seen(AGREE), Vec::<String>::new());
    }

    #[test]
    fn ten_milliseconds_in_the_wrong_phase_are_seen() {
        let shifted = AGREE.replace("tls 0.1520", "tls 0.1420").replace("processing 0.2000", "processing 0.2100");
        let expected = ["processing took 210.0 ms, and 200.0 ms by curl", "tls took 142.0 ms, and 152.0 ms by curl"];
        assert_eq!(seen(&shifted), expected);
    }

    #[test]
    fn a_phase_that_one_side_lacks_is_seen() {
        for lacking in [AGREE.replace("tls 0.1520 0.1520", "tls NaN 0.1520"), AGREE.replace("0.1520\n", "NaN\n")] {
            let seen = seen(&lacking);
            assert!(seen.len() == 1 && seen[0].starts_with("tls took"), "{seen:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for output in ["", "connect 0.1", "connect 0.1 soon"] {
            assert!(differences(output).is_err(), "{output}");
        }
    }
}
