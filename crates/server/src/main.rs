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
mod web;
mod web_config;

use std::process::ExitCode;

use cli::{Command, Flags};
use exit::Exit;
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
    Ok(actix_rt::System::new().block_on(app::run(flags, logs, web, config, loaded.digest))?)
}
