//! The metrics of a web server and of the outside that it depends on: defined here, registered into a
//! [`Registry`](prometheus::Registry) that the caller owns, and exposed.
//!
//! With feature `actix-web`, a service counts its requests and answers scrapes in five lines:
//!
#![cfg_attr(feature = "actix-web", doc = "```no_run")]
#![cfg_attr(not(feature = "actix-web"), doc = "```ignore")]
//! use actix_web::{App, HttpServer};
//! use metrics_core::{HttpMetrics, prometheus::Registry};
//!
//! #[actix_web::main]
//! async fn main() -> std::io::Result<()> {
//!     let registry = Registry::new();
//!     let http = HttpMetrics::register(&registry).expect("a new registry has all names free");
//!     HttpServer::new(move || App::new().service(metrics_core::scrape(&registry)).wrap(http.clone()))
//!         .bind(("127.0.0.1", 2121))?
//!         .run()
//!         .await
//! }
//! ```
//!
//! - `HttpMetrics` (feature `actix-web`): what the server did. One record per request, whatever its end; recorded into
//!   cells of the worker.
//! - [`ExternalMetrics`]: what a prober found, per target; an [`Outcome`] per run.
//! - [`ProcessMetrics`], [`BuildInfo`]: the process.
//!
//! There is no global registry, and nothing is registered behind the caller's back. Do not register or gather from
//! within a collector's `collect()`: the prometheus crate holds its lock meanwhile.

#[cfg(feature = "actix-web")]
mod actix;
#[cfg(feature = "actix-web")]
mod cells;
mod external;
mod family;
mod histogram;
#[cfg(feature = "actix-web")]
mod http;
mod process;
#[cfg(feature = "actix-web")]
mod scrape;
mod source;
mod vocab;

#[cfg(feature = "actix-web")]
pub use actix::{CountedBody, CountedFuture, CountedService};
pub use external::{ExternalMetrics, Outcome, Target};
#[cfg(feature = "actix-web")]
pub use http::{Config, ConfigError, HttpMetrics, LongLived, StatusLabel};
pub use process::{BuildInfo, ProcessMetrics};
/// The crate whose [`Registry`](prometheus::Registry) all of this registers into: two versions of it in one program
/// would be two kinds of registry.
pub use prometheus;
#[cfg(feature = "actix-web")]
pub use scrape::{get_only, scrape};
pub use source::RegisterError;
pub use vocab::{MissCause, Phase, Reason};

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix time with fractions; 0 for a clock that is set before 1970.
fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
