//! What a request costs in each middleware over the bare app, in time; and what a second thread costs.
//!
//! A shared machine drifts by more than a middleware costs. So all contenders answer a short block of requests in each
//! of many rounds, each time in another order, and only differences within a round count, in the quieter half of the
//! rounds. Their median and quartiles are printed, in ns a request: `time CASE CONTENDER MEDIAN LOW HIGH`; those of the
//! bare app itself as `none`.
//!
//! `threads CASE CONTENDER MEDIAN LOW HIGH`: the throughput of a thread beside another one that records into the same
//! metrics, as a share of what it reaches alone. The bare app's share is what the machine itself loses.
//!
//! `--instructions CONTENDER CASE REQUESTS` measures nothing and answers that many requests, for callgrind to count.

mod contenders;
mod nothing;

use std::env;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use contenders::{Case, Contender, cases};
use metrics_core::HttpMetrics;
use metrics_core::prometheus::Registry;

const ROUNDS: usize = 1000;
const BLOCK: usize = 100;

const THREAD_ROUNDS: usize = 10;
/// Takes much longer than two threads need to start together.
const THREAD_BLOCK: usize = 10_000;

fn main() {
    let metrics = HttpMetrics::register(&Registry::new()).expect("a new registry has all names free");
    let contenders = Contender::all(&metrics);
    let args: Vec<String> = env::args().skip(1).collect();
    if let [flag, contender, case, requests] = &args[..]
        && flag == "--instructions"
    {
        let contender = contenders.iter().find(|known| known.name == contender).expect("a contender");
        let case = cases().into_iter().find(|known| known.name == case).expect("a case");
        contender.answer(&case, requests.parse().expect("a number of requests"));
    } else if args.iter().any(|arg| arg == "--bench") {
        let cases = cases();
        for case in &cases {
            time(&contenders, case);
        }
        time_threads(&metrics, &cases[0]);
    } else {
        // `cargo test --benches`: it works, no more.
        for case in &cases() {
            warm_up(&contenders, case);
        }
    }
}

fn warm_up(contenders: &[Contender], case: &Case) {
    for contender in contenders {
        contender.answer(case, 10 * BLOCK);
    }
}

fn time(contenders: &[Contender], case: &Case) {
    let mut rounds = vec![Vec::with_capacity(ROUNDS); contenders.len()];
    warm_up(contenders, case);
    for round in 0..ROUNDS {
        for turn in 0..contenders.len() {
            let next = (round + turn) % contenders.len();
            rounds[next].push(nanos(&contenders[next], case, BLOCK));
        }
    }
    // The half of the rounds in which all of them together were fastest: in the others somebody else was busy too.
    let total = |round: &usize| rounds.iter().map(|times| times[*round]).sum::<f64>();
    let mut quiet: Vec<usize> = (0..ROUNDS).collect();
    quiet.sort_by(|a, b| total(a).total_cmp(&total(b)));
    quiet.truncate(ROUNDS / 2);
    let print = |contender: &Contender, times: Vec<f64>| {
        let [low, median, high] = quartiles(times);
        println!("time {} {} {median:.1} {low:.1} {high:.1}", case.name, contender.name);
    };
    print(&contenders[0], quiet.iter().map(|&round| rounds[0][round]).collect());
    for (contender, times) in contenders.iter().zip(&rounds).skip(1) {
        print(contender, quiet.iter().map(|&round| times[round] - rounds[0][round]).collect());
    }
}

/// Time per request.
fn nanos(contender: &Contender, case: &Case, requests: usize) -> f64 {
    let start = Instant::now();
    contender.answer(case, requests);
    start.elapsed().as_nanos() as f64 / requests as f64
}

fn time_threads(metrics: &HttpMetrics, case: &Case) {
    let barrier = Barrier::new(2);
    let shares = thread::scope(|scope| {
        let threads = [0, 1].map(|thread| {
            let barrier = &barrier;
            scope.spawn(move || shares(thread, barrier, metrics, case))
        });
        threads.map(|thread| thread.join().expect("a thread only measures")).concat()
    });
    for contender in ["none", "ours"] {
        let shares = shares.iter().filter(|(name, _)| *name == contender).map(|(_, share)| *share).collect();
        let [low, median, high] = quartiles(shares);
        println!("threads {} {contender} {median:.3} {low:.3} {high:.3}", case.name);
    }
}

/// One of two threads that go through the same rounds: each of them alone, then both.
fn shares(thread: usize, barrier: &Barrier, metrics: &HttpMetrics, case: &Case) -> Vec<(&'static str, f64)> {
    let [none, .., ours] = Contender::all(metrics);
    let contenders = [none, ours];
    warm_up(&contenders, case);
    let mut shares = Vec::new();
    for contender in contenders.iter().cycle().take(THREAD_ROUNDS * contenders.len()) {
        let mut alone = 0.0;
        for turn in [0, 1] {
            barrier.wait();
            if turn == thread {
                alone = nanos(contender, case, THREAD_BLOCK);
            }
        }
        barrier.wait();
        shares.push((contender.name, alone / nanos(contender, case, THREAD_BLOCK)));
    }
    shares
}

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[values.len() * quarter / 4])
}
