//! Metrics of the process itself: `process_*` as Prometheus client libraries define them, and `…_build_info`.
//!
//! Read from /proc at each scrape. What the system does not tell is absent; on systems without /proc that is all of it.

use std::sync::Arc;

use prometheus::Registry;

use crate::family::{Family, Kind, LabelValue, Value};
use crate::register::{RegisterError, register};
use crate::source::{Snapshot, Source};

/// Names and HELP are those of the Prometheus client library guidelines ("process metrics").
static FAMILIES: [Family; 8] = [
    Family::counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", &[]),
    Family::gauge("process_open_fds", "Number of open file descriptors.", &[]),
    Family::gauge("process_max_fds", "Maximum number of open file descriptors.", &[]),
    Family::gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", &[]),
    Family::gauge("process_virtual_memory_max_bytes", "Maximum amount of virtual memory available in bytes.", &[]),
    Family::gauge("process_resident_memory_bytes", "Resident memory size in bytes.", &[]),
    Family::gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", &[]),
    Family::gauge("process_threads", "Number of OS threads in the process.", &[]),
];

/// `process_*`, as Prometheus client libraries define them.
///
/// CPU seconds (with fractions), descriptors, memory, start, threads. Read when scraped; what the system does not tell is
/// absent.
///
/// ```
/// use metrics_core::{ProcessMetrics, prometheus::Registry};
///
/// let registry = Registry::new();
/// ProcessMetrics::register(&registry)?;
/// # Ok::<(), metrics_core::RegisterError>(())
/// ```
pub struct ProcessMetrics(());

impl ProcessMetrics {
    /// Registers the `process_*` families in `registry`.
    ///
    /// # Errors
    /// [`RegisterError`] if one of the names is taken (the process collector of the prometheus crate has them too), or
    /// if the registry has a prefix or common labels. The registry is then as it was.
    pub fn register(registry: &Registry) -> Result<(), RegisterError> {
        register(registry, Arc::new(Self(())))
    }
}

impl Source for ProcessMetrics {
    fn families(&self) -> &[Family] {
        &FAMILIES
    }

    fn snapshot(self: Arc<Self>) -> Arc<dyn Snapshot> {
        Arc::new(ProcessSnapshot(read_proc().unwrap_or_default()))
    }
}

/// By family.
#[derive(Default)]
struct ProcessSnapshot([Option<f64>; FAMILIES.len()]);

impl Snapshot for ProcessSnapshot {
    fn children(&self, _: usize) -> usize {
        1
    }

    fn read(&self, family: usize, _: usize, series: &mut dyn FnMut(&[LabelValue<'_>], Value<'_>)) {
        let Some(value) = self.0[family] else { return };
        series(&[], if FAMILIES[family].kind == Kind::Counter { Value::Counter(value) } else { Value::Gauge(value) });
    }
}

#[cfg(target_os = "linux")]
fn read_proc() -> Option<[Option<f64>; FAMILIES.len()]> {
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses, and may hold anything; proc(5) numbers fields from 1.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    // "unlimited" is no number, and so absent.
    let limit = |name: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse::<f64>().ok()
    };
    let boot = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let boot = boot.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse::<f64>().ok();
    // The descriptor that reads the directory is one of those listed.
    let fds = std::fs::read_dir("/proc/self/fd").ok().map(|dir| dir.count().saturating_sub(1) as f64);
    Some([
        Some((field(14)? + field(15)?) / ticks),
        fds,
        limit("Max open files"),
        field(23),
        limit("Max address space"),
        field(24).map(|pages| pages * rustix::param::page_size() as f64),
        boot.zip(field(22)).map(|(boot, start)| boot + start / ticks),
        field(20),
    ])
}

#[cfg(not(target_os = "linux"))]
fn read_proc() -> Option<[Option<f64>; FAMILIES.len()]> {
    None
}

/// Which build of a program runs: a gauge that is always 1, and says it in labels.
///
/// ```
/// use metrics_core::{BuildInfo, prometheus::Registry};
///
/// BuildInfo::register(&Registry::new(), "shop_build_info", env!("CARGO_PKG_VERSION"), "0123abc", "1.89.0")?;
/// # Ok::<(), metrics_core::RegisterError>(())
/// ```
pub struct BuildInfo {
    families: [Family; 1],
    values: [&'static str; 3],
}

impl BuildInfo {
    /// Registers `name` (by convention `PROGRAM_build_info`) with the labels `version`, `revision` and `rustc`.
    ///
    /// # Errors
    /// [`RegisterError`] if the name is taken or not legal, or if the registry has a prefix or common labels. The registry
    /// is then as it was.
    pub fn register(
        registry: &Registry,
        name: &'static str,
        version: &'static str,
        revision: &'static str,
        rustc: &'static str,
    ) -> Result<(), RegisterError> {
        let help = "A metric with a constant value of 1, labelled by version, revision and compiler of the program.";
        let families = [Family::gauge(name, help, &["version", "revision", "rustc"])];
        register(registry, Arc::new(Self { families, values: [version, revision, rustc] }))
    }
}

impl Source for BuildInfo {
    fn families(&self) -> &[Family] {
        &self.families
    }

    fn snapshot(self: Arc<Self>) -> Arc<dyn Snapshot> {
        Arc::new(BuildInfoSnapshot(self.values))
    }
}

struct BuildInfoSnapshot([&'static str; 3]);

impl Snapshot for BuildInfoSnapshot {
    fn children(&self, _: usize) -> usize {
        1
    }

    fn read(&self, _: usize, _: usize, series: &mut dyn FnMut(&[LabelValue<'_>], Value<'_>)) {
        series(&self.0.map(LabelValue::any), Value::Gauge(1.0));
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn all_values_that_linux_tells_are_there_and_cpu_seconds_have_fractions() {
        let started = read_proc().unwrap();
        let spin = std::time::Instant::now();
        // Until the counter moves: it must do so within less than a second of work.
        let worked = loop {
            let now = read_proc().unwrap();
            if now[0] > started[0] || spin.elapsed().as_secs() > 5 {
                break now[0].unwrap() - started[0].unwrap();
            }
        };
        assert!(worked > 0.0 && worked < 1.0, "{worked}");
        let now = unix_now();
        assert!(started[6].is_some_and(|start| start <= now && now - start < 3600.0), "{started:?} at {now}");
        for (value, family) in started.iter().zip(&FAMILIES) {
            // Address space is unlimited on most machines.
            assert!(value.is_some() || family.name == "process_virtual_memory_max_bytes", "{}", family.name);
        }
    }

    fn unix_now() -> f64 {
        crate::unix_seconds(std::time::SystemTime::now()) + 1.0
    }
}
