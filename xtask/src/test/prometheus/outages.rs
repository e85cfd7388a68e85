//! Prometheus goes away, and the exporter is killed: what the other has of it.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use super::{Binary, LIMIT, Setup, Tally, positive};
use crate::build;
use crate::http;
use crate::prometheus::{self, Prometheus};
use crate::test::exporter::Exporter;
use crate::wait;

/// Scrapes come each second. As long as this there are none.
const DOWN: Duration = Duration::from_secs(30);

/// With the newest Prometheus that there is.
pub(in crate::test) fn run(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) -> Result<()> {
    match setup.prometheus().pop().context("there is no Prometheus")? {
        Ok(binary) => {
            let server = build::server(sh, &[])?;
            tally.check("k3: Prometheus is down for half a minute: a gap, and nothing is lost", || {
                prometheus_down(&binary, sh, &server)
            });
            tally.check("s36: the exporter is killed and started again: no rate is negative", || {
                exporter_killed(&binary, sh, &server)
            });
        }
        Err(reason) => tally.skip("outages", &reason),
    }
    Ok(())
}

/// An exporter that asks this Prometheus, which need not be there.
fn exporter(server: &Path, dir: &Path, listen: std::net::SocketAddr, flags: &[&str]) -> Result<Exporter> {
    let flags = [&["--probe.interval", "1s", "--probe.timeout", "500ms"], flags].concat();
    Exporter::server(server, dir, &format!("http://{listen}/-/healthy"), &flags)
}

fn config(sh: &Shell, exporter: &Exporter) -> Result<String> {
    prometheus::rewrite(&sh.read_file(prometheus::CONFIG)?, &exporter.address.to_string(), Some("1s"))
}

fn prometheus_down(binary: &Binary, sh: &Shell, server: &Path) -> Result<()> {
    let (dir, listen) = (sh.create_temp_dir()?, prometheus::free_address()?);
    let exporter = exporter(server, dir.path(), listen, &[])?;
    let config = config(sh, &exporter)?;
    let start = || Prometheus::start(&binary.prometheus, dir.path(), &config, listen);
    let mut prometheus = start()?;
    prometheus.wait_up(LIMIT)?;
    positive(&prometheus.api, "count_over_time(up[1m]) >= 5", || Ok(()))?;
    let runs = || counter(&exporter, "external_access_runs_total");
    let before = runs()?;
    drop(prometheus);
    // A time in which nothing is asked for is what this is about.
    let down = Instant::now();
    while down.elapsed() < DOWN {
        ensure!(!wait::interrupted(), "interrupted");
        thread::sleep(Duration::from_millis(200));
    }
    let meanwhile = runs()? - before;
    ensure!(
        (DOWN.as_secs_f64() - meanwhile).abs() < 5.0,
        "the exporter made {meanwhile} runs in {DOWN:?}, one a second"
    );
    let mut prometheus = start()?;
    prometheus.wait_up(LIMIT)?;
    // Where it was away it has no sample; what has been counted meanwhile is in the next one.
    positive(&prometheus.api, &format!("increase(external_access_runs_total[3m]) >= {meanwhile}"), || Ok(()))?;
    let scraped = prometheus.api.value("count_over_time(up[3m])")?.context("no scrapes")?;
    let resets = prometheus.api.value("resets(external_access_runs_total[3m])")?.context("no runs")?;
    ensure!(resets < 0.5, "{resets} resets of a counter, where nothing was started anew");
    println!("     {meanwhile} runs in a gap of {} s; {scraped} scrapes around it", DOWN.as_secs());
    exporter.stop()
}

fn exporter_killed(binary: &Binary, sh: &Shell, server: &Path) -> Result<()> {
    let (dir, listen, target) = (sh.create_temp_dir()?, prometheus::free_address()?, prometheus::free_address()?);
    let at = target.to_string();
    let first = exporter(server, dir.path(), listen, &["--web.listen-address", &at])?;
    let mut prometheus = Prometheus::start(&binary.prometheus, dir.path(), &config(sh, &first)?, listen)?;
    prometheus.wait_up(LIMIT)?;
    positive(&prometheus.api, "external_access_runs_total >= 10", || Ok(()))?;
    first.kill()?;
    let started = Instant::now();
    let second = exporter(server, dir.path(), listen, &["--web.listen-address", &at])?;
    wait::until("it is ready again", LIMIT, |last| {
        let ready = http::get(&second.url("/-/ready"));
        *last = format!("{ready:?}");
        Ok(ready.ok().map(drop))
    })?;
    println!("     ready {} ms after it was started again", started.elapsed().as_millis());
    positive(&prometheus.api, "resets(external_access_runs_total[1m])", || Ok(()))?;
    let lowest = prometheus.api.value("min_over_time(rate(external_access_runs_total[10s])[1m:1s])")?;
    ensure!(lowest.is_some_and(|lowest| lowest >= 0.0), "a rate of {lowest:?}");
    second.stop()
}

/// A counter of the exporter that has one series.
fn counter(exporter: &Exporter, name: &str) -> Result<f64> {
    let page = http::get(&exporter.url(&format!("/metrics?name[]={name}")))?;
    let line = page.lines().find(|line| !line.starts_with('#')).with_context(|| format!("there is no {name}"))?;
    Ok(line.rsplit(' ').next().unwrap_or_default().parse()?)
}
