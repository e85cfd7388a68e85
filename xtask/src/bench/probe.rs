//! `bench probe`: what a run costs, beside blackbox_exporter; crates/probe/benches measures.

use std::fmt::Write;

use anyhow::Result;
use xshell::{Shell, cmd};

use super::measured::{Measured, over};
use super::{Figure, binary};
use crate::build;
use crate::test::setup::Setup;

/// Where code and heap come to lie differs from process to process: the rounds of that many count as those of one.
const PROCESSES: usize = 3;

/// A run by itself; one that the server is asked for at /probe; one that blackbox_exporter is asked for.
const CONTENDERS: [&str; 3] = ["ours", "server", "blackbox"];

/// What is asked over, as the bench and as people call it, and the limit of ours/blackbox_exporter where there is one.
const CASES: [(&str, &str, Option<f64>); 4] = [
    ("http", "http", Some(1.0 / 5.0)),
    ("http-name", "http, by name", None),
    ("https", "https", Some(1.0 / 2.5)),
    ("https-h2", "https, HTTP/2", None),
];

pub(crate) fn run(sh: &Shell) -> Result<Vec<Figure>> {
    let blackbox = Setup::new(sh, true).blackbox_exporter()?;
    let server = build::server(sh, &["--release"])?;
    let runs = binary(sh, "probe", "runs")?;
    let mut measured = Measured::default();
    for process in 1..=PROCESSES {
        eprintln!("process {process} of {PROCESSES}");
        measured.read(&cmd!(sh, "{runs} --bench {blackbox} {server}").quiet().read()?)?;
    }
    print!("{}", table(&measured)?);
    figures(&measured)
}

/// ns of processor time a run, of each.
fn cpu(measured: &Measured, case: &str) -> Result<Vec<[f64; 3]>> {
    measured.quiet("cpu", case, CONTENDERS)
}

/// Beside the other: a run by itself, and one at /probe.
fn ratios(rounds: &[[f64; 3]]) -> [f64; 2] {
    [0, 1].map(|contender| over(rounds, |times| times[contender] / times[2]))
}

/// In Markdown.
fn table(measured: &Measured) -> Result<String> {
    let mut table = "| a run | | ours | at /probe | blackbox_exporter | ours/it | limit | at /probe/it |\n\
                     | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for (case, name, limit) in CASES {
        let rounds = cpu(measured, case)?;
        let times = [0, 1, 2].map(|contender| over(&rounds, |times| times[contender]) / 1e6);
        let [ours, server, blackbox] = times.map(|time| format!("{time:.3} ms"));
        let [ratio, at_probe] = ratios(&rounds);
        let limit = limit.map(|limit| format!(" {limit:.2}")).unwrap_or_default();
        writeln!(table, "| {name} | CPU | {ours} | {server} | {blackbox} | {ratio:.3} |{limit} | {at_probe:.3} |")?;
    }
    for (case, name, _) in CASES {
        let rounds = measured.quiet("wall", case, CONTENDERS)?;
        let rates = [0, 1, 2].map(|contender| 1e9 / over(&rounds, |times| times[contender]));
        let [ours, server, blackbox] = rates.map(|rate| format!("{rate:.0}"));
        writeln!(table, "| {name} | runs a second | {ours} | {server} | {blackbox} | | | |")?;
    }
    let memory = measured.quiet("memory", "all", CONTENDERS)?;
    let sizes = [0, 1, 2].map(|contender| over(&memory, |bytes| bytes[contender]) / f64::from(1 << 20));
    let [ours, server, blackbox] = sizes.map(|size| format!("{size:.1}"));
    writeln!(table, "| all | MiB of memory | {ours} | {server} | {blackbox} | | | |")?;
    writeln!(table, "\nTimes are medians over the quieter half of the rounds of {PROCESSES} processes.")?;
    Ok(table)
}

fn figures(measured: &Measured) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (case, name, limit) in CASES {
        let Some(limit) = limit else { continue };
        let [value, _] = ratios(&cpu(measured, case)?);
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
cpu http server 200000 900000\nwall http server 250000 900000\ncpu http-name server 600000\nwall http-name server 900000
cpu https server 500000 900000\nwall https server 500000 900000\ncpu https-h2 server 900000\nwall https-h2 server 900000
memory all ours 8388608\nmemory all server 9437184\nmemory all blackbox 25165824
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
            "| http | CPU | 0.100 ms | 0.200 ms | 0.500 ms | 0.200 | 0.20 | 0.400 |\n",
            "| https, HTTP/2 | CPU | 0.900 ms | 0.900 ms | 0.600 ms | 1.500 | | 1.500 |\n",
            "| http | runs a second | 8000 | 4000 | 1000 | | | |\n",
            "| all | MiB of memory | 8.0 | 9.0 | 24.0 | | | |\n",
        ] {
            assert!(table.contains(line), "{line}{table}");
        }
    }
}
