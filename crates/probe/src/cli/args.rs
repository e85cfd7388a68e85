//! The command line. What is wrong with it is said in one line.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};
use probe::command_line::{duration, one_line};
use probe::{Client, Env, Override, Pem, Roots, Spec, Url};

use super::terminal;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Parser)]
#[command(
    name = "probe",
    version,
    about = "Asks a URL once and shows where the time went, what the certificate says, and why it failed.",
    after_help = "Exit code: 0 up, 1 down (with --repeat: one run or more), 2 a mistake on the command line or in a file, \
        130 ended by Ctrl-C.\n\n\
        Examples:\n  \
        probe https://example.com\n  \
        probe https://example.com --resolve example.com:443:127.0.0.1:8443 --ca-file test-ca.pem\n  \
        probe https://example.com/health --module blackbox.yml:http_2xx --timeout 3s\n  \
        probe https://example.com --repeat 20 --interval 500ms\n  \
        probe https://example.com --json | jq .phases"
)]
#[allow(clippy::struct_excessive_bools)] // that is what flags are
struct Flags {
    /// What to ask: an http or https URL
    #[arg(value_name = "URL", value_parser = probe::parse_url)]
    url: Url,

    /// Ask as a module of a configuration file of blackbox_exporter says: method, headers, what to expect
    /// [default: GET, redirects are followed, a 2xx status is good]
    #[arg(long, value_name = "FILE:NAME")]
    module: Option<String>,

    /// Time for the whole run, redirects and body included, e.g. 3s or 500ms [default: the module's, or 10s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,

    /// Use this address for a host and port instead of asking the resolver, as curl's --resolve; repeatable
    #[arg(long, value_name = "HOST:PORT:ADDRESS[:PORT]")]
    resolve: Vec<Override>,

    /// Trust the certificate authorities in this PEM file, and no others
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// Trust the certificate authorities that the system trusts, instead of the built-in ones
    #[arg(long, conflicts_with = "ca_file")]
    system_roots: bool,

    /// Go on whatever is wrong with the certificate, and say what it is
    #[arg(long)]
    insecure: bool,

    /// Ask so many times, with a line for each run and a summary at the end or at Ctrl-C
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    repeat: Option<u32>,

    /// Time between the starts of two runs; the next one waits for the end of a longer one
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration, requires = "repeat")]
    interval: Duration,

    /// Print one JSON object per run and line; docs/probe.md has its fields
    #[arg(long)]
    json: bool,

    /// Do not colour, as with the environment variable NO_COLOR
    #[arg(long)]
    no_color: bool,
}

/// What the user wants.
pub(crate) struct Asked {
    pub(crate) spec: Spec,
    pub(crate) env: Env,
    pub(crate) repeat: Option<Repeat>,
    pub(crate) json: bool,
    pub(crate) no_color: bool,
}

/// So many runs.
#[derive(Clone, Copy)]
pub(crate) struct Repeat {
    pub(crate) runs: u32,
    /// Between their starts.
    pub(crate) interval: Duration,
}

/// Why the program ends before it starts.
pub(crate) enum Exit {
    /// The user asked for help or the version.
    Told(clap::Error),
    /// The command line is wrong, or a file that it names; one line says how.
    Usage(String),
}

impl Exit {
    /// Says it; the exit code.
    pub(crate) fn report(self) -> i32 {
        match self {
            Self::Told(text) => {
                let _ = text.print();
                0
            }
            Self::Usage(line) => {
                let _ = writeln!(std::io::stderr(), "error: {}", terminal::printable(&line, true));
                2
            }
        }
    }
}

pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Asked, Exit> {
    Flags::command()
        .try_get_matches_from(args)
        .and_then(|matches| Flags::from_arg_matches(&matches))
        .map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Told(error),
            _ => Exit::Usage(one_line(&error) + "; see --help"),
        })?
        .asked()
        .map_err(Exit::Usage)
}

impl Flags {
    /// Reads the files that the flags name.
    fn asked(self) -> Result<Asked, String> {
        let module = self.module.as_deref().map(probe::load_module).transpose();
        let mut module = module.map_err(|error| format!("--module {error}"))?.unwrap_or_default();
        // The command line wins over the module.
        let tls = &mut module.tls_config;
        if self.ca_file.is_some() || self.system_roots {
            tls.ca = self.ca_file.map(Pem::File);
            tls.system_roots = self.system_roots;
        }
        tls.insecure_skip_verify |= self.insecure;
        let timeout = self.timeout.or(module.timeout).unwrap_or(DEFAULT_TIMEOUT);
        let client = Client::new(module, &Roots::BuiltIn).map_err(|error| error.to_string())?.into();
        Ok(Asked {
            spec: Spec { url: self.url, timeout, client },
            env: Env::new(self.resolve),
            repeat: self.repeat.map(|runs| Repeat { runs, interval: self.interval }),
            json: self.json,
            no_color: self.no_color,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Flags::command().debug_assert();
    }

    #[test]
    fn the_command_line_wins_over_the_default_timeout() {
        let timeout = |args: &[&str]| {
            let args = ["probe", "http://127.0.0.1:1"].iter().chain(args).map(OsString::from);
            parse(args).map(|asked| asked.spec.timeout).ok()
        };
        assert_eq!(timeout(&[]), Some(DEFAULT_TIMEOUT));
        assert_eq!(timeout(&["--timeout", "3s"]), Some(Duration::from_secs(3)));
        assert_eq!(timeout(&["--timeout", "0s"]), None);
    }
}
