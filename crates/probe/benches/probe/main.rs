//! What a run costs in processor time, by itself and asked for at /probe, beside blackbox_exporter, over HTTP, and over TLS with HTTP/1.1 and with HTTP/2. All ask
//! the same peer, a process of its own, over a connection and with a full handshake each time.
//!
//! A shared machine drifts, so all take turns in each of many rounds. Each round's figure is printed, in ns a run, and what
//! to make of them is left to the reader: `cpu CASE CONTENDER NS...`, `wall` likewise, and `memory all CONTENDER BYTES`.
//!
//! `--bench BLACKBOX_EXPORTER ACTIX_EXPORTER` with the paths of these programs; without them a run is made to show that it works.

#[path = "../../../metrics-core/benches/scrape/clock.rs"]
mod clock;
mod exporter;
mod ours;
mod peer;
mod resident;

use std::path::PathBuf;
use std::time::Instant;
use std::{env, fs};

use exporter::{Exporter, Kind};
use ours::Ours;
use peer::Peer;
use resident::resident;

/// In turn of ours, of the server and of the other. The first one of each is not counted: pools and caches fill.
const ROUNDS: usize = 12;
const RUNS: u32 = 200;
/// So many are under way, as is where many targets are asked.
pub(crate) const AT_ONCE: u32 = 4;

/// What is asked, and whether HTTP/2 is offered.
pub(crate) struct Case {
    name: &'static str,
    scheme: &'static str,
    host: &'static str,
    http2: bool,
}

/// A name is one of the hosts file: what a look-up costs without another machine.
pub(crate) const CASES: [Case; 4] = [
    Case { name: "http", scheme: "http", host: "127.0.0.1", http2: false },
    Case { name: "http-name", scheme: "http", host: "localhost", http2: false },
    Case { name: "https", scheme: "https", host: "127.0.0.1", http2: false },
    Case { name: "https-h2", scheme: "https", host: "127.0.0.1", http2: true },
];

/// What a round took, in ns.
pub(crate) struct Took {
    pub(crate) cpu: u128,
    pub(crate) wall: u128,
}

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    if peer::serve(&args) {
        return;
    }
    let peer = Peer::start();
    let ca = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{}.pem", std::process::id()));
    fs::write(&ca, &peer.authority).expect("the target folder can be written to");
    let ours = Ours::new(&peer);
    match &args[..] {
        [flag, blackbox, server] if flag == "--bench" => {
            let blackbox = Exporter::start(Kind::Blackbox, blackbox, &ca);
            beside(&ours, &Exporter::start(Kind::Ours, server, &ca), &blackbox, &peer);
        }
        _ => {
            for case in &CASES {
                ours.ask(case, &peer.url(case), AT_ONCE);
            }
        }
    }
    let _ = fs::remove_file(ca);
}

fn beside(ours: &Ours, server: &Exporter, blackbox: &Exporter, peer: &Peer) {
    for case in &CASES {
        let url = peer.url(case);
        let [mut mine, mut served, mut others] = [const { Vec::new() }; 3];
        for _ in 0..=ROUNDS {
            mine.push(ours.ask(case, &url, RUNS));
            served.push(server.ask(case, &url, RUNS));
            others.push(blackbox.ask(case, &url, RUNS));
        }
        for (contender, rounds) in [("ours", &mine[1..]), ("server", &served[1..]), ("blackbox", &others[1..])] {
            let line = |kind: &str, of: fn(&Took) -> u128| {
                let values: Vec<String> =
                    rounds.iter().map(|round| (of(round) / u128::from(RUNS)).to_string()).collect();
                println!("{kind} {} {contender} {}", case.name, values.join(" "));
            };
            line("cpu", |took| took.cpu);
            line("wall", |took| took.wall);
        }
    }
    println!("memory all ours {}", resident("self"));
    println!("memory all server {}", resident(&server.pid()));
    println!("memory all blackbox {}", resident(&blackbox.pid()));
}

/// Times `runs`, with this clock of the processor.
pub(crate) fn timed(cpu_time: impl Fn() -> u128, runs: impl FnOnce()) -> Took {
    let (cpu, wall) = (cpu_time(), Instant::now());
    runs();
    Took { cpu: cpu_time() - cpu, wall: wall.elapsed().as_nanos() }
}
