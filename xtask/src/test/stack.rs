//! Suite `stack`: the compose stack on a real engine, with every compose client there is.

mod archive;
mod image;
mod watched;

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use xshell::Shell;

use super::Tally;
use super::setup::Setup;
use crate::engine::Client;
use crate::http;
use crate::process;
use crate::prometheus;
use crate::stack::{self, Crates, Ports, Profile, Stack};
use crate::up;
use crate::wait;

/// Longer than the scrape interval of the stack.
const LIMIT: Duration = Duration::from_secs(40);

/// How much of it is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    All,
    /// What is about faults, with one client and one Prometheus.
    Faults,
}

pub(crate) fn run(sh: &Shell, setup: &Setup<'_>, extent: Extent, tally: &mut Tally) -> Result<()> {
    let (_engine, clients) = match setup.engine() {
        Ok(there) => there,
        Err(reason) => {
            tally.skip("stack", &reason);
            return Ok(());
        }
    };
    if let Err(reason) = setup.base_images(clients[0].engine()) {
        tally.skip("stack", &reason);
        return Ok(());
    }
    let first = TestStack::new(sh, clients[0])?;
    let built = tally
        .check(&format!("{}: the image builds", first.0.client), || first.0.build(Crates::from_flag(setup.offline())));
    if !built {
        return Ok(());
    }
    if extent == Extent::All {
        image(sh, setup, &first, &clients, tally)?;
    }
    tally.check("K6 a taken port is named, and nothing is left behind", || taken_port(sh, clients[0]));
    tally.check("K2 an exporter that is not healthy: Prometheus is not started", || unhealthy(sh, clients[0]));
    tally.check("a configuration that is wrong is one line, and nothing is left behind", || {
        wrong_configuration(sh, clients[0])
    });
    let clients = if extent == Extent::All { &clients[..] } else { &clients[..1] };
    for client in clients {
        life_of(&TestStack::new(sh, *client)?.0, tally);
    }
    watched(sh, setup, clients, extent, tally)?;
    first.0.engine(["image", "rm", &first.0.image()]).ignore_stdout().run()?;
    Ok(())
}

/// What the image is like, and that each client builds it.
fn image(sh: &Shell, setup: &Setup<'_>, first: &TestStack<'_>, clients: &[Client], tally: &mut Tally) -> Result<()> {
    tally.check("the image runs as nobody, checks its own health and has no shell", || image::is_bare(&first.0));
    tally.check("the image is within its budget", || image::is_small(&first.0));
    tally.check("the image says what it is", || image::is_labelled(&first.0));
    archive::of_the_image(sh, setup, &first.0, tally)?;
    for client in clients.iter().skip(1) {
        let other = TestStack::new(sh, *client)?;
        tally.check(&format!("{client}: the image builds"), || other.0.build(Crates::from_flag(setup.offline())));
    }
    Ok(())
}

/// With the Prometheus that compose.yaml names and the first client, and with the older one that the system has and the last client.
fn watched(sh: &Shell, setup: &Setup<'_>, clients: &[Client], extent: Extent, tally: &mut Tally) -> Result<()> {
    let engine = clients[0].engine();
    if let Err(reason) = setup.openssl().and_then(|_| setup.alertmanager_image(engine)) {
        tally.skip("the stack with Alertmanager", &reason);
        return Ok(());
    }
    watched::by_its_users(sh, clients[0], None, extent, tally)?;
    if extent == Extent::Faults {
        return Ok(());
    }
    match setup.system_prometheus_image(engine) {
        Ok(version) => watched::by_its_users(sh, clients[clients.len() - 1], Some(&version), extent, tally),
        Err(reason) => {
            tally.skip("the stack with the system's Prometheus", &reason);
            Ok(())
        }
    }
}

/// A stack of its own name and ports, removed on every path. Its target is the exporter itself, by its name in the
/// stack's network: the empty image must be able to resolve, and nothing leaves the machine.
struct TestStack<'a>(Stack<'a>);

impl TestStack<'_> {
    fn new(sh: &Shell, client: Client) -> Result<TestStack<'_>> {
        let ports = Ports::chosen(|_| prometheus::free_address())?;
        Ok(TestStack(Stack {
            sh,
            client,
            project: format!("actix-exporter-test-{}", std::process::id()),
            ports,
            profiles: Vec::new(),
            version: format!("test-{}", std::process::id()),
            revision: stack::revision(sh),
            created: stack::created(sh),
            env: vec![("ACTIX_EXPORTER_TARGET", "http://actix-exporter:2121/-/healthy".to_owned())],
        }))
    }
}

impl Drop for TestStack<'_> {
    fn drop(&mut self) {
        let left = ["ps", "network", "volume"].iter().any(|kind| self.0.left(kind).is_ok_and(|ids| !ids.is_empty()));
        if left && let Err(error) = self.0.down() {
            eprintln!("warning: {error:#}");
        }
    }
}

fn life_of(stack: &Stack<'_>, tally: &mut Tally) {
    let name = |rule: &str| format!("{}: {rule}", stack.client);
    tally.check(&name("compose.yaml is valid, with all profiles too"), || {
        let profiles = Profile::ALL.iter().flat_map(|profile| ["--profile", profile.name()]);
        stack.compose(["config", "--quiet"]).run()?;
        Ok(stack.compose(profiles.chain(["config", "--quiet"])).run()?)
    });
    if !tally.check(&name("up: both are healthy, Prometheus sees the exporter up"), || up::start(stack, None)) {
        return;
    }
    tally.check(&name("the probe's status arrives in Prometheus"), || probe_status(stack));
    tally.check(&name("the containers are hardened"), || hardened(stack));
    tally.check(&name("variables that are not set stay unset"), || unset_stays_unset(stack));
    // They take the first client that there is.
    if Client::detect(stack.sh).is_ok_and(|first| first == stack.client) {
        tally.check(&name("`ps` and `logs` tell of a stack that runs"), || told_of(stack));
    }
    tally.check(&name("K7 a second up changes nothing"), || second_up(stack));
    tally.check(&name("what happened is known after a restart"), || history_survives(stack));
    tally.check(&name("the exporter stops on SIGTERM with exit code 0"), || stops(stack));
    tally.check(&name("K8 down leaves no container, network or volume"), || stack.down());
}

fn taken_port(sh: &Shell, client: Client) -> Result<()> {
    let mut test = TestStack::new(sh, client)?;
    let stranger = TcpListener::bind("127.0.0.1:0")?;
    test.0.ports = Ports::chosen(|_| Ok(stranger.local_addr()?))?;
    let Err(error) = up::start(&test.0, None) else { bail!("up succeeded") };
    let line = format!("{error:#}");
    let port = test.0.ports.prometheus().port().to_string();
    ensure!(line.contains(&port) && line.lines().count() == 1, "its message is: {line}");
    nothing_is_left(&test.0)
}

fn wrong_configuration(sh: &Shell, client: Client) -> Result<()> {
    let mut test = TestStack::new(sh, client)?;
    test.0.env.push(("ACTIX_EXPORTER_LOG_FORMAT", "prose".to_owned()));
    let Err(error) = up::start(&test.0, None) else { bail!("up succeeded") };
    let line = format!("{error:#}");
    ensure!(line.lines().count() == 1, "its message is: {line}");
    nothing_is_left(&test.0)
}

/// The exporter ends by itself again and again, as its target is no URL.
fn unhealthy(sh: &Shell, client: Client) -> Result<()> {
    let mut test = TestStack::new(sh, client)?;
    test.0.env = vec![("ACTIX_EXPORTER_TARGET", "not-a-url".to_owned())];
    let started = test.0.compose(["up", "--detach"]).quiet().ignore_stderr().run();
    ensure!(started.is_err(), "compose says that all has started");
    if let Some(id) = test.0.container("prometheus")? {
        let state = test.0.inspect(&id, "{{.State.Status}} {{.State.StartedAt}}")?;
        ensure!(state.starts_with("created 0001-"), "Prometheus is {state}");
    }
    test.0.down()?;
    nothing_is_left(&test.0)
}

fn nothing_is_left(stack: &Stack<'_>) -> Result<()> {
    for kind in ["ps", "network", "volume"] {
        let left = stack.left(kind)?;
        ensure!(left.is_empty(), "left behind: {left:?}");
    }
    Ok(())
}

fn probe_status(stack: &Stack<'_>) -> Result<()> {
    wait::until("Prometheus has the probe's status", LIMIT, |last| {
        let value = stack.api().value("last_external_access_status_code")?;
        *last = format!("{value:?}");
        Ok(value.filter(|status| (*status - 200.0).abs() < f64::EPSILON).map(drop))
    })
}

fn hardened(stack: &Stack<'_>) -> Result<()> {
    for service in ["actix_exporter", "prometheus"] {
        let host: Value = serde_json::from_str(&stack.inspect(&container(stack, service)?, "{{json .HostConfig}}")?)?;
        ensure!(host["ReadonlyRootfs"] == true, "{service}: its root file system can be written");
        ensure!(host["CapDrop"][0] == "ALL", "{service}: CapDrop is {}", host["CapDrop"]);
        ensure!(
            host["SecurityOpt"].to_string().contains("no-new-privileges"),
            "{service}: SecurityOpt is {}",
            host["SecurityOpt"]
        );
        for limit in ["Memory", "PidsLimit"] {
            ensure!(host[limit].as_u64().is_some_and(|limit| limit > 0), "{service}: {limit} is {}", host[limit]);
        }
    }
    Ok(())
}

/// A name without `=` is how compose says "unset", and the engine leaves it out; a name with nothing behind its `=` reaches
/// the exporter as an empty value.
fn unset_stays_unset(stack: &Stack<'_>) -> Result<()> {
    let env = stack.inspect(&container(stack, "actix_exporter")?, "{{range .Config.Env}}{{println .}}{{end}}")?;
    let empty: Vec<&str> = env.lines().filter(|line| line.ends_with('=')).collect();
    ensure!(empty.is_empty(), "empty values: {}", empty.join(" "));
    Ok(())
}

/// As one who has started it asks, with the variables that he has set.
fn told_of(stack: &Stack<'_>) -> Result<()> {
    for (args, parts) in [
        (&["ps"][..], ["actix_exporter  running, healthy", "prometheus      running, healthy"]),
        (&["logs", "--no-follow"], ["msg=\"listening on", "Server is ready to receive web requests"]),
    ] {
        let mut command = Command::new(process::ourselves()?);
        command.args(args).current_dir(crate::root()).envs(stack.ports.variables());
        command.env("COMPOSE_PROJECT_NAME", &stack.project).env("ACTIX_EXPORTER_VERSION", &stack.version);
        let output = command.output()?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(output.status.success(), "{}: {}: {said}", args.join(" "), output.status);
        for part in parts {
            ensure!(said.contains(part), "{}: no `{part}` in: {said}", args.join(" "));
        }
    }
    Ok(())
}

fn second_up(stack: &Stack<'_>) -> Result<()> {
    let starts = || -> Result<Vec<String>> {
        let services = ["actix_exporter", "prometheus"];
        services
            .iter()
            .map(|service| stack.inspect(&container(stack, service)?, "{{.Id}} {{.State.StartedAt}}"))
            .collect()
    };
    let before = starts()?;
    up::start(stack, None)?;
    let after = starts()?;
    ensure!(before == after, "containers were replaced: {before:?}, then {after:?}");
    Ok(())
}

fn history_survives(stack: &Stack<'_>) -> Result<()> {
    let url = format!("http://{}/3-shake-status?format=json", stack.ports.exporter());
    let good = || -> Result<u64> {
        let status: Value = serde_json::from_str(&http::get(&url)?)?;
        status["uptime"][0]["good"].as_u64().context("no uptime")
    };
    let before = good()?;
    let id = container(stack, "actix_exporter")?;
    stack.engine(["restart", &id]).ignore_stdout().run()?;
    // The first run of the new one comes at once.
    wait::until("the runs of before are there, and one more", LIMIT, |last| {
        let after = good();
        *last = format!("{before} before, {after:?} after");
        Ok(after.is_ok_and(|after| after > before).then_some(()))
    })
}

fn stops(stack: &Stack<'_>) -> Result<()> {
    let id = container(stack, "actix_exporter")?;
    stack.engine(["stop", &id]).ignore_stdout().run()?;
    let code = stack.inspect(&id, "{{.State.ExitCode}}")?;
    ensure!(code == "0", "its exit code is {code}");
    Ok(())
}

fn container(stack: &Stack<'_>, service: &str) -> Result<String> {
    match stack.container(service)? {
        Some(id) => Ok(id),
        None => bail!("{service} has no container"),
    }
}
