//! What the suites need from the machine: installed where that is allowed, else named with the command that installs it.
//!
//! The optional folder `../shared/offline` helps machines that reach no image registry: it holds scripts that make stand-ins
//! of the base images, and unpack programs that Debian has only in a newer release. Nothing else depends on it.

mod images;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::engine::{self, Client};

pub(crate) struct Setup<'a> {
    sh: &'a Shell,
    /// Whether anything may be installed, downloaded or started.
    allowed: bool,
    scripts: Option<PathBuf>,
    /// What the scripts make, kept between runs.
    cache: PathBuf,
}

/// A Prometheus, and its promtool of the same version.
pub(crate) struct Binary {
    pub(crate) version: String,
    pub(crate) prometheus: PathBuf,
    pub(crate) promtool: PathBuf,
}

impl Setup<'_> {
    pub(crate) fn new(sh: &Shell, allowed: bool) -> Setup<'_> {
        let root = sh.current_dir();
        let scripts = root.join("../shared/offline").canonicalize().ok();
        Setup { sh, allowed, scripts, cache: root.join("target/offline") }
    }

    /// The system's own Prometheus, and a 3.x where that is an older one.
    pub(crate) fn prometheus(&self) -> Vec<Result<Binary>> {
        let system = self.system_prometheus();
        let old = system.as_ref().is_ok_and(|binary| binary.version.starts_with("2."));
        let mut found = vec![system];
        if old || found[0].is_err() {
            found.push(self.new_prometheus());
        }
        found
    }

    fn system_prometheus(&self) -> Result<Binary> {
        self.binary(&self.program(&["prometheus"], "prometheus", Daemons::StayStopped)?)
    }

    /// Debian's next release has a 3.x, and so has the image that the stack runs.
    fn new_prometheus(&self) -> Result<Binary> {
        let packed = self.unpacked("prometheus", "forky", &["prometheus", "promtool"], "prometheus");
        let path =
            packed.or_else(|_| self.copied_from_image()).context("Prometheus 3 is neither here nor to be had")?;
        self.binary(&path)
    }

    fn copied_from_image(&self) -> Result<PathBuf> {
        ensure!(
            cfg!(target_os = "linux"),
            "the image's binaries are for Linux: put prometheus and promtool 3.x into PATH"
        );
        let (sh, engine, dir) = (self.sh, self.running_engine()?, self.cache.join("image"));
        let (_, image) = self.image_names()?;
        self.pull(engine, &image)?;
        sh.create_dir(&dir)?;
        let container = cmd!(sh, "{engine} create {image}").quiet().read()?;
        let copies = ["prometheus", "promtool"].map(|program| {
            cmd!(sh, "{engine} cp {container}:/bin/{program} {dir}").quiet().ignore_stdout().ignore_stderr().run()
        });
        cmd!(sh, "{engine} rm --volumes {container}").quiet().ignore_stdout().run()?;
        copies.into_iter().collect::<Result<(), _>>()?;
        Ok(dir.join("prometheus"))
    }

    fn binary(&self, prometheus: &Path) -> Result<Binary> {
        let output = cmd!(self.sh, "{prometheus} --version").quiet().output()?;
        let said = String::from_utf8([output.stdout, output.stderr].concat())?;
        let version = said.split_whitespace().skip_while(|word| *word != "version").nth(1);
        let version =
            version.with_context(|| format!("{} --version names no version: {said}", prometheus.display()))?;
        let promtool = prometheus.with_file_name("promtool");
        ensure!(promtool.exists(), "{} is missing: install promtool beside prometheus", promtool.display());
        let version = version.split('+').next().unwrap_or(version).to_owned();
        Ok(Binary { version, prometheus: prometheus.to_owned(), promtool })
    }

    pub(crate) fn curl(&self) -> Result<PathBuf> {
        self.program(&["curl"], "curl", Daemons::MayStart)
    }

    /// The library that sets the clock of one process.
    pub(crate) fn faketime(&self) -> Result<PathBuf> {
        let find = || {
            let machine = format!("/usr/lib/{}-linux-gnu/faketime", env::consts::ARCH);
            let folders = [machine.as_str(), "/usr/lib/faketime", "/usr/lib64/faketime"];
            folders.iter().map(|folder| Path::new(folder).join("libfaketimeMT.so.1")).find(|path| path.exists())
        };
        if find().is_none() {
            self.apt(&["libfaketime"], Daemons::MayStart)?;
        }
        find().context("still no libfaketimeMT.so.1 after its installation")
    }

    /// blackbox_exporter, by Debian's name or its own.
    pub(crate) fn blackbox_exporter(&self) -> Result<PathBuf> {
        const NAME: &str = "prometheus-blackbox-exporter";
        self.program(&[NAME, "blackbox_exporter"], NAME, Daemons::StayStopped)
    }

    /// The newest that is to be had: older ones say less, and take more to where they are redirected.
    pub(crate) fn newest_blackbox_exporter(&self) -> Result<PathBuf> {
        const NAME: &str = "prometheus-blackbox-exporter";
        self.unpacked("blackbox", "forky", &[NAME], NAME).or_else(|_| self.blackbox_exporter())
    }

    /// A Python with prometheus_client. Debian's package is for Debian's own, which need not be the one in PATH.
    pub(crate) fn python(&self) -> Result<PathBuf> {
        let find = || {
            ["python3", "/usr/bin/python3"].map(PathBuf::from).into_iter().find(|python| {
                let import = cmd!(self.sh, "{python} -c 'import prometheus_client.openmetrics.parser'");
                import.quiet().ignore_stdout().ignore_stderr().run().is_ok()
            })
        };
        if find().is_none() {
            self.apt(&["python3-prometheus-client"], Daemons::MayStart)?;
        }
        find().context("still no `python3` that has prometheus_client after its installation")
    }

    /// What drives a Chromium, which is there too.
    pub(crate) fn chromedriver(&self) -> Result<PathBuf> {
        if which("chromedriver").is_none() || which("chromium").is_none() {
            // With letters and signs: what is in no font is a box on every picture.
            self.apt(&["chromium", "chromium-driver", "fonts-dejavu-core"], Daemons::MayStart)?;
        }
        which("chromedriver").context("still no `chromedriver` in PATH after its installation")
    }

    pub(crate) fn openssl(&self) -> Result<PathBuf> {
        self.program(&["openssl"], "openssl", Daemons::MayStart)
    }

    /// What looks through unit files; nothing has to run under systemd for that.
    pub(crate) fn systemd_analyze(&self) -> Result<PathBuf> {
        self.program(&["systemd-analyze"], "systemd", Daemons::StayStopped)
    }

    /// By Debian's name or its own.
    pub(crate) fn pushgateway(&self) -> Result<PathBuf> {
        const NAME: &str = "prometheus-pushgateway";
        self.program(&[NAME, "pushgateway"], NAME, Daemons::StayStopped)
    }

    /// Alertmanager's tool, with Alertmanager beside it.
    pub(crate) fn amtool(&self) -> Result<PathBuf> {
        const PACKAGE: &str = "prometheus-alertmanager";
        let newest = self.unpacked("alertmanager", "forky", &[PACKAGE], "amtool");
        newest.or_else(|_| self.program(&["amtool"], PACKAGE, Daemons::StayStopped))
    }

    /// What the transcripts of the docs run.
    pub(crate) fn commands_of_the_docs(&self) -> Result<()> {
        ensure!(cmd!(self.sh, "id -u").quiet().read()? == "0", "to be nobody takes root: run this as root");
        self.programs(&[
            ("bash", "bash"),
            ("curl", "curl"),
            ("jq", "jq"),
            ("openssl", "openssl"),
            ("setpriv", "util-linux"),
        ])
    }

    /// What it takes to make a network namespace.
    pub(crate) fn namespaces(&self) -> Result<()> {
        ensure!(cfg!(target_os = "linux"), "network namespaces are of Linux");
        self.programs(&[("unshare", "util-linux"), ("ip", "iproute2"), ("mount", "mount")])
    }

    /// What knows licences, crates and advisories.
    pub(crate) fn cargo_deny(&self) -> Result<()> {
        self.cargo_command("deny", "0.20.2")
    }

    /// What drives libFuzzer, and what compiles that.
    pub(crate) fn cargo_fuzz(&self) -> Result<()> {
        self.program(&["c++"], "g++", Daemons::MayStart)?;
        self.cargo_command("fuzz", "0.13.2")
    }

    /// A command of cargo, in whichever version it is here, else in this one.
    fn cargo_command(&self, name: &str, version: &str) -> Result<()> {
        let sh = self.sh;
        if cmd!(sh, "cargo {name} --version").quiet().ignore_stdout().ignore_stderr().run().is_ok() {
            return Ok(());
        }
        let install = format!("cargo install --locked cargo-{name}");
        ensure!(self.allowed, "cargo-{name} is missing: {install}");
        println!("set-up: {install}");
        // Not optimised: it runs for seconds, and takes minutes to optimise.
        cmd!(sh, "cargo install --debug --locked --quiet --version {version} cargo-{name}")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .quiet()
            .run()
            .with_context(|| format!("`{install}` failed, its output above says why"))
    }

    /// The first of the names that a program has, where it is there or its package can be installed.
    fn program(&self, names: &[&str], package: &str, daemons: Daemons) -> Result<PathBuf> {
        let find = || names.iter().copied().find_map(which);
        if find().is_none() {
            self.apt(&[package], daemons)?;
        }
        find().with_context(|| format!("still no `{}` in PATH after its installation", names[0]))
    }

    /// Programs, each with its package.
    fn programs(&self, needed: &[(&str, &str)]) -> Result<()> {
        let missing = needed.iter().filter(|(program, _)| which(program).is_none());
        let missing: Vec<&str> = missing.map(|(_, package)| *package).collect();
        if missing.is_empty() { Ok(()) } else { self.apt(&missing, Daemons::MayStart) }
    }

    /// An engine that answers, with all its compose clients. What it started is stopped when the value goes.
    pub(crate) fn engine(&self) -> Result<(Engine, Vec<Client>)> {
        let engine = match self.running_engine() {
            Ok(_) => Engine { started: None },
            Err(none) => self.own_engine(none)?,
        };
        if engine::answers(self.sh, "docker") {
            self.compose_clients()?;
        }
        let clients: Vec<Client> = Client::ALL
            .into_iter()
            .filter(|client| client.works(self.sh) && engine::answers(self.sh, client.engine()))
            .collect();
        ensure!(!clients.is_empty(), "the engine has no compose client: install docker compose or podman compose");
        Ok((engine, clients))
    }

    fn running_engine(&self) -> Result<&'static str> {
        if which("docker").is_none() && which("podman").is_none() {
            self.apt(&["docker.io", "docker-compose"], Daemons::MayStart)?;
        }
        let answers = ["docker", "podman"].into_iter().find(|engine| engine::answers(self.sh, engine));
        answers.context("no container engine answers: start docker, then run this again")
    }

    fn own_engine(&self, none: anyhow::Error) -> Result<Engine> {
        let Ok(script) = self.script("engine.sh") else { return Err(none) };
        // Containers do not start from a data folder behind a symbolic link.
        let (sh, state) = (self.sh, self.sh.create_dir(self.cache.join("engine"))?.canonicalize()?);
        println!("set-up: starting a Docker engine for the tests");
        let said = cmd!(sh, "{script} {state}").quiet().read().context("the Docker engine does not start")?;
        let host = said
            .lines()
            .find_map(|line| line.strip_prefix("export DOCKER_HOST="))
            .context("engine.sh names no host")?;
        sh.set_var("DOCKER_HOST", host);
        Ok(Engine { started: Some(state.join("docker.pid")) })
    }

    /// Both generations of compose, as far as they can be had: the file has to suit both, and the stack needs one.
    fn compose_clients(&self) -> Result<()> {
        let plugin = || Client::DockerPlugin.works(self.sh);
        if !plugin()
            && self.unpacked("compose", "trixie", &["docker-compose", "docker-buildx"], "docker-compose").is_ok()
        {
            self.sh.set_var("DOCKER_CONFIG", self.cache.join("compose"));
        }
        if which("docker-compose").is_none()
            && let Err(reason) = self.apt(&["docker-compose"], Daemons::MayStart)
        {
            ensure!(plugin(), reason);
            println!("set-up: testing with docker compose only; {reason:#}");
        }
        Ok(())
    }

    /// Whether images are built from what this machine has: then the build container reaches no crate registry either.
    pub(crate) fn offline(&self) -> bool {
        self.scripts.is_some()
    }

    /// A program out of packages of another Debian release, unpacked but not installed.
    fn unpacked(&self, name: &str, release: &str, packages: &[&str], program: &str) -> Result<PathBuf> {
        let (sh, dir) = (self.sh, self.cache.join(name));
        let path = dir.join("x/usr/bin").join(program);
        if !path.exists() {
            let script = self.script("debs.sh")?;
            println!("set-up: unpacking {} of Debian {release} under {}", packages.join(", "), dir.display());
            cmd!(sh, "{script} {dir} {release} {packages...}").quiet().ignore_stdout().run()?;
        }
        Ok(path)
    }

    fn script(&self, name: &str) -> Result<PathBuf> {
        let scripts =
            self.scripts.as_ref().context("there is no folder ../shared/offline with what replaces downloads")?;
        ensure!(self.allowed, "--no-setup forbids to run {name}");
        Ok(scripts.join(name))
    }

    fn apt(&self, packages: &[&str], daemons: Daemons) -> Result<()> {
        let (sh, command) = (self.sh, format!("apt-get install {}", packages.join(" ")));
        let debian = Path::new("/etc/debian_version").exists();
        ensure!(debian, "{} is missing: install it (on Debian: {command})", packages.join(" or "));
        let root = cmd!(sh, "id -u").quiet().read()? == "0";
        ensure!(root && self.allowed, "{} is missing: install it as root with {command}", packages.join(" or "));
        println!("set-up: {command}");
        let _policy = match daemons {
            Daemons::StayStopped => Policy::stay_stopped(),
            Daemons::MayStart => None,
        };
        let install = || {
            cmd!(sh, "apt-get install --yes -qq --no-install-recommends {packages...}")
                .env("DEBIAN_FRONTEND", "noninteractive")
                .quiet()
                .ignore_stdout()
                .run()
        };
        if install().is_err() {
            // Most likely package lists that are missing or too old.
            cmd!(sh, "apt-get update -qq").quiet().run()?;
            install().with_context(|| format!("`{command}` failed, its output above says why"))?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Daemons {
    MayStart,
    /// A Prometheus started by its package would sit on port 9090.
    StayStopped,
}

/// Debian's way to keep a package from starting its daemon, taken back afterwards.
struct Policy;

impl Policy {
    const FILE: &'static str = "/usr/sbin/policy-rc.d";

    fn stay_stopped() -> Option<Policy> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(Policy::FILE).ok()?;
        std::io::Write::write_all(&mut file, b"#!/bin/sh\nexit 101\n").ok()?;
        Some(Policy)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(Policy::FILE) {
            eprintln!("warning: cannot remove {}: {error}", Policy::FILE);
        }
    }
}

/// The engine for the length of a suite.
pub(crate) struct Engine {
    /// The pid file, where we started it.
    started: Option<PathBuf>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(pid) = self.started.as_ref().and_then(|file| fs::read_to_string(file).ok()) {
            let _ = std::process::Command::new("sh").args(["-c", "kill -TERM \"$0\"", pid.trim()]).status();
        }
    }
}

fn which(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| path.is_file())
}
