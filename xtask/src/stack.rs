//! The compose stack: its project, image, and what of it is there.

pub(crate) mod services;
pub(crate) mod state;
mod vendor;

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use xshell::{Cmd, Shell, cmd};

use self::services::EXPORTER;
pub(crate) use self::services::{Ports, Profile};
use self::vendor::Vendor;

use crate::engine::Client;
use crate::process;
use crate::prometheus::Api;
use crate::wait;

pub(crate) const FILE: &str = "compose/compose.yaml";
/// Where pages of the exporter link to for graphs.
pub(crate) const GRAPH_URL: &str = "ACTIX_EXPORTER_WEB_GRAPH_URL";
/// Compose's own way to say which profiles.
const PROFILES: &str = "COMPOSE_PROFILES";
const PROMETHEUS_CONFIG: &str = "PROMETHEUS_CONFIG";
/// How the Dockerfile's message ends when the build container gets no crates.
const NO_CRATES: &str = "run cargo vendor first";

/// What docker says when it cannot build that way.
const NO_BUILDX: &str = "buildx component is missing";

/// Compose labels the image that it builds, too, and every container of that image inherits it: this label has only what compose has started.
const OF_COMPOSE: &str = "label=com.docker.compose.container-number";

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

/// A variable of the caller's environment. Empty counts as unset, as it does in compose.yaml.
pub(crate) fn variable(sh: &Shell, name: &str) -> Option<String> {
    sh.var(name).ok().filter(|value| !value.is_empty())
}

/// One compose project.
#[derive(Clone)]
pub(crate) struct Stack<'a> {
    pub(crate) sh: &'a Shell,
    pub(crate) client: Client,
    pub(crate) project: String,
    pub(crate) ports: Ports,
    /// What is started beside the exporter and Prometheus.
    pub(crate) profiles: Vec<Profile>,
    /// The tag of the image.
    pub(crate) version: String,
    /// The commit, as it was at first: a container whose build arguments change is replaced.
    pub(crate) revision: String,
    /// When that was made.
    pub(crate) created: String,
    /// More for compose's environment, beside the caller's own.
    pub(crate) env: Vec<(&'static str, String)>,
}

impl Stack<'_> {
    /// The stack that users mean, with these profiles and those of their environment.
    pub(crate) fn from_env<'s>(sh: &'s Shell, profiles: &[Profile]) -> Result<Stack<'s>> {
        let or = |name, default: &str| variable(sh, name).unwrap_or(default.into());
        let mut all = profiles.to_vec();
        for name in or(PROFILES, "").split(',').filter(|name| !name.is_empty()) {
            let profile = name.parse().map_err(|error| anyhow!("environment variable {PROFILES}: {error}"))?;
            if !all.contains(&profile) {
                all.push(profile);
            }
        }
        Ok(Stack {
            sh,
            client: Client::detect(sh)?,
            project: or("COMPOSE_PROJECT_NAME", "actix-exporter"),
            ports: Ports::from_env(sh)?,
            profiles: all,
            version: or("ACTIX_EXPORTER_VERSION", "dev"),
            revision: revision(sh),
            created: created(sh),
            env: Vec::new(),
        })
    }

    pub(crate) fn compose<'s>(&'s self, args: impl IntoIterator<Item = &'s str>) -> Cmd<'s> {
        let mut chosen: Vec<(&str, String)> = self.ports.variables().collect();
        if variable(self.sh, GRAPH_URL).is_none() {
            chosen.push((GRAPH_URL, self.ports.graph_url(&self.profiles)));
        }
        if self.profiles.contains(&Profile::Fleet) && variable(self.sh, PROMETHEUS_CONFIG).is_none() {
            chosen.push((PROMETHEUS_CONFIG, "fleet.yml".to_owned()));
        }
        self.client
            .cmd(self.sh)
            .args(["-p", &self.project, "-f", FILE])
            .args(self.profiles.iter().flat_map(|profile| ["--profile", profile.name()]))
            .args(args)
            .env_remove(PROFILES)
            .envs(chosen)
            .env("ACTIX_EXPORTER_VERSION", &self.version)
            .env("ACTIX_EXPORTER_REVISION", &self.revision)
            .env("ACTIX_EXPORTER_CREATED", &self.created)
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
            !output.contains(NO_BUILDX),
            "{} needs BuildKit, and docker has no buildx: install docker-buildx, or the compose plugin, which brings it",
            self.client
        );
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
        let build = self.compose(["build", EXPORTER]);
        // Version 1.29 builds by itself unless it is told, and does not know the caches of the Dockerfile.
        let is_old = self.client == Client::DockerCompose;
        if is_old { build.env("COMPOSE_DOCKER_CLI_BUILD", "1").env("DOCKER_BUILDKIT", "1") } else { build }
    }

    fn build_vendored(&self) -> Result<()> {
        let _vendor = Vendor::make(self.sh)?;
        self.build_cmd().run().with_context(|| format!("{} build failed, its output above says why", self.client))
    }

    pub(crate) fn start(&self) -> Result<()> {
        self.compose(["up", "-d"]).run().context("the stack did not start, the output above says why")
    }

    /// Waits until all services are healthy and Prometheus has scraped each exporter.
    pub(crate) fn wait_healthy(&self, limit: Duration) -> Result<()> {
        for service in services::of(&self.profiles) {
            let name = service.name;
            let mut shown = String::new();
            wait::until(&format!("{name} is healthy"), limit, |last| {
                *last = self.health(name)?;
                if *last != shown {
                    println!("{name}: {last}");
                    shown.clone_from(last);
                }
                // It would be so again and again.
                let is_hopeless = last.starts_with("restarting") || last.ends_with("unhealthy");
                ensure!(!is_hopeless, "{name} does not work ({last}): its last words are above");
                Ok((last == "running, healthy").then_some(()))
            })?;
        }
        let exporters = services::of(&self.profiles).filter(|service| service.is_exporter()).count() as f64;
        println!("prometheus: waiting for its first scrape");
        wait::until("Prometheus sees the exporter up", limit, |last| Ok(self.api().up(exporters, last)))
    }

    pub(crate) fn api(&self) -> Api {
        Api::on(self.ports.prometheus())
    }

    /// What the engine says of it.
    pub(crate) fn health(&self, service: &str) -> Result<String> {
        let Some(id) = self.container(service)? else { return Ok("no container".to_owned()) };
        self.inspect(&id, "{{.State.Status}}, {{.State.Health.Status}}")
    }

    pub(crate) fn inspect(&self, id: &str, format: &str) -> Result<String> {
        Ok(self.engine(["inspect", "--format", format, id]).read()?)
    }

    pub(crate) fn container(&self, service: &str) -> Result<Option<String>> {
        let service = format!("label=com.docker.compose.service={service}");
        let filters = ["--filter", &self.label(), "--filter", &service, "--filter", OF_COMPOSE];
        let ids = self.engine(["ps", "--all", "--quiet"].into_iter().chain(filters)).read()?;
        Ok(ids.lines().next().map(str::to_owned))
    }

    /// Services that have a container.
    pub(crate) fn there(&self) -> Result<Vec<&'static str>> {
        let mut there = Vec::new();
        for service in &services::SERVICES {
            if self.container(service.name)?.is_some() {
                there.push(service.name);
            }
        }
        Ok(there)
    }

    /// What runs of a profile stays part of the stack.
    pub(crate) fn keep_profiles(&mut self) -> Result<()> {
        for profile in services::profiles_of(&self.there()?) {
            if !self.profiles.contains(&profile) {
                self.profiles.push(profile);
            }
        }
        Ok(())
    }

    /// Whether a container of this very stack publishes the address: a second `up` must not take itself for a stranger.
    pub(crate) fn publishes(&self, address: SocketAddr) -> bool {
        let published = |id: &String| self.engine(["port", id]).ignore_stderr().read().unwrap_or_default();
        let containers = self.left("ps").unwrap_or_default();
        containers.iter().any(|id| published(id).lines().any(|line| line.ends_with(&format!("-> {address}"))))
    }

    /// Ids of what the engine keeps of this stack; `kind` is ps, network or volume.
    pub(crate) fn left(&self, kind: &str) -> Result<Vec<String>> {
        let list: &[&str] = if kind == "ps" { &["ps", "--all", "--filter", OF_COMPOSE] } else { &[kind, "ls"] };
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

pub(crate) fn created(sh: &Shell) -> String {
    // Of UTC, so that it is the same wherever the image is built.
    let time = cmd!(sh, "git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd").env("TZ", "UTC");
    time.quiet().ignore_stderr().read().unwrap_or("1970-01-01T00:00:00Z".into())
}

#[cfg(test)]
mod tests {
    use super::says_no_crates;

    #[test]
    fn the_dockerfiles_message_is_told_from_the_command_that_holds_it() {
        let dockerfile = std::fs::read_to_string(crate::root().join("compose/Dockerfile")).unwrap();
        assert!(dockerfile.contains(super::NO_CRATES) && !says_no_crates(&dockerfile), "{dockerfile}");
        assert!(says_no_crates("#8 0.5 cannot fetch the crates: run cargo vendor first\n"));
    }
}
