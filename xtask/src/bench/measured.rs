//! What benches measured, as they print it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

/// The numbers of each line, by kind, case and contender.
#[derive(Default)]
pub(super) struct Measured(BTreeMap<[String; 3], Vec<Vec<f64>>>);

impl Measured {
    /// Reads what a bench prints: `KIND CASE CONTENDER NUMBER...` a line.
    pub(super) fn read(&mut self, output: &str) -> Result<()> {
        for line in output.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [kind, case, contender, numbers @ ..] = &words[..] else { bail!("a bench printed `{line}`") };
            let numbers: Result<_, _> = numbers.iter().map(|number| number.parse()).collect();
            self.add([kind, case, contender], numbers.with_context(|| format!("a bench printed `{line}`"))?);
        }
        Ok(())
    }

    pub(super) fn add(&mut self, key: [&str; 3], numbers: Vec<f64>) {
        self.0.entry(key.map(str::to_owned)).or_default().push(numbers);
    }

    /// A line of each process that printed one.
    pub(super) fn all(&self, key: [&str; 3]) -> Result<&[Vec<f64>]> {
        let all = self.0.get(&key.map(str::to_owned)).with_context(|| format!("no bench printed {key:?}"))?;
        Ok(all)
    }
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::Measured;

    #[test]
    fn a_line_that_is_none_is_an_error() {
        for line in ["time /hello", "time /hello ours fast"] {
            let error = Measured::default().read(line).unwrap_err().to_string();
            assert!(error.contains(line), "{error}");
        }
    }
}
