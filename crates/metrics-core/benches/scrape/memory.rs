//! What a scrape adds to the memory of the process: `memory TARGETS CONTENDER BYTES` a line, the most that was allocated
//! at one time over what was before the first of a few scrapes, so that what a scrape leaves behind counts too.
//!
//! A binary of its own: its allocator counts, and a count takes time.

mod contenders;
mod in_process;
mod state;

use std::alloc::System;
use std::env;

use actix_web::App;
use actix_web::test::init_service;
use in_process::{GZIP, OPENMETRICS, TEXT, scrape};
use peakmem_alloc::{INSTRUMENTED_SYSTEM, PeakMemAlloc, PeakMemAllocTrait};
use state::TARGETS;

#[global_allocator]
static ALLOCATOR: &PeakMemAlloc<System> = &INSTRUMENTED_SYSTEM;

const SCRAPES: usize = 3;

fn main() {
    // `cargo test --benches`: it works, no more.
    let sizes = if env::args().any(|arg| arg == "--bench") { TARGETS } else { [10, 20] };
    for targets in sizes {
        actix_rt::System::new().block_on(measure(targets));
    }
}

async fn measure(targets: usize) {
    let registry = state::registry(targets);
    let ours = init_service(App::new().configure(contenders::ours(&registry))).await;
    let theirs = init_service(App::new().configure(contenders::theirs(&registry))).await;
    for (name, exposition) in [("text", TEXT), ("openmetrics", OPENMETRICS), ("gzip", GZIP)] {
        ALLOCATOR.reset_peak_memory();
        for _ in 0..SCRAPES {
            scrape(&ours, exposition.clone(), drop).await;
        }
        println!("memory {targets} {name} {}", ALLOCATOR.get_peak_memory());
    }
    ALLOCATOR.reset_peak_memory();
    scrape(&theirs, TEXT, drop).await;
    println!("memory {targets} crate {}", ALLOCATOR.get_peak_memory());
}
