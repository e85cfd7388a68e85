//! How the outside is asked. A run resolves, connects, shakes hands and speaks HTTP as separate steps under one
//! deadline, each with its own clock and its own errors, so that its report says what happened and why.
//!
//! - [`run()`] asks once and returns a [`RunReport`]; it records nothing.
//! - [`Engine`] asks each [`Target`] on a fixed grid, on a thread of its own, and journals every report.
//!
//! ```no_run
//! # #[actix_rt::main] async fn main() -> anyhow::Result<()> {
//! let spec = probe::Spec { url: probe::parse_url("https://3-shake.com")?, timeout: std::time::Duration::from_secs(10) };
//! let report = probe::run(&spec, &probe::Env::new(&probe::Roots::BuiltIn, Vec::new())?).await;
//! println!("{:?} in {:?}", report.outcome.status, report.outcome.total);
//! # Ok(()) }
//! ```

mod dial;
mod engine;
mod failure;
mod http;
mod journal;
mod run;
mod schedule;
mod target;
mod wire;

pub use dial::resolve::{Override, OverrideError};
pub use dial::tls::{Roots, RootsError};
pub use engine::Engine;
pub use journal::Watched;
pub use run::{Env, Hop, RunReport, run};
pub use target::{Spec, Target, UrlError, parse_url};
pub use url::Url;
