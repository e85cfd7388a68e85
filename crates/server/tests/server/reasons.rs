//! Each reason, as a scrape tells it. What takes a network of its own is in the suite `resolver`.

use metrics_core::{Phase, Reason};

use crate::exporter::Exporter;
use crate::kit::reasons::{Case, Place, Ready};

/// One run, whose end has been seen.
fn exporter_after_one_run(ready: &Ready) -> Exporter {
    let flags = ready.flags("--probe.module", "--probe.timeout");
    let mut args = vec!["--target", &ready.url];
    args.extend(flags.iter().map(String::as_str));
    let exporter = Exporter::start(&args);
    exporter.page_that("/metrics", |page| {
        page.contains(&format!("\nexternal_access_runs_total{{target=\"{}\"}} 1\n", ready.url))
    });
    exporter
}

/// Runs the server for each case: of all reasons and steps, its metrics count those of the table.
pub(crate) fn tells_each_reason(place: Place) {
    for case in Case::all(place) {
        let (name, ready) = (case.name, case.set_up());
        let exporter = exporter_after_one_run(&ready);
        let metrics = exporter.metrics();
        let value = |metric: &str, label: &str| {
            let series = format!("{metric}{{target=\"{}\"{label}}} ", ready.url);
            let value = metrics.lines().find_map(|line| line.strip_prefix(&series)?.parse().ok());
            value.unwrap_or_else(|| panic!("{name}: no {series}\n{metrics}"))
        };
        for reason in Reason::ALL {
            let failures: u32 = value("external_access_failures_total", &format!(",reason=\"{reason}\""));
            assert_eq!(failures, u32::from(*reason == case.reason), "{name}: {reason}\n{metrics}");
        }
        assert_eq!(value("external_access_up", ""), 0, "{name}");
        let Some(last) = case.phase else { continue };
        for phase in Phase::ALL {
            let times: u32 = value("external_access_phase_duration_seconds_count", &format!(",phase=\"{phase}\""));
            let skipped = *phase == Phase::Tls && ready.url.starts_with("http:");
            assert_eq!(times, u32::from(*phase <= last && !skipped), "{name}: {phase}\n{metrics}");
        }
    }
}
