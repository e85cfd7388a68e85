//! From names to connections, with a resolver and routes that fail: `cargo xtask test resolver`.

#[path = "../kit/asked.rs"]
mod asked;
mod fallback;
#[path = "../kit/mod.rs"]
mod kit;
#[path = "../kit/dns.rs"]
mod kit_dns;
mod lookups;
#[path = "../kit/own_network.rs"]
mod own_network;
#[path = "../kit/program.rs"]
mod program;
mod rebinding;

use std::future::Future;
use std::process::ExitCode;

use kit::reasons::Place;
use own_network::Test;

fn main() -> ExitCode {
    own_network::run(&[lookups::TESTS, fallback::TESTS, rebinding::TESTS, REASONS].concat())
}

/// What the program `probe` prints of them.
const REASONS: &[Test] = &[("the_program_tells_each_reason", |_| program::tells_each_reason(Place::OwnNetwork))];

fn block_on<T>(future: impl Future<Output = T>) -> T {
    actix_rt::Runtime::new().unwrap().block_on(future)
}
