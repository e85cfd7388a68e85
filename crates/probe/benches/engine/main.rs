//! What ten thousand targets over TLS cost: the engine in this process, with and without peers that hang, and the program as it
//! is installed, with a configuration file. Both ask a peer on loopback, a process of its own, that shows each of them a
//! certificate of its own. A connection and a full handshake each time.
//!
//! Each figure is a line, and what to make of them is left to the reader: `FIGURE CASE WHOSE NUMBER...`. What cannot be
//! measured because runs fail or are not made ends it.
//!
//! `--bench [ACTIX_EXPORTER]`, with the path of that program; without a flag it is asked to show that it works.

#[path = "../../../metrics-core/benches/scrape/client.rs"]
mod client;
#[path = "../../../metrics-core/benches/scrape/clock.rs"]
mod clock;
mod in_process;
mod installed;
mod ledger;
mod peer;
#[path = "../probe/resident.rs"]
mod resident;
mod targets;

use std::env;
use std::time::Duration;

use peer::Peer;
use targets::Size;

/// The one that is promised, and one to tell what a target adds.
const LARGE: Size =
    Size { targets: 10_000, hanging: 1_000, interval: Duration::from_secs(60), timeout: Duration::from_secs(10) };
const SMALL: Size = Size { targets: 1_000, hanging: 0, ..LARGE };
/// `cargo test --benches`: it works, no more.
const TINY: Size = Size { targets: 20, hanging: 2, interval: Duration::from_secs(2), timeout: Duration::from_secs(1) };

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    if peer::serve(&args) {
        return;
    }
    let bench = args.iter().any(|arg| arg == "--bench");
    let peer = Peer::start(if bench { LARGE.targets } else { TINY.targets });
    if bench {
        if let Some(program) = args.iter().find(|arg| !arg.starts_with('-')) {
            installed::measure(program, &peer, &SMALL, &LARGE);
        }
        in_process::throughput(&peer, SMALL.targets, Duration::from_secs(10));
        in_process::beside_hanging(&peer, &LARGE, 2);
    } else {
        in_process::throughput(&peer, TINY.targets, TINY.interval);
        in_process::beside_hanging(&peer, &TINY, 1);
    }
}
