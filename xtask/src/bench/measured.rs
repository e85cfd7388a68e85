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

    /// The rounds of these contenders: the half of them in which all together took least, as in the others somebody else was
    /// busy too.
    pub(super) fn quiet<const N: usize>(&self, kind: &str, case: &str, contenders: [&str; N]) -> Result<Vec<[f64; N]>> {
        let times = contenders.iter().map(|contender| Ok(self.all([kind, case, contender])?.concat()));
        let times = times.collect::<Result<Vec<_>>>()?;
        if times.iter().any(|of_one| of_one.is_empty() || of_one.len() != times[0].len()) {
            bail!("in each round of {kind} {case} each contender has a time");
        }
        let round = |round: usize| std::array::from_fn(|contender| times[contender][round]);
        let mut rounds: Vec<[f64; N]> = (0..times[0].len()).map(round).collect();
        rounds.sort_by(|a, b| a.iter().sum::<f64>().total_cmp(&b.iter().sum()));
        rounds.truncate(rounds.len().div_ceil(2));
        Ok(rounds)
    }
}

/// Of each round, then the median: a shared machine runs now at this speed, now at that.
pub(super) fn over<const N: usize>(rounds: &[[f64; N]], value: impl Fn(&[f64; N]) -> f64) -> f64 {
    median(rounds.iter().map(value).collect())
}

#[cfg(test)]
impl Measured {
    /// What a bench would have printed.
    pub(super) fn of(output: &str) -> Self {
        let mut measured = Self::default();
        measured.read(output).unwrap();
        measured
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
