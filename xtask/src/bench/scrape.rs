//! `bench scrape`: what `GET /metrics` costs, beside a handler that gathers and encodes with the prometheus crate;
//! crates/metrics-core/benches/scrape measures.

use std::fmt::Write;

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

use super::measured::{Measured, median, over};
use super::{Figure, binary};

/// Where code and heap come to lie differs from process to process: the rounds of that many count as those of one.
const PROCESSES: usize = 3;

const OURS: &str = "ours";
const CRATE: &str = "crate";

/// Numbers of targets, each with the limit of ours/crate in process.
const SIZES: [(&str, f64); 2] = [("1000", 1.0 / 10.0), ("10000", 1.0 / 20.0)];

/// The size at which others ask meanwhile.
const LARGE: &str = SIZES[1].0;

/// Limit of ours/crate over HTTP, where the kernel's share is the same for both.
const OVER_HTTP: f64 = 1.0 / 5.0;

/// Limit of OpenMetrics/text.
const OPENMETRICS: f64 = 1.1;

/// Limit of what gzip adds, over what compression alone takes.
const GZIP: f64 = 1.2;

/// Limit of the memory that a scrape adds.
const MEBIBYTES: f64 = 1.0;

/// Another request may take longer beside a scrape: by a fifth or by 2 ms, whichever is more. In ns.
fn allowed(without: f64) -> f64 {
    (without * 1.2).max(without + 2e6)
}

pub(crate) fn run(sh: &Shell) -> Result<Vec<Figure>> {
    let cpu = binary(sh, "metrics-core", "scrape-cpu")?;
    let http = binary(sh, "metrics-core", "scrape-http")?;
    let memory = binary(sh, "metrics-core", "scrape-memory")?;
    let mut measured = Measured::default();
    eprintln!("memory");
    measured.read(&cmd!(sh, "{memory} --bench").quiet().read()?)?;
    for process in 1..=PROCESSES {
        eprintln!("time: process {process} of {PROCESSES}");
        measured.read(&cmd!(sh, "{cpu} --bench").quiet().read()?)?;
    }
    eprintln!("time over HTTP, and latency");
    measured.read(&cmd!(sh, "{http} --bench").quiet().read()?)?;
    print!("{}", table(&measured)?);
    figures(&measured)
}

/// What ours took, what it is measured beside, and what comes of the two.
struct Row {
    what: &'static str,
    ours: String,
    beside: String,
    value: f64,
    limit: f64,
}

fn rows(measured: &Measured, targets: &str, in_process: f64) -> Result<Vec<Row>> {
    let [_, series] = exposition(measured, targets)?;
    let mut rows = Vec::new();
    let mut row = |what, ours, beside, value, limit| rows.push(Row { what, ours, beside, value, limit });

    let cpu = measured.quiet("cpu", targets, ["text", CRATE, "openmetrics", "gzip", "flate2"])?;
    let of = |contender: usize| over(&cpu, |times| times[contender]);
    let per_series = |time: f64| format!("{}, {:.0} ns a series", milliseconds(time), time / series);
    let ratio = over(&cpu, |[ours, theirs, ..]| ours / theirs);
    row("CPU in process, ours/crate", per_series(of(0)), per_series(of(1)), ratio, in_process);
    let http = measured.quiet("http", targets, [OURS, CRATE])?;
    let [ours, theirs] = [0, 1].map(|contender| milliseconds(over(&http, |times| times[contender])));
    row(
        "CPU of the server over HTTP, ours/crate",
        ours,
        theirs,
        over(&http, |[ours, theirs]| ours / theirs),
        OVER_HTTP,
    );
    let ratio = over(&cpu, |[text, _, openmetrics, ..]| openmetrics / text);
    row("CPU in process, OpenMetrics/text", milliseconds(of(2)), milliseconds(of(0)), ratio, OPENMETRICS);
    let added = over(&cpu, |[text, _, _, gzip, _]| gzip - text);
    let ratio = over(&cpu, |[text, _, _, gzip, flate2]| (gzip - text) / flate2);
    row("CPU that gzip adds/flate2 alone", milliseconds(added), milliseconds(of(4)), ratio, GZIP);

    let memory =
        |contender| Ok::<_, anyhow::Error>(first(measured, ["memory", targets, contender])?[0] / 1024.0 / 1024.0);
    let theirs = memory(CRATE)?;
    for (what, contender) in [
        ("MiB of memory added, text", "text"),
        ("MiB of memory added, OpenMetrics", "openmetrics"),
        ("MiB of memory added, gzip", "gzip"),
    ] {
        let ours = memory(contender)?;
        row(what, format!("{ours:.2}"), format!("{theirs:.0}"), ours, MEBIBYTES);
    }

    if targets == LARGE {
        let [with, without] = latency(measured, OURS)?;
        let ratio = with / allowed(without);
        row("p99 of /hello beside scrapes/allowed", milliseconds(with), milliseconds(without), ratio, 1.0);
    }
    Ok(rows)
}

/// Its bytes and series.
fn exposition(measured: &Measured, targets: &str) -> Result<[f64; 2]> {
    first(measured, ["exposition", targets, "text"])?.try_into().ok().context("an exposition has bytes and series")
}

fn first<'a>(measured: &'a Measured, key: [&str; 3]) -> Result<&'a [f64]> {
    Ok(&measured.all(key)?[0])
}

/// p99 of another request, with and without scrapes beside it.
fn latency(measured: &Measured, contender: &str) -> Result<[f64; 2]> {
    let pairs = measured.all(["latency", LARGE, contender])?;
    if pairs.iter().any(|pair| pair.len() != 2) {
        bail!("a latency is a pair: {pairs:?}");
    }
    Ok([0, 1].map(|which| median(pairs.iter().map(|pair| pair[which]).collect())))
}

fn milliseconds(nanoseconds: f64) -> String {
    format!("{:.1} ms", nanoseconds / 1e6)
}

/// In Markdown, and what the crate does to others below it.
fn table(measured: &Measured) -> Result<String> {
    let mut table = "| targets | | ours | beside | | limit |\n| --- | --- | --- | --- | --- | --- |\n".to_owned();
    for (targets, in_process) in SIZES {
        for Row { what, ours, beside, value, limit } in rows(measured, targets, in_process)? {
            writeln!(table, "| {targets} | {what} | {ours} | {beside} | {value:.3} | {limit:.2} |")?;
        }
    }
    writeln!(table)?;
    for (targets, _) in SIZES {
        let [bytes, series] = exposition(measured, targets)?;
        writeln!(table, "{targets} targets are {series} series in {bytes} bytes of text.")?;
    }
    let [with, without] = latency(measured, CRATE)?.map(milliseconds);
    writeln!(
        table,
        "Times are medians over the quieter half of the rounds of {PROCESSES} processes. Beside scrapes by the crate, the p99 \
         of /hello is {with} ({without} without)."
    )?;
    Ok(table)
}

fn figures(measured: &Measured) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (targets, in_process) in SIZES {
        for Row { what, value, limit, .. } in rows(measured, targets, in_process)? {
            figures.push(Figure { name: format!("{targets} targets, {what}"), value, goal: limit, limit });
        }
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::{Figure, Measured, figures, table};

    /// What the benches print when every figure is at its limit; in the last round of `cpu 1000` somebody else was busy.
    const AT_THE_LIMITS: &str = "\
exposition 1000 text 13000000 120000\nexposition 10000 text 130000000 1200000
cpu 1000 text 6000000 9000000\ncpu 1000 crate 60000000 70000000\ncpu 1000 openmetrics 6600000 9000000
cpu 1000 gzip 18000000 20000000\ncpu 1000 flate2 10000000 10000000
cpu 10000 text 30000000\ncpu 10000 crate 600000000\ncpu 10000 openmetrics 33000000
cpu 10000 gzip 150000000\ncpu 10000 flate2 100000000
http 1000 ours 14000000\nhttp 1000 crate 70000000\nhttp 10000 ours 140000000\nhttp 10000 crate 700000000
memory 1000 text 1048576\nmemory 1000 openmetrics 1048576\nmemory 1000 gzip 1048576\nmemory 1000 crate 31457280
memory 10000 text 1048576\nmemory 10000 openmetrics 1048576\nmemory 10000 gzip 1048576\nmemory 10000 crate 419430400
latency 10000 ours 2500000 500000\nlatency 10000 crate 900000000 500000
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
            ("cpu 1000 crate 600", "cpu 1000 crate 599", "1000 targets, CPU in process, ours/crate"),
            ("cpu 10000 crate 600", "cpu 10000 crate 599", "10000 targets, CPU in process, ours/crate"),
            ("http 1000 ours 140", "http 1000 ours 141", "1000 targets, CPU of the server over HTTP, ours/crate"),
            ("http 10000 ours 140", "http 10000 ours 141", "10000 targets, CPU of the server over HTTP, ours/crate"),
            ("1000 openmetrics 660", "1000 openmetrics 661", "1000 targets, CPU in process, OpenMetrics/text"),
            ("cpu 10000 gzip 150", "cpu 10000 gzip 151", "10000 targets, CPU that gzip adds/flate2 alone"),
            ("memory 1000 text 1048576", "memory 1000 text 1048577", "1000 targets, MiB of memory added, text"),
            ("memory 1000 gzip 1048576", "memory 1000 gzip 1048577", "1000 targets, MiB of memory added, gzip"),
            (
                "memory 10000 openmetrics 1048576",
                "memory 10000 openmetrics 1048577",
                "10000 targets, MiB of memory added, OpenMetrics",
            ),
            ("latency 10000 ours 250", "latency 10000 ours 251", "10000 targets, p99 of /hello beside scrapes/allowed"),
        ] {
            let over = AT_THE_LIMITS.replace(from, to);
            assert_ne!(over, AT_THE_LIMITS, "{from}");
            assert_eq!(failed(&over), [name], "{to}");
        }
    }

    #[test]
    fn a_slow_server_may_be_slower_by_a_fifth() {
        let slow = AT_THE_LIMITS.replace("ours 2500000 500000", "ours 24000000 20000000");
        assert!(failed(&slow).is_empty());
        assert_eq!(failed(&slow.replace("ours 240", "ours 241")).len(), 1);
    }

    #[test]
    fn the_table_has_medians_over_the_quiet_rounds_and_what_a_series_costs() {
        let table = table(&Measured::of(AT_THE_LIMITS)).unwrap();
        for line in [
            "| 1000 | CPU in process, ours/crate | 6.0 ms, 50 ns a series | 60.0 ms, 500 ns a series | 0.100 | 0.10 |\n",
            "| 1000 | CPU that gzip adds/flate2 alone | 12.0 ms | 10.0 ms | 1.200 | 1.20 |\n",
            "| 10000 | MiB of memory added, gzip | 1.00 | 400 | 1.000 | 1.00 |\n",
            "| 10000 | p99 of /hello beside scrapes/allowed | 2.5 ms | 0.5 ms | 1.000 | 1.00 |\n",
            "\n1000 targets are 120000 series in 13000000 bytes of text.\n",
            "p99 of /hello is 900.0 ms (0.5 ms without).\n",
        ] {
            assert!(table.contains(line), "{line}{table}");
        }
    }

    #[test]
    fn what_a_bench_did_not_print_is_an_error() {
        for (from, to) in [
            ("cpu 1000 gzip 18000000 20000000\n", "\n"),
            ("cpu 1000 gzip 18000000 20000000", "cpu 1000 gzip 18000000"),
            ("latency 10000 ours 2500000 500000", "latency 10000 ours 2500000"),
            ("exposition 1000 text 13000000 120000", "exposition 1000 text 13000000"),
        ] {
            let output = AT_THE_LIMITS.replace(from, to).replace("\n\n", "\n");
            assert!(figures(&Measured::of(&output)).is_err(), "{to}");
        }
    }
}
