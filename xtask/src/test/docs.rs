//! Suite `doors`: the transcripts of the docs, run as a reader would; and what only root can try.

use std::process::Command;

use anyhow::Result;
use xshell::Shell;

use super::setup::Setup;
use super::{Tally, cargo};

pub(crate) fn run(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) -> Result<()> {
    if let Err(reason) = setup.commands_of_the_docs() {
        tally.skip("doors", &reason);
        return Ok(());
    }
    for test in crate::build::tests(sh, "doors")? {
        cargo::run_binary(Command::new(test).env("ACTIX_EXPORTER_TEST_COMMANDS", "here"), tally)?;
    }
    Ok(())
}
