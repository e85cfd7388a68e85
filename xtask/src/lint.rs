//! `lint`: the house rules that a machine can check.

use anyhow::Result;
use xshell::{Shell, cmd};

pub(crate) fn run(sh: &Shell) -> Result<()> {
    cmd!(sh, "cargo fmt --all --check").run()?;
    cmd!(sh, "cargo fmt --manifest-path xtask/fuzz/Cargo.toml --all --check").run()?;
    cmd!(sh, "cargo clippy --workspace --all-targets --all-features -- -D warnings").run()?;
    // The other model of the prometheus crate, which any crate of a program may enable for all of them.
    cmd!(sh, "cargo check --package metrics-core --all-features --features prometheus/protobuf").run()?;
    cmd!(sh, "cargo doc --workspace --no-deps").env("RUSTDOCFLAGS", "-D warnings").run()?;
    Ok(())
}
