//! `bench status`: what the history costs, as crates/probe/benches/history measures it, and how long the pages of ten thousand targets
//! take.

use std::fmt::Write;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::measured::Measured;
use super::{Figure, binary};
use crate::build;
use crate::http;
use crate::process::Running;
use crate::wait;

const TARGETS: usize = 10_000;
/// Requests for each page.
const REQUESTS: usize = 30;
/// Of the longest one, in ms.
const LIMIT: f64 = 100.0;

/// Pages and forms of them.
const PAGES: [(&str, &str); 6] = [
    ("the list, page", "/status?format=html"),
    ("the list, searched", "/status?format=html&search=99"),
    ("the list, text", "/status?format=text"),
    ("the list, JSON", "/status?format=json"),
    ("one target, page", "/3-shake-status?format=html"),
    ("feed", "/incidents.atom"),
];

pub(crate) fn run(sh: &Shell) -> Result<Vec<Figure>> {
    let bench = binary(sh, "probe", "history")?;
    let server = build::server(sh, &["--release"])?;
    eprintln!("two minutes");
    let mut measured = Measured::default();
    measured.read(&cmd!(sh, "{bench} --bench").quiet().read()?)?;
    let one = |figure, case| measured.all([figure, case, "history"])?.concat().first().copied().context("no number");
    println!("| history of a target, a year at a run a minute | measured |\n| --- | --- |");
    println!("| in the file | {:.0} bytes |", one("file", "100")?);
    println!("| in memory | {:.0} bytes |", one("memory", "100")?);
    println!("| what telling it a run takes | {:.2} µs |", one("run", "100")? / 1e3);
    println!("| a commit of 500 targets, with fsync | {:.1} ms |", one("commit", "500")? / 1e6);
    println!("| to read what a page shows | {:.2} ms |", one("read", "100")? / 1e6);
    println!("| to open the file of 100 targets and check it | {:.0} ms |", one("open", "100")? / 1e6);

    let folder = sh.create_temp_dir()?;
    let file = folder.path().join("targets.yml");
    let targets = (0..TARGETS).fold("targets:\n".to_owned(), |mut file, n| {
        let _ =
            writeln!(file, "- {{name: service {n}, url: 'http://127.0.0.1:1/{n}', interval: 20s, metrics: totals}}");
        file
    });
    sh.write_file(&file, targets)?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let flags = [format!("--config.file={}", file.display()), format!("--web.listen-address={address}")];
    let mut exporter = Running::spawn("the exporter", Command::new(server).args(flags).arg("--log.level=error"))?;
    let url = |path: &str| format!("http://{address}{path}");
    wait::until("all targets are asked", Duration::from_secs(120), |_| {
        exporter.check()?;
        let list = http::get(&url("/status?format=text")).unwrap_or_default();
        Ok((!list.is_empty() && !list.contains(" has no result yet")).then_some(()))
    })?;
    println!("\n| {TARGETS} targets, all down | median | longest of {REQUESTS} | bytes |\n| --- | --- | --- | --- |");
    let mut figures = Vec::new();
    for (name, path) in PAGES {
        let mut took = Vec::new();
        let mut bytes = 0;
        for _ in 0..REQUESTS {
            let start = Instant::now();
            bytes = http::get(&url(path))?.len();
            took.push(start.elapsed().as_secs_f64() * 1e3);
        }
        took.sort_by(f64::total_cmp);
        let (median, longest) = (took[REQUESTS / 2], took[REQUESTS - 1]);
        println!("| {name} | {median:.1} ms | {longest:.1} ms | {bytes} |");
        figures.push(Figure { name: format!("{name}, longest, ms"), value: longest, goal: LIMIT, limit: LIMIT });
    }
    Ok(figures)
}
