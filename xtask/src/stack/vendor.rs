//! The crates in the build context, for build containers that reach no registry.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

/// The crates in the build context, for as long as the build takes.
pub(super) struct Vendor {
    dir: PathBuf,
    ours: bool,
}

impl Vendor {
    pub(super) fn make(sh: &Shell) -> Result<Vendor> {
        let dir = sh.current_dir().join("vendor");
        // A copy that somebody made himself is renewed, and kept.
        let vendor = Vendor { ours: !dir.exists(), dir };
        cmd!(sh, "cargo vendor --quiet --locked vendor")
            .ignore_stdout()
            .run()
            .context("cannot copy the crates into vendor/")?;
        Ok(vendor)
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_dir_all(&self.dir)
        {
            eprintln!("warning: cannot remove {}: {error}", self.dir.display());
        }
    }
}
