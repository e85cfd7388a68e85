//! `up`: builds and starts the stack, and returns once it works.

use std::time::Duration;

use anyhow::Result;
use xshell::Shell;

use crate::flags;
use crate::stack::{Crates, Stack, services, state};

/// From the start of the containers; the build before it takes its own time.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn run(sh: &Shell, flags: &flags::Up) -> Result<()> {
    let mut stack = Stack::from_env(sh, &flags.profile)?;
    stack.keep_profiles()?;
    println!("starting the stack `{}` with {}", stack.project, stack.client);
    start(&stack, Some(Crates::from_flag(flags.vendor)))?;
    println!();
    state::print(&stack, &stack.profiles)?;
    state::line("to stop", "cargo xtask down", None);
    Ok(())
}

/// Starts the stack, with a new image where `build` says so. What it started is removed again if it does not work.
pub(crate) fn start(stack: &Stack<'_>, build: Option<Crates>) -> Result<()> {
    stack.ports.check_free(&stack.profiles, |address| stack.publishes(address))?;
    if let Some(crates) = build {
        stack.build(crates)?;
    }
    let before = Before { services: stack.there()?, volumes: stack.left("volume")? };
    stack.start().and_then(|()| stack.wait_healthy(LIMIT)).inspect_err(|_| clean_up(stack, &before))
}

/// What was there, and is left alone: containers that somebody runs, and the data of earlier ones.
struct Before {
    services: Vec<&'static str>,
    volumes: Vec<String>,
}

fn clean_up(stack: &Stack<'_>, before: &Before) {
    eprintln!("the stack does not work; its last words, then the removal of what was started:");
    let new: Vec<&str> =
        stack.there().unwrap_or_default().into_iter().filter(|service| !before.services.contains(service)).collect();
    let _ = stack.compose(["logs", "--tail", "20"]).args(&new).run();
    if before.services.is_empty() {
        let _ = stack.compose(["down"]).run();
    } else {
        if !new.is_empty() {
            let _ = stack.compose(["rm", "--stop", "--force"]).args(&new).run();
        }
        // Prometheus may have been told of members that are no more.
        let _ = Stack { profiles: services::profiles_of(&before.services), ..stack.clone() }.start();
    }
    for volume in stack.left("volume").unwrap_or_default() {
        if !before.volumes.contains(&volume) {
            let _ = stack.engine(["volume", "rm", &volume]).ignore_stdout().run();
        }
    }
}
