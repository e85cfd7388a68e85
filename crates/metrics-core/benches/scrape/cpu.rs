//! What a scrape costs in process, in processor time, without a network.
//!
//! A shared machine drifts, so all contenders take turns in each of many rounds. A short scrape takes a third less behind
//! another one, which leaves all it reads in the caches; so something else is done before each, as is where one is scraped
//! every few seconds. Each round's time is printed, in ns, and what to make of them is left to the reader: `cpu TARGETS
//! CONTENDER NS...`. `flate2` is compression alone, of the bytes that `text` exposes.
//!
//! `exposition TARGETS text BYTES SERIES`: how large it is.

mod clock;
mod contenders;
mod in_process;
mod state;

use std::env;
use std::io::Write;

use actix_web::App;
use actix_web::test::init_service;
use clock::cpu_time;
use flate2::Compression;
use flate2::write::GzEncoder;
use in_process::{GZIP, OPENMETRICS, TEXT, scrape};
use state::TARGETS;

const CONTENDERS: [&str; 5] = ["text", "openmetrics", "gzip", "flate2", "crate"];
/// As large as the pieces of the handler.
const PIECE: usize = 64 * 1024;

fn main() {
    // `cargo test --benches`: it works, no more.
    let bench = env::args().any(|arg| arg == "--bench");
    let [small, large] = TARGETS;
    let sizes = if bench { [(small, 60), (large, 15)] } else { [(10, 1), (20, 1)] };
    for (targets, rounds) in sizes {
        actix_rt::System::new().block_on(measure(targets, rounds));
    }
}

async fn measure(targets: usize, rounds: usize) {
    let registry = state::registry(targets);
    let ours = init_service(App::new().configure(contenders::ours(&registry))).await;
    let theirs = init_service(App::new().configure(contenders::theirs(&registry))).await;
    let mut text = Vec::new();
    scrape(&ours, TEXT, |chunk| text.extend_from_slice(&chunk)).await;
    let series = text.split(|&byte| byte == b'\n').filter(|line| !matches!(line.first(), None | Some(b'#'))).count();
    println!("exposition {targets} text {} {series}", text.len());

    let mut times = CONTENDERS.map(|_| Vec::with_capacity(rounds));
    for round in 0..rounds {
        for turn in 0..CONTENDERS.len() {
            let next = (round + turn) % CONTENDERS.len();
            compress(&text); // fills the caches
            let start = cpu_time();
            match CONTENDERS[next] {
                "text" => scrape(&ours, TEXT, drop).await,
                "openmetrics" => scrape(&ours, OPENMETRICS, drop).await,
                "gzip" => scrape(&ours, GZIP, drop).await,
                "flate2" => compress(&text),
                _ => scrape(&theirs, TEXT, drop).await,
            }
            times[next].push(cpu_time() - start);
        }
    }
    for (contender, times) in CONTENDERS.iter().zip(times) {
        let times: Vec<String> = times.iter().map(ToString::to_string).collect();
        println!("cpu {targets} {contender} {}", times.join(" "));
    }
}

fn compress(text: &[u8]) {
    let mut encoder = GzEncoder::new(Vec::with_capacity(PIECE), Compression::fast());
    for piece in text.chunks(PIECE) {
        encoder.write_all(piece).expect("a Vec takes all");
        encoder.get_mut().clear();
    }
    encoder.finish().expect("a Vec takes all");
}
