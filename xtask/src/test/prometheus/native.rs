//! `up --native`, as somebody without a container engine runs it.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use super::super::setup::Binary;
use crate::http;
use crate::process::{self, Running};
use crate::prometheus::free_address;
use crate::wait;

/// It builds the server, which has been built already.
const LIMIT: Duration = Duration::from_secs(120);

pub(super) fn until_ctrl_c(binary: &Binary, sh: &Shell) -> Result<()> {
    let (exporter, prometheus) = (free_address()?, free_address()?);
    let dir = sh.create_temp_dir()?;
    let log = dir.path().join("up.log");
    let (stdout, stderr) = process::log_to(&log)?;
    let found = binary.prometheus.parent().context("a program lies in a folder")?.display().to_string();
    let mut command = Command::new(process::ourselves()?);
    command.args(["up", "--native"]).stdout(stdout).stderr(stderr).current_dir(crate::root());
    command.env("PATH", format!("{found}:{}", sh.var("PATH").unwrap_or_default()));
    command.env("ACTIX_EXPORTER_PORT", exporter.port().to_string());
    command.env("PROMETHEUS_PORT", prometheus.port().to_string());
    // Itself, so that nothing leaves this machine.
    command.env("ACTIX_EXPORTER_TARGET", format!("http://{exporter}/-/healthy"));
    let mut up = Running::spawn("xtask up --native", &mut command)?;
    wait::until("it says how to stop", LIMIT, |last| {
        up.check().with_context(|| process::tail(&log))?;
        *last = process::tail(&log);
        Ok(fs::read_to_string(&log)?.contains("Ctrl-C").then_some(()))
    })?;
    http::get(&format!("http://{exporter}/3-shake-status"))?;
    http::get(&format!("http://{prometheus}/-/ready"))?;
    let status = up.stop()?;
    ensure!(status.success(), "{status}: {}", process::tail(&log));
    ensure!(http::get(&format!("http://{exporter}/-/healthy")).is_err(), "the exporter still runs");
    Ok(())
}
