//! How long another request waits while a scrape is under way: `latency TARGETS CONTENDER WITH WITHOUT` a line, the 99th
//! percentiles of `/hello` in ns, with scrapes one after another beside it and without any, measured one after the other.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::nice;

use crate::client::Client;
use crate::server::{BEHIND, Server};

/// As many connections to each: a scrape is on one of them.
const WORKERS: usize = 2;
const CONNECTIONS: u32 = 4;
/// Between two requests: 500 a second.
const EVERY: Duration = Duration::from_millis(2);

pub(crate) fn measure(contender: &str, targets: usize, pairs: usize, requests: u32) {
    let server = Server::start(contender, targets, WORKERS);
    for client in &mut clients(&server) {
        client.get("/metrics"); // each worker has answered one
    }
    for _ in 0..pairs {
        let without = p99(&server, requests);
        let with = beside_scrapes(&server, || p99(&server, requests));
        println!("latency {targets} {contender} {with} {without}");
    }
}

fn beside_scrapes<T>(server: &Server, measure: impl FnOnce() -> T) -> T {
    let scraping = AtomicBool::new(true);
    let mut client = Client::connect(server.port);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = nice(BEHIND); // of this thread alone, on Linux
            while scraping.load(Relaxed) {
                client.get("/metrics");
            }
        });
        let measured = measure();
        scraping.store(false, Relaxed);
        measured
    })
}

/// Requests are due at fixed times, whether or not those before them were answered.
fn p99(server: &Server, requests: u32) -> u128 {
    let clients = clients(server);
    let start = Instant::now() + Duration::from_millis(20);
    let mut latencies: Vec<Duration> = thread::scope(|scope| {
        let threads: Vec<_> = (0..)
            .zip(clients)
            .map(|(first, mut client)| {
                scope.spawn(move || {
                    let due = (first..requests).step_by(CONNECTIONS as usize).map(|number| start + EVERY * number);
                    due.map(|due| latency(&mut client, due)).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a thread only measures")).collect()
    });
    latencies.sort();
    latencies[latencies.len() * 99 / 100].as_nanos()
}

/// One that is late because the one before it was not answered waits from when it was due. What the sleep takes too long is
/// the client's, and not counted.
fn latency(client: &mut Client, due: Instant) -> Duration {
    let early = due.saturating_duration_since(Instant::now());
    let start = if early.is_zero() {
        due
    } else {
        thread::sleep(early);
        Instant::now()
    };
    client.get("/hello");
    start.elapsed()
}

/// The server hands connections to its workers in turn.
fn clients(server: &Server) -> Vec<Client> {
    (0..CONNECTIONS).map(|_| Client::connect(server.port)).collect()
}
