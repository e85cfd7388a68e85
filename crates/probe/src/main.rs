//! probe: one run in the terminal. This file is the way from the command line to an exit code: 0 for up, 1 for down, 2 for
//! the user's mistakes, 130 for a run that the user ended.

mod cli;

fn main() {
    let code = match cli::args::parse(std::env::args_os()) {
        Ok(asked) => {
            let system = actix_rt::System::new();
            let code = system.block_on(cli::run(&asked));
            // At once: the end of the runtime would wait for a look-up that a run has given up.
            std::process::exit(code)
        }
        Err(exit) => exit.report(),
    };
    std::process::exit(code)
}
