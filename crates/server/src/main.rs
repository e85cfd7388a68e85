//! actix-exporter: counts what its web server does and watches what its users depend on. This file is the way from the
//! command line to an exit code: 0 for a server that was told to stop, 1 for the machine's fault, 2 for the user's.

mod app;
mod blackbox;
mod check;
mod cli;
mod configuration;
mod discovery;
mod exit;
mod healthcheck;
mod landing;
mod limits;
mod listen;
mod logging;
mod rate;
mod reload;
mod signals;
mod status;
mod storage;
mod version;
mod web;
mod web_config;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use cli::{Command, Flags};
use exit::Exit;
use limits::ENOUGH;
use logging::Logs;
use web::keeper::Opened;

fn main() -> ExitCode {
    let result = cli::parse(std::env::args_os()).and_then(|(command, flags)| match command {
        Some(Command::Healthcheck) => Ok(healthcheck::healthcheck(&flags)?),
        Some(command) => exit::print(&command.printed().unwrap_or_default()),
        None if flags.check_only => check::check(&flags.configuration, &Opened::read(flags.web_config_file)?),
        None => serve(flags),
    });
    result.map_or_else(Exit::report, |()| ExitCode::SUCCESS)
}

fn serve(flags: Flags) -> Result<(), Exit> {
    let logs = flags.log.start()?;
    web::panics::log_panics();
    for warning in cli::misspelt_variables() {
        log::warn!("{warning}");
    }
    let served = load_and_run(flags, logs.clone());
    logs.flush();
    served
}

fn load_and_run(flags: Flags, logs: Logs) -> Result<(), Exit> {
    let web = Opened::read(flags.web_config_file.clone())?;
    let loaded = flags.configuration.load();
    let config = loaded.config?;
    let open_files = limits::open_files()?;
    let run = || actix_rt::System::new().block_on(app::run(flags, logs, web, config, loaded.digest, open_files));
    // actix panics where the machine has no thread or file for it. That is in the log as a bug would be.
    let ended = catch_unwind(AssertUnwindSafe(run));
    Ok(ended.unwrap_or_else(|_| Err(anyhow::anyhow!("cannot go on, as the line above says; {ENOUGH}")))?)
}
