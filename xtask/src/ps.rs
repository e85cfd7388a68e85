//! `ps`: what each service of the stack is doing.

use anyhow::Result;
use xshell::Shell;

use crate::stack::{Profile, Stack, state};

pub(crate) fn run(sh: &Shell) -> Result<()> {
    let stack = Stack::from_env(sh, &Profile::ALL)?;
    if stack.left("ps")?.is_empty() {
        println!("nothing of the stack `{}` is there: cargo xtask up", stack.project);
        return Ok(());
    }
    let mut running = Stack { profiles: Vec::new(), ..stack };
    running.keep_profiles()?;
    state::print(&running, &running.profiles)
}
