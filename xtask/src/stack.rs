//! The compose stack: its project, ports, image, and what of it is there.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Cmd, Shell, cmd};

use crate::engine::Client;
use crate::process;
use crate::prometheus::Api;
use crate::wait;

pub(crate) const FILE: &str = "compose/compose.yaml";
/// How the Dockerfile's message ends when the build container gets no crates.
const NO_CRATES: &str = "run cargo vendor first";

/// Where the build container gets the crates from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crates {
    /// From the registry; vendored after all, if it is not reached.
    Online,
    Vendored,
}

impl Crates {
    pub(crate) fn from_flag(vendor: bool) -> Crates {
        if vendor { Crates::Vendored } else { Crates::Online }
    }
}

/// The ports on 127.0.0.1 that users see.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) exporter: SocketAddr,
    pub(crate) prometheus: SocketAddr,
}

impl Ports {
    pub(crate) fn from_env(sh: &Shell) -> Result<Ports> {
        Ok(Ports { exporter: port(sh, EXPORTER_PORT, 2121)?, prometheus: port(sh, PROMETHEUS_PORT, 9090)? })
    }

    /// One clear line before anything is built or started, rather than an engine's words after it.
    pub(crate) fn check_free(self, ours: impl Fn(SocketAddr) -> bool) -> Result<()> {
        for (address, variable) in [(self.exporter, EXPORTER_PORT), (self.prometheus, PROMETHEUS_PORT)] {
            let taken = TcpListener::bind(address).is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
            ensure!(
                !taken || ours(address),
                "port {} on {} is taken by another program: stop it, or choose another port with {variable}=PORT",
                address.port(),
                address.ip(),
            );
        }
        Ok(())
    }

    pub(crate) fn print_urls(self) {
        let (exporter, prometheus) = (self.exporter.port(), self.prometheus.port());
        println!("metrics      http://localhost:{exporter}/metrics");
        println!("status       http://localhost:{exporter}/3-shake-status");
        println!("prometheus   http://localhost:{prometheus}/targets");
    }
}

const EXPORTER_PORT: &str = "ACTIX_EXPORTER_PORT";
const PROMETHEUS_PORT: &str = "PROMETHEUS_PORT";

fn port(sh: &Shell, variable: &str, default: u16) -> Result<SocketAddr> {
    // Empty counts as unset, as it does in compose.yaml.
    let port = match sh.var(variable).unwrap_or_default().as_str() {
        "" => default,
        text => text.parse().ok().filter(|port| *port != 0).with_context(|| {
            format!("environment variable {variable}: `{text}` is no port; give a number from 1 to 65535")
        })?,
    };
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

/// One compose project.
pub(crate) struct Stack<'a> {
    pub(crate) sh: &'a Shell,
    pub(crate) client: Client,
    pub(crate) project: String,
    pub(crate) ports: Ports,
    /// The tag of the image.
    pub(crate) version: String,
    /// The commit, as it was at first: a container whose build arguments change is replaced.
    pub(crate) revision: String,
    /// Passed through to the exporter, beside the caller's own environment.
    pub(crate) env: Vec<(&'static str, String)>,
}

impl Stack<'_> {
    /// The stack that users mean.
    pub(crate) fn from_env(sh: &Shell) -> Result<Stack<'_>> {
        let or =
            |variable, default: &str| sh.var(variable).ok().filter(|text| !text.is_empty()).unwrap_or(default.into());
        Ok(Stack {
            sh,
            client: Client::detect(sh)?,
            project: or("COMPOSE_PROJECT_NAME", "actix-exporter"),
            ports: Ports::from_env(sh)?,
            version: or("ACTIX_EXPORTER_VERSION", "dev"),
            revision: revision(sh),
            env: Vec::new(),
        })
    }

    pub(crate) fn compose<'s>(&'s self, args: impl IntoIterator<Item = &'s str>) -> Cmd<'s> {
        self.client
            .cmd(self.sh)
            .args(["-p", &self.project, "-f", FILE])
            .args(args)
            .env(EXPORTER_PORT, self.ports.exporter.port().to_string())
            .env(PROMETHEUS_PORT, self.ports.prometheus.port().to_string())
            .env("ACTIX_EXPORTER_VERSION", &self.version)
            .env("ACTIX_EXPORTER_REVISION", &self.revision)
            .envs(self.env.iter().map(|(name, value)| (*name, value)))
    }

    /// The engine's own command line.
    pub(crate) fn engine<'s>(&'s self, args: impl IntoIterator<Item = &'s str>) -> Cmd<'s> {
        self.sh.cmd(self.client.engine()).args(args).quiet()
    }

    pub(crate) fn image(&self) -> String {
        format!("actix-exporter:{}", self.version)
    }

    pub(crate) fn image_size(&self) -> Result<u64> {
        let size = self.engine(["image", "inspect", "--format", "{{.Size}}", &self.image()]).read()?;
        size.parse().with_context(|| format!("the engine names no size of {}: {size}", self.image()))
    }

    pub(crate) fn build(&self, crates: Crates) -> Result<()> {
        if crates == Crates::Vendored {
            return self.build_vendored();
        }
        let (status, output) = process::tee(&mut Command::from(self.build_cmd()))?;
        if status.success() {
            return Ok(());
        }
        ensure!(
            says_no_crates(&output) && !wait::interrupted(),
            "{} build failed, its output above says why; without containers: cargo xtask up --native",
            self.client
        );
        println!(
            "the build container reaches no crate registry: once more, with the crates copied into the build context"
        );
        self.build_vendored()
    }

    fn build_cmd(&self) -> Cmd<'_> {
        // The classic builder of docker-compose 1.29 leaves the container of a failed step behind.
        let force_rm = (self.client == Client::DockerCompose).then_some("--force-rm");
        self.compose(["build"].into_iter().chain(force_rm).chain(["actix_exporter"]))
    }

    fn build_vendored(&self) -> Result<()> {
        let _vendor = Vendor::make(self.sh)?;
        self.build_cmd().run().with_context(|| format!("{} build failed, its output above says why", self.client))
    }

    pub(crate) fn start(&self) -> Result<()> {
        self.compose(["up", "-d"]).run().context("the stack did not start, the output above says why")
    }

    /// Waits until both services are healthy and Prometheus has scraped the exporter.
    pub(crate) fn wait_healthy(&self, limit: Duration) -> Result<()> {
        for service in ["actix_exporter", "prometheus"] {
            let mut shown = String::new();
            wait::until(&format!("{service} is healthy"), limit, |last| {
                *last = self.health(service)?;
                if *last != shown {
                    println!("{service}: {last}");
                    shown.clone_from(last);
                }
                Ok((last == "running, healthy").then_some(()))
            })?;
        }
        println!("prometheus: waiting for its first scrape");
        wait::until("Prometheus sees the exporter up", limit, |last| Ok(self.api().up(last)))
    }

    pub(crate) fn api(&self) -> Api {
        Api::on(self.ports.prometheus)
    }

    fn health(&self, service: &str) -> Result<String> {
        let Some(id) = self.container(service)? else { return Ok("no container".to_owned()) };
        self.inspect(&id, "{{.State.Status}}, {{.State.Health.Status}}")
    }

    pub(crate) fn inspect(&self, id: &str, format: &str) -> Result<String> {
        Ok(self.engine(["inspect", "--format", format, id]).read()?)
    }

    pub(crate) fn container(&self, service: &str) -> Result<Option<String>> {
        let service = format!("label=com.docker.compose.service={service}");
        let ids = self.engine(["ps", "--all", "--quiet", "--filter", &self.label(), "--filter", &service]).read()?;
        Ok(ids.lines().next().map(str::to_owned))
    }

    /// Whether a container of this very stack publishes the address: a second `up` must not take itself for a stranger.
    pub(crate) fn publishes(&self, address: SocketAddr) -> bool {
        let published = |id: &String| self.engine(["port", id]).ignore_stderr().read().unwrap_or_default();
        let containers = self.left("ps").unwrap_or_default();
        containers.iter().any(|id| published(id).lines().any(|line| line.ends_with(&format!("-> {address}"))))
    }

    /// Ids of what the engine keeps of this stack; `kind` is ps, network or volume.
    pub(crate) fn left(&self, kind: &str) -> Result<Vec<String>> {
        let list: &[&str] = if kind == "ps" { &["ps", "--all"] } else { &[kind, "ls"] };
        let label = self.label();
        let ids = self.engine(list.iter().copied().chain(["--quiet", "--filter", &label])).read()?;
        Ok(ids.lines().map(str::to_owned).collect())
    }

    fn label(&self) -> String {
        format!("label=com.docker.compose.project={}", self.project)
    }

    pub(crate) fn down(&self) -> Result<()> {
        self.compose(["down", "--volumes", "--remove-orphans"])
            .run()
            .context("the stack did not stop, the output above says why")?;
        for kind in ["ps", "network", "volume"] {
            let left = self.left(kind)?;
            if !left.is_empty() {
                bail!("`down` left {} behind: look at them with `{} inspect`", left.join(" "), self.client.engine());
            }
        }
        Ok(())
    }
}

/// Builders show the command before its output: only a line that ends with the message is the message.
fn says_no_crates(output: &str) -> bool {
    output.lines().any(|line| line.trim_end().ends_with(NO_CRATES))
}

/// The commit, for the binary and the image's label. Without git the image still builds.
pub(crate) fn revision(sh: &Shell) -> String {
    cmd!(sh, "git rev-parse --short=12 HEAD").quiet().ignore_stderr().read().unwrap_or("unknown".into())
}

/// The crates in the build context, for as long as the build takes.
struct Vendor {
    dir: PathBuf,
    ours: bool,
}

impl Vendor {
    fn make(sh: &Shell) -> Result<Vendor> {
        let dir = sh.current_dir().join("vendor");
        // A copy that somebody made himself is renewed, and kept.
        let vendor = Vendor { ours: !dir.exists(), dir };
        cmd!(sh, "cargo vendor --quiet --locked vendor")
            .ignore_stdout()
            .run()
            .context("cannot copy the crates into vendor/")?;
        Ok(vendor)
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_dir_all(&self.dir)
        {
            eprintln!("warning: cannot remove {}: {error}", self.dir.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use xshell::Shell;

    use super::{EXPORTER_PORT, Ports, says_no_crates};

    #[test]
    fn the_dockerfiles_message_is_told_from_the_command_that_holds_it() {
        let dockerfile = std::fs::read_to_string(crate::root().join("compose/Dockerfile")).unwrap();
        assert!(dockerfile.contains(super::NO_CRATES) && !says_no_crates(&dockerfile), "{dockerfile}");
        assert!(says_no_crates("#8 0.5 cannot fetch the crates: run cargo vendor first\n"));
    }

    #[test]
    fn ports_come_from_the_environment_and_empty_counts_as_unset() {
        let sh = Shell::new().unwrap();
        sh.set_var(EXPORTER_PORT, "12121");
        sh.set_var("PROMETHEUS_PORT", "");
        let ports = Ports::from_env(&sh).unwrap();
        assert_eq!((ports.exporter.port(), ports.prometheus.port()), (12121, 9090));
    }

    #[test]
    fn a_wrong_port_names_the_variable_and_the_value() {
        for wrong in ["0", "65536", "http", "-1"] {
            let sh = Shell::new().unwrap();
            sh.set_var(EXPORTER_PORT, wrong);
            let message = Ports::from_env(&sh).err().unwrap().to_string();
            assert!(message.contains(EXPORTER_PORT) && message.contains(wrong), "{message}");
        }
    }

    #[test]
    fn a_taken_port_is_named_unless_it_is_our_own() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let ports = Ports { exporter: address, prometheus: address };
        let message = ports.check_free(|_| false).unwrap_err().to_string();
        assert!(message.contains(&format!("port {}", address.port())) && message.contains(EXPORTER_PORT), "{message}");
        ports.check_free(|_| true).unwrap();
    }
}
