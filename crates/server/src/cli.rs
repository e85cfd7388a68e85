//! The command line. Every flag has an environment variable: `ACTIX_EXPORTER_`, then the flag in capitals with `_` for
//! `.` and `-`. What is wrong with one is said in one line.

use std::ffi::OsString;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;
use metrics_core::HandlerConfig;
use probe::command_line::duration;
use probe::{EngineConfig, Override};

use crate::blackbox::{Gate, TimeoutOffset};
use crate::configuration::Configuration;
use crate::exit::Exit;
use crate::limits;
use crate::listen::ListenFlags;
use crate::logging::LogFlags;
use crate::status::GraphFlags;
use crate::storage::StorageFlags;
use crate::web::limits::Limits;
use crate::web::paths::PathFlags;

/// Of all environment variables.
const PREFIX: &str = "ACTIX_EXPORTER_";

#[derive(Parser)]
#[command(
    name = "actix-exporter",
    version = concat!(env!("CARGO_PKG_VERSION"), " (revision ", env!("REVISION"), ", rustc ", env!("RUSTC_VERSION"), ")"),
    about = "Counts its own requests, asks a target, or those of a file, once a minute, and answers Prometheus.",
    after_help = "Every flag can be given by the environment variable shown with it; the command line wins.\n\n\
        Examples:\n  \
        actix-exporter\n  \
        actix-exporter --target https://example.com/health --probe.interval 15s --probe.timeout 5s\n  \
        actix-exporter --target https://example.com/ --probe.module blackbox.yml:http_post_2xx\n  \
        actix-exporter --config.file actix-exporter.yml --config.check\n  \
        actix-exporter --config.file actix-exporter.yml --config.enable-auto-reload --shard 1/3\n  \
        actix-exporter --config.file blackbox.yml --probe.allow public,10.0.0.0/8\n  \
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
    /// Print what completes the command line in a shell, e.g. for bash into ~/.local/share/bash-completion/completions/actix-exporter
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual page, e.g. into ~/.local/share/man/man1/actix-exporter.1
    Manpage,
}

impl Command {
    /// What is printed of the command line itself.
    pub(crate) fn printed(&self) -> Option<Vec<u8>> {
        let (mut command, mut text) = (Cli::command(), Vec::new());
        match self {
            Self::Healthcheck => return None,
            Self::Completions { shell } => clap_complete::generate(*shell, &mut command, "actix-exporter", &mut text),
            // Writing to memory cannot fail.
            Self::Manpage => _ = clap_mangen::Man::new(command).render(&mut text),
        }
        Some(text)
    }
}

#[derive(clap::Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) configuration: Configuration,

    #[command(flatten)]
    pub(crate) listen: ListenFlags,

    /// Who may come in and how: TLS, passwords, headers and a rate limit, in the format of the exporters of Prometheus. It is
    /// looked at every second; a file that is wrong is refused as a whole, and changes nothing
    #[arg(help_heading = "Web server", long = "web.config.file", value_name = "FILE", global = true)]
    #[arg(env = "ACTIX_EXPORTER_WEB_CONFIG_FILE", hide_env_values = true)]
    pub(crate) web_config_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) paths: PathFlags,

    #[command(flatten)]
    pub(crate) graphs: GraphFlags,

    #[command(flatten)]
    pub(crate) limits: Limits,

    /// Print what would be asked and what it costs, and end: exit code 0, or 2 where the configuration is wrong. Nobody is
    /// asked
    #[arg(
        help_heading = "What is asked",
        long = "config.check",
        env = "ACTIX_EXPORTER_CONFIG_CHECK",
        hide_env_values = true
    )]
    pub(crate) check_only: bool,

    /// Look for changes of the configuration's files from time to time, and read them again when there are some
    #[arg(
        help_heading = "What is asked",
        long = "config.enable-auto-reload",
        env = "ACTIX_EXPORTER_CONFIG_ENABLE_AUTO_RELOAD"
    )]
    #[arg(hide_env_values = true)]
    enable_auto_reload: bool,

    /// How often --config.enable-auto-reload looks
    #[arg(help_heading = "What is asked", long = "config.auto-reload-interval", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    #[arg(env = "ACTIX_EXPORTER_CONFIG_AUTO_RELOAD_INTERVAL", hide_env_values = true)]
    auto_reload_interval: Duration,

    /// How many probes may be under way at the same time; the others wait. Each takes a file descriptor and some memory
    #[arg(help_heading = "What is asked", long = "probe.max-runs", value_name = "NUMBER", default_value_t = default_max_runs())]
    #[arg(env = "ACTIX_EXPORTER_PROBE_MAX_RUNS", hide_env_values = true)]
    pub(crate) max_runs: NonZeroUsize,

    /// How many requests to /probe may be under way at the same time; one more is answered 503
    #[arg(help_heading = "What is asked", long = "probe.max-requests", value_name = "NUMBER", default_value = "500")]
    #[arg(env = "ACTIX_EXPORTER_PROBE_MAX_REQUESTS", hide_env_values = true)]
    max_probes: NonZeroUsize,

    /// How many requests to /probe may come in a second; one more is answered 503. 0: no limit
    #[arg(help_heading = "What is asked", long = "probe.rate-limit", value_name = "NUMBER", default_value = "1000")]
    #[arg(env = "ACTIX_EXPORTER_PROBE_RATE_LIMIT", hide_env_values = true)]
    probe_rate: u32,

    /// How much earlier than the scraper's time is over a probe at /probe ends, in seconds, or with a unit
    #[arg(help_heading = "What is asked", long = "timeout-offset", value_name = "SECONDS", default_value = "0.5")]
    #[arg(env = "ACTIX_EXPORTER_TIMEOUT_OFFSET", hide_env_values = true)]
    pub(crate) timeout_offset: TimeoutOffset,

    /// Use this address for a host and port instead of asking the resolver, as curl's --resolve; repeatable
    #[arg(help_heading = "What is asked", long, value_name = "HOST:PORT:ADDRESS[:PORT]", value_delimiter = ',')]
    #[arg(env = "ACTIX_EXPORTER_RESOLVE", hide_env_values = true)]
    pub(crate) resolve: Vec<Override>,

    /// How many scrapes to serve at the same time; one more is answered 503. 0: no limit
    #[arg(help_heading = "Limits of the web server", long = "web.max-requests", value_name = "NUMBER", default_value_t = HandlerConfig::default().max_requests)]
    #[arg(env = "ACTIX_EXPORTER_WEB_MAX_REQUESTS", hide_env_values = true)]
    max_requests: usize,

    /// Expose the durations of requests and probes as native histograms too, to scrapers that ask for protobuf.
    /// Prometheus then leaves out their classic buckets, unless always_scrape_classic_histograms is set there
    #[arg(
        help_heading = "Metrics",
        long = "metrics.native-histograms",
        env = "ACTIX_EXPORTER_METRICS_NATIVE_HISTOGRAMS"
    )]
    #[arg(hide_env_values = true)]
    pub(crate) native_histograms: bool,

    #[command(flatten)]
    pub(crate) storage: StorageFlags,

    #[command(flatten)]
    pub(crate) log: LogFlags,
}

impl Flags {
    pub(crate) fn handler(&self) -> HandlerConfig {
        HandlerConfig { max_requests: self.max_requests, ..HandlerConfig::default() }
    }

    /// How much may be asked at /probe, where so many files may be open.
    pub(crate) fn gate(&self, open_files: Option<u64>) -> Gate {
        Gate::new(limits::probes(self.max_probes, open_files), NonZeroU32::new(self.probe_rate))
    }

    /// How often to look whether the files have changed.
    pub(crate) fn auto_reload(&self) -> Option<Duration> {
        self.enable_auto_reload.then_some(self.auto_reload_interval)
    }

    /// What no flag can know by itself.
    fn check(&self, given: &ArgMatches) -> Result<(), String> {
        self.configuration.check(given)?;
        if self.enable_auto_reload && self.configuration.file().is_none() {
            let message = "--config.enable-auto-reload without --config.file: there is no file to watch; give one";
            return Err(message.to_owned());
        }
        Ok(())
    }
}

fn default_max_runs() -> NonZeroUsize {
    NonZeroUsize::new(EngineConfig::default().most_runs).unwrap_or(NonZeroUsize::MIN)
}

pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<(Option<Command>, Flags), Exit> {
    let mut command = empty_is_unset(Cli::command());
    let given = command.try_get_matches_from_mut(args).map_err(|error| Exit::of(error, &command))?;
    let cli = Cli::from_arg_matches(&given).map_err(|error| Exit::of(error, &command))?;
    cli.flags.check(&given).map_err(Exit::Usage)?;
    Ok((cli.command, cli.flags))
}

/// Variables whose names are slips of ours, with the one that was meant. Scripts may have some of their own, so that this is no error.
pub(crate) fn misspelt_variables() -> Vec<String> {
    let command = Cli::command();
    let known: Vec<_> =
        command.get_arguments().filter_map(|arg| arg.get_env()?.to_str()?.strip_prefix(PREFIX)).collect();
    let given = std::env::vars_os().filter_map(|(name, _)| name.to_str()?.strip_prefix(PREFIX).map(str::to_owned));
    let unknown = given.filter(|name| !known.contains(&name.as_str()));
    let warning = |name: String| {
        let near = known.iter().map(|known| (strsim::normalized_damerau_levenshtein(&name, known), known));
        let (_, near) = near.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness >= 0.7)?;
        Some(format!("the environment variable {PREFIX}{name} is not known; did you mean {PREFIX}{near}?"))
    };
    unknown.filter_map(warning).collect()
}

/// Compose files and unit files cannot leave a variable out where a value is missing; they leave it empty.
fn empty_is_unset(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| {
        let empty =
            arg.get_env().is_some_and(|variable| std::env::var_os(variable).is_some_and(|value| value.is_empty()));
        if empty { arg.env(None::<&str>) } else { arg }
    })
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
            let expected = format!("{PREFIX}{}", long.replace(['.', '-'], "_").to_uppercase());
            assert_eq!(arg.get_env().and_then(|env| env.to_str()), Some(expected.as_str()), "--{long}");
        }
    }
}
