//! Why the program ends before it serves: an exit code, and one line that says what is wrong.

use std::io::Write;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use probe::command_line::one_line;

/// Why the program ends before it serves, or cannot go on.
pub(crate) enum Exit {
    /// The user asked for help or the version: 0.
    Told(clap::Error),
    /// The command line, or a file that it names, is wrong: 2.
    Usage(String),
    /// The machine refuses: 1.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Exit {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Writes to standard output.
///
/// # Errors
/// Nobody reads it: not `print!`, which panics then.
pub(crate) fn print(text: &[u8]) -> Result<(), Exit> {
    std::io::stdout().write_all(text).map_err(|error| Exit::Failed(error.into()))
}

impl Exit {
    /// What clap says.
    pub(crate) fn of(error: clap::Error, command: &clap::Command) -> Self {
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Self::Told(error),
            _ => Self::Usage(told(&error, command)),
        }
    }

    pub(crate) fn report(self) -> ExitCode {
        // Not println! and eprintln!, which panic when nobody can read it.
        match self {
            Self::Told(text) => {
                let _ = text.print();
                ExitCode::SUCCESS
            }
            Self::Usage(line) => {
                let _ = writeln!(std::io::stderr(), "error: {line}");
                ExitCode::from(2)
            }
            Self::Failed(error) => {
                let _ = writeln!(std::io::stderr(), "error: {error:#}");
                ExitCode::FAILURE
            }
        }
    }
}

/// What clap says, and which environment variable it says it of.
fn told(error: &clap::Error, command: &clap::Command) -> String {
    let from = culprit(error, command).map(|variable| format!(" (from the environment variable {variable})"));
    one_line(error) + from.as_deref().unwrap_or_default() + "; see --help"
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}

/// The environment variable that the invalid value came from.
fn culprit(error: &clap::Error, command: &clap::Command) -> Option<String> {
    let (flag, value) = (context(error, ContextKind::InvalidArg)?, context(error, ContextKind::InvalidValue)?);
    let long = flag.split(' ').next()?.trim_start_matches("--");
    let variable = command.get_arguments().find(|arg| arg.get_long() == Some(long))?.get_env()?;
    let in_environment =
        std::env::var(variable).is_ok_and(|given| given.split(',').any(|one| one == value) || given == value);
    let on_command_line =
        std::env::args().any(|arg| arg == format!("--{long}") || arg.starts_with(&format!("--{long}=")));
    (in_environment && !on_command_line).then(|| variable.to_string_lossy().into_owned())
}
