//! Processor time: on a shared machine the wall clock tells what others do.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Of all threads of this process, in the kernel too; in ns.
pub(crate) fn cpu_time() -> u128 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("no process has used less than no time").as_nanos()
}
