//! What a scrape costs a server over loopback, in its processor time: `http TARGETS CONTENDER NS...`, a number for each
//! round; the two take turns within a round. And what others wait for meanwhile, see latency.rs.

mod client;
mod clock;
mod contenders;
mod latency;
mod server;
mod state;

use std::{env, io};

use client::Client;
use server::Server;
use state::TARGETS;

const CONTENDERS: [&str; 2] = ["ours", "crate"];

fn main() -> io::Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    if let Some(served) = server::serve(&args) {
        return served;
    }
    if args.iter().any(|arg| arg == "--bench") {
        let [small, large] = TARGETS;
        cpu(small, 20);
        cpu(large, 8);
        latency::measure("ours", large, 9, 1_000);
        latency::measure("crate", large, 1, 200);
    } else {
        // `cargo test --benches`: it works, no more.
        cpu(10, 1);
        for contender in CONTENDERS {
            latency::measure(contender, 10, 1, 10);
        }
    }
    Ok(())
}

fn cpu(targets: usize, rounds: usize) {
    let mut servers = CONTENDERS.map(|contender| Server::start(contender, targets, 1));
    let mut clients = servers.each_ref().map(|server| Client::connect(server.port));
    for client in &mut clients {
        client.get("/metrics"); // pools fill
    }
    let mut times = CONTENDERS.map(|_| Vec::with_capacity(rounds));
    for round in 0..rounds {
        for turn in 0..CONTENDERS.len() {
            let next = (round + turn) % CONTENDERS.len();
            let before = servers[next].cpu_time();
            clients[next].get("/metrics");
            times[next].push(servers[next].cpu_time() - before);
        }
    }
    for (contender, times) in CONTENDERS.iter().zip(times) {
        let times: Vec<String> = times.iter().map(ToString::to_string).collect();
        println!("http {targets} {contender} {}", times.join(" "));
    }
}
