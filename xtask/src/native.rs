//! `up --native`: the stack without containers, in the foreground.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

use crate::build;
use crate::flags;
use crate::http;
use crate::process::Running;
use crate::prometheus::{self, Prometheus};
use crate::stack::{self, Ports, services, state};
use crate::wait;

const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run(sh: &Shell, flags: &flags::Up) -> Result<()> {
    if let Some(profile) = flags.profile.first() {
        bail!(
            "--native starts the exporter and Prometheus; profile {profile} takes a container engine: leave --native out"
        );
    }
    let ports = Ports::from_env(sh)?;
    cmd!(sh, "prometheus --version").quiet().ignore_stdout().ignore_stderr().run().ok().context(
        "found no `prometheus` in PATH: install it (Debian: apt-get install prometheus), then run this again",
    )?;
    ports.check_free(&[], |_| false)?;
    let binary = build::server(sh, &[])?;

    // Dropped from the last to the first: Prometheus, the server, then the folder they used.
    let dir = sh.create_temp_dir()?;
    let mut command = Command::new(binary);
    command.args(["--web.listen-address", &ports.exporter().to_string()]);
    if stack::variable(sh, stack::GRAPH_URL).is_none() {
        command.args(["--web.graph-url", &ports.graph_url(&[])]);
    }
    let mut server = Running::spawn("the server", &mut command)?;
    wait::until("the server answers", LIMIT, |last| {
        server.check()?;
        let answer = http::get(&format!("http://{}/-/healthy", ports.exporter()));
        *last = answer.as_ref().err().map(|error| format!("{error:#}")).unwrap_or_default();
        Ok(answer.ok())
    })?;
    let config = prometheus::rewrite(&sh.read_file(prometheus::CONFIG)?, &ports.exporter().to_string(), None)?;
    let mut prometheus = Prometheus::start(Path::new("prometheus"), dir.path(), &config, ports.prometheus())?;
    println!("waiting for the first scrape");
    prometheus.wait_up(LIMIT)?;
    println!();
    for service in services::of(&[]) {
        let detail = state::detail(service, &ports).unwrap_or_default();
        state::line(service.name, &detail, ports.url(service).as_deref());
    }
    state::line("to stop", "Ctrl-C", None);

    while !wait::interrupted() {
        server.check()?;
        prometheus.check()?;
        thread::sleep(Duration::from_millis(200));
    }
    println!("stopping");
    Ok(())
}
