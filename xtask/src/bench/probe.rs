//! `bench probe`: what a run costs, beside blackbox_exporter; crates/probe/benches measures.

use std::fmt::Write;

use anyhow::Result;
use xshell::{Shell, cmd};

use super::measured::{Measured, over};
use super::{Figure, binary};
use crate::test::setup::Setup;

/// Where code and heap come to lie differs from process to process: the rounds of that many count as those of one.
const PROCESSES: usize = 3;

const CONTENDERS: [&str; 2] = ["ours", "blackbox"];

/// What is asked over, as the bench and as people call it, and the limit of ours/blackbox_exporter where there is one.
const CASES: [(&str, &str, Option<f64>); 4] = [
    ("http", "http", Some(1.0 / 5.0)),
    ("http-name", "http, by name", None),
    ("https", "https", Some(1.0 / 2.5)),
    ("https-h2", "https, HTTP/2", None),
];

pub(crate) fn run(sh: &Shell) -> Result<Vec<Figure>> {
    let blackbox = Setup::new(sh, true).blackbox_exporter()?;
    let runs = binary(sh, "probe", "runs")?;
    let mut measured = Measured::default();
    for process in 1..=PROCESSES {
        eprintln!("process {process} of {PROCESSES}");
        measured.read(&cmd!(sh, "{runs} --bench {blackbox}").quiet().read()?)?;
    }
    print!("{}", table(&measured)?);
    figures(&measured)
}

/// Of ours and of the other: ns of processor time a run, and the ratio.
fn cpu(measured: &Measured, case: &str) -> Result<[f64; 3]> {
    let rounds = measured.quiet("cpu", case, CONTENDERS)?;
    let [ours, blackbox] = [0, 1].map(|contender| over(&rounds, |times| times[contender]));
    Ok([ours, blackbox, over(&rounds, |[ours, blackbox]| ours / blackbox)])
}

/// In Markdown.
fn table(measured: &Measured) -> Result<String> {
    let mut table = "| a run | | ours | blackbox_exporter | ours/blackbox_exporter | limit |\n\
                     | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for (case, name, limit) in CASES {
        let [ours, blackbox, ratio] = cpu(measured, case)?;
        let [ours, blackbox] = [ours, blackbox].map(|time| format!("{:.3} ms", time / 1e6));
        let limit = limit.map(|limit| format!(" {limit:.2}")).unwrap_or_default();
        writeln!(table, "| {name} | CPU | {ours} | {blackbox} | {ratio:.3} |{limit} |")?;
    }
    for (case, name, _) in CASES {
        let rounds = measured.quiet("wall", case, CONTENDERS)?;
        let [ours, blackbox] = [0, 1].map(|contender| format!("{:.0}", 1e9 / over(&rounds, |times| times[contender])));
        writeln!(table, "| {name} | runs a second | {ours} | {blackbox} | | |")?;
    }
    let memory = measured.quiet("memory", "all", CONTENDERS)?;
    let [ours, blackbox] =
        [0, 1].map(|contender| format!("{:.1}", over(&memory, |bytes| bytes[contender]) / f64::from(1 << 20)));
    writeln!(table, "| all | MiB of memory | {ours} | {blackbox} | | |")?;
    writeln!(table, "\nTimes are medians over the quieter half of the rounds of {PROCESSES} processes.")?;
    Ok(table)
}

fn figures(measured: &Measured) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (case, name, limit) in CASES {
        let Some(limit) = limit else { continue };
        let [.., value] = cpu(measured, case)?;
        figures.push(Figure { name: format!("{name}, CPU ours/blackbox_exporter"), value, goal: limit, limit });
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::{Figure, Measured, figures, table};

    /// What the bench prints when every figure is at its limit; in the last round somebody else was busy.
    const AT_THE_LIMITS: &str = "\
cpu http ours 100000 900000\nwall http ours 125000 900000\ncpu http blackbox 500000 900000\nwall http blackbox 1000000 2000000
cpu http-name ours 600000\nwall http-name ours 900000\ncpu http-name blackbox 600000\nwall http-name blackbox 2000000
cpu https ours 400000 900000\nwall https ours 500000 900000\ncpu https blackbox 1000000 1000000\nwall https blackbox 2000000 2000000
cpu https-h2 ours 900000\nwall https-h2 ours 900000\ncpu https-h2 blackbox 600000\nwall https-h2 blackbox 2000000
memory all ours 8388608\nmemory all blackbox 25165824
";

    fn failed(output: &str) -> Vec<String> {
        Figure::failed(&figures(&Measured::of(output)).unwrap())
    }

    #[test]
    fn at_the_limits_all_pass_and_the_others_have_none() {
        assert_eq!(failed(AT_THE_LIMITS), Vec::<String>::new());
    }

    #[test]
    fn each_figure_over_its_limit_is_named() {
        for (from, to, name) in [
            ("http ours 100", "http ours 101", "http, CPU ours/blackbox_exporter"),
            ("https blackbox 1000", "https blackbox 999", "https, CPU ours/blackbox_exporter"),
        ] {
            assert_eq!(failed(&AT_THE_LIMITS.replace(&format!("cpu {from}"), &format!("cpu {to}"))), [name], "{to}");
        }
    }

    #[test]
    fn the_table_has_medians_over_the_quiet_rounds() {
        let table = table(&Measured::of(AT_THE_LIMITS)).unwrap();
        for line in [
            "| http | CPU | 0.100 ms | 0.500 ms | 0.200 | 0.20 |\n",
            "| https, HTTP/2 | CPU | 0.900 ms | 0.600 ms | 1.500 | |\n",
            "| http | runs a second | 8000 | 1000 | | |\n",
            "| all | MiB of memory | 8.0 | 24.0 | | |\n",
        ] {
            assert!(table.contains(line), "{line}{table}");
        }
    }
}
