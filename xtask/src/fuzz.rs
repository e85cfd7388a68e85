//! `fuzz`: libFuzzer looks for bytes that break what xtask/fuzz/targets say of them. What it finds is kept under xtask/fuzz/corpus, and tried by
//! plain `cargo test` from then on.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use crate::flags;
use crate::test::setup::Setup;

/// What CI has time for, for each target.
pub(crate) const SECONDS: u64 = 20;

/// Of the target folder: the programs, the inputs that were worth keeping for the next time, and findings.
const TARGET: &str = "target/fuzz";
const KEPT: &str = "xtask/fuzz/corpus";

pub(crate) fn run(sh: &Shell, flags: &flags::Fuzz) -> Result<()> {
    let targets = targets()?;
    if let Some(unknown) = flags.target.iter().find(|target| !targets.contains(target)) {
        bail!("`{unknown}` is no fuzz target: choose of {}", targets.join(", "));
    }
    let seconds = flags.seconds.unwrap_or(SECONDS);
    ensure!(seconds > 0, "--seconds 0 has no end for libFuzzer; give at least 1");
    Setup::new(sh, true).cargo_fuzz()?;
    build(sh)?;
    let chosen = if flags.target.is_empty() { &targets } else { &flags.target };
    chosen.iter().try_for_each(|target| fuzz(sh, target, seconds))
}

/// By their files.
pub(crate) fn targets() -> Result<Vec<String>> {
    let files = fs::read_dir(crate::root().join("xtask/fuzz/targets")).context("there are no fuzz targets")?;
    let name = |file: PathBuf| Some(file.file_stem()?.to_str()?.to_owned());
    let mut names: Vec<String> = files.flatten().filter_map(|file| name(file.path())).collect();
    names.sort();
    Ok(names)
}

/// All targets, on the stable toolchain: without a sanitizer, of which there is little to find where `unsafe` is forbidden.
pub(crate) fn build(sh: &Shell) -> Result<()> {
    Ok(cmd!(sh, "cargo fuzz build --fuzz-dir xtask/fuzz --target-dir {TARGET} --sanitizer none").run()?)
}

/// # Errors
/// A finding, and what to do with it.
pub(crate) fn fuzz(sh: &Shell, target: &str, seconds: u64) -> Result<()> {
    let kept = format!("{KEPT}/{target}");
    let (found, findings) = (format!("{TARGET}/corpus/{target}"), format!("{TARGET}/findings/{target}/"));
    sh.create_dir(&found)?;
    sh.create_dir(&findings)?;
    let fuzz = ["fuzz", "run", "--fuzz-dir", "xtask/fuzz", "--target-dir", TARGET, "--sanitizer", "none", target];
    let limits = [
        format!("-max_total_time={seconds}"),
        format!("-artifact_prefix={findings}"),
        "-max_len=2048".to_owned(),
        // Of one input; for what takes milliseconds, on a machine that is busy.
        "-timeout=25".to_owned(),
    ];
    let output = cmd!(sh, "cargo {fuzz...} {found} {kept} -- {limits...}").quiet().ignore_status().output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        let runs = said.lines().rev().find(|line| line.starts_with("Done ")).unwrap_or("nothing is said of the runs");
        println!("     {target}: {runs}");
        return Ok(());
    }
    let what: Vec<&str> = said.lines().skip_while(|line| !line.contains("panicked")).take(4).collect();
    let file = said.lines().find_map(|line| line.split_once("Test unit written to ")).map_or("", |(_, file)| file);
    ensure!(!file.is_empty(), "{target}: {}", said.lines().rev().take(5).collect::<Vec<_>>().join(" | "));
    bail!(
        "{target}: {}; minimise it with `cargo fuzz tmin --fuzz-dir xtask/fuzz --target-dir {TARGET} -s none {target} {file}`, put what is \
         left into {kept}, and repair what it breaks",
        what.join(" | ")
    )
}
