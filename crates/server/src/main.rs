//! actix-exporter: counts what its web server does and watches what its users depend on. This file is the way from the
//! command line to an exit code: 0 for a server that was told to stop, 1 for the machine's fault, 2 for the user's.

mod app;
mod cli;
mod healthcheck;
mod listen;
mod signals;
mod status;

use std::io::Write;
use std::process::ExitCode;

use cli::{Command, Flags};

fn main() -> ExitCode {
    let result = match cli::parse(std::env::args_os()) {
        Ok((Some(Command::Healthcheck), flags)) => healthcheck::healthcheck(&flags.listen_address),
        Ok((None, flags)) => serve(flags),
        Err(exit) => return exit.report(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not eprintln!, which panics when nobody can read it.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(flags: Flags) -> anyhow::Result<()> {
    let level = flags.log_level.filter();
    env_logger::Builder::new()
        .filter_level(level.min(log::LevelFilter::Warn))
        .filter_module("actix_exporter", level)
        .filter_module("actix_web::middleware::logger", level)
        .filter_module("probe", level)
        .init();
    actix_rt::System::new().block_on(app::run(flags))
}
