//! A new service, made of what docs/choosing.md shows, on a machine that has nothing but this workspace.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::pages::{self, Page};
use crate::build;
use crate::http;
use crate::process::{self, Running};
use crate::prometheus;
use crate::wait;

pub(super) const TEST: &str = "the service of docs/choosing.md is built and counts its requests";
const PAGE: &str = "docs/choosing.md";
const LIMIT: Duration = Duration::from_secs(20);
/// Where the page says that it is, and where a port is free.
const ADDRESS: &str = "127.0.0.1:1323";

pub(super) fn counts(sh: &Shell, pages: &[Page]) -> Result<()> {
    let blocks = pages::of(pages, PAGE)?.blocks();
    let block = |info: &str| {
        let found = blocks.iter().find(|block| block.info == info);
        found.map(|block| block.text.clone()).with_context(|| format!("{PAGE} has no block `{info}`"))
    };
    let address = prometheus::free_address()?;
    let dir = sh.create_temp_dir()?;
    let root = crate::root().display().to_string();
    let manifest = block("toml Cargo.toml")?;
    ensure!(manifest.contains("\"…/crates/"), "{PAGE}: the manifest names no path `…/crates/`");
    let manifest = manifest.replace("\"…/crates/", &format!("\"{root}/crates/"));
    // A workspace of its own, wherever it lies, and the crates that are here already.
    fs::write(dir.path().join("Cargo.toml"), format!("{manifest}\n[workspace]\n"))?;
    fs::copy(crate::root().join("Cargo.lock"), dir.path().join("Cargo.lock"))?;
    let program = block("rust src/main.rs")?;
    ensure!(program.contains(ADDRESS), "{PAGE}: the program does not listen on {ADDRESS}");
    fs::create_dir(dir.path().join("src"))?;
    fs::write(dir.path().join("src/main.rs"), program.replace(ADDRESS, &address.to_string()))?;

    let manifest = dir.path().join("Cargo.toml");
    let target = crate::root().join("target/docs");
    let built = cmd!(sh, "cargo build --quiet --manifest-path {manifest} --target-dir {target}");
    let service = build::executable(built.env("CARGO_PROFILE_DEV_DEBUG", "0"), "shop")?;
    let (stdout, stderr) = process::log_to(&dir.path().join("service.log"))?;
    let mut process = Running::spawn("the service", Command::new(service).stdout(stdout).stderr(stderr))?;
    let transcript = block("console docs")?;
    let commands: Vec<&str> = transcript.split("$ ").filter(|command| command.starts_with("curl ")).collect();
    ensure!(commands.len() > 1, "{PAGE} asks the service {} times", commands.len());
    for command in commands {
        let (command, expected) = command.split_once('\n').context("a command without an end")?;
        let url = command.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.with_context(|| format!("{command}: no URL"))?.replace(ADDRESS, &address.to_string());
        wait::until(&format!("`{command}` says what the page says"), LIMIT, |last| {
            process.check()?;
            let answer = http::get(&url).unwrap_or_default();
            let mut lines = expected.lines().filter(|line| !line.is_empty());
            let good = lines.all(|line| answer.lines().any(|found| found == line));
            *last = answer;
            Ok(good.then_some(()))
        })?;
    }
    Ok(())
}
