//! The middleware allocates nothing of its own in steady state. A binary of its own: the allocator is the whole program's.
#![cfg(feature = "actix-web")]

#[path = "../benches/middleware/allocator.rs"]
mod allocator;
#[path = "../benches/middleware/contenders.rs"]
mod contenders;
#[path = "../benches/middleware/nothing.rs"]
mod nothing;

use allocator::allocations;
use contenders::{Contender, cases};
use metrics_core::HttpMetrics;
use metrics_core::prometheus::Registry;

#[test]
fn a_request_costs_no_allocation_more_than_in_the_bare_app() {
    let metrics = HttpMetrics::register(&Registry::new()).unwrap();
    let [none, .., ours] = Contender::all(&metrics);
    for case in &cases() {
        let counts = (allocations(&ours, case), allocations(&none, case));
        assert_eq!(counts.0, counts.1, "{}, {} and {}", case.name, ours.name, none.name);
    }
}
