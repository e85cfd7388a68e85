//! Tests in a network of their own: nothing but loopback, one route that leads nowhere, and a resolver that answers from the
//! table below. `cargo xtask test resolver browser` starts them there; in plain `cargo test` they have nothing to do.
#![allow(dead_code, unreachable_pub)] // each test binary uses a part of it

use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use crate::kit_dns::{Answer, Dns, REFUSED, SERVER_FAILURE};

/// Set by the suite: here is the network that the tests need.
const HERE: &str = "ACTIX_EXPORTER_TEST_NETWORK";

/// Has no route: connecting to it fails at once.
pub const UNREACHABLE: &str = "127.1.2.3";

/// Longer than it takes the system to give up on a silent resolver, which is 8 s there.
pub const LONGER_THAN_SILENCE: Duration = Duration::from_secs(30);

/// A test, by the rule that it proves.
pub type Test = (&'static str, fn(&Dns));

/// Runs them one after the other, and says how it went as other tests do.
pub fn run(tests: &[Test]) -> ExitCode {
    if std::env::var_os(HERE).is_none() {
        println!("these tests need a network of their own: cargo xtask test resolver browser");
        return ExitCode::SUCCESS;
    }
    let dns = Dns::start(SocketAddr::from(([127, 0, 0, 1], 53)), &table()).unwrap();
    let mut failed = 0;
    for (name, test) in tests {
        let good = catch_unwind(AssertUnwindSafe(|| test(&dns))).is_ok();
        println!("test {name} ... {}", if good { "ok" } else { "FAILED" });
        failed += usize::from(!good);
    }
    let (result, passed) = (if failed == 0 { "ok" } else { "FAILED" }, tests.len() - failed);
    println!("test result: {result}. {passed} passed; {failed} failed; 0 ignored");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

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
        // In IPv6, and without a route as well.
        ("unrouted.test", to(&["::ffff:127.1.2.3", "127.0.0.1"])),
        ("refused.test", Answer::Error(REFUSED)),
        ("failing.test", Answer::Error(SERVER_FAILURE)),
        ("truncated.test", Answer::Truncated),
        ("silent.test", Answer::Silence),
        ("silent-too.test", Answer::Silence),
        ("*.silent.test", Answer::Silence),
        ("*.good.test", to(&["127.0.0.1"])),
        ("rebound.test", Answer::Then(ips(&["127.0.0.2"]), ips(&["127.0.0.3"]))),
        ("mixed.test", to(&["127.0.0.3", "127.0.0.2"])),
    ]
}
