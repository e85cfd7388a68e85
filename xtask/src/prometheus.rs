//! A local Prometheus with the shipped configuration, rewritten for this machine; and its HTTP API.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::http;
use crate::process::{self, Running};
use crate::wait;

pub(crate) const CONFIG: &str = "compose/prometheus/prometheus.yml";
/// With this, Prometheus asks for protobuf by itself, and takes native histograms.
pub(crate) const NATIVE_HISTOGRAMS: &str = "--enable-feature=native-histograms";
/// The exporter as the stack's network knows it.
const TARGET: &str = "actix_exporter:2121";
const INTERVAL: &str = "scrape_interval: 15s";
const EVALUATION: &str = "evaluation_interval: 15s";
/// The rules, as the configuration names them, and as this workspace does.
const RULES_THERE: &str = "rules/*.yml";
const RULES: &str = "compose/prometheus/rules/*.yml";

/// The shipped configuration for this machine: its rules by their whole path, another target and, where asked for, another interval of
/// scrapes and rules. Without Alertmanager, which has its name in the stack's network alone.
pub(crate) fn rewrite(config: &str, target: &str, interval: Option<&str>) -> Result<String> {
    let rules = crate::root().join(RULES).display().to_string();
    let mut config = replaced(config, RULES_THERE, &rules)?;
    config = replaced(&config, TARGET, target)?;
    if let Some(interval) = interval {
        config = replaced(&config, INTERVAL, &format!("scrape_interval: {interval}"))?;
        config = replaced(&config, EVALUATION, &format!("evaluation_interval: {interval}"))?;
    }
    let sections = config.split("\n\n").filter(|section| !section.contains("\nalerting:"));
    Ok(sections.collect::<Vec<_>>().join("\n\n"))
}

fn replaced(config: &str, part: &str, by: &str) -> Result<String> {
    let there = config.contains(part);
    ensure!(there, "{CONFIG} has no `{part}`: restore it, or change it in xtask/src/prometheus.rs too");
    Ok(config.replace(part, by))
}

/// A running Prometheus. Its data and log lie in the folder it was given.
pub(crate) struct Prometheus {
    process: Running,
    log: PathBuf,
    pub(crate) api: Api,
}

impl Prometheus {
    pub(crate) fn start(binary: &Path, dir: &Path, config: &str, listen: SocketAddr) -> Result<Prometheus> {
        Prometheus::start_with(binary, dir, config, listen, &[])
    }

    pub(crate) fn start_with(
        binary: &Path,
        dir: &Path,
        config: &str,
        listen: SocketAddr,
        flags: &[&str],
    ) -> Result<Prometheus> {
        let (file, data, log) = (dir.join("prometheus.yml"), dir.join("data"), dir.join("prometheus.log"));
        std::fs::write(&file, config).with_context(|| format!("cannot write {}", file.display()))?;
        let (stdout, stderr) = process::log_to(&log)?;
        let mut command = Command::new(binary);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={listen}"))
            .args(flags)
            .current_dir(dir)
            .stdout(stdout)
            .stderr(stderr);
        let process = Running::spawn("prometheus", &mut command)?;
        Ok(Prometheus { process, log, api: Api::on(listen) })
    }

    /// Waits until it serves and its target is up.
    pub(crate) fn wait_up(&mut self, limit: Duration) -> Result<()> {
        wait::until("Prometheus sees the exporter up", limit, |last| {
            self.check()?;
            Ok(self.api.up(1.0, last))
        })
    }

    /// Waits until that many targets have been scraped: what was found is there to be asked for. `labels` select them.
    pub(crate) fn wait_scraped(&mut self, labels: &str, targets: usize, limit: Duration) -> Result<()> {
        wait::until(&format!("{targets} targets are up"), limit, |last| {
            self.check()?;
            // `up` comes with the samples; the target page is a moment ahead of them.
            let up = self.api.value(&format!("count(up{{{labels}}} == 1)"));
            let bad = self.api.no_bad_target().err().map(|error| format!("{error:#}"));
            *last = format!("{up:?}; {}", bad.unwrap_or_default());
            Ok(up.is_ok_and(|up| up == Some(targets as f64)).then_some(()))
        })
    }

    pub(crate) fn check(&mut self) -> Result<()> {
        self.process.check().with_context(|| format!("its log ends: {}", process::tail(&self.log)))
    }
}

/// What Prometheus answers over HTTP.
pub(crate) struct Api {
    pub(crate) url: String,
}

impl Api {
    pub(crate) fn on(address: SocketAddr) -> Api {
        Api { url: format!("http://{address}") }
    }

    /// `Some` once that many exporters are up; a Prometheus that does not answer yet is waited for.
    pub(crate) fn up(&self, exporters: f64, last: &mut String) -> Option<()> {
        let value = self.value(r#"sum(up{job="actix_exporter"})"#);
        *last = match &value {
            Ok(Some(up)) => format!("{up} of {exporters} up"),
            Ok(None) => "no scrape yet".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        matches!(value, Ok(Some(up)) if up >= exporters).then_some(())
    }

    /// The first sample of an instant query.
    pub(crate) fn value(&self, expr: &str) -> Result<Option<f64>> {
        let answer = self.get("query", &[("query", expr)])?;
        let Some(sample) = answer["result"][0]["value"][1].as_str() else { return Ok(None) };
        Ok(Some(sample.parse().with_context(|| format!("{expr}: no number: {sample}"))?))
    }

    /// Fails with what the target page says of a target that is not up.
    pub(crate) fn no_bad_target(&self) -> Result<()> {
        let targets = self.targets()?;
        ensure!(!targets.is_empty(), "there are no targets");
        for target in &targets {
            let (health, error) = (&target["health"], &target["lastError"]);
            ensure!(health == "up" && error == "", "{}: health {health}, error {error}", target["labels"]);
        }
        Ok(())
    }

    /// What it scrapes. `up` would also have what was scraped before a restart, for as long as a query looks back.
    pub(crate) fn targets(&self) -> Result<Vec<Value>> {
        let answer = self.get("targets", &[("state", "active")])?;
        answer["activeTargets"].as_array().cloned().context("there is no target page")
    }

    /// The `data` of an API answer.
    pub(crate) fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        Ok(http::json(&format!("{}/api/v1/{path}", self.url), query)?["data"].take())
    }
}

/// A port that was free a moment ago, for programs that cannot say which one the system chose.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").context("no free port on 127.0.0.1")?.local_addr()?)
}

#[cfg(test)]
mod tests {
    use super::{CONFIG, rewrite};

    fn shipped() -> String {
        std::fs::read_to_string(crate::root().join(CONFIG)).unwrap()
    }

    #[test]
    fn the_target_is_rewritten_and_the_rest_stays() {
        let rewritten = rewrite(&shipped(), "127.0.0.1:4711", None).unwrap();
        assert!(rewritten.contains("targets: ['127.0.0.1:4711']"), "{rewritten}");
        assert!(
            rewritten.contains("scrape_interval: 15s") && rewritten.contains("job_name: 'actix_exporter'"),
            "{rewritten}"
        );
        assert!(
            rewritten.contains("/compose/prometheus/rules/*.yml") && !rewritten.contains("alerting:"),
            "{rewritten}"
        );
    }

    #[test]
    fn the_interval_is_rewritten_where_asked_for() {
        let rewritten = rewrite(&shipped(), "127.0.0.1:4711", Some("1s")).unwrap();
        assert!(rewritten.contains("scrape_interval: 1s\n"), "{rewritten}");
        assert!(rewritten.contains("evaluation_interval: 1s\n"), "{rewritten}");
    }

    #[test]
    fn a_configuration_without_the_target_is_no_silent_success() {
        let message = rewrite("rules/*.yml", "127.0.0.1:1", None).unwrap_err().to_string();
        assert!(message.contains(CONFIG) && message.contains("actix_exporter:2121"), "{message}");
    }

    /// Prometheus 2.42, which Debian has, cannot include one file in another.
    #[test]
    fn the_fleet_has_the_same_configuration_but_for_its_targets() {
        let fleet = std::fs::read_to_string(crate::root().join("compose/prometheus/fleet.yml")).unwrap();
        let rules = |text: &str| {
            let lines = text.lines().filter(|line| !line.starts_with('#') && !line.contains("targets:"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(rules(&fleet), rules(&shipped()));
        assert!(fleet.contains("targets: ['actix_exporter:2121', 'shard_1:2121', 'shard_2:2121', 'replica:2121']"));
    }
}
