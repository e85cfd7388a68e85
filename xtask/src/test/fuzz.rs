//! Suite `fuzz`: each target for a little while, beginning with what is kept.

use anyhow::Result;
use xshell::Shell;

use super::Tally;
use super::setup::Setup;
use crate::fuzz;

pub(crate) fn run(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) -> Result<()> {
    if let Err(reason) = setup.cargo_fuzz() {
        tally.skip("fuzz", &reason);
        return Ok(());
    }
    // To optimise them takes minutes, for twenty seconds of each.
    let _quick = sh.push_env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    fuzz::build(sh)?;
    for target in fuzz::targets()? {
        tally.check(&format!("no bytes break what is said of {target}"), || fuzz::fuzz(sh, &target, fuzz::SECONDS));
    }
    Ok(())
}
