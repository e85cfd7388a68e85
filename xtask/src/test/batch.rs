//! Suite `batch`: the example of docs/batch.md pushes to a real Pushgateway, which a real Prometheus scrapes.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use super::Tally;
use super::setup::{Binary, Setup};
use crate::build;
use crate::http;
use crate::process::{self, Running};
use crate::prometheus::{self, Prometheus};
use crate::wait;

const LIMIT: Duration = Duration::from_secs(20);
const JOB: &str = "nightly_copy";

pub(super) fn run(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) -> Result<()> {
    let (gateway, binary) = match setup.pushgateway().and_then(|gateway| Ok((gateway, first(setup)?))) {
        Ok(found) => found,
        Err(reason) => {
            tally.skip("batch", &reason);
            return Ok(());
        }
    };
    let dir = sh.create_temp_dir()?;
    let job = build::example(sh, "batch")?;
    let gateway = Gateway::start(&gateway, dir.path())?;

    // The groups are those of a gateway that knows nothing yet.
    tally.check("a run pushes what its registry holds", || {
        gateway.run(&job, "1000")?;
        gateway.shows("batch_rows_copied", "1000")?;
        gateway.shows("process_start_time_seconds", "")
    });
    tally.check("a second run takes the place of the first", || {
        gateway.run(&job, "30")?;
        gateway.shows("batch_rows_copied", "30")
    });
    tally.check("a failed run leaves the time of the last success as it was", || {
        let before = gateway.value("batch_last_success_timestamp_seconds")?;
        let failed = fails(Command::new(&job).args(["run", &gateway.url, JOB, "many"]))?;
        ensure!(failed.contains("`many` is no number of rows"), "it says {failed}");
        gateway.shows("batch_rows_copied", "0")?;
        ensure!(gateway.value("batch_last_success_timestamp_seconds")? == before, "it was {before}");
        Ok(())
    });
    tally.check("Prometheus keeps the job's name, and knows when it last succeeded", || {
        let listen = prometheus::free_address()?;
        let config = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: pushgateway\n    honor_labels: true\n    \
             static_configs: [{{targets: ['{}']}}]\n",
            gateway.url.trim_start_matches("http://")
        );
        let prometheus = Prometheus::start(&binary.prometheus, dir.path(), &config, listen)?;
        wait::until("Prometheus has the push", LIMIT, |last| {
            let age = prometheus.api.value(&format!("time() - batch_last_success_timestamp_seconds{{job=\"{JOB}\"}}"));
            *last = format!("{age:?}");
            Ok(age.ok().flatten().filter(|age| (0.0..600.0).contains(age)).map(drop))
        })
    });
    tally.check("what is deleted is gone", || {
        succeeds(Command::new(&job).args(["delete", &gateway.url, JOB]))?;
        let text = http::get(&format!("{}/metrics", gateway.url))?;
        ensure!(!text.contains(JOB), "the gateway still has it");
        Ok(())
    });
    tally.check("a gateway that is away costs the numbers and not the run", || {
        let url = gateway.url.clone();
        drop(gateway);
        let said = succeeds(Command::new(&job).args(["run", &url, JOB, "7"]))?;
        ensure!(said.contains("warning: ") && said.contains("the job itself has run"), "it says {said}");
        fails(Command::new(&job).args(["delete", &url, JOB])).map(drop)
    });
    Ok(())
}

fn first(setup: &Setup<'_>) -> Result<Binary> {
    setup.prometheus().into_iter().next().context("no Prometheus")?
}

struct Gateway {
    _process: Running,
    url: String,
}

impl Gateway {
    fn start(binary: &Path, dir: &Path) -> Result<Gateway> {
        let address = prometheus::free_address()?;
        let (stdout, stderr) = process::log_to(&dir.join("gateway.log"))?;
        let mut command = Command::new(binary);
        command.arg(format!("--web.listen-address={address}")).stdout(stdout).stderr(stderr);
        let mut process = Running::spawn("the Pushgateway", &mut command)?;
        let url = format!("http://{address}");
        wait::until("the Pushgateway is ready", LIMIT, |last| {
            process.check()?;
            let answer = http::get(&format!("{url}/-/ready"));
            *last = format!("{answer:?}");
            Ok(answer.ok())
        })?;
        Ok(Gateway { _process: process, url })
    }

    fn run(&self, job: &Path, rows: &str) -> Result<()> {
        succeeds(Command::new(job).args(["run", &self.url, JOB, rows])).map(drop)
    }

    fn value(&self, metric: &str) -> Result<String> {
        let text = http::get(&format!("{}/metrics", self.url))?;
        let series = format!("{metric}{{instance=\"\",job=\"{JOB}\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&series)).map(str::to_owned);
        value.with_context(|| format!("the gateway has no {series}"))
    }

    /// `value`, or any, where that is empty.
    fn shows(&self, metric: &str, value: &str) -> Result<()> {
        let shown = self.value(metric)?;
        ensure!(value.is_empty() || shown == value, "{metric} is {shown}");
        Ok(())
    }
}

fn succeeds(command: &mut Command) -> Result<String> {
    said(command, true)
}

fn fails(command: &mut Command) -> Result<String> {
    said(command, false)
}

/// What it says on stderr; whether it succeeds has to be as expected.
fn said(command: &mut Command, succeeds: bool) -> Result<String> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success() == succeeds, "{}: {said}", output.status);
    Ok(said)
}
