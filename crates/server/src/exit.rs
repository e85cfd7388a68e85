//! Why the program ends before it serves: an exit code, and one line that says what is wrong.

use std::io::Write;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

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

impl Exit {
    /// What clap says.
    pub(crate) fn of(error: clap::Error, command: &clap::Command) -> Self {
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Self::Told(error),
            _ => Self::Usage(one_line(&error, command)),
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

/// clap writes a paragraph, with the usage of everything; the first line and the tips say all that matters.
fn one_line(error: &clap::Error, command: &clap::Command) -> String {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    let first = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let line = lines.fold(first, |line, tip| line + "; " + tip);
    let line = without_credentials(line, error);
    let from = culprit(error, command).map(|variable| format!(" (from the environment variable {variable})"));
    line + from.as_deref().unwrap_or_default() + "; see --help"
}

/// A URL that is refused for its password must not spread it.
fn without_credentials(line: String, error: &clap::Error) -> String {
    match context(error, ContextKind::InvalidValue) {
        Some(value) if value.contains('@') => line.replace(value, "…"),
        _ => line,
    }
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
