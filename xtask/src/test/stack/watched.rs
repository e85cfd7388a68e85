//! The stack with all that can be had of it, watched as its users watch it: graphs that have values, alerts that fire, reach Alertmanager
//! and end, and a fleet that loses members.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use xshell::Shell;

use super::super::{Tally, dashboards, tls_peer};
use super::{Extent, TestStack, container};
use crate::engine::Client;
use crate::http;
use crate::stack::{Profile, Stack, state};
use crate::up;
use crate::wait;

/// The rules of long windows are evaluated every two minutes, and rates need two scrapes before.
const SLOWEST_RULE: Duration = Duration::from_secs(240);
/// `for` of the alert, a scrape, and an evaluation or two.
const ALERT: Duration = Duration::from_secs(150);
const PEER: &str = "tls-peer";

/// A secret of the exporter's.
const CANARY: &str = "canary-of-the-stack";

/// `prometheus` is its version, where that is not the one that compose.yaml names.
pub(super) fn by_its_users(
    sh: &Shell,
    client: Client,
    prometheus: Option<&str>,
    extent: Extent,
    tally: &mut Tally,
) -> Result<()> {
    let with = prometheus.map(|version| format!(", Prometheus {version}")).unwrap_or_default();
    let name = |rule: &str| format!("{client}{with}: {rule}");
    let folder = sh.create_temp_dir()?;
    let mut test = TestStack::new(sh, client)?;
    test.0.env = vec![
        ("EXPORTER_CONFIG", folder.path().display().to_string()),
        ("ACTIX_EXPORTER_CONFIG_FILE", "/etc/actix-exporter/targets.yml".to_owned()),
    ];
    if let Some(version) = prometheus {
        test.0.env.push(("PROMETHEUS_VERSION", version.to_owned()));
    }
    test.0.profiles = vec![Profile::Alertmanager];
    configure(sh, folder.path())?;
    let stack = &mut test.0;

    if !tally.check(&name("up with Alertmanager and targets of one's own"), || up::start(stack, None)) {
        return Ok(());
    }
    let peer = Peer::start(stack, folder.path())?;
    tally.check(&name("every rule is evaluated without an error"), || {
        dashboards::rules_work(&stack.api(), SLOWEST_RULE)
    });
    tally.check(&name("every expression of the dashboards has an answer"), || {
        dashboards::all_answer(&stack.api(), SLOWEST_RULE)
    });
    tally.check(&name("no alert fires while all is well"), || quiet(stack));
    tally.check(&name("no secret is in what the engine and the exporter tell"), || no_secret(stack));
    // Alerts take minutes to fire and to end; `promtool test rules` of each generation has them too.
    let alerts = prometheus.is_none();
    if alerts {
        tally.check(
            &name("K1 the exporter stops: an alert fires and reaches Alertmanager; it starts: the alert ends"),
            || alert_fires_and_ends(stack),
        );
    }
    if extent == Extent::All {
        fleet(stack, folder.path(), alerts, &name, tally);
    }
    drop(peer);
    tally.check(&name("K8 down leaves nothing of all profiles"), || {
        stack.profiles = Profile::ALL.to_vec();
        stack.down()
    });
    Ok(())
}

/// Three exporters more, of which some may be killed.
fn fleet(stack: &mut Stack<'_>, folder: &Path, kills: bool, name: &dyn Fn(&str) -> String, tally: &mut Tally) {
    stack.profiles.push(Profile::Fleet);
    tally.check(&name("a fleet without its file is removed again, and the rest goes on"), || {
        broken_fleet(stack, folder)
    });
    if tally.check(&name("up with the fleet: four exporters are seen"), || up::start(stack, None)) {
        tally.check(&name("each target has two who ask it"), || each_is_asked_twice(stack));
        if kills {
            tally.check(&name("a shard is killed: its targets are still known to be up"), || shard_killed(stack));
            tally.check(&name("the replica is killed, too: the targets that nobody asks are counted"), || {
                replica_killed(stack)
            });
            tally.check(&name("both return: all is well again"), || both_return(stack));
        }
    }
}

/// The folder that the exporters find at /etc/actix-exporter.
fn configure(sh: &Shell, folder: &Path) -> Result<()> {
    tls_peer::certificate(sh, folder, &format!("DNS:{PEER}"))?;
    let targets = tls_peer::targets(
        "http://actix-exporter:2121/-/healthy",
        &format!("{PEER}:2121"),
        "/etc/actix-exporter/ca.pem",
    );
    let token = "authorization: {credentials_file: /etc/actix-exporter/token}, tls_config:";
    fs::write(folder.join("token"), CANARY)?;
    fs::write(folder.join("targets.yml"), targets.replace("tls_config:", token))?;
    sh.copy_file("compose/exporter/fleet.yml", folder.join("fleet.yml"))?;
    Ok(())
}

/// Another container of the image, with TLS.
struct Peer<'a> {
    sh: &'a Shell,
    engine: &'static str,
    id: String,
}

impl Peer<'_> {
    fn start<'a>(stack: &Stack<'a>, folder: &Path) -> Result<Peer<'a>> {
        let network = format!("{}_default", stack.project);
        let mount = format!("{}:/etc/actix-exporter:ro", folder.display());
        let image = stack.image();
        let run = ["run", "--detach", "--network", &network, "--network-alias", PEER, "--volume", &mount, &image];
        let flags = ["--web.config.file=/etc/actix-exporter/web.yml", "--target=http://127.0.0.1:1/"];
        let id = stack.engine(run.into_iter().chain(flags)).read()?;
        Ok(Peer { sh: stack.sh, engine: stack.client.engine(), id })
    }
}

impl Drop for Peer<'_> {
    fn drop(&mut self) {
        // As long as it is there, the network cannot be removed.
        let removed =
            self.sh.cmd(self.engine).args(["rm", "--force", "--volumes", &self.id]).quiet().ignore_stdout().run();
        if let Err(error) = removed {
            eprintln!("warning: {error:#}");
        }
    }
}

/// Nothing fires, and nothing is about to, once the peer has been asked.
fn quiet(stack: &Stack<'_>) -> Result<()> {
    is(stack, r#"sum(job_target:external_access_up:max{target=~"primary|peer"})"#, 2.0)?;
    wait::until("no alert is there", ALERT, |last| {
        *last = alerts(stack)?;
        Ok((last == "[]").then_some(()))
    })
}

/// The exporter has it by a file, and has sent it to the peer.
fn no_secret(stack: &Stack<'_>) -> Result<()> {
    let id = container(stack, "actix_exporter")?;
    let logs = stack.engine(["logs", &id]).output()?;
    let url = |path: &str| format!("http://{}{path}", stack.ports.exporter());
    for (what, text) in [
        ("inspect", stack.engine(["inspect", &id]).read()?),
        ("logs", String::from_utf8_lossy(&[logs.stdout, logs.stderr].concat()).into_owned()),
        ("/config", http::get(&url("/config"))?),
        ("/metrics", http::get(&url("/metrics"))?),
        ("/status", http::get(&url("/status"))?),
    ] {
        ensure!(!text.is_empty(), "{what} tells nothing");
        ensure!(!text.contains(CANARY), "{what} tells the secret");
    }
    Ok(())
}

fn alert_fires_and_ends(stack: &Stack<'_>) -> Result<()> {
    let id = container(stack, "actix_exporter")?;
    stack.engine(["stop", &id]).ignore_stdout().run()?;
    fires(stack, r#"ALERTS{alertname="ExporterDown", instance="actix_exporter:2121", alertstate="firing"}"#)?;
    let alertmanager = stack.ports.of("alertmanager").context("Alertmanager has no port")?;
    wait::until("Alertmanager has the alert", ALERT, |last| {
        let alerts = http::json(&format!("http://{alertmanager}/api/v2/alerts"), &[])?;
        *last = alerts.to_string();
        let names = |alert: &Value| alert["labels"]["alertname"] == "ExporterDown";
        Ok(alerts.as_array().is_some_and(|alerts| alerts.iter().any(names)).then_some(()))
    })?;
    stack.engine(["start", &id]).ignore_stdout().run()?;
    ends(stack, "ExporterDown")
}

fn fires(stack: &Stack<'_>, alert: &str) -> Result<()> {
    wait::until(&format!("{alert} is there"), ALERT, |last| {
        let value = stack.api().value(alert)?;
        *last = alerts(stack)?;
        Ok(value.map(drop))
    })
}

fn ends(stack: &Stack<'_>, name: &str) -> Result<()> {
    wait::until(&format!("{name} has ended"), ALERT, |last| {
        *last = alerts(stack)?;
        Ok(stack.api().value(&format!("ALERTS{{alertname=\"{name}\"}}"))?.is_none().then_some(()))
    })
}

/// What fires or is about to, for messages.
fn alerts(stack: &Stack<'_>) -> Result<String> {
    Ok(stack.api().get("alerts", &[])?["alerts"].to_string())
}

fn broken_fleet(stack: &Stack<'_>, folder: &Path) -> Result<()> {
    let before = stack.there()?;
    let (file, aside) = (folder.join("fleet.yml"), folder.join("aside.yml"));
    fs::rename(&file, &aside)?;
    let ended = up::start(stack, None);
    fs::rename(&aside, &file)?;
    let Err(error) = ended else { bail!("up succeeded") };
    let line = format!("{error:#}");
    ensure!(line.contains("does not work") && line.lines().count() == 1, "its message is: {line}");
    let after = stack.there()?;
    ensure!(before == after, "there were {before:?}, and there are {after:?}");
    wait::until("Prometheus knows of no members any more", ALERT, |last| {
        *last = state::prometheus(&stack.api()).unwrap_or_default();
        Ok(last.starts_with("1 of 1 targets up").then_some(()))
    })
}

fn each_is_asked_twice(stack: &Stack<'_>) -> Result<()> {
    is(stack, r#"count(count by (target) (external_access_up{team!=""}) == 2)"#, 8.0)
}

/// The eight targets of the fleet are up, by any exporter.
const ALL_UP: &str = r#"sum(job_target:external_access_up:max{target=~"exporter.*|prometheus.*"})"#;

fn shard_killed(stack: &Stack<'_>) -> Result<()> {
    is(stack, ALL_UP, 8.0)?;
    stack.engine(["kill", &container(stack, "shard_1")?]).ignore_stdout().run()?;
    fires(stack, r#"ALERTS{alertname="ExporterDown", instance="shard_1:2121", alertstate="firing"}"#)?;
    is(stack, ALL_UP, 8.0)?;
    let others =
        stack.api().value(r#"count(ALERTS{alertname=~"ProbeFailing|ProbeStale|TargetsUnwatched|ExporterAbsent"})"#)?;
    ensure!(others.is_none(), "more than the exporter is missed: {}", alerts(stack)?);
    Ok(())
}

fn replica_killed(stack: &Stack<'_>) -> Result<()> {
    let of_shard = r#"count(last_over_time(external_access_interval_seconds{instance="shard_1:2121"}[1h]))"#;
    let lost = stack.api().value(of_shard)?.context("shard_1 had no targets")?;
    stack.engine(["kill", &container(stack, "replica")?]).ignore_stdout().run()?;
    fires(stack, r#"ALERTS{alertname="TargetsUnwatched"}"#)?;
    is(stack, ALL_UP, 8.0 - lost)?;
    let said = alerts(stack)?;
    ensure!(said.contains(&format!("{lost} targets are asked by nobody")), "{said}");
    Ok(())
}

fn both_return(stack: &Stack<'_>) -> Result<()> {
    for service in ["shard_1", "replica"] {
        stack.engine(["start", &container(stack, service)?]).ignore_stdout().run()?;
    }
    for alert in ["TargetsUnwatched", "ExporterDown"] {
        ends(stack, alert)?;
    }
    is(stack, ALL_UP, 8.0)
}

/// Waits until an expression has that value.
fn is(stack: &Stack<'_>, expr: &str, value: f64) -> Result<()> {
    wait::until(&format!("{expr} is {value}"), ALERT, |last| {
        // A Prometheus that was just started anew does not answer yet.
        let found = stack.api().value(expr);
        *last = format!("{found:?}");
        Ok(found.ok().flatten().filter(|found| (found - value).abs() < 1e-9).map(drop))
    })
}
