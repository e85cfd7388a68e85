//! Suite `soak`: the servers under load, in a container that may do next to nothing.

use anyhow::Context;
use xshell::Shell;

use super::Tally;
use super::setup::Setup;
use crate::soak::Container;

pub(super) fn run(sh: &Shell, setup: &Setup<'_>, minutes: f64, tally: &mut Tally) {
    let container = match Container::new(sh, setup).context("no container") {
        Ok(container) => container,
        Err(reason) => {
            tally.skip("soak", &reason);
            return;
        }
    };
    tally.check(
        "s33: in a container with next to no rights and 64 MB, under load, the books balance and nothing grows",
        || container.soak(minutes),
    );
}
