//! `ps`: what each service of the stack is doing.

use anyhow::Result;
use xshell::Shell;

use crate::stack::{Stack, state};

pub(crate) fn run(sh: &Shell) -> Result<()> {
    let mut stack = Stack::from_env(sh, &[])?;
    if stack.left("ps")?.is_empty() {
        println!("nothing of the stack `{}` is there: cargo xtask up", stack.project);
        return Ok(());
    }
    stack.keep_profiles()?;
    state::print(&stack, &stack.profiles)
}
