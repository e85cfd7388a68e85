//! Allocations per request in steady state, over the bare app's: `allocations CASE CONTENDER COUNT` a line.

mod contenders;
mod nothing;

use std::alloc::System;

use contenders::{Case, Contender, cases};
use metrics_core::HttpMetrics;
use metrics_core::prometheus::Registry;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const REQUESTS: usize = 1000;

fn main() {
    let metrics = HttpMetrics::register(&Registry::new()).expect("a new registry has all names free");
    let contenders = Contender::all(&metrics);
    for case in &cases() {
        let [none, others @ ..] = contenders.each_ref().map(|contender| allocations(contender, case));
        for (contender, count) in contenders[1..].iter().zip(others) {
            println!("allocations {} {} {:.2}", case.name, contender.name, count - none);
        }
    }
}

fn allocations(contender: &Contender, case: &Case) -> f64 {
    contender.answer(case, REQUESTS); // pools and tables fill
    let region = Region::new(ALLOCATOR);
    contender.answer(case, REQUESTS);
    let change = region.change();
    (change.allocations + change.reallocations) as f64 / REQUESTS as f64
}
