//! Suite `prometheus`: a real Prometheus with the shipped configuration scrapes the running server.

mod every_format;
mod graphs;
mod native;
pub(super) mod outages;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::Tally;
use super::exporter::Exporter;
use super::formats::OPENMETRICS;
use super::forwarder::Forwarder;
use super::setup::{Binary, Setup};
use crate::build;
use crate::http;
use crate::prometheus::{self, Api, Prometheus};
use crate::wait;

const LIMIT: Duration = Duration::from_secs(20);

/// The names that users of the article's program know, with their types.
const ARTICLE: [(&str, &str); 7] = [
    ("http_requests_total", "counter"),
    ("http_request_duration_seconds", "histogram"),
    ("http_request_size_bytes", "histogram"),
    ("http_response_size_bytes", "histogram"),
    ("http_response_time_seconds", "gauge"),
    ("external_access_duration_seconds", "histogram"),
    ("last_external_access_status_code", "gauge"),
];

pub(crate) fn run(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) -> Result<()> {
    let found = setup.prometheus();
    let server = build::server(sh, &[])?;
    let known_durations = build::example(sh, "known_durations")?;
    if let Some(Ok(binary)) = found.first() {
        tally.check("up --native: exporter and Prometheus work until Ctrl-C", || native::until_ctrl_c(binary, sh));
    }
    for binary in found {
        match binary {
            Ok(binary) => {
                scraped_by(&binary, sh, &server, tally)?;
                match setup.openssl() {
                    Ok(_) => graphs::shown_by(&binary, sh, &server, tally)?,
                    Err(reason) => tally.skip("rules and dashboards", &reason),
                }
                every_format::taken_by(&binary, sh, [&server, &known_durations], tally)?;
            }
            Err(reason) => tally.skip("prometheus", &reason),
        }
    }
    outages::run(sh, setup, tally)
}

fn scraped_by(binary: &Binary, sh: &Shell, server: &Path, tally: &mut Tally) -> Result<()> {
    let name = |rule: &str| format!("prometheus {}: {rule}", binary.version);
    let dir = sh.create_temp_dir()?;
    let listen = prometheus::free_address()?;
    // Prometheus is also the exporter's target, so that nothing leaves this machine: refused at first, then 200.
    let exporter = Exporter::server(
        server,
        dir.path(),
        &format!("http://{listen}/-/healthy"),
        &["--probe.interval", "1s", "--probe.timeout", "500ms"],
    )?;
    let forwarder = Forwarder::start(exporter.address, None)?;
    let shipped = prometheus::rewrite(&sh.read_file(prometheus::CONFIG)?, &exporter.address.to_string(), Some("1s"))?;
    let config =
        format!("{shipped}  - job_name: forwarded\n    static_configs: [targets: ['{}']]\n", forwarder.address());
    let mut prometheus = Prometheus::start(&binary.prometheus, dir.path(), &config, listen)?;

    if !tally.check(&name("sees the exporter up"), || prometheus.wait_up(LIMIT)) {
        return Ok(());
    }
    let api = &prometheus.api;
    tally.check(&name("rate(http_requests_total[1m]) is positive after load"), || rate_after_load(api, &exporter));
    tally.check(&name("the probe's status arrives"), || {
        positive(api, "last_external_access_status_code == 200", || Ok(()))
    });
    for (metric, kind) in ARTICLE {
        tally.check(&name(&format!("{metric} is a {kind} with samples")), || has_samples(api, metric, kind));
    }
    tally.check(&name("the target page shows no error"), || no_scrape_error(api));
    tally.check(&name("no sample is said twice"), || no_duplicates(api));
    tally.check(&name("promtool accepts the metrics"), || {
        let metrics = http::get(&exporter.url("/metrics"))?;
        promtool(sh, &binary.promtool, &["check", "metrics"], &metrics)
    });
    tally.check(&name("promtool accepts the shipped configuration"), || {
        promtool(sh, &binary.promtool, &["check", "config", prometheus::CONFIG], "")
    });
    tally.check(&name("asks for OpenMetrics by itself, and gets it"), || every_format::only(&forwarder, OPENMETRICS));
    tally.check(&name("the exporter stops on SIGTERM with exit code 0"), || exporter.stop());
    Ok(())
}

fn rate_after_load(api: &Api, exporter: &Exporter) -> Result<()> {
    positive(api, r#"rate(http_requests_total{path="/3-shake-status"}[1m])"#, || {
        http::get(&exporter.url("/3-shake-status")).map(drop)
    })
}

/// Waits until the first sample of `expr` is positive, and does `meanwhile` before each look.
fn positive(api: &Api, expr: &str, meanwhile: impl Fn() -> Result<()>) -> Result<()> {
    wait::until(&format!("{expr} is positive"), LIMIT, |last| {
        meanwhile()?;
        let value = api.value(expr)?;
        *last = format!("{value:?}");
        Ok(value.filter(|value| *value > 0.0).map(drop))
    })
}

fn has_samples(api: &Api, metric: &str, kind: &str) -> Result<()> {
    let sample = if kind == "histogram" { format!("{metric}_count") } else { metric.to_owned() };
    positive(api, &format!("count({sample}{{job=\"actix_exporter\"}})"), || Ok(()))?;
    // To OpenMetrics, the name of a counter's family is without it.
    let family = metric.strip_suffix("_total").unwrap_or(metric);
    wait::until(&format!("Prometheus knows the type of {family}"), LIMIT, |last| {
        let metadata = api.get("metadata", &[("metric", family)])?;
        *last = metadata.to_string();
        Ok((metadata[family][0]["type"] == kind).then_some(()))
    })
}

fn no_scrape_error(api: &Api) -> Result<()> {
    wait::until("no target has an error", LIMIT, |last| match api.no_bad_target() {
        Ok(()) => Ok(Some(())),
        Err(error) => {
            *last = format!("{error:#}");
            Ok(None)
        }
    })
}

/// A scrape with duplicates stays up: only this counter tells.
fn no_duplicates(api: &Api) -> Result<()> {
    const COUNTER: &str = "prometheus_target_scrapes_sample_duplicate_timestamp_total";
    let metrics = http::get(&format!("{}/metrics", api.url))?;
    let line = metrics
        .lines()
        .find(|line| line.starts_with(COUNTER))
        .with_context(|| format!("Prometheus has no {COUNTER}"))?;
    ensure!(line.ends_with(" 0"), "{line}");
    Ok(())
}

pub(super) fn promtool(sh: &Shell, promtool: &Path, args: &[&str], input: &str) -> Result<()> {
    let output = cmd!(sh, "{promtool} {args...}").stdin(input).quiet().ignore_status().output()?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().replace('\n', " | ");
    ensure!(output.status.success(), "{}: {said}", output.status);
    Ok(())
}
