//! A batch job that pushes what it counted to a Pushgateway as it ends, and one that is taken out of service. docs/batch.md says
//! when to do that, and what it costs.
//!
//! ```console
//! $ cargo run -p metrics-core --example batch -- run http://127.0.0.1:9091 nightly_copy 1000
//! $ cargo run -p metrics-core --example batch -- delete http://127.0.0.1:9091 nightly_copy
//! ```

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use metrics_core::ProcessMetrics;
use metrics_core::prometheus::{Encoder, Gauge, IntGauge, Registry, TextEncoder};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ended = match args[..] {
        ["run", gateway, job, rows] => Group::new(gateway, job).and_then(|group| run(&group, rows)),
        ["delete", gateway, job] => Group::new(gateway, job).and_then(|group| group.delete()),
        _ => Err("give `run URL JOB ROWS` or `delete URL JOB`".to_owned()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The job; it fails where `rows` is no number.
fn run(group: &Group<'_>, rows: &str) -> Result<(), String> {
    // A registry of this run alone: what is pushed is what is in it, and nothing else.
    let registry = Registry::new();
    let metrics = Metrics::register(&registry).map_err(|error| error.to_string())?;
    ProcessMetrics::register(&registry).map_err(|error| error.to_string())?;

    let start = Instant::now();
    let worked = work(rows, &metrics);
    metrics.duration.set(start.elapsed().as_secs_f64());
    if worked.is_ok() {
        metrics.register_success(&registry).map_err(|error| error.to_string())?;
    }
    // A gateway that is away loses this run's numbers, and must not lose the run.
    if let Err(message) = group.push(&registry) {
        eprintln!("warning: {message}; the job itself has run");
    }
    worked
}

fn work(rows: &str, metrics: &Metrics) -> Result<(), String> {
    let rows = rows.parse().map_err(|_| format!("`{rows}` is no number of rows"))?;
    metrics.rows.set(rows);
    Ok(())
}

struct Metrics {
    rows: IntGauge,
    duration: Gauge,
    success: Gauge,
}

impl Metrics {
    fn register(registry: &Registry) -> Result<Self, metrics_core::prometheus::Error> {
        let metrics = Self {
            rows: IntGauge::new("batch_rows_copied", "Rows that the last run copied")?,
            duration: Gauge::new("batch_duration_seconds", "How long the last run took")?,
            success: Gauge::new("batch_last_success_timestamp_seconds", "When a run last succeeded")?,
        };
        registry.register(Box::new(metrics.rows.clone()))?;
        registry.register(Box::new(metrics.duration.clone()))?;
        Ok(metrics)
    }

    /// Not before it has succeeded: the time of the last success stays at the gateway as long as nobody pushes another one.
    fn register_success(&self, registry: &Registry) -> Result<(), metrics_core::prometheus::Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        self.success.set(now.as_secs_f64());
        registry.register(Box::new(self.success.clone()))
    }
}

/// The metrics of a job at a Pushgateway. Without an instance: where the job runs is of no interest, and each new machine would
/// leave a group behind that nobody deletes.
struct Group<'a> {
    gateway: &'a str,
    job: &'a str,
}

impl<'a> Group<'a> {
    /// The job is a part of the path.
    fn new(gateway: &'a str, job: &'a str) -> Result<Self, String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if job.is_empty() || !job.bytes().all(plain) {
            return Err(format!("`{job}` is no name of a job: write letters, digits, `_`, `-` and `.`"));
        }
        Ok(Self { gateway, job })
    }

    fn url(&self) -> String {
        format!("{}/metrics/job/{}", self.gateway.trim_end_matches('/'), self.job)
    }

    /// POST, not PUT: what a failed run does not say stays as it was.
    fn push(&self, registry: &Registry) -> Result<(), String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&registry.gather(), &mut text).map_err(|error| error.to_string())?;
        let answer = agent().post(self.url()).header("content-type", "text/plain; version=0.0.4").send(&text[..]);
        answer.map(drop).map_err(|error| format!("POST {}: {error}", self.url()))
    }

    fn delete(&self) -> Result<(), String> {
        let answer = agent().delete(self.url()).call();
        answer.map(drop).map_err(|error| format!("DELETE {}: {error}", self.url()))
    }
}

fn agent() -> ureq::Agent {
    let limit = Some(Duration::from_secs(10));
    ureq::Agent::config_builder().timeout_global(limit).proxy(None).build().into()
}
