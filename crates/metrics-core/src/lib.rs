//! The metrics of a web server and of the outside that it depends on: defined here, registered into a
//! [`Registry`](prometheus::Registry) that the caller owns, and exposed.
//!
//! With feature `actix-web`, a service counts its requests and answers scrapes in five lines:
//!
#![cfg_attr(feature = "actix-web", doc = "```no_run")]
#![cfg_attr(not(feature = "actix-web"), doc = "```ignore")]
//! use actix_web::{App, HttpServer};
//! use metrics_core::{HttpMetrics, MetricsHandler, prometheus::Registry};
//!
//! #[actix_web::main]
//! async fn main() -> std::io::Result<()> {
//!     let registry = Registry::new();
//!     let http = HttpMetrics::register(&registry).expect("all names are free");
//!     let metrics = MetricsHandler::register(&registry).expect("all names are free");
//!     let app = move || App::new().service(metrics.clone()).wrap(http.clone());
//!     HttpServer::new(app).bind(("127.0.0.1", 2121))?.run().await
//! }
//! ```
//!
//! # What is in it
//!
//! - [`HttpMetrics`] (feature `actix-web`): what the server did. One request is one count, whatever its end: a response, an
//!   error of any layer, a panic, a dropped future, a body that nobody read to its end. Recorded into cells of the
//!   worker, without a lock, an allocation or a cache line that another worker writes, and summed when scraped. [`Config`] has
//!   its options. No traffic can make more than a documented number of series.
//! - [`ExternalMetrics`]: what a prober found, per target; an [`Outcome`] per run.
//! - [`BlackboxProbe`]: what one probe found, under blackbox_exporter's names.
//! - [`ProcessMetrics`], [`BuildInfo`]: the process. [`ProgramCounter`], [`ReloadMetrics`]: what a program has to tell of itself.
//! - [`MetricsHandler`] (feature `actix-web`): the route `/metrics` over all that is in the registry, in the text format,
//!   OpenMetrics or protobuf, written while it is read. [`HandlerConfig`] has its options.
//!
//! # What it promises
//!
//! - There is no global registry, and nothing is registered behind the caller's back: each set is registered once, whole or
//!   not at all, with a typed error ([`RegisterError`]).
//! - Two label sets are never one series. (A vec of the prometheus crate finds its series by a hash of the joined label
//!   values: `("ab", "c")` and `("a", "bc")` are one. None is used here.)
//! - Counters and sums never fall while the program runs, also when a worker ends. `_count` is always the `+Inf` bucket.
//! - What was not measured is absent, and not 0 or NaN; docs/metrics.md names the one exception.
//!
//! Do not register or gather from within a collector's `collect()`: the prometheus crate holds its lock meanwhile.
//!
//! # Features
//!
//! `actix-web` (off by default): all that needs actix-web (4.18 or a later 4). Without it the crate depends on prometheus
//! alone.
//!
#![cfg_attr(not(feature = "actix-web"), doc = "[`HttpMetrics`]: #features")]
#![cfg_attr(not(feature = "actix-web"), doc = "[`Config`]: #features")]
#![cfg_attr(not(feature = "actix-web"), doc = "[`MetricsHandler`]: #features")]
#![cfg_attr(not(feature = "actix-web"), doc = "[`HandlerConfig`]: #features")]
// What only the exposition reads.
#![cfg_attr(not(feature = "actix-web"), allow(dead_code))]

#[cfg(feature = "actix-web")]
mod actix;
mod adapter;
#[cfg(feature = "actix-web")]
mod answer;
mod blackbox;
#[cfg(feature = "actix-web")]
mod cells;
mod counter;
#[cfg(feature = "actix-web")]
mod exposition;
mod external;
mod family;
#[cfg(all(feature = "actix-web", any(test, fuzzing)))]
pub mod fuzzed;
#[cfg(feature = "actix-web")]
mod handler;
mod histogram;
#[cfg(feature = "actix-web")]
mod http;
#[cfg(feature = "actix-web")]
mod pages;
mod process;
mod register;
mod reload;
mod source;
mod vocab;

#[cfg(feature = "actix-web")]
pub use actix::{CountedBody, CountedFuture, CountedService};
pub use blackbox::{BlackboxLeaf, BlackboxProbe, BlackboxTls};
pub use counter::ProgramCounter;
#[cfg(feature = "actix-web")]
pub use external::Cost;
pub use external::{ExternalConfig, ExternalMetrics, Outcome, Target, TargetConfig, TargetError, TlsOutcome};
#[cfg(feature = "actix-web")]
pub use handler::{HandlerConfig, MetricsHandler};
#[cfg(feature = "actix-web")]
pub use http::{Config, ConfigError, HttpMetrics, LongLived, StatusLabel};
#[cfg(feature = "actix-web")]
pub use pages::get_only;
pub use process::{BuildInfo, ProcessMetrics};
/// The crate whose [`Registry`](prometheus::Registry) all of this registers into: two versions of it in one program
/// would be two kinds of registry.
pub use prometheus;
pub use register::RegisterError;
pub use reload::ReloadMetrics;
pub use vocab::{MissCause, Phase, Reason};

/// The programs in the pages for users, compiled.
#[cfg(all(doctest, feature = "actix-web"))]
#[doc = include_str!("../../../README.md")]
#[doc = include_str!("../../../docs/README.ja.md")]
#[doc = include_str!("../../../docs/embedding.md")]
mod user_pages {}

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix time with fractions; 0 for a clock that is set before 1970.
fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
