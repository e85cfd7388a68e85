//! What is asked: as the flags say, or the file that they name. There is one way in, for the start, for `--config.check` and
//! for each reload.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ArgMatches;
use clap::parser::ValueSource;
use probe::command_line::duration;
use probe::{Allow, Client, Config, ConfigDefaults, DEFAULT_MODULE, Module, OnDemand, Roots, Shard, Spec, Target};

use crate::exit::Exit;

/// The flags that say what is asked.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "What is asked")]
pub(crate) struct Configuration {
    /// Ask the targets of this YAML file instead of --target. It is read again at SIGHUP and POST /-/reload; a file that is
    /// wrong is refused as a whole, and what is asked stays
    #[arg(long = "config.file", value_name = "FILE")]
    #[arg(env = "ACTIX_EXPORTER_CONFIG_FILE", hide_env_values = true)]
    file: Option<PathBuf>,

    /// Ask the share I of N of the targets of --config.file, e.g. 1/3: N servers with the same file ask each target once
    #[arg(long, value_name = "I/N", env = "ACTIX_EXPORTER_SHARD", hide_env_values = true)]
    shard: Option<Shard>,

    /// What to ask: an http or https URL
    #[arg(long, value_name = "URL", default_value = "https://3-shake.com", value_parser = target)]
    #[arg(env = "ACTIX_EXPORTER_TARGET", hide_env_values = true)]
    target: TargetUrl,

    /// Time between the starts of two probes, e.g. 15s, 1m, 500ms; with --config.file of targets that have none there
    #[arg(long = "probe.interval", value_name = "DURATION", default_value = "60s", value_parser = duration)]
    #[arg(env = "ACTIX_EXPORTER_PROBE_INTERVAL", hide_env_values = true)]
    interval: Duration,

    /// Time for a whole probe: look-up, connection, handshake, redirects and body; at most the interval; with --config.file
    /// of targets that have none there, nor by their module
    /// [default: the module's, else 10s, or the interval where that is shorter]
    #[arg(long = "probe.timeout", value_name = "DURATION", value_parser = duration)]
    #[arg(env = "ACTIX_EXPORTER_PROBE_TIMEOUT", hide_env_values = true)]
    timeout: Option<Duration>,

    /// How to ask and what to expect: a module of a file in blackbox_exporter's format
    /// [default: a GET that follows redirects and wants a 2xx status]
    #[arg(long = "probe.module", value_name = "FILE:NAME")]
    #[arg(env = "ACTIX_EXPORTER_PROBE_MODULE", hide_env_values = true)]
    module: Option<String>,

    /// Open /probe, at which anyone who reaches this server can have others asked: `public` for all that is public, hosts, addresses,
    /// networks; repeatable. Without it, and without `probe:` in --config.file, nobody is asked on demand. Addresses of loopback, private,
    /// link-local and metadata networks are asked only where they are listed themselves
    #[arg(long = "probe.allow", value_name = "HOST|NETWORK", value_delimiter = ',')]
    #[arg(env = "ACTIX_EXPORTER_PROBE_ALLOW", hide_env_values = true)]
    allow: Vec<Allow>,

    /// Trust the certificate authorities in this PEM file instead of the built-in ones
    #[arg(long = "ca-file", value_name = "FILE", env = "ACTIX_EXPORTER_CA_FILE", hide_env_values = true)]
    ca_file: Option<PathBuf>,

    /// Trust the certificate authorities that the system trusts instead of the built-in ones
    #[arg(long = "system-roots", env = "ACTIX_EXPORTER_SYSTEM_ROOTS", hide_env_values = true)]
    system_roots: bool,
}

/// What was read, and which content that was.
pub(crate) struct Loaded {
    /// Another one where a file has another content; always the same where the flags say it all.
    pub(crate) digest: [u8; 32],
    pub(crate) config: Result<Config, Refused>,
}

/// Why nothing can be asked as it is configured.
#[derive(Debug)]
pub(crate) enum Refused {
    /// What is written is wrong.
    Written(String),
    /// A file of certificates cannot be used.
    Certificates(String),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Written(line) | Self::Certificates(line)) = self;
        // A name of a file may hold anything, and this is one line.
        f.write_str(&line.replace(char::is_control, "\u{fffd}"))
    }
}

impl From<Refused> for Exit {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Written(_) => Self::Usage(refused.to_string()),
            Refused::Certificates(_) => Self::Failed(anyhow::anyhow!("{refused}")),
        }
    }
}

impl Configuration {
    /// The file, where there is one.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }

    /// The share that is asked, where one is given.
    pub(crate) fn shard(&self) -> Option<Shard> {
        self.shard
    }

    /// What no flag can know by itself.
    pub(crate) fn check(&self, given: &ArgMatches) -> Result<(), String> {
        if self.ca_file.is_some() && self.system_roots {
            return Err("--system-roots beside --ca-file: only one of them is trusted; leave one out".to_owned());
        }
        if self.file.is_none() {
            let shard = self.shard.map(|_| "--shard without --config.file: one target has no shares; give a file");
            return shard.map_or(Ok(()), |error| Err(error.to_owned()));
        }
        for (id, flag) in [("target", "--target"), ("module", "--probe.module")] {
            let from = match given.value_source(id) {
                None | Some(ValueSource::DefaultValue) => continue,
                Some(ValueSource::EnvVariable) => " (from its environment variable)",
                Some(_) => "",
            };
            return Err(format!("{flag}{from} beside --config.file: the file says what is asked; leave one out"));
        }
        Ok(())
    }

    /// Reads all files anew. It takes its time: not for a thread that serves.
    pub(crate) fn load(&self) -> Loaded {
        let Some(path) = &self.file else {
            return Loaded { digest: [0; 32], config: self.one_target() };
        };
        let defaults = ConfigDefaults {
            roots: self.roots(),
            interval: self.interval,
            timeout: self.timeout,
            shard: self.shard.unwrap_or_default(),
            allow: self.allow.clone(),
        };
        let probe::Loaded { digest, config } = Config::load(path, &defaults);
        Loaded { digest, config: config.map_err(|error| Refused::Written(error.to_string())) }
    }

    /// Whom to trust, where the module does not say it.
    fn roots(&self) -> Roots {
        match &self.ca_file {
            Some(path) => Roots::File(path.clone()),
            None if self.system_roots => Roots::System,
            None => Roots::BuiltIn,
        }
    }

    fn one_target(&self) -> Result<Config, Refused> {
        let (module, name) = match &self.module {
            None => (Module::default(), DEFAULT_MODULE),
            Some(reference) => {
                let read = probe::load_module(reference);
                let module = read.map_err(|error| Refused::Written(format!("--probe.module: {error}")))?;
                (module, reference.rsplit(':').next().unwrap_or_default())
            }
        };
        let timeout = self.timeout_of(&module).map_err(Refused::Written)?;
        let client = |module| Client::new(module, &self.roots()).map(Arc::new);
        let wrong = |error: probe::TlsFileError| Refused::Certificates(error.to_string());
        let named = client(module).map_err(wrong)?;
        let mut modules = vec![(name, named.clone())];
        if self.module.is_some() && !self.allow.is_empty() {
            // Who asks on demand may name either. The file's goes before one of the same name.
            modules.insert(0, (DEFAULT_MODULE, client(Module::default()).map_err(wrong)?));
        }
        let modules = modules.into_iter().map(|(name, client)| (name.to_owned(), Ok(client)));
        let on_demand = OnDemand::new(self.allow.clone().into(), modules);
        let target = Target {
            name: self.target.text.clone(),
            spec: Spec { url: self.target.url.clone(), timeout, client: named },
            module: name.to_owned(),
            interval: self.interval,
            slow_after: None,
            labels: Vec::new(),
            metrics: probe::Detail::default(),
        };
        Ok(Config { targets: vec![target], all_targets: 1, modules: Vec::new(), on_demand })
    }

    fn timeout_of(&self, module: &Module) -> Result<Duration, String> {
        let (whose, timeout) = match (self.timeout, module.timeout, &self.module) {
            (Some(timeout), ..) => ("--probe.timeout".to_owned(), timeout),
            (None, Some(timeout), Some(reference)) => (format!("the timeout of --probe.module {reference},"), timeout),
            _ => return Ok(Duration::from_secs(10).min(self.interval)),
        };
        if timeout <= self.interval {
            return Ok(timeout);
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
#[derive(Debug, Clone)]
struct TargetUrl {
    text: String,
    url: probe::Url,
}

fn target(text: &str) -> Result<TargetUrl, probe::UrlError> {
    Ok(TargetUrl { text: text.to_owned(), url: probe::parse_url(text)? })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    #[test]
    fn the_timeout_follows_a_short_interval() {
        let timeout = |args: &[&str]| {
            let args = std::iter::once("x").chain(args.iter().copied()).map(OsString::from);
            let (_, flags) = crate::cli::parse(args).ok().unwrap();
            flags.configuration.load().config.map(|config| config.targets[0].spec.timeout.as_secs()).ok()
        };
        assert_eq!(timeout(&[]), Some(10));
        assert_eq!(timeout(&["--probe.interval", "5s"]), Some(5));
        assert_eq!(timeout(&["--probe.interval", "5s", "--probe.timeout", "5s"]), Some(5));
        assert_eq!(timeout(&["--probe.interval", "5s", "--probe.timeout", "6s"]), None);
    }
}
