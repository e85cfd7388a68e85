//! Suite `rules`: Prometheus' own tool checks the shipped rules and runs their unit tests, Alertmanager's its configuration.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::Tally;
use super::prometheus::promtool;
use super::setup::Setup;

pub(super) fn run(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) -> Result<()> {
    let (rules, tests) = (files("compose/prometheus/rules")?, files("compose/prometheus/tests")?);
    for binary in setup.prometheus() {
        let binary = match binary {
            Ok(binary) => binary,
            Err(reason) => {
                tally.skip("promtool", &reason);
                continue;
            }
        };
        let name = |rule: &str| format!("promtool {}: {rule}", binary.version);
        let args = |first: &[&str], files: &[String]| -> Vec<String> {
            first.iter().map(|arg| (*arg).to_owned()).chain(files.iter().cloned()).collect()
        };
        tally.check(&name("nothing to find fault with in the rules"), || {
            promtool(sh, &binary.promtool, &args(&["check", "rules", "--lint=all", "--lint-fatal"], &rules), "")
        });
        for test in &tests {
            tally.check(&name(test), || {
                promtool(sh, &binary.promtool, &args(&["test", "rules"], std::slice::from_ref(test)), "")
            });
        }
        // K4
        tally.check(&name("a rule that is broken is found"), || {
            let dir = sh.create_temp_dir()?;
            let broken = dir.path().join("broken.yml");
            let text = fs::read_to_string(crate::root().join(&rules[0]))?.replacen("up{", "up{{", 1);
            fs::write(&broken, text)?;
            let checked =
                promtool(sh, &binary.promtool, &args(&["check", "rules"], &[broken.display().to_string()]), "");
            ensure!(checked.is_err(), "promtool takes it");
            Ok(())
        });
    }
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

/// The files of a folder, by their names.
fn files(folder: &str) -> Result<Vec<String>> {
    let entries = fs::read_dir(crate::root().join(folder)).with_context(|| format!("there is no {folder}"))?;
    let path = |entry: std::io::Result<fs::DirEntry>| -> Result<String> {
        Ok(PathBuf::from(folder).join(entry?.file_name()).display().to_string())
    };
    let mut files = entries.map(path).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}
