//! The command line. Every flag has an environment variable: `ACTIX_EXPORTER_`, then the flag in capitals with `_` for
//! `.` and `-`. What is wrong with one is said in one line.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use metrics_core::HandlerConfig;
use probe::{Client, Module, Override, Roots, Spec, Target};

use crate::listen::ListenAddress;

/// A year: what is more is a slip of the pen.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
pub(crate) const REVISION: &str = env!("REVISION");
pub(crate) const RUSTC: &str = env!("RUSTC_VERSION");

#[derive(Parser)]
#[command(
    name = "actix-exporter",
    version = concat!(env!("CARGO_PKG_VERSION"), " (revision ", env!("REVISION"), ", rustc ", env!("RUSTC_VERSION"), ")"),
    about = "Counts its own requests, asks a target once a minute, and answers Prometheus.",
    after_help = "Every flag can be given by the environment variable shown with it; the command line wins.\n\n\
        Examples:\n  \
        actix-exporter\n  \
        actix-exporter --target https://example.com/health --probe.interval 15s --probe.timeout 5s\n  \
        actix-exporter --target https://example.com/ --probe.module blackbox.yml:http_post_2xx\n  \
        actix-exporter --web.listen-address 127.0.0.1:9100 --log.level warn\n  \
        actix-exporter --resolve 3-shake.com:443:127.0.0.1:8443 --ca-file test-ca.pem\n\n\
        Then: curl http://localhost:2121/metrics, curl http://localhost:2121/3-shake-status"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Ask the server that runs on this machine whether it is healthy: exit code 0 if so, else 1
    Healthcheck,
}

#[derive(clap::Args)]
pub(crate) struct Flags {
    /// Where to serve, as `[HOST]:PORT`; without HOST on all addresses, IPv4 and IPv6; port 0 lets the system choose
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = ":2121", global = true)]
    #[arg(env = "ACTIX_EXPORTER_WEB_LISTEN_ADDRESS", hide_env_values = true)]
    pub(crate) listen_address: ListenAddress,

    /// What to ask: an http or https URL
    #[arg(long, value_name = "URL", default_value = "https://3-shake.com", value_parser = target)]
    #[arg(env = "ACTIX_EXPORTER_TARGET", hide_env_values = true)]
    target: TargetUrl,

    /// Time between the starts of two probes, e.g. 15s, 1m, 500ms
    #[arg(long = "probe.interval", value_name = "DURATION", default_value = "60s", value_parser = duration)]
    #[arg(env = "ACTIX_EXPORTER_PROBE_INTERVAL", hide_env_values = true)]
    interval: Duration,

    /// Time for a whole probe: look-up, connection, handshake, redirects and body; at most the interval
    /// [default: the module's, else 10s, or the interval where that is shorter]
    #[arg(long = "probe.timeout", value_name = "DURATION", value_parser = duration)]
    #[arg(env = "ACTIX_EXPORTER_PROBE_TIMEOUT", hide_env_values = true)]
    timeout: Option<Duration>,

    /// How to ask and what to expect: a module of a file in blackbox_exporter's format
    /// [default: a GET that follows redirects and wants a 2xx status]
    #[arg(long = "probe.module", value_name = "FILE:NAME")]
    #[arg(env = "ACTIX_EXPORTER_PROBE_MODULE", hide_env_values = true)]
    module_reference: Option<String>,

    /// What is read from there.
    #[arg(skip)]
    pub(crate) module: Module,

    /// Use this address for a host and port instead of asking the resolver, as curl's --resolve; repeatable
    #[arg(long, value_name = "HOST:PORT:ADDRESS[:PORT]", value_delimiter = ',')]
    #[arg(env = "ACTIX_EXPORTER_RESOLVE", hide_env_values = true)]
    pub(crate) resolve: Vec<Override>,

    /// Trust the certificate authorities in this PEM file instead of the built-in ones
    #[arg(long = "ca-file", value_name = "FILE", env = "ACTIX_EXPORTER_CA_FILE", hide_env_values = true)]
    ca_file: Option<PathBuf>,

    /// Trust the certificate authorities that the system trusts instead of the built-in ones
    #[arg(long = "system-roots", env = "ACTIX_EXPORTER_SYSTEM_ROOTS", hide_env_values = true)]
    system_roots: bool,

    /// How many scrapes to serve at the same time; one more is answered 503. 0: no limit
    #[arg(long = "web.max-requests", value_name = "NUMBER", default_value_t = HandlerConfig::default().max_requests)]
    #[arg(env = "ACTIX_EXPORTER_WEB_MAX_REQUESTS", hide_env_values = true)]
    max_requests: usize,

    /// Expose the durations of requests and probes as native histograms too, to scrapers that ask for protobuf.
    /// Prometheus then leaves out their classic buckets, unless always_scrape_classic_histograms is set there
    #[arg(long = "metrics.native-histograms", env = "ACTIX_EXPORTER_METRICS_NATIVE_HISTOGRAMS")]
    #[arg(hide_env_values = true)]
    pub(crate) native_histograms: bool,

    /// What to log, on standard error; info has a line per request
    #[arg(long = "log.level", value_name = "LEVEL", value_enum, default_value = "info")]
    #[arg(env = "ACTIX_EXPORTER_LOG_LEVEL", hide_env_values = true)]
    pub(crate) log_level: LogLevel,
}

impl Flags {
    pub(crate) fn target(&self, client: Arc<Client>) -> Target {
        let timeout = self.timeout.or(self.module.timeout);
        let timeout = timeout.unwrap_or_else(|| Duration::from_secs(10).min(self.interval));
        let spec = Spec { url: self.target.url.clone(), timeout, client };
        Target {
            name: self.target.text.clone(),
            spec,
            module: "http_2xx".to_owned(),
            interval: self.interval,
            slow_after: None,
            labels: Vec::new(),
            metrics: probe::Detail::default(),
        }
    }

    pub(crate) fn handler(&self) -> HandlerConfig {
        HandlerConfig { max_requests: self.max_requests, ..HandlerConfig::default() }
    }

    /// Whom to trust, where the module does not say it.
    pub(crate) fn roots(&self) -> Roots {
        match &self.ca_file {
            Some(path) => Roots::File(path.clone()),
            None if self.system_roots => Roots::System,
            None => Roots::BuiltIn,
        }
    }

    /// Reads the module that is named.
    fn read_module(&mut self) -> Result<(), String> {
        if let Some(reference) = &self.module_reference {
            self.module = probe::load_module(reference).map_err(|error| format!("--probe.module: {error}"))?;
        }
        Ok(())
    }

    /// What no flag can know by itself.
    fn check(&self) -> Result<(), String> {
        if self.ca_file.is_some() && self.system_roots {
            return Err("--system-roots beside --ca-file: only one of them is trusted; leave one out".to_owned());
        }
        let (whose, timeout) = match (self.timeout, self.module.timeout, &self.module_reference) {
            (Some(timeout), ..) => ("--probe.timeout".to_owned(), timeout),
            (None, Some(timeout), Some(reference)) => (format!("the timeout of --probe.module {reference},"), timeout),
            _ => return Ok(()),
        };
        if timeout <= self.interval {
            return Ok(());
        }
        Err(format!(
            "{whose} {} is longer than --probe.interval {}: a probe must end before the next one starts; \
             lower the timeout or raise the interval",
            humantime::format_duration(timeout),
            humantime::format_duration(self.interval)
        ))
    }
}

/// A URL, and how the user wrote it: that is the target's name.
#[derive(Clone)]
struct TargetUrl {
    text: String,
    url: probe::Url,
}

fn target(text: &str) -> Result<TargetUrl, probe::UrlError> {
    Ok(TargetUrl { text: text.to_owned(), url: probe::parse_url(text)? })
}

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration.is_zero() => Err("must be more than 0".to_owned()),
        Ok(duration) if duration > LONGEST => Err("must be at most a year".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}; write a number and a unit, e.g. 15s, 1m or 500ms")),
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

impl LogLevel {
    pub(crate) fn filter(self) -> log::LevelFilter {
        match self {
            Self::Error => log::LevelFilter::Error,
            Self::Warn => log::LevelFilter::Warn,
            Self::Info => log::LevelFilter::Info,
            Self::Debug => log::LevelFilter::Debug,
        }
    }
}

/// Why the program ends before it starts.
pub(crate) enum Exit {
    /// The user asked for help or the version.
    Told(clap::Error),
    /// The command line is wrong; one line says how.
    Usage(String),
}

impl Exit {
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Told(text) => {
                let _ = text.print();
                ExitCode::SUCCESS
            }
            Self::Usage(line) => {
                let _ = writeln!(std::io::stderr(), "error: {line}");
                ExitCode::from(2)
            }
        }
    }
}

pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<(Option<Command>, Flags), Exit> {
    let mut command = empty_is_unset(Cli::command());
    let cli = command.try_get_matches_from_mut(args).and_then(|matches| Cli::from_arg_matches(&matches));
    let mut cli = cli.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Told(error),
        _ => Exit::Usage(one_line(&error, &command)),
    })?;
    // A command needs no module, and is not to fail for one.
    if cli.command.is_none() {
        cli.flags.read_module().map_err(Exit::Usage)?;
    }
    cli.flags.check().map_err(Exit::Usage)?;
    Ok((cli.command, cli.flags))
}

/// Compose files and unit files cannot leave a variable out where a value is missing; they leave it empty.
fn empty_is_unset(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| {
        let empty =
            arg.get_env().is_some_and(|variable| std::env::var_os(variable).is_some_and(|value| value.is_empty()));
        if empty { arg.env(None::<&str>) } else { arg }
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn environment_variables_follow_one_rule() {
        for arg in Cli::command().get_arguments() {
            let Some(long) = arg.get_long().filter(|long| !matches!(*long, "help" | "version")) else { continue };
            let expected = format!("ACTIX_EXPORTER_{}", long.replace(['.', '-'], "_").to_uppercase());
            assert_eq!(arg.get_env().and_then(|env| env.to_str()), Some(expected.as_str()), "--{long}");
        }
    }

    #[test]
    fn the_timeout_follows_a_short_interval() {
        let flags = |args: &[&str]| {
            let args = std::iter::once("x").chain(args.iter().copied()).map(OsString::from);
            let client = Arc::new(Client::new(probe::Module::default(), &probe::Roots::BuiltIn).unwrap());
            parse(args).map(|(_, flags)| flags.target(client).spec.timeout.as_secs()).ok()
        };
        assert_eq!(flags(&[]), Some(10));
        assert_eq!(flags(&["--probe.interval", "5s"]), Some(5));
        assert_eq!(flags(&["--probe.interval", "5s", "--probe.timeout", "5s"]), Some(5));
        assert_eq!(flags(&["--probe.interval", "5s", "--probe.timeout", "6s"]), None);
    }
}
