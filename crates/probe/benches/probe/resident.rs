//! Memory, as the kernel counts it.

use std::fs;

/// Bytes of memory that a process holds.
pub(crate) fn resident(pid: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux tells of its processes");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
    line.trim_end_matches("kB").trim().parse::<u64>().expect("a number") * 1024
}
