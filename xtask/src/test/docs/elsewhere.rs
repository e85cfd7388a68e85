//! Commands of the pages that take more than a shell: which checks of which suite run the same. A block `console SUITE` has them.

use anyhow::{Result, ensure};

use super::pages::{self, Page};
use super::service;
use crate::test::Tally;

/// A command as it stands in a page, and the checks without which it was not run.
const CHECKS: [(&str, &[&str]); 24] = [
    ("cargo xtask up", UP),
    ("ACTIX_EXPORTER_TARGET=https://www.example.com cargo xtask up", UP),
    ("cargo xtask up --profile grafana --profile alertmanager", WATCHED),
    ("cargo xtask up --profile fleet", FLEET),
    ("EXPORTER_CONFIG=$PWD/my ACTIX_EXPORTER_CONFIG_FILE=/etc/actix-exporter/targets.yml cargo xtask up", WATCHED),
    ("docker compose -f compose/compose.yaml up --build", BY_HAND),
    ("PROMETHEUS_CONFIG=fleet.yml docker compose -f compose/compose.yaml --profile fleet up --build", FLEET),
    ("cargo xtask ps", &["`ps` and `logs` tell of a stack that runs"]),
    ("cargo xtask logs", &["`ps` and `logs` tell of a stack that runs"]),
    ("cargo xtask down", &["K8 down leaves no container, network or volume"]),
    ("docker stop $(docker ps -q -f name=actix_exporter)", ALERT),
    ("docker start $(docker ps -aq -f name=actix_exporter)", ALERT),
    ("cargo xtask up --native", &["up --native: exporter and Prometheus work until Ctrl-C"]),
    ("tar xf actix-exporter-*.tar.gz && cd actix-exporter-*/ && sha256sum --check --quiet SHA256SUMS", ARCHIVE),
    ("install actix-exporter /usr/local/bin/", ARCHIVE),
    ("install -m 644 man/actix-exporter.1 /usr/local/share/man/man1/", ARCHIVE),
    ("install -m 644 systemd/actix-exporter.* /etc/systemd/system/", ARCHIVE),
    ("systemctl daemon-reload && systemctl enable --now actix-exporter.socket actix-exporter.service", UNITS),
    ("cargo run -p metrics-core --example batch -- run http://127.0.0.1:9091 nightly_copy 1000", BATCH),
    (
        "cargo run -p metrics-core --example batch -- delete http://127.0.0.1:9091 nightly_copy",
        &["what is deleted is gone"],
    ),
    ("cargo run", &[service::TEST]),
    ("curl -s http://127.0.0.1:1323/hello/you", &[service::TEST]),
    ("curl -s http://127.0.0.1:1323/metrics", &[service::TEST]),
    ("curl -s http://127.0.0.1:9091/metrics | grep batch_rows_copied", BATCH),
];

const UP: &[&str] =
    &["up: both are healthy, Prometheus sees the exporter up", "the probe's status arrives in Prometheus"];
/// Grafana's image cannot be had where this runs; its dashboards are asked of Prometheus.
const WATCHED: &[&str] =
    &["up with Alertmanager and targets of one's own", "every expression of the dashboards has an answer"];
const FLEET: &[&str] = &["up with the fleet: four exporters are seen"];
const ALERT: &[&str] = &["K1 the exporter stops: an alert fires and reaches Alertmanager; it starts: the alert ends"];
const BY_HAND: &[&str] = &["compose.yaml is valid, with all profiles too", "the image builds", UP[0]];
const ARCHIVE: &[&str] = &["dist: every file has its checksum"];
/// No systemd runs there; what it would make of the units is what its own tool says.
const UNITS: &[&str] = &["dist: systemd takes the units, and finds them closed"];
const BATCH: &[&str] = &["a run pushes what its registry holds"];

/// Each command of such a block, and where it stands.
fn commands(pages: &[Page]) -> Vec<(String, String)> {
    let mut commands = Vec::new();
    for page in pages {
        for block in page.blocks().iter().filter(|block| block.info.starts_with("console ")) {
            let here = |(line, command): (usize, &str)| (format!("{}:{line}", page.path), command.to_owned());
            commands.extend(block.commands().into_iter().map(here));
        }
    }
    commands
}

/// All of them have been run, and went as the pages say.
pub(crate) fn each_was_run(tally: &mut Tally) {
    let open = pages::all().map(|pages| open(&pages, tally));
    tally.check("each command of the pages was run", || -> Result<()> {
        let open = open?;
        ensure!(open.is_empty(), "not run, or not passed: {}", open.join("; "));
        Ok(())
    });
}

/// Those that no check has run.
fn open(pages: &[Page], tally: &Tally) -> Vec<String> {
    let mut open = Vec::new();
    for (place, command) in commands(pages) {
        match CHECKS.iter().find(|(known, _)| *known == command) {
            None => open.push(format!("{place}: {command}: by no suite")),
            Some((_, checks)) => {
                let missing = checks.iter().find(|check| !tally.has_passed(check));
                open.extend(missing.map(|check| format!("{place}: {command}: by `{check}`")));
            }
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use super::{CHECKS, commands};
    use crate::test::Tally;
    use crate::test::docs::pages;
    use crate::test::suite::Suite;

    #[test]
    fn each_command_that_is_run_elsewhere_is_known_and_each_that_is_known_stands_in_a_page() {
        let commands = commands(&pages::all().unwrap());
        for (place, command) in &commands {
            assert!(CHECKS.iter().any(|(known, _)| known == command), "{place}: which check runs `{command}`?");
        }
        for (known, _) in CHECKS {
            assert!(commands.iter().any(|(_, command)| command == known), "no page has `{known}`");
        }
    }

    #[test]
    fn each_of_their_blocks_names_a_suite() {
        for page in pages::all().unwrap() {
            for block in page.blocks() {
                if let Some(suite) = block.info.strip_prefix("console ") {
                    assert!(suite.parse::<Suite>().is_ok(), "{}:{}: {suite} is no suite", page.path, block.line);
                }
            }
        }
    }

    #[test]
    fn a_command_whose_check_was_not_seen_to_pass_fails() {
        let failed = |output: &str| {
            let mut tally = Tally::default();
            tally.notes_passed(output);
            super::each_was_run(&mut tally);
            tally.failed
        };
        let line = |check: &&str| format!("test {check} ... ok\n");
        let all = CHECKS.iter().flat_map(|(_, checks)| *checks).map(line).collect::<Vec<_>>().concat();
        assert_eq!(failed(&all), 0);
        assert_eq!(failed(&all.replace("what is deleted is gone ... ok", "what is deleted is gone ... FAILED")), 1);
    }
}
