//! Suite `parsers`: what the handler of `/metrics` writes is read by parsers of others, and all of it comes out again. Those
//! of prometheus_client for Python, promtool's, and Prometheus's own; on metrics with arbitrary label values.

mod ingested;

use std::env;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use super::Tally;
use super::exporter::Exporter;
use super::formats;
use super::setup::{Binary, Setup};
use crate::build;
use crate::http;

/// Registries, each a scrape of its own.
const CASES: usize = 40;
const READER: &str = "xtask/src/test/parsers.py";
/// What promtool may find of arbitrary metrics: they are meant to have it.
const DESERVED: [&str; 2] = [r#"counter metrics should have "_total" suffix"#, "no help text"];

/// The formats that people can read, by the ends of the files' names.
const TEXTS: [(&str, &str); 2] = [("text", formats::TEXT), ("openmetrics", formats::OPENMETRICS)];

pub(crate) fn run(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) -> Result<()> {
    let (arbitrary, server) = (build::example(sh, "arbitrary")?, build::server(sh, &[])?);
    let (dir, seed) = (sh.create_temp_dir()?, seed());
    let (path, numbers) = (dir.path(), [CASES.to_string(), seed.to_string()]);
    println!("arbitrary metrics: SEED={seed} makes the same again");
    if !tally
        .check("arbitrary metrics are rendered", || Ok(cmd!(sh, "{arbitrary} {path} {numbers...}").quiet().run()?))
    {
        return Ok(());
    }
    let scraped = sh.create_temp_dir()?;
    tally.check("the server is scraped", || scrape(&server, scraped.path()));
    match setup.python() {
        Ok(python) => {
            for (format, _) in TEXTS {
                tally.check(&format!("prometheus_client reads arbitrary metrics as {format}"), || {
                    read_by_python(sh, &python, &files(sh, path, format)?)
                });
                tally.check(&format!("prometheus_client reads the server's metrics as {format}"), || {
                    read_by_python(sh, &python, &files(sh, scraped.path(), format)?)
                });
            }
        }
        Err(reason) => tally.skip("prometheus_client", &reason),
    }
    for binary in setup.prometheus() {
        match binary {
            Ok(binary) => read_by_prometheus(sh, &binary, path, tally)?,
            Err(reason) => tally.skip("promtool", &reason),
        }
    }
    Ok(())
}

fn seed() -> u64 {
    let given = env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

/// The server's own metrics, in each format.
fn scrape(server: &Path, dir: &Path) -> Result<()> {
    // Nobody listens there, so that a probe ends at once.
    let exporter = Exporter::server(server, dir, "http://127.0.0.1:1", &[])?;
    for path in ["/3-shake-status", "/unmatched", "/-/healthy"] {
        let _ = http::get(&exporter.url(path));
    }
    for (format, content_type) in TEXTS {
        std::fs::write(dir.join(format!("server.{format}")), http::get_as(&exporter.url("/metrics"), content_type)?)?;
    }
    exporter.stop()
}

fn files(sh: &Shell, dir: &Path, format: &str) -> Result<Vec<PathBuf>> {
    let all = sh.read_dir(dir)?;
    Ok(all.into_iter().filter(|file| file.extension().is_some_and(|found| found == format)).collect())
}

fn read_by_python(sh: &Shell, python: &Path, files: &[PathBuf]) -> Result<()> {
    ensure!(!files.is_empty(), "no files");
    let output = cmd!(sh, "{python} -B {READER} {files...}").quiet().ignore_status().output()?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&said).trim());
    Ok(())
}

fn read_by_prometheus(sh: &Shell, binary: &Binary, dir: &Path, tally: &mut Tally) -> Result<()> {
    let name = |rule: &str| format!("prometheus {}: {rule}", binary.version);
    tally.check(&name("promtool accepts arbitrary metrics"), || {
        files(sh, dir, "text")?.iter().try_for_each(|file| accepted(sh, &binary.promtool, file))
    });
    ingested::run(sh, binary, dir, tally)
}

fn accepted(sh: &Shell, promtool: &Path, file: &Path) -> Result<()> {
    let metrics = sh.read_binary_file(file)?;
    let output = cmd!(sh, "{promtool} check metrics").stdin(metrics).quiet().ignore_status().output()?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let deserved = said.lines().all(|line| DESERVED.iter().any(|finding| line.ends_with(finding)));
    let good = output.status.success() || output.status.code() == Some(3) && deserved;
    ensure!(good, "{}: {}: {}", file.display(), output.status, said.trim());
    Ok(())
}
