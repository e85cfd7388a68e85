//! What a target holds in memory. A binary of its own: the allocator is the whole program's.
//!
//! `cargo test -p metrics-core --test target_memory -- --nocapture` prints it.

use std::alloc::System;
use std::time::{Duration, SystemTime};

use metrics_core::prometheus::Registry;
use metrics_core::{ExternalMetrics, Outcome, Phase, TargetConfig};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const TARGETS: usize = 10_000;

fn configs(phases: bool) -> Vec<TargetConfig> {
    let config = |number| TargetConfig {
        name: format!("https://service-{number:05}.example.com/health"),
        interval: Duration::from_secs(60),
        slow_after: None,
        labels: Vec::new(),
        phases,
    };
    (0..TARGETS).map(config).collect()
}

/// Names included. One test, as tests of one binary run at the same time.
#[test]
fn a_target_is_small_and_smaller_without_phases() {
    let external = ExternalMetrics::register(&Registry::new()).unwrap();
    let outcome = Outcome {
        at: SystemTime::UNIX_EPOCH,
        total: Duration::from_millis(5),
        head: Some(Duration::from_millis(4)),
        status: Some(200),
        reason: None,
        phases: [Some(Duration::from_millis(1)); Phase::ALL.len()],
        redirects: 0,
        body_bytes: None,
        tls: None,
    };
    for (phases, most) in [(true, 1300), (false, 700)] {
        external.apply(&[]).unwrap();
        let configs = configs(phases);
        let region = Region::new(ALLOCATOR);
        external.apply(&configs).unwrap().iter().for_each(|target| target.record(&outcome));
        let change = region.change();
        let held = (change.bytes_allocated - change.bytes_deallocated) / TARGETS;
        println!("phases {phases}: {held} bytes a target");
        assert!(held <= most, "phases {phases}: {held} bytes a target");
    }
    // Of those that are kept, too, what is not wanted is given back.
    external.apply(&configs(true)).unwrap();
    let totals = configs(false);
    let region = Region::new(ALLOCATOR);
    external.apply(&totals).unwrap();
    let change = region.change();
    assert!(change.bytes_deallocated - change.bytes_allocated > 500 * TARGETS, "{change:?}");
}
