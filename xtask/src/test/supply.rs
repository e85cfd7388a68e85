//! Suite `supply`: what comes in with dependencies, and that the same sources make the same program.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::Tally;
use super::setup::Setup;
use crate::build;

/// Another place, with a name of another length.
const ELSEWHERE: &str = "target/reproduced/in-another-place";

/// What lies beside the sources.
const NO_SOURCES: [&str; 3] = [".git", "target", "vendor"];

pub(crate) fn run(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) {
    tally.check("both lock files are as their manifests want them", || {
        for manifest in ["Cargo.toml", "xtask/fuzz/Cargo.toml"] {
            cmd!(sh, "cargo metadata --locked --format-version 1 --manifest-path {manifest}")
                .quiet()
                .ignore_stdout()
                .run()?;
        }
        Ok(())
    });
    match setup.cargo_deny() {
        Ok(()) => {
            tally.check("licences, crates and sources are those that deny.toml allows", || {
                Ok(cmd!(sh, "cargo deny --log-level error check bans licenses sources").quiet().run()?)
            });
            advisories(sh, tally);
        }
        Err(reason) => tally.skip("cargo deny", &reason),
    }
    tally.check("the same sources make the same program in another folder, byte for byte", || reproduces(sh));
}

/// The list of advisories is not ours, and lies where not every machine gets to.
fn advisories(sh: &Shell, tally: &mut Tally) {
    if cmd!(sh, "cargo deny --log-level off fetch db").quiet().ignore_stdout().ignore_stderr().run().is_err() {
        println!("     advisories: not looked at, as their list is not to be had on this machine");
        return;
    }
    tally.check("no advisory is about a crate of ours, but for those that deny.toml has with a reason", || {
        Ok(cmd!(sh, "cargo deny --log-level error --offline check advisories").quiet().run()?)
    });
}

fn reproduces(sh: &Shell) -> Result<()> {
    let here = build::static_binary(sh)?;
    let there = elsewhere(sh)?;
    let (first, second) = (fs::read(&here)?, fs::read(&there)?);
    ensure!(first == second, "{} and {} differ: compare them with diffoscope", here.display(), there.display());
    println!("     {} bytes, twice", first.len());
    Ok(())
}

/// The static binary of a copy of what lies here, committed or not.
fn elsewhere(sh: &Shell) -> Result<PathBuf> {
    let _ = sh.remove_path(ELSEWHERE);
    sh.create_dir(ELSEWHERE)?;
    let here = sh.read_dir(".")?.into_iter().filter(|path| !NO_SOURCES.iter().any(|name| path.ends_with(name)));
    cmd!(sh, "cp -a {here...} {ELSEWHERE}").quiet().run().context("cannot copy the sources")?;
    let _there = sh.push_dir(ELSEWHERE);
    let target = sh.current_dir().join("target");
    let _target = sh.push_env("CARGO_TARGET_DIR", target);
    build::static_binary(sh)
}
