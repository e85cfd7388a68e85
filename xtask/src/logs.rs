//! `logs`: what the services of the stack say.

use anyhow::Result;
use xshell::Shell;

use crate::flags;
use crate::stack::{Profile, Stack};
use crate::wait;

pub(crate) fn run(sh: &Shell, flags: &flags::Logs) -> Result<()> {
    let stack = Stack::from_env(sh, &Profile::ALL)?;
    let follow = (!flags.no_follow).then_some("--follow");
    let ended = stack.compose(["logs", "--tail", "200"]).args(follow).quiet().run();
    // Ctrl-C is how one stops following, no failure.
    if wait::interrupted() { Ok(()) } else { Ok(ended?) }
}
