//! From names to connections, with a resolver and routes that fail: `cargo xtask test resolver` starts it where there is nothing
//! but loopback, whose resolver is the kit's. In plain `cargo test` it has nothing to do.

#[path = "../kit/asked.rs"]
mod asked;
mod fallback;
#[path = "../kit/mod.rs"]
mod kit;
#[path = "../kit/dns.rs"]
mod kit_dns;
mod lookups;
mod rebinding;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use kit_dns::{Answer, Dns};

/// Set by the suite: here is the network that the tests need.
const HERE: &str = "ACTIX_EXPORTER_TEST_NETWORK";

/// Has no route: connecting to it fails at once.
const UNREACHABLE: &str = "127.1.2.3";

fn main() -> ExitCode {
    if std::env::var_os(HERE).is_none() {
        println!("these tests need a network of their own: cargo xtask test resolver");
        return ExitCode::SUCCESS;
    }
    let mut failed = 0;
    let tests = [lookups::TESTS, fallback::TESTS, rebinding::TESTS].concat();
    let dns = Dns::start(SocketAddr::from(([127, 0, 0, 1], 53)), &table()).unwrap();
    for (name, test) in &tests {
        let good = catch_unwind(AssertUnwindSafe(|| test(&dns))).is_ok();
        println!("test {name} ... {}", if good { "ok" } else { "FAILED" });
        failed += usize::from(!good);
    }
    let (result, passed) = (if failed == 0 { "ok" } else { "FAILED" }, tests.len() - failed);
    println!("test result: {result}. {passed} passed; {failed} failed; 0 ignored");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A test, by the rule that it proves.
type Test = (&'static str, fn(&Dns));

/// What names lead to. Those that are not here do not exist.
fn table() -> Vec<(&'static str, Answer)> {
    let ips = |ips: &[&str]| ips.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<IpAddr>>();
    let to = |addresses: &[&str]| Answer::Addresses(ips(addresses));
    vec![
        ("one.test", to(&["127.0.0.1"])),
        ("both.test", to(&["127.0.0.1", "::1"])),
        ("six.test", to(&["::1"])),
        ("many.test", to(&["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"])),
        ("none.test", to(&[])),
        ("unreachable.test", to(&[UNREACHABLE])),
        ("partly.test", to(&[UNREACHABLE, "127.0.0.1"])),
        ("unrouted.test", to(&["::ffff:127.1.2.3", "127.0.0.1"])),
        ("refused.test", Answer::Error(kit_dns::REFUSED)),
        ("failing.test", Answer::Error(kit_dns::SERVER_FAILURE)),
        ("truncated.test", Answer::Truncated),
        ("silent.test", Answer::Silence),
        ("silent-too.test", Answer::Silence),
        ("rebound.test", Answer::Then(ips(&["127.0.0.2"]), ips(&["127.0.0.3"]))),
        ("mixed.test", to(&["127.0.0.3", "127.0.0.2"])),
    ]
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    actix_rt::Runtime::new().unwrap().block_on(future)
}

/// Longer than it takes the resolver to give up on silence, by the suite's resolv.conf.
const LONGER_THAN_SILENCE: Duration = Duration::from_secs(20);
