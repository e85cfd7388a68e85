//! Programs that are scraped: the server, and examples of metrics-core.

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::{self, Running};
use crate::wait;

const LIMIT: Duration = Duration::from_secs(20);

/// A program with `/metrics` on a port that the system chose.
pub(crate) struct Exporter {
    process: Running,
    pub(super) address: SocketAddr,
    log: PathBuf,
}

impl Exporter {
    /// The server. `target` is on this machine.
    pub(super) fn server(binary: &Path, dir: &Path, target: &str, flags: &[&str]) -> Result<Exporter> {
        Exporter::server_with(binary, dir, target, flags, &[])
    }

    /// The same, with variables in its environment.
    pub(super) fn server_with(
        binary: &Path,
        dir: &Path,
        target: &str,
        flags: &[&str],
        variables: &[(&str, &Path)],
    ) -> Result<Exporter> {
        let mut command = plain(binary);
        command.args(["--target", target]).args(flags);
        command.envs(variables.iter().copied());
        Exporter::start(&mut command, &dir.join("server.log"))
    }

    /// The server with many targets, of a file that names peers on this machine; and with a web configuration, which has metrics too.
    pub(crate) fn configured(binary: &Path, dir: &Path, targets: &Path) -> Result<Exporter> {
        let web = dir.join("web.yml");
        std::fs::write(&web, "http_server_config: {headers: {X-Frame-Options: deny}}\n")?;
        let mut command = plain(binary);
        command.arg("--config.file").arg(targets).arg("--web.config.file").arg(web);
        Exporter::start(&mut command, &dir.join("server.log"))
    }

    /// An example, which takes its address as an argument and prints its URL.
    pub(super) fn example(binary: &Path, dir: &Path) -> Result<Exporter> {
        Exporter::start(Command::new(binary).arg("127.0.0.1:0"), &dir.join("example.log"))
    }

    fn start(command: &mut Command, log: &Path) -> Result<Exporter> {
        let (stdout, stderr) = process::log_to(log)?;
        let mut process = Running::spawn("the exporter", command.stdout(stdout).stderr(stderr))?;
        let address = wait::until("the exporter says its address", LIMIT, |last| {
            process.check().with_context(|| format!("its log ends: {}", process::tail(log)))?;
            *last = process::tail(log);
            Ok(address_in(&std::fs::read_to_string(log)?))
        })?;
        Ok(Exporter { process, address, log: log.to_owned() })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// As a machine that fails ends it.
    pub(super) fn kill(mut self) -> Result<()> {
        self.process.kill()
    }

    /// Stops it as an operator would: its exit code has to be 0.
    pub(super) fn stop(mut self) -> Result<()> {
        let status = self.process.stop()?;
        ensure!(status.success(), "{status}; its log ends: {}", process::tail(&self.log));
        Ok(())
    }
}

/// What the caller has set for his own exporter is not a test's.
fn plain(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ACTIX_EXPORTER_")) {
        command.env_remove(name);
    }
    // By the environment, so that a flag wins.
    command.env("ACTIX_EXPORTER_WEB_LISTEN_ADDRESS", "127.0.0.1:0");
    command
}

/// The server logs it, an example prints a URL. A line half written has no end yet.
fn address_in(log: &str) -> Option<SocketAddr> {
    let (complete, _) = log.rsplit_once('\n')?;
    complete.lines().find_map(|line| {
        let url = line.split_once("listening on ").map_or(line, |(_, url)| url);
        let url = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
        url.split(['/', '"', ' ']).next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::address_in;

    #[test]
    fn the_address_is_read_from_the_log_once_its_line_is_complete() {
        let line = "time=2026-01-01T00:00:00.000Z level=INFO msg=\"listening on http://127.0.0.1:4711\" address=127.0.0.1:4711";
        assert_eq!(address_in(line), None);
        assert_eq!(address_in(&format!("{line}\n")).unwrap().port(), 4711);
        assert_eq!(address_in("http://127.0.0.1:4711/metrics\n").unwrap().port(), 4711);
        assert_eq!(address_in(&format!("{}\n", line.replace("http:", "https:"))).unwrap().port(), 4711);
        assert_eq!(address_in("probing http://127.0.0.1:1\n"), None);
    }
}
