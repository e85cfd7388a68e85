//! Allocations per request in steady state, over the bare app's: `allocations CASE CONTENDER COUNT` a line.

mod allocator;
mod contenders;
mod nothing;

use allocator::{REQUESTS, allocations};
use contenders::{Contender, cases};
use metrics_core::HttpMetrics;
use metrics_core::prometheus::Registry;

fn main() {
    let metrics = HttpMetrics::register(&Registry::new()).expect("a new registry has all names free");
    let contenders = Contender::all(&metrics);
    for case in &cases() {
        let counts = contenders.each_ref().map(|contender| allocations(contender, case) as f64 / REQUESTS as f64);
        for (contender, count) in contenders.iter().zip(counts).skip(1) {
            println!("allocations {} {} {:.2}", case.name, contender.name, count - counts[0]);
        }
    }
}
