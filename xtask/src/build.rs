//! `build`: the release binary or the image. Also where every other command gets its binaries from.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xshell::{Cmd, Shell, cmd};

use crate::flags;
use crate::stack::{Crates, Stack};

/// What makes a program that needs nothing beside itself, and lists the places to relocate in one bit each instead of 24 bytes.
const STATIC: &str = "-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs";

pub(crate) fn run(sh: &Shell, flags: &flags::Build) -> Result<()> {
    if flags.image {
        return image(sh, Crates::from_flag(flags.vendor));
    }
    let binary = static_binary(sh)?;
    let size = fs::metadata(&binary)?.len();
    println!("{} ({})", binary.display(), mebibytes(size));
    Ok(())
}

fn image(sh: &Shell, crates: Crates) -> Result<()> {
    let stack = Stack::from_env(sh, &[])?;
    stack.build(crates)?;
    println!("{} ({})", stack.image(), mebibytes(stack.image_size()?));
    Ok(())
}

pub(crate) fn static_binary(sh: &Shell) -> Result<PathBuf> {
    let host = host(sh)?;
    if !matches!(host.as_str(), "x86_64-unknown-linux-gnu" | "aarch64-unknown-linux-gnu") {
        println!("{host} links its C library dynamically: a plain release build");
        return server(sh, &["--release"]);
    }
    // With an explicit --target the flag is not for build scripts and procedure macros, which cannot be static.
    let flags = format!("{} {STATIC}", sh.var("RUSTFLAGS").unwrap_or_default());
    let _flags = sh.push_env("RUSTFLAGS", flags.trim());
    server(sh, &["--release", "--target", &host])
}

/// The target that rustc builds for, unless it is told otherwise.
pub(crate) fn host(sh: &Shell) -> Result<String> {
    let said = cmd!(sh, "rustc --version --verbose").quiet().read()?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    Ok(host.to_owned())
}

pub(crate) fn server(sh: &Shell, flags: &[&str]) -> Result<PathBuf> {
    executable(cmd!(sh, "cargo build --package server {flags...}"), "actix-exporter")
}

/// The program of crate `probe`, as suite `cargo` has built it.
pub(crate) fn probe(sh: &Shell) -> Result<PathBuf> {
    executable(cmd!(sh, "cargo build --workspace --all-features --bin probe"), "probe")
}

/// A program beside a crate. With the features of suite `cargo`, which has built it then.
pub(crate) fn example(sh: &Shell, name: &str) -> Result<PathBuf> {
    executable(cmd!(sh, "cargo build --workspace --all-features --example {name}"), name)
}

/// The test binaries of this name, in whichever crate. With the features of suite `cargo`, which has built them then.
pub(crate) fn tests(sh: &Shell, name: &str) -> Result<Vec<PathBuf>> {
    let build = cmd!(sh, "cargo test --workspace --all-features --no-run --test {name}");
    let found = executables(build, name)?;
    ensure!(!found.is_empty(), "cargo built no test `{name}`: see [[test]] in the Cargo.toml files");
    Ok(found)
}

/// Builds and returns the path that cargo names: it depends on profile, target and CARGO_TARGET_DIR.
pub(crate) fn executable(build: Cmd<'_>, target: &str) -> Result<PathBuf> {
    executables(build, target)?.into_iter().next().with_context(|| {
        format!("cargo built no binary `{target}`: see [[bin]], [[example]] and [[bench]] in the Cargo.toml files")
    })
}

fn executables(build: Cmd<'_>, target: &str) -> Result<Vec<PathBuf>> {
    let messages = build.arg("--message-format=json-render-diagnostics").read()?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours = messages.filter(|message| message["target"]["name"] == target);
    Ok(ours.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).collect())
}

pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB, {bytes} bytes", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_image_is_built_with_the_same_flags() {
        let dockerfile = std::fs::read_to_string(crate::root().join("compose/Dockerfile")).unwrap();
        assert!(dockerfile.contains(&format!("RUSTFLAGS=\"{}\"", super::STATIC)), "{dockerfile}");
    }
}
