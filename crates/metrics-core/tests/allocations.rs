//! The middleware allocates nothing of its own in steady state. A binary of its own: the allocator is the whole program's.
#![cfg(feature = "actix-web")]

#[path = "../benches/middleware/contenders.rs"]
mod contenders;
#[path = "../benches/middleware/nothing.rs"]
mod nothing;

use std::alloc::System;

use contenders::{Contender, cases};
use metrics_core::HttpMetrics;
use metrics_core::prometheus::Registry;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_request_costs_no_allocation_more_than_in_the_bare_app() {
    let metrics = HttpMetrics::register(&Registry::new()).unwrap();
    let [none, .., ours] = Contender::all(&metrics);
    for case in &cases() {
        let allocations = |contender: &Contender| {
            contender.answer(case, 1000); // pools and tables fill
            let region = Region::new(ALLOCATOR);
            contender.answer(case, 1000);
            region.change().allocations + region.change().reallocations
        };
        assert_eq!(allocations(&ours), allocations(&none), "{}, {} and {}", case.name, ours.name, none.name);
    }
}
