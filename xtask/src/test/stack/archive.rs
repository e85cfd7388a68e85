//! What `dist` makes, around the binary of the image, which is built in the same way: whole, usable, and with units that systemd takes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

use super::super::Tally;
use super::super::setup::Setup;
use crate::dist;
use crate::stack::Stack;

/// Of `systemd-analyze security`, from 0 (closed) to 10; 2.0 and less is "OK" in its words.
const MOST_EXPOSED: f64 = 2.0;

pub(super) fn of_the_image(sh: &Shell, setup: &Setup<'_>, stack: &Stack<'_>, tally: &mut Tally) -> Result<()> {
    let dir = sh.create_temp_dir()?;
    let root = dir.path().join("unpacked");
    let made = tally.check("dist: the archive is made and is the same a second time", || {
        let binary = binary_of(stack, dir.path())?;
        let first = dist::make(sh, &binary, &dir.path().join("first"))?;
        let second = dist::make(sh, &binary, &dir.path().join("second"))?;
        ensure!(fs::read(&first)? == fs::read(&second)?, "two archives of one binary differ");
        sh.create_dir(&root)?;
        cmd!(sh, "tar --extract --file {first} --strip-components=1 --directory {root}").quiet().run()?;
        Ok(())
    });
    if !made {
        return Ok(());
    }
    tally.check("dist: every file has its checksum", || {
        let _there = sh.push_dir(&root);
        cmd!(sh, "sha256sum --check --quiet --strict SHA256SUMS").quiet().run()?;
        let (listed, found) = (sh.read_file("SHA256SUMS")?.lines().count(), cmd!(sh, "find . -type f").quiet().read()?);
        ensure!(found.lines().count() == listed + 1, "{listed} are listed of: {found}");
        Ok(())
    });
    tally.check("dist: program, completions, manual page and list of crates are what they should be", || {
        is_usable(sh, &root)
    });
    match setup.systemd_analyze() {
        Ok(_) => {
            tally.check("dist: systemd takes the units, and finds them closed", || units(sh, &root, dir.path()));
        }
        Err(reason) => tally.skip("dist: the units", &reason),
    }
    Ok(())
}

fn binary_of(stack: &Stack<'_>, dir: &Path) -> Result<std::path::PathBuf> {
    let binary = dir.join("actix-exporter");
    let id = stack.engine(["create", &stack.image()]).read()?;
    let copied =
        stack.engine(["cp", &format!("{id}:/actix-exporter"), &binary.display().to_string()]).ignore_stderr().run();
    stack.engine(["rm", "--volumes", &id]).ignore_stdout().run()?;
    copied?;
    Ok(binary)
}

fn is_usable(sh: &Shell, root: &Path) -> Result<()> {
    let _there = sh.push_dir(root);
    let version = cmd!(sh, "./actix-exporter --version").quiet().read()?;
    ensure!(version.starts_with("actix-exporter "), "it says {version}");
    cmd!(sh, "bash -n completions/actix-exporter").quiet().run().context("bash cannot read its completions")?;
    for (file, word) in [
        ("man/actix-exporter.1", ".TH actix-exporter 1"),
        ("completions/_actix-exporter", "#compdef actix-exporter"),
        ("completions/actix-exporter.fish", "complete -c actix-exporter"),
    ] {
        ensure!(sh.read_file(file)?.contains(word), "{file} has no `{word}`");
    }
    let bom: Value = serde_json::from_str(&sh.read_file("sbom.cdx.json")?)?;
    ensure!(bom["components"].as_array().is_some_and(|crates| crates.len() > 50), "the list of crates is short");
    Ok(())
}

fn units(sh: &Shell, root: &Path, dir: &Path) -> Result<()> {
    // `verify` looks for the program where the unit has it.
    let units = dir.join("units");
    sh.create_dir(&units)?;
    for unit in ["actix-exporter.service", "actix-exporter.socket"] {
        let text = sh.read_file(root.join("systemd").join(unit))?;
        let program = root.join("actix-exporter").display().to_string();
        fs::write(units.join(unit), text.replace("/usr/local/bin/actix-exporter", &program))?;
    }
    let (service, socket) = (units.join("actix-exporter.service"), units.join("actix-exporter.socket"));
    let output = cmd!(sh, "systemd-analyze verify --man=no {service} {socket}").quiet().ignore_status().output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("actix-exporter")).collect();
    ensure!(output.status.success() && ours.is_empty(), "{}: {said}", output.status);
    let said = cmd!(sh, "systemd-analyze security --offline=true --no-pager {service}").quiet().read()?;
    let exposed =
        said.split("exposure level for actix-exporter.service:").nth(1).context("no exposure level is told")?;
    let exposed: f64 = exposed.split_whitespace().next().context("no exposure level is told")?.parse()?;
    println!("     exposure {exposed} of 10");
    ensure!(exposed <= MOST_EXPOSED, "its exposure is {exposed}: {said}");
    Ok(())
}
