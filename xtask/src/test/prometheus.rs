//! Suite `prometheus`: a real Prometheus with the shipped configuration scrapes the running server.

use std::env;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::Tally;
use super::setup::{Binary, Setup};
use crate::build;
use crate::http;
use crate::process::{self, Running};
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
    for binary in found {
        match binary {
            Ok(binary) => scraped_by(&binary, sh, &server, tally)?,
            Err(reason) => tally.skip("prometheus", &reason),
        }
    }
    Ok(())
}

fn scraped_by(binary: &Binary, sh: &Shell, server: &Path, tally: &mut Tally) -> Result<()> {
    let name = |rule: &str| format!("prometheus {}: {rule}", binary.version);
    let dir = sh.create_temp_dir()?;
    let listen = prometheus::free_address()?;
    // Prometheus is also the exporter's target, so that nothing leaves this machine: refused at first, then 200.
    let mut exporter = Exporter::start(server, dir.path(), &format!("http://{listen}/-/healthy"))?;
    let config = prometheus::rewrite(&sh.read_file(prometheus::CONFIG)?, &exporter.address.to_string(), Some("1s"))?;
    let mut prometheus = Prometheus::start(&binary.prometheus, dir.path(), &config, listen)?;

    if !tally.check(&name("sees the exporter up"), || prometheus.wait_up(LIMIT)) {
        return Ok(());
    }
    let api = &prometheus.api;
    tally.check(&name("rate(http_requests_total[1m]) is positive after load"), || {
        rate_after_load(api, exporter.address)
    });
    tally.check(&name("the probe's status arrives"), || {
        positive(api, "last_external_access_status_code == 200", || Ok(()))
    });
    for (metric, kind) in ARTICLE {
        tally.check(&name(&format!("{metric} is a {kind} with samples")), || has_samples(api, metric, kind));
    }
    tally.check(&name("the target page shows no error"), || no_scrape_error(api));
    tally.check(&name("no sample is said twice"), || no_duplicates(api));
    tally.check(&name("promtool accepts the metrics"), || {
        let metrics = http::get(&format!("http://{}/metrics", exporter.address))?;
        promtool(sh, &binary.promtool, &["check", "metrics"], &metrics)
    });
    tally.check(&name("promtool accepts the shipped configuration"), || {
        promtool(sh, &binary.promtool, &["check", "config", prometheus::CONFIG], "")
    });
    tally.check(&name("the exporter stops on SIGTERM with exit code 0"), || {
        let status = exporter.process.stop()?;
        ensure!(status.success(), "{status}; its log ends: {}", process::tail(&dir.path().join(LOG)));
        Ok(())
    });
    Ok(())
}

const LOG: &str = "exporter.log";

/// The server on a port that the system chose.
struct Exporter {
    process: Running,
    address: SocketAddr,
}

impl Exporter {
    fn start(binary: &Path, dir: &Path, target: &str) -> Result<Exporter> {
        let log = dir.join(LOG);
        let (_, stderr) = process::log_to(&log)?;
        let mut command = Command::new(binary);
        // What the caller has set for his own exporter is not this test's.
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ACTIX_EXPORTER_")) {
            command.env_remove(name);
        }
        command
            .args(["--web.listen-address", "127.0.0.1:0", "--target", target])
            .args(["--probe.interval", "1s", "--probe.timeout", "500ms"])
            .stdout(Stdio::null())
            .stderr(stderr);
        let mut process = Running::spawn("the server", &mut command)?;
        let address = wait::until("the server logs its address", LIMIT, |last| {
            process.check().with_context(|| format!("its log ends: {}", process::tail(&log)))?;
            *last = process::tail(&log);
            Ok(address_in(&std::fs::read_to_string(&log)?))
        })?;
        Ok(Exporter { process, address })
    }
}

fn address_in(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once("listening on http://")?;
    // A line half written has no end yet.
    let (address, _) = rest.split_once(char::is_whitespace)?;
    address.parse().ok()
}

fn rate_after_load(api: &Api, exporter: SocketAddr) -> Result<()> {
    positive(api, r#"rate(http_requests_total{path="/3-shake-status"}[1m])"#, || {
        http::get(&format!("http://{exporter}/3-shake-status")).map(drop)
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
    wait::until(&format!("Prometheus knows the type of {metric}"), LIMIT, |last| {
        let metadata = api.get("metadata", &[("metric", metric)])?;
        *last = metadata.to_string();
        Ok((metadata[metric][0]["type"] == kind).then_some(()))
    })
}

fn no_scrape_error(api: &Api) -> Result<()> {
    let targets = api.get("targets", &[("state", "active")])?;
    let target = &targets["activeTargets"][0];
    ensure!(
        target["health"] == "up" && target["lastError"] == "",
        "health {}, error {}",
        target["health"],
        target["lastError"]
    );
    Ok(())
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

fn promtool(sh: &Shell, promtool: &Path, args: &[&str], input: &str) -> Result<()> {
    let output = cmd!(sh, "{promtool} {args...}").stdin(input).quiet().ignore_status().output()?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().replace('\n', " | ");
    ensure!(output.status.success(), "{}: {said}", output.status);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::address_in;

    #[test]
    fn the_address_is_read_from_the_log_once_its_line_is_complete() {
        let line = "[2026-01-01T00:00:00Z INFO server] listening on http://127.0.0.1:4711";
        assert_eq!(address_in(line), None);
        assert_eq!(address_in(&format!("{line}\n")).unwrap().port(), 4711);
        assert_eq!(address_in("starting\n"), None);
    }
}
