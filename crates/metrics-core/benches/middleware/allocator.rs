//! The allocator that counts, and what it counted of a contender. A program that has this module pays for it with each
//! allocation: no times are measured there.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::contenders::{Case, Contender};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

pub(crate) const REQUESTS: usize = 1000;

/// Of [`REQUESTS`] requests in steady state.
pub(crate) fn allocations(contender: &Contender, case: &Case) -> usize {
    contender.answer(case, REQUESTS); // pools and tables fill
    let region = Region::new(ALLOCATOR);
    contender.answer(case, REQUESTS);
    let change = region.change();
    change.allocations + change.reallocations
}
