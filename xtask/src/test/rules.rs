//! Suite `rules`: Prometheus' own tool checks the shipped rules and runs their unit tests, Alertmanager's its configuration.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::Tally;
use super::docs::examples;
use super::prometheus::promtool;
use super::setup::Setup;
use crate::build;

pub(super) const FOLDER: &str = "compose/prometheus/rules";

pub(super) fn run(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) -> Result<()> {
    let (rules, tests) = (files(FOLDER)?, files("compose/prometheus/tests")?);
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    for binary in setup.prometheus() {
        let binary = match binary {
            Ok(binary) => binary,
            Err(reason) => {
                tally.skip("promtool", &reason);
                continue;
            }
        };
        let name = |rule: &str| format!("promtool {}: {rule}", binary.version);
        let promtool = |args: &[&str]| promtool(sh, &binary.promtool, args, "");
        tally.check(&name("nothing to find fault with in the rules"), || {
            promtool(&[&["check", "rules", "--lint=all", "--lint-fatal"], &rules[..]].concat())
        });
        for test in &tests {
            tally.check(&name(test), || promtool(&["test", "rules", test]));
        }
        tally.check(&name("nothing to find fault with in the examples of the docs"), || {
            let dir = sh.create_temp_dir()?;
            for (file, kind, text) in examples::of_prometheus()? {
                let path = dir.path().join(file);
                fs::write(&path, text)?;
                let path = path.display().to_string();
                promtool(&["check", kind, &path]).with_context(|| path)?;
            }
            Ok(())
        });
        tally.check(&name("K4 a rule that is broken is found"), || {
            let dir = sh.create_temp_dir()?;
            let broken = dir.path().join("broken.yml");
            fs::write(&broken, sh.read_file(rules[0])?.replacen("up{", "up{{", 1))?;
            let checked = promtool(&["check", "rules", &broken.display().to_string()]);
            ensure!(checked.is_err(), "promtool takes it");
            Ok(())
        });
    }
    let server = build::server(sh, &[])?;
    tally.check("the exporter takes the configurations that are shipped", || shipped_configurations(sh, &server));
    match setup.amtool() {
        Ok(amtool) => {
            tally.check("amtool accepts Alertmanager's configuration", || {
                let output = cmd!(sh, "{amtool} check-config compose/alertmanager/alertmanager.yml")
                    .quiet()
                    .ignore_status()
                    .output()?;
                ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
                Ok(())
            });
        }
        Err(reason) => tally.skip("amtool", &reason),
    }
    Ok(())
}

/// Says the exporter itself.
fn shipped_configurations(sh: &Shell, server: &Path) -> Result<()> {
    let check = |args: &[&str]| -> Result<String> {
        let output = cmd!(sh, "{server} {args...} --config.check").quiet().ignore_status().output()?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(output.status.success(), "{}: {said}", args.join(" "));
        Ok(said)
    };
    let mut asked = 0;
    for shard in ["1/2", "2/2"] {
        let said = check(&["--config.file", "compose/exporter/fleet.yml", "--shard", shard])?;
        let targets =
            said.lines().find_map(|line| line.strip_prefix("targets: ")?.split(' ').next()?.parse::<u32>().ok());
        let targets = targets.with_context(|| format!("it says {said}"))?;
        ensure!(targets > 0, "shard {shard} has nothing to do");
        asked += targets;
    }
    ensure!(asked == 8, "the two shards ask {asked} of 8 targets");

    let configmap = sh.read_file("docs/kubernetes/configmap.yaml")?;
    let (_, text) =
        configmap.split_once("actix-exporter.yml: |\n").context("configmap.yaml has no actix-exporter.yml")?;
    let dir = sh.create_temp_dir()?;
    let file = dir.path().join("actix-exporter.yml");
    let text: Vec<&str> = text.lines().map(|line| line.get(4..).unwrap_or_default()).collect();
    fs::write(&file, text.join("\n"))?;
    for manifest in ["deployment.yaml", "statefulset.yaml"] {
        let manifest = sh.read_file(format!("docs/kubernetes/{manifest}"))?;
        let args = manifest.lines().filter_map(|line| line.trim().strip_prefix("- --")).map(|arg| format!("--{arg}"));
        let args: Vec<_> = args
            .map(|arg| arg.replace("/etc/actix-exporter/actix-exporter.yml", &file.display().to_string()))
            .collect();
        ensure!(args.len() >= 3, "no arguments were found");
        check(&args.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    Ok(())
}

/// The files of a folder of the workspace, by their names.
pub(super) fn files(folder: &str) -> Result<Vec<String>> {
    let entries = fs::read_dir(crate::root().join(folder)).with_context(|| format!("there is no {folder}"))?;
    let path = |entry: std::io::Result<fs::DirEntry>| -> Result<String> {
        Ok(PathBuf::from(folder).join(entry?.file_name()).display().to_string())
    };
    let mut files = entries.map(path).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::fs;

    fn texts(folder: &str) -> Vec<String> {
        super::files(folder).unwrap().iter().map(|file| fs::read_to_string(crate::root().join(file)).unwrap()).collect()
    }

    /// Alerts, and where each leads.
    fn alerts() -> Vec<(String, String)> {
        let mut found = Vec::new();
        for text in texts(super::FOLDER) {
            for alert in text.split("- alert: ").skip(1) {
                let name = alert.lines().next().unwrap().to_owned();
                let url = alert.split_once("runbook_url: ").map(|(_, rest)| rest.lines().next().unwrap().to_owned());
                found.push((name.clone(), url.unwrap_or_else(|| panic!("{name} has no runbook_url"))));
            }
        }
        assert!(found.len() >= 14, "{found:?}");
        found
    }

    #[test]
    fn each_alert_has_its_section_in_the_runbook_and_each_section_its_alert() {
        let runbook = fs::read_to_string(crate::root().join("docs/runbook.md")).unwrap();
        let sections: Vec<&str> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        let alerts = alerts();
        for (name, url) in &alerts {
            assert_eq!(url, &format!("docs/runbook.md#{}", name.to_lowercase()), "{name}");
            assert!(sections.contains(&name.as_str()), "docs/runbook.md has no section {name}");
        }
        for section in sections {
            assert!(alerts.iter().any(|(name, _)| name == section), "there is no alert {section}");
        }
    }

    #[test]
    fn each_alert_is_seen_to_fire_and_to_be_quiet() {
        let tests = texts("compose/prometheus/tests").concat();
        for (name, _) in alerts() {
            let fires = format!("alertname: {name}\n        exp_alerts:\n          - exp_labels");
            let quiet = format!("alertname: {name}, exp_alerts: []");
            assert!(tests.contains(&fires), "no unit test in which {name} fires");
            assert!(tests.contains(&quiet), "no unit test in which {name} is quiet");
        }
    }

    #[test]
    fn each_recorded_value_is_compared_with_one_that_is_known_or_carries_an_alert_that_is() {
        let tests = texts("compose/prometheus/tests").concat();
        let rules = texts(super::FOLDER).concat();
        for record in rules.split("- record: ").skip(1).map(|rest| rest.lines().next().unwrap()) {
            let uses = rules.matches(record).count() - 1;
            assert!(tests.contains(record) || uses > 0, "{record} is neither used nor tested");
        }
    }
}
