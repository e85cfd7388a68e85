//! Faults and their tests, as docs/reliability.md lists them: `cargo xtask faults` runs these tests, and after all suites each of them has to
//! have passed.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow, ensure};
use xshell::Shell;

use super::prometheus::outages;
use super::setup::Setup;
use super::stack::Extent;
use super::{Tally, cargo, docs, jumps, resolver, rules, soak, stack};

const PAGE: &str = "docs/reliability.md";

/// How many faults of the server, of the prober and of the stack there are.
const KINDS: [(char, usize); 3] = [('S', 36), ('P', 30), ('K', 8)];

/// Seconds that a cold run takes on two cores, downloads and the building of the programs apart.
pub(super) const BUDGET: u64 = 1200;

/// Long enough to see whether anything grows; suite `soak` goes on for longer.
const SOAK_MINUTES: f64 = 1.0;

/// The tests of each fault, by its id.
pub(super) struct Faults(BTreeMap<String, Vec<String>>);

impl Faults {
    /// # Errors
    /// The page lacks one, or names no test of it.
    pub(super) fn listed(sh: &Shell) -> Result<Self> {
        Self::read(&sh.read_file(PAGE)?)
    }

    fn read(page: &str) -> Result<Self> {
        let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
        let mut faults = BTreeMap::new();
        for cells in rows.map(|row| row.split(" | ").collect::<Vec<_>>()).filter(|cells| is_id(cells[0])) {
            let [id, _, _, tests, _] = cells[..] else {
                return Err(anyhow!("{PAGE}: {} has {} cells instead of five", cells[0], cells.len()));
            };
            let tests: Vec<String> = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            ensure!(!tests.is_empty(), "{PAGE}: {id} has no test");
            ensure!(faults.insert(id.to_owned(), tests).is_none(), "{PAGE}: {id} is listed twice");
        }
        for (kind, most) in KINDS {
            let missing: Vec<_> =
                (1..=most).map(|n| format!("{kind}{n}")).filter(|id| !faults.contains_key(id)).collect();
            ensure!(missing.is_empty(), "{PAGE}: there is no {}", missing.join(", "));
        }
        Ok(Self(faults))
    }

    /// Those that `cargo test` knows.
    fn functions(&self) -> Vec<&str> {
        let all = self.0.values().flatten().map(String::as_str);
        all.filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).collect()
    }

    /// Each test of each fault has passed.
    pub(super) fn check(&self, tally: &mut Tally) {
        let open: Vec<String> = self
            .0
            .iter()
            .filter_map(|(id, tests)| {
                let missing: Vec<_> = tests.iter().filter(|test| !tally.has_passed(test)).map(String::as_str).collect();
                (!missing.is_empty()).then(|| format!("{id} ({})", missing.join(", ")))
            })
            .collect();
        let all = self.0.len();
        tally.check(
            &format!("{} of {all} faults of {PAGE} were tried, and went as promised", all - open.len()),
            || {
                ensure!(open.is_empty(), "not tried, or not passed: {}", open.join("; "));
                Ok(())
            },
        );
    }
}

fn is_id(cell: &str) -> bool {
    let mut chars = cell.chars();
    chars.next().is_some_and(|kind| KINDS.iter().any(|(known, _)| *known == kind))
        && chars.as_str().parse::<u32>().is_ok()
}

pub(super) fn run(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) -> Result<()> {
    let faults = Faults::listed(sh)?;
    cargo::named(sh, &faults.functions(), tally)?;
    jumps::run(sh, setup, tally)?;
    resolver::run(sh, setup, tally)?;
    docs::transcripts(sh, setup, tally)?;
    rules::run(sh, setup, tally)?;
    outages::run(sh, setup, tally)?;
    stack::run(sh, setup, Extent::Faults, tally)?;
    soak::run(sh, setup, SOAK_MINUTES, tally);
    faults.check(tally);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Faults, KINDS, PAGE};
    use crate::test::Tally;

    fn page() -> String {
        std::fs::read_to_string(crate::root().join(PAGE)).unwrap()
    }

    #[test]
    fn each_fault_is_listed_with_tests_that_carry_its_id() {
        for (id, tests) in Faults::read(&page()).unwrap().0 {
            let carries = |test: &String| {
                let words = test.split(|c: char| !c.is_ascii_alphanumeric());
                words.map(str::to_uppercase).any(|word| word == id)
            };
            assert!(tests.iter().all(carries), "{id}: {tests:?}");
        }
    }

    #[test]
    fn a_page_that_lacks_a_fault_or_a_test_is_refused() {
        let page = page();
        let row = page.lines().find(|line| line.starts_with("| S9 |")).unwrap();
        for (broken, what) in [
            (page.replace(row, ""), "there is no S9"),
            (page.replace(row, &format!("{row}\n{row}")), "S9 is listed twice"),
            (page.replace(row, &row.replace('`', "")), "S9 has no test"),
        ] {
            let error = Faults::read(&broken).err().unwrap().to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn a_fault_whose_test_was_not_seen_to_pass_fails() {
        let faults = Faults::read(&page()).unwrap();
        let line = |test: &String| format!("test a::{test} ... ok\n");
        let all = || faults.0.values().flatten().map(line).collect::<Vec<_>>().concat();
        let failed = |output: &str| {
            let mut tally = Tally::default();
            tally.notes_passed(output);
            faults.check(&mut tally);
            tally.failed
        };
        assert_eq!(failed(&all()), 0);
        assert_eq!(failed(&all().replacen("... ok", "... FAILED", 1)), 1);
        assert_eq!(faults.0.len(), KINDS.iter().map(|(_, most)| most).sum::<usize>());
    }
}
