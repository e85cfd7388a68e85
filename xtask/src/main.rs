//! `cargo xtask`: the tasks of this workspace. This file parses and matches; each command has a file of its own.

mod bench;
mod build;
mod dist;
mod down;
mod engine;
mod flags;
mod fuzz;
mod http;
mod lint;
mod logs;
mod metrics;
mod native;
mod process;
mod prometheus;
mod ps;
mod soak;
mod stack;
mod test;
mod up;
mod wait;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use flags::{Xtask, XtaskCmd};
use xshell::Shell;

fn main() -> ExitCode {
    let flags = match Xtask::from_env() {
        Ok(flags) => flags,
        Err(help) if help.is_help() => {
            // Whoever has read enough may close the pipe.
            let _ = writeln!(std::io::stdout(), "{help}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("error: {wrong}; `cargo xtask --help` lists commands and flags");
            return ExitCode::from(2);
        }
    };
    match run(flags.subcommand) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: XtaskCmd) -> anyhow::Result<ExitCode> {
    wait::catch_interrupts()?;
    let sh = Shell::new()?;
    sh.change_dir(root());
    match command {
        XtaskCmd::Up(flags) if flags.native => native::run(&sh, &flags)?,
        XtaskCmd::Up(flags) => up::run(&sh, &flags)?,
        XtaskCmd::Ps(_) => ps::run(&sh)?,
        XtaskCmd::Down(_) => down::run(&sh)?,
        XtaskCmd::Logs(flags) => logs::run(&sh, &flags)?,
        XtaskCmd::Build(flags) => build::run(&sh, &flags)?,
        XtaskCmd::Dist(_) => dist::run(&sh)?,
        XtaskCmd::Lint(_) => lint::run(&sh)?,
        XtaskCmd::Metrics(flags) => metrics::run(&sh, &flags)?,
        XtaskCmd::Fuzz(flags) => fuzz::run(&sh, &flags)?,
        XtaskCmd::Soak(flags) => soak::run(&sh, &flags)?,
        XtaskCmd::Bench(flags) => return bench::run(&sh, &flags),
        XtaskCmd::Faults(flags) => return Ok(test::faults(&sh, &flags)),
        XtaskCmd::Test(flags) => return Ok(test::run(&sh, &flags)),
    }
    Ok(ExitCode::SUCCESS)
}

/// The workspace root: every path below is relative to it, wherever xtask was called from.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}
