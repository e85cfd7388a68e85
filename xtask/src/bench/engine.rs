//! `bench engine`: what ten thousand targets cost, and what becomes of them when a tenth hangs; crates/probe/benches/engine
//! measures.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::measured::{Measured, median};
use super::{Figure, binary};
use crate::build;

const SMALL: &str = "1000";
const LARGE: &str = "10000";

/// Limit of processor time for probing, in % of one core.
const CPU: f64 = 8.0;

/// Limit of resident memory, in MiB, and of what a few scrapes add to it.
const RESIDENT: f64 = 60.0;
const GROWN: f64 = 1.0;

/// Limit of how late 99 of 100 runs start, in ms.
const LAG: f64 = 100.0;

/// Limit of the p99 of healthy targets while others hang, over that while none does.
const HANGING: f64 = 1.25;

/// Limit of a scrape over HTTP, in ns of processor time a series: a fifth of what the prometheus crate takes, as in `bench
/// scrape`. That was 745.2 ms for 1,199,438 series (docs/performance.md), 621 ns each.
const SCRAPE: f64 = 124.0;

pub(crate) fn run(sh: &Shell) -> Result<Vec<Figure>> {
    let server = build::server(sh, &["--release"])?;
    let bench = binary(sh, "probe", "engine")?;
    eprintln!("nine minutes");
    let mut measured = Measured::default();
    measured.read(&cmd!(sh, "{bench} --bench {server}").quiet().read()?)?;
    print!("{}", table(&measured)?);
    figures(&measured)
}

/// What was measured, in a unit, and how much it may be.
struct Row {
    name: &'static str,
    value: f64,
    unit: &'static str,
    limit: f64,
}

fn rows(measured: &Measured) -> Result<Vec<Row>> {
    let of_server = |figure| one(measured, [figure, LARGE, "server"]);
    let scrapes = quiet(measured, ["scrape", LARGE, "server"])? / of_server("series")?;
    let grown = largest(measured, ["grown", LARGE, "server"])?;
    let of_engine = |figure, case| quiet(measured, [figure, case, "engine"]);
    let row = |name, value, unit, limit| Row { name, value, unit, limit };
    Ok(vec![
        row("CPU for probing", of_server("cpu")?, " % of a core", CPU),
        row("resident memory", mebibytes(of_server("resident")?), " MiB", RESIDENT),
        row("start lag, p99", 1e3 * of_server("lag")?, " ms", LAG),
        row("missed runs", of_server("missed")?, "", 0.0),
        row(
            "p99 of healthy ones beside 1000 that hang/beside none",
            of_engine("p99", "hanging")? / of_engine("p99", "healthy")?,
            "",
            HANGING,
        ),
        row("start lag beside 1000 that hang, p99", 1e3 * of_engine("lag", "hanging")?, " ms", LAG),
        row("missed runs beside 1000 that hang", largest(measured, ["missed", "hanging", "engine"])?, "", 0.0),
        row("CPU of a scrape over HTTP", scrapes, " ns a series", SCRAPE),
        row("memory that scrapes add", mebibytes(grown), " MiB", GROWN),
    ])
}

fn one(measured: &Measured, key: [&str; 3]) -> Result<f64> {
    let [values] = measured.all(key)? else { anyhow::bail!("{key:?} is measured once") };
    ensure!(values.len() == 1, "{key:?} is one number: {values:?}");
    Ok(values[0])
}

/// Of several windows the one in which others were least in the way: what the engine is to blame for is in each of them.
fn quiet(measured: &Measured, key: [&str; 3]) -> Result<f64> {
    measured.all(key)?.concat().into_iter().min_by(f64::total_cmp).with_context(|| format!("{key:?} has no number"))
}

/// Of several rounds the worst; NaN counts as that.
fn largest(measured: &Measured, key: [&str; 3]) -> Result<f64> {
    measured.all(key)?.concat().into_iter().max_by(f64::total_cmp).with_context(|| format!("{key:?} has no number"))
}

fn mebibytes(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}

/// In Markdown, and what has no limit below it.
fn table(measured: &Measured) -> Result<String> {
    let mut table = "| 10000 targets each minute, https | measured | limit |\n| --- | --- | --- |\n".to_owned();
    for Row { name, value, unit, limit } in rows(measured)? {
        writeln!(table, "| {name} | {value:.2}{unit} | {limit:.2}{unit} |")?;
    }
    let [small, large] = [SMALL, LARGE].map(|size| one(measured, ["resident", size, "server"]));
    let (small, large) = (small?, large?);
    let runs = one(measured, ["runs", LARGE, "server"])?;
    let throughput = one(measured, ["throughput", SMALL, "engine"])?;
    let in_process = |figure, case| Ok::<_, anyhow::Error>(median(measured.all([figure, case, "engine"])?.concat()));
    let milliseconds = |case| Ok::<_, anyhow::Error>(quiet(measured, ["p99", case, "engine"])? / 1e6);
    writeln!(
        table,
        "\n{runs:.0} runs in a little more than a minute. 1000 targets take {:.1} MiB, each further one {:.0} bytes. One thread \
         makes {throughput:.0} runs a second.",
        mebibytes(small),
        (large - small) / 9000.0,
    )?;
    writeln!(
        table,
        "Of the engine alone: {:.2} % of a core; {:.2} % while 1000 hang. The p99 of the others is then {:.2} ms, without {:.2} \
         ms: of two windows each, taken in turns, the quieter.",
        in_process("cpu", "healthy")?,
        in_process("cpu", "hanging")?,
        milliseconds("hanging")?,
        milliseconds("healthy")?,
    )?;
    Ok(table)
}

fn figures(measured: &Measured) -> Result<Vec<Figure>> {
    let figure = |Row { name, value, limit, .. }| Figure { name: name.to_owned(), value, goal: limit, limit };
    Ok(rows(measured)?.into_iter().map(figure).collect())
}

#[cfg(test)]
mod tests {
    use super::{Figure, Measured, figures, table};

    /// What the bench prints when every figure is at its limit; in one window of each kind somebody else was busy.
    const AT_THE_LIMITS: &str = "\
resident 1000 server 15728640
cpu 10000 server 8\nresident 10000 server 62914560\nruns 10000 server 10180\nmissed 10000 server 0\nlag 10000 server 0.1
series 10000 server 1200000\nscrape 10000 server 148800000 900000000\ngrown 10000 server 0 1048576
throughput 1000 engine 1500\nresident 10000 engine 50000000
p50 healthy engine 1000000\np99 healthy engine 4000000\ncpu healthy engine 7\nruns healthy engine 10000
missed healthy engine 0\nlag healthy engine 0.005
p50 hanging engine 1000000\np99 hanging engine 5000000\ncpu hanging engine 6.5\nruns hanging engine 10000
missed hanging engine 0\nlag hanging engine 0.1
p50 healthy engine 1000000\np99 healthy engine 9000000\ncpu healthy engine 7\nruns healthy engine 10000
missed healthy engine 0\nlag healthy engine 0.005
p50 hanging engine 1000000\np99 hanging engine 9900000\ncpu hanging engine 6.5\nruns hanging engine 10000
missed hanging engine 0\nlag hanging engine 0.5
";

    fn failed(output: &str) -> Vec<String> {
        Figure::failed(&figures(&Measured::of(output)).unwrap())
    }

    #[test]
    fn at_the_limits_all_pass() {
        assert_eq!(failed(AT_THE_LIMITS), Vec::<String>::new());
    }

    #[test]
    fn each_figure_over_its_limit_is_named() {
        for (from, to, name) in [
            ("cpu 10000 server 8", "cpu 10000 server 8.01", "CPU for probing"),
            ("resident 10000 server 62914560", "resident 10000 server 62914561", "resident memory"),
            ("lag 10000 server 0.1", "lag 10000 server 0.25", "start lag, p99"),
            ("lag 10000 server 0.1", "lag 10000 server NaN", "start lag, p99"),
            ("missed 10000 server 0", "missed 10000 server 1", "missed runs"),
            (
                "p99 hanging engine 500",
                "p99 hanging engine 501",
                "p99 of healthy ones beside 1000 that hang/beside none",
            ),
            ("lag hanging engine 0.1", "lag hanging engine 0.25", "start lag beside 1000 that hang, p99"),
            ("missed hanging engine 0", "missed hanging engine 1", "missed runs beside 1000 that hang"),
            ("scrape 10000 server 1488", "scrape 10000 server 1489", "CPU of a scrape over HTTP"),
            ("grown 10000 server 0 1048576", "grown 10000 server 0 1048577", "memory that scrapes add"),
        ] {
            let over = AT_THE_LIMITS.replacen(from, to, 1);
            assert_ne!(over, AT_THE_LIMITS, "{from}");
            assert_eq!(failed(&over), [name], "{to}");
        }
    }

    #[test]
    fn the_table_has_the_limits_and_what_a_target_takes() {
        let table = table(&Measured::of(AT_THE_LIMITS)).unwrap();
        for line in [
            "| CPU for probing | 8.00 % of a core | 8.00 % of a core |\n",
            "| resident memory | 60.00 MiB | 60.00 MiB |\n",
            "| missed runs | 0.00 | 0.00 |\n",
            "| p99 of healthy ones beside 1000 that hang/beside none | 1.25 | 1.25 |\n",
            "| CPU of a scrape over HTTP | 124.00 ns a series | 124.00 ns a series |\n",
            "1000 targets take 15.0 MiB, each further one 5243 bytes. One thread makes 1500 runs a second.\n",
            "7.00 % of a core; 6.50 % while 1000 hang. The p99 of the others is then 5.00 ms, without 4.00 ms",
        ] {
            assert!(table.contains(line), "{line}{table}");
        }
    }

    #[test]
    fn what_the_bench_did_not_print_is_an_error() {
        for line in
            ["series 10000 server 1200000\n", "lag 10000 server 0.1\n", "scrape 10000 server 148800000 900000000\n"]
        {
            let output = AT_THE_LIMITS.replace(line, "");
            assert!(figures(&Measured::of(&output)).is_err(), "{line}");
        }
    }
}
