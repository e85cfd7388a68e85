//! `up`: builds and starts the stack, and returns once it works.

use std::time::Duration;

use anyhow::Result;
use xshell::Shell;

use crate::flags;
use crate::stack::{Crates, Stack};

/// From the start of the containers; the build before it takes its own time.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn run(sh: &Shell, flags: &flags::Up) -> Result<()> {
    let stack = Stack::from_env(sh)?;
    println!("starting the stack `{}` with {}", stack.project, stack.client);
    start(&stack, Some(Crates::from_flag(flags.vendor)))?;
    stack.ports.print_urls();
    println!("stop         cargo xtask down");
    Ok(())
}

/// Starts the stack, with a new image where `build` says so. What it started is removed again if it does not work.
pub(crate) fn start(stack: &Stack<'_>, build: Option<Crates>) -> Result<()> {
    stack.ports.check_free(|address| stack.publishes(address))?;
    if let Some(crates) = build {
        stack.build(crates)?;
    }
    let before = [stack.left("ps")?, stack.left("volume")?];
    stack.start().and_then(|()| stack.wait_healthy(LIMIT)).inspect_err(|_| clean_up(stack, &before))
}

/// Leaves alone what was there before: containers that somebody runs, and the data of earlier ones.
fn clean_up(stack: &Stack<'_>, [containers, volumes]: &[Vec<String>; 2]) {
    if !containers.is_empty() {
        return;
    }
    eprintln!("the stack does not work; its last words, then its removal:");
    let _ = stack.compose(["logs", "--tail", "20"]).run();
    let volumes = volumes.is_empty().then_some("--volumes");
    let _ = stack.compose(["down"]).args(volumes).run();
}
