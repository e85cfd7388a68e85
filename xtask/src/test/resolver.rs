//! Suite `resolver`: what takes a network of its own. Names that do not exist, resolvers that fail, addresses without a route.

use anyhow::Result;
use xshell::Shell;

use super::network::Network;
use super::setup::Setup;
use super::{Tally, cargo};

pub(crate) fn run(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) -> Result<()> {
    let tests = crate::build::tests(sh, "resolver")?;
    let network = match Network::new(sh, setup) {
        Ok(network) => network,
        Err(reason) => {
            tally.skip("resolver", &reason);
            return Ok(());
        }
    };
    for test in tests {
        cargo::run_binary(&mut network.command(&test), tally)?;
    }
    Ok(())
}
