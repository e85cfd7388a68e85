//! Suite `blackbox`: blackbox_exporter and the server ask the same peers, and say the same of them; and rules that are written
//! for blackbox_exporter fire in a Prometheus that asks through the server. crates/server/tests/blackbox has both.

use std::process::Command;

use anyhow::Result;
use xshell::Shell;

use super::setup::Setup;
use super::{Tally, cargo};

pub(crate) fn run(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) -> Result<()> {
    let blackbox = match setup.newest_blackbox_exporter() {
        Ok(blackbox) => blackbox,
        Err(reason) => {
            tally.skip("blackbox_exporter", &reason);
            return Ok(());
        }
    };
    // Without one, the test says so itself.
    let prometheus = setup.prometheus().into_iter().filter_map(Result::ok).next_back();
    for test in crate::build::tests(sh, "blackbox")? {
        let mut command = Command::new(test);
        command.env("ACTIX_EXPORTER_TEST_BLACKBOX", &blackbox);
        if let Some(binary) = &prometheus {
            command.env("ACTIX_EXPORTER_TEST_PROMETHEUS", &binary.prometheus);
        }
        cargo::run_binary(&mut command, tally)?;
    }
    Ok(())
}
