//! `bench middleware`: what a request costs in the middleware, beside its peers; crates/metrics-core/benches measures.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

use super::measured::{Measured, median};
use super::{Figure, binary};

/// Where code and heap come to lie differs from process to process, and costs as much as a small middleware: the figures
/// are medians over the half of that many in which the bare app was fastest, as in the others somebody else was busy too.
const PROCESSES: usize = 16;

const NONE: &str = "none";
const GUARD: &str = "guard";
const NOTHING: &str = "nothing";
const PEER: &str = "actix-web-prom";
const OURS: &str = "ours";

const CONTENDERS: [&str; 4] = [GUARD, NOTHING, PEER, OURS];

/// Cases, each with the goal and the limit of its ratio ours/actix-web-prom.
const CASES: [(&str, f64, f64); 3] = [("/hello", 0.4, 0.5), ("/user/{id}", 1.0 / 3.0, 0.4), ("404", 0.2, 0.3)];

/// Goal and limit of ours/nothing. `nothing` knows the route of a request, as one that records must; what `guard` costs,
/// which does not even know that, is in the table.
const OVER_NOTHING: f64 = 1.5;

/// The share of its throughput that a thread may lose because another one records too.
const LOST: f64 = 0.1;

pub(crate) fn run(sh: &Shell) -> Result<Vec<Figure>> {
    let timing = binary(sh, "metrics-core", "middleware")?;
    let allocations = binary(sh, "metrics-core", "allocations")?;
    let mut measured = Measured::default();
    for process in 1..=PROCESSES {
        eprintln!("time: process {process} of {PROCESSES}");
        measured.read(&cmd!(sh, "{timing} --bench").quiet().read()?)?;
    }
    eprintln!("allocations");
    measured.read(&cmd!(sh, "{allocations} --bench").quiet().read()?)?;
    if cmd!(sh, "valgrind --version").quiet().ignore_stdout().ignore_stderr().run().is_ok() {
        count_instructions(sh, &timing, &mut measured)?;
    } else {
        eprintln!("instructions are not counted: found no `valgrind` in PATH (Debian: apt-get install valgrind)");
    }
    print!("{}", table(&measured)?);
    figures(&measured)
}

fn count_instructions(sh: &Shell, timing: &Path, measured: &mut Measured) -> Result<()> {
    for (case, ..) in CASES {
        eprintln!("instructions: {case}");
        let none = instructions(sh, timing, case, NONE)?;
        for contender in CONTENDERS {
            let over = instructions(sh, timing, case, contender)? - none;
            measured.add(["instructions", case, contender], vec![over]);
        }
    }
    Ok(())
}

/// Per request. Callgrind counts all of a process: what two differ by are their requests.
fn instructions(sh: &Shell, timing: &Path, case: &str, contender: &str) -> Result<f64> {
    let [few, many] = [1_000, 5_000].map(|requests: u32| -> Result<f64> {
        let requests = requests.to_string();
        let callgrind = cmd!(sh, "valgrind --tool=callgrind --callgrind-out-file=/dev/null");
        let output =
            callgrind.arg(timing).args(["--instructions", contender, case, &requests]).quiet().read_stderr()?;
        let count = output.lines().find_map(|line| Some(line.split_once("Collected : ")?.1));
        Ok(count.context("callgrind printed no count")?.trim().parse::<f64>()?)
    });
    Ok((many? - few?) / 4_000.0)
}

impl Measured {
    /// The times of the quiet processes.
    fn times(&self, case: &str, contender: &str) -> Result<Vec<&Vec<f64>>> {
        let bare = self.all(["time", case, NONE])?;
        let mut quiet: Vec<usize> = (0..bare.len()).collect();
        quiet.sort_by(|&a, &b| bare[a][0].total_cmp(&bare[b][0]));
        let times = self.all(["time", case, contender])?;
        Ok(quiet[..bare.len().div_ceil(2)].iter().map(|&process| &times[process]).collect())
    }

    /// The medians over all processes, of times over the quiet ones, each number by itself.
    fn get(&self, key: [&str; 3]) -> Result<Vec<f64>> {
        let processes = match key {
            ["time", case, contender] => self.times(case, contender)?,
            _ => self.all(key)?.iter().collect(),
        };
        let median_of = |number| median(processes.iter().map(|numbers| numbers[number]).collect());
        Ok((0..processes[0].len()).map(median_of).collect())
    }

    /// By which the time of ours is larger than that of `peer`, both over the bare app's. Of each process, then the
    /// median: a shared machine runs now at this speed, now at that, and medians of both would be of different speeds.
    fn ratio(&self, case: &str, peer: &str) -> Result<f64> {
        let (ours, peer) = (self.times(case, OURS)?, self.times(case, peer)?);
        // There is no ratio to a peer that seems to cost nothing: infinite, so that it is no good one.
        let ratio = |ours: f64, peer: f64| if peer > 0.0 { ours / peer } else { f64::INFINITY };
        Ok(median(ours.iter().zip(peer).map(|(ours, peer)| ratio(ours[0], peer[0])).collect()))
    }

    /// Throughput of a thread beside another one, as a share of what it reaches alone.
    fn share(&self, contender: &str) -> Result<f64> {
        Ok(self.get(["threads", CASES[0].0, contender])?[0])
    }
}

/// In Markdown, and the two threads below it.
fn table(measured: &Measured) -> Result<String> {
    let mut table = format!(
        "| over the bare app, per request: ns (quartiles) / instructions / allocations | {GUARD} | {NOTHING} \
         | {PEER} | {OURS} | {OURS}/{PEER} | {OURS}/{NOTHING} |\n| --- | --- | --- | --- | --- | --- | --- |\n"
    );
    for (case, ..) in CASES {
        write!(table, "| {case} ")?;
        for contender in CONTENDERS {
            let time = measured.get(["time", case, contender])?;
            let instructions = measured.get(["instructions", case, contender]);
            let instructions = instructions.map_or("–".to_owned(), |count| format!("{:.0}", count[0]));
            let allocations = measured.get(["allocations", case, contender])?[0];
            let [median, low, high] = time[..] else { bail!("a time without quartiles: {time:?}") };
            write!(table, "| {median:.0} ({low:.0}–{high:.0}) / {instructions} / {allocations} ")?;
        }
        let (peer, nothing) = (measured.ratio(case, PEER)?, measured.ratio(case, NOTHING)?);
        writeln!(table, "| {peer:.2} | {nothing:.2} |")?;
    }
    let (ours, none) = (measured.share(OURS)?, measured.share(NONE)?);
    writeln!(
        table,
        "\nTimes and ratios are medians over the quieter half of {PROCESSES} processes. Two threads that record into the \
         same metrics each reach {ours:.2} of what one reaches alone; without a middleware {none:.2}."
    )?;
    Ok(table)
}

fn figures(measured: &Measured) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (case, goal, limit) in CASES {
        let mut figure = |what, value, goal, limit| {
            figures.push(Figure { name: format!("{case}, {what}"), value, goal, limit });
        };
        figure("time ours/actix-web-prom", measured.ratio(case, PEER)?, goal, limit);
        figure("time ours/nothing", measured.ratio(case, NOTHING)?, OVER_NOTHING, OVER_NOTHING);
        figure("allocations of ours", measured.get(["allocations", case, OURS])?[0], 0.0, 0.0);
    }
    // Over the bare app here too: what two of its threads lose is the machine's.
    let lost = 1.0 - measured.share(OURS)? / measured.share(NONE)?;
    figures.push(Figure { name: "throughput lost to a second thread".into(), value: lost, goal: LOST, limit: LOST });
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::{Figure, Measured, figures, table};

    /// What the benches print when every figure is at its limit.
    const AT_THE_LIMITS: &str = "\
time /hello none 1000 990 1010\ntime /hello guard 50 40 60\ntime /hello nothing 100 90 110\ntime /hello actix-web-prom 300 290 310\ntime /hello ours 150 140 160
time /user/{id} none 1000 990 1010\ntime /user/{id} guard 50 40 60\ntime /user/{id} nothing 100 90 110\ntime /user/{id} actix-web-prom 375 370 380\ntime /user/{id} ours 150 140 160
time 404 none 1000 990 1010\ntime 404 guard 50 40 60\ntime 404 nothing 100 90 110\ntime 404 actix-web-prom 500 490 510\ntime 404 ours 150 140 160
allocations /hello guard 0\nallocations /hello nothing 1\nallocations /hello actix-web-prom 7\nallocations /hello ours 0
allocations /user/{id} guard 0\nallocations /user/{id} nothing 1\nallocations /user/{id} actix-web-prom 12\nallocations /user/{id} ours 0
allocations 404 guard 0\nallocations 404 nothing 1\nallocations 404 actix-web-prom 7\nallocations 404 ours 0
threads /hello none 0.8 0.7 0.9\nthreads /hello ours 0.73 0.7 0.9
";

    fn failed(output: &str) -> Vec<String> {
        Figure::failed(&figures(&Measured::of(output)).unwrap())
    }

    #[test]
    fn at_the_limits_all_pass() {
        assert!(failed(AT_THE_LIMITS).is_empty());
    }

    #[test]
    fn each_figure_over_its_limit_is_named() {
        for (from, to, name) in [
            ("time /hello actix-web-prom 300", "time /hello actix-web-prom 299", "/hello, time ours/actix-web-prom"),
            ("time 404 nothing 100", "time 404 nothing 99", "404, time ours/nothing"),
            ("time 404 nothing 100", "time 404 nothing -1", "404, time ours/nothing"),
            ("allocations /user/{id} ours 0", "allocations /user/{id} ours 1", "/user/{id}, allocations of ours"),
            ("threads /hello ours 0.73", "threads /hello ours 0.71", "throughput lost to a second thread"),
        ] {
            assert_eq!(failed(&AT_THE_LIMITS.replace(from, to)), [name], "{to}");
        }
    }

    #[test]
    fn the_table_has_medians_over_the_quiet_processes_and_says_what_was_not_counted() {
        let mut measured = Measured::of(AT_THE_LIMITS);
        // The last one is left out: even the bare app was slow in it.
        for (speed, bare) in [(2.0, 900.0), (3.0, 1100.0)] {
            measured.add(["time", "/hello", "none"], vec![bare, 900.0, 1100.0]);
            measured.add(["time", "/hello", "guard"], vec![50.0, 40.0, 60.0]);
            measured.add(["time", "/hello", "nothing"], vec![100.0 * speed, 90.0, 110.0]);
            measured.add(["time", "/hello", "actix-web-prom"], vec![300.0 * speed, 290.0, 310.0]);
            measured.add(["time", "/hello", "ours"], vec![160.0 * speed, 140.0, 160.0]);
        }
        let table = table(&measured).unwrap();
        assert!(table.contains("| 320 (140–160) / – / 0 | 0.53 | 1.60 |\n"), "{table}");
    }
}
