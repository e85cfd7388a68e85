//! `soak`: everything that clients do, for minutes or hours, to a server that may do next to nothing: a container with a read-only root, a
//! nobody for its user, no capability, 64 processes and 64 MB. crates/server/tests/soak is the load, and keeps the books.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, TempDir, cmd};

use crate::build;
use crate::flags;
use crate::process::Running;
use crate::test::setup::{Engine, Setup};
use crate::wait;

/// What CI has time for.
pub(crate) const MINUTES: f64 = 5.0;
const MOST_MINUTES: f64 = 7.0 * 24.0 * 60.0;

/// What the container may do. The load is on the machine's loopback, and so is what the server watches.
const CONFINED: [&str; 13] = [
    "run",
    "--rm",
    "--network=host",
    "--read-only",
    "--user=65532:65532",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--pids-limit=64",
    "--memory=64m",
    "--memory-swap=64m",
    // Its log is read as it comes, and kept nowhere.
    "--log-driver=none",
    "--attach=stderr",
    "--pull=never",
];

pub(crate) fn run(sh: &Shell, flags: &flags::Soak) -> Result<()> {
    let minutes = flags.minutes.unwrap_or(MINUTES);
    ensure!(minutes >= 1.0, "--minutes {minutes}: it takes a minute to see whether anything grows");
    ensure!(minutes <= MOST_MINUTES, "--minutes {minutes}: at most {MOST_MINUTES}, a week");
    match Container::new(sh, &Setup::new(sh, true)) {
        Ok(container) => container.soak(minutes),
        Err(reason) => {
            println!("soak: a plain process, as there is no container: {reason:#}");
            soak(sh, minutes, "here", &[build::server(sh, &["--release"])?.display().to_string()])
        }
    }
}

/// An image of the static binary and nothing else, removed with the value.
pub(crate) struct Container<'a> {
    sh: &'a Shell,
    engine: &'static str,
    image: String,
    _running: Engine,
}

impl Container<'_> {
    /// # Errors
    /// There is no engine, or no binary for it.
    pub(crate) fn new<'s>(sh: &'s Shell, setup: &Setup<'_>) -> Result<Container<'s>> {
        let (running, clients) = setup.engine()?;
        let (engine, image) = (clients[0].engine(), format!("actix-exporter-soak:{}", std::process::id()));
        let binary = build::static_binary(sh)?;
        let dir = sh.create_temp_dir()?;
        let (folder, archive) = (binary.parent().context("the binary is in no folder")?, dir.path().join("image.tar"));
        cmd!(sh, "tar --create --file {archive} --directory {folder} actix-exporter").quiet().run()?;
        let entry = "ENTRYPOINT [\"/actix-exporter\"]";
        cmd!(sh, "{engine} import --change {entry} {archive} {image}").quiet().ignore_stdout().run()?;
        Ok(Container { sh, engine, image, _running: running })
    }

    pub(crate) fn soak(&self, minutes: f64) -> Result<()> {
        let folder = shared_folder(self.sh)?;
        let mount = format!("--volume={0}:{0}:ro", folder.path().display());
        let mut command = vec![self.engine.to_owned()];
        command.extend(CONFINED.map(str::to_owned));
        command.extend([mount, format!("--label={}", self.image), self.image.clone()]);
        within(self.sh, minutes, "confined", folder.path(), &command)
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let (sh, engine, image) = (self.sh, self.engine, &self.image);
        // Where the load was ended, its servers may be left.
        let left = cmd!(sh, "{engine} ps --quiet --filter label={image}").quiet().read().unwrap_or_default();
        for id in left.lines() {
            let _ = cmd!(sh, "{engine} kill {id}").quiet().ignore_stdout().run();
        }
        if let Err(error) = cmd!(sh, "{engine} image rm --force {image}").quiet().ignore_stdout().run() {
            eprintln!("warning: {error:#}");
        }
    }
}

fn soak(sh: &Shell, minutes: f64, how: &str, command: &[String]) -> Result<()> {
    within(sh, minutes, how, shared_folder(sh)?.path(), command)
}

/// The server's user may read what is in it.
fn shared_folder(sh: &Shell) -> Result<TempDir> {
    let folder = sh.create_temp_dir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

fn within(sh: &Shell, minutes: f64, how: &str, folder: &Path, command: &[String]) -> Result<()> {
    let tests: Vec<PathBuf> = build::tests(sh, "soak")?;
    let load = tests.first().context("there is no load")?;
    let mut load = Command::new(load);
    load.env("ACTIX_EXPORTER_TEST_SOAK", how).arg(minutes.to_string()).arg(folder).args(command);
    let mut load = Running::spawn("the load", &mut load)?;
    loop {
        ensure!(!wait::interrupted(), "interrupted");
        if let Some(status) = load.ended()? {
            ensure!(status.success(), "the soak failed ({status}): its last line above says why");
            return Ok(());
        }
        thread::sleep(Duration::from_millis(200));
    }
}
