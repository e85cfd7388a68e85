//! The shipped rules and dashboards over a running exporter, a scrape each second.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use xshell::Shell;

use super::super::exporter::Exporter;
use super::super::setup::Binary;
use super::super::tls_peer::TlsPeer;
use super::super::{dashboards, rules};
use super::Tally;
use crate::http;
use crate::prometheus::{self, Api, Prometheus};

/// A rate over five minutes needs two samples, a minute in each.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) fn shown_by(binary: &Binary, sh: &Shell, server: &Path, tally: &mut Tally) -> Result<()> {
    let name = |rule: &str| format!("prometheus {}: {rule}", binary.version);
    let dir = sh.create_temp_dir()?;
    let listen = prometheus::free_address()?;
    let peer = TlsPeer::start(sh, server, &dir.path().join("peer"))?;
    let targets = dir.path().join("targets.yml");
    fs::write(&targets, peer.targets(&format!("http://{listen}/-/healthy")))?;
    let exporter = Exporter::configured(server, dir.path(), &targets)?;

    // The long windows are evaluated every two minutes, which is long to wait.
    for file in rules::files(rules::FOLDER)? {
        let text =
            sh.read_file(&file)?.replace("interval: 30s", "interval: 1s").replace("interval: 2m", "interval: 1s");
        sh.write_file(dir.path().join(&file), text)?;
    }
    let config = prometheus::rewrite(&sh.read_file(prometheus::CONFIG)?, &exporter.address.to_string(), Some("1s"))?;
    let [shipped, quick] = [crate::root(), dir.path()].map(|root| root.join(rules::FOLDER).display().to_string());
    let config = config.replace(&shipped, &quick);
    let mut prometheus = Prometheus::start(&binary.prometheus, dir.path(), &config, listen)?;
    if !tally.check(&name("sees the exporter of the graphs up"), || prometheus.wait_up(LIMIT)) {
        return Ok(());
    }
    let api = &prometheus.api;
    tally.check(&name("every rule is evaluated without an error"), || dashboards::rules_work(api, LIMIT));
    tally.check(&name("every expression of the dashboards has an answer"), || dashboards::all_answer(api, LIMIT));
    tally.check(&name("no alert fires while all is well"), || no_alert(api));
    // The parser of 2.42 cannot be asked; the files are the same.
    if !binary.version.starts_with("2.") {
        tally.check(&name("rules and dashboards name what is exposed"), || {
            dashboards::names_are_known(api, &http::get(&exporter.url("/metrics"))?)
        });
    }
    Ok(())
}

fn no_alert(api: &Api) -> Result<()> {
    let up = api.value("sum(job_target:external_access_up:max)")?;
    ensure!(up == Some(2.0), "{up:?} of 2 targets are up");
    let alerts = api.get("alerts", &[])?["alerts"].clone();
    ensure!(alerts.as_array().is_some_and(Vec::is_empty), "{alerts}");
    Ok(())
}
