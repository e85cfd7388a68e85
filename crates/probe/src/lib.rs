//! How the outside is asked. A run resolves, connects, shakes hands and speaks HTTP as separate steps under one
//! deadline, each with its own clock and its own errors, so that its report says what happened and why.
//!
//! - A [`Module`] says how to ask and what to expect; [`load_module`] reads one in blackbox_exporter's format. A [`Client`] is a
//!   module made ready.
//! - [`Config`] is a configuration file: targets and their modules.
//! - [`run()`] asks once and returns a [`RunReport`]; it records nothing.
//! - [`Engine`] asks each [`Target`] on a fixed grid, on a thread of its own, and journals every report.
//! - [`History`] is what happened: every run of every target rolled up, incidents, and the last runs that failed.
//!
//! ```no_run
//! # #[actix_rt::main] async fn main() -> anyhow::Result<()> {
//! use probe::{Client, Env, Module, Roots, Spec};
//!
//! let client = Client::new(Module::default(), &Roots::BuiltIn)?.into();
//! let timeout = std::time::Duration::from_secs(10);
//! let spec = Spec { url: probe::parse_url("https://3-shake.com")?, timeout, client };
//! let report = probe::run(&spec, &Env::default()).await;
//! println!("{:?} in {:?}", report.outcome.status, report.outcome.total);
//! # Ok(()) }
//! ```

mod allow;
mod blackbox;
mod body;
mod check;
mod client;
pub mod command_line;
mod config;
mod connectivity;
mod curl;
mod dial;
mod engine;
mod evidence;
mod failure;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod history;
mod http;
mod journal;
mod json;
mod lock;
mod module;
mod policy;
mod regular_file;
mod report;
mod request;
mod run;
mod schedule;
mod shard;
mod target;
mod wire;

/// How configuration files are read, for whoever has one of his own: YAML whose every part knows where it stands, so that what is wrong
/// with it can be said as `FILE:LINE:COLUMN: what; what to do`.
pub mod yaml {
    pub use crate::config::{Files, Key, Node, Problem, Section, entries, parse, shown, text};
}

pub use allow::{Allow, AllowError, AllowList};
pub use client::{Client, HostError};
pub use config::{
    Config, ConfigDefaults, DEFAULT_MODULE, FileError, Loaded, ModuleEntry, ModuleFile, OnDemand, Position, load_module,
};
pub use dial::pem::{Source, TlsFileError};
pub use dial::resolve::{Override, OverrideError};
pub use dial::tls::Roots;
pub use engine::{Applied, Engine, EngineConfig};
pub use evidence::SAMPLE;
pub use history::{Cell, Cells, Counts, History, HistoryConfig, HistoryError, Incident, Past, Sketch, Span, Track};
pub use journal::{State, Watched};
pub use json::{rfc3339, to_json, to_public_json, unix_ms};
pub use module::{
    Authorization, BasicAuth, Compression, HeaderMatch, IpProtocol, Module, Pem, RedirectPolicy, Secret, SecretError,
    StatusCodes, TlsConfig, TlsVersion,
};
pub use report::{Body, Certificate, Failure, Hop, Phases, RunReport, Tls};
pub use run::{Env, run, run_with};
pub use shard::{Shard, ShardError};
pub use target::{Detail, Spec, Target, UrlError, parse_url};
pub use url::Url;
