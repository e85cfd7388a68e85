//! A network of a test's own: a namespace that has nothing but loopback, so that nothing can leave the machine, with one route that
//! leads nowhere, and with a resolver out of the test kit.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, TempDir, cmd};

use super::setup::Setup;

/// Run by root of the new namespace, with the folder of the files below and the test as arguments.
const ENTER: &str = r#"set -eu
dir=$1; shift
ip link set lo up
ip route add unreachable 127.1.2.3/32 table local
for file in resolv.conf nsswitch.conf hosts; do mount --bind "$dir/$file" "/etc/$file"; done
exec "$@""#;

/// What the system's resolver goes by. It gives up later than a run of the tests, and before their patience ends.
const FILES: [(&str, &str); 2] =
    [("resolv.conf", "nameserver 127.0.0.1\noptions timeout:8 attempts:1\n"), ("nsswitch.conf", "hosts: files dns\n")];
const HOSTS: &str = "127.0.0.1 localhost in-hosts.test\n::1 localhost\n";

/// How to get there. Its files go with the value.
pub(crate) struct Network {
    enter: &'static [&'static str],
    files: TempDir,
}

impl Network {
    /// # Errors
    /// There is none to be had here.
    pub(crate) fn new(sh: &Shell, setup: &Setup<'_>) -> Result<Self> {
        Self::with_hosts(sh, setup, HOSTS)
    }

    /// One in which these names need no resolver.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn with_hosts(sh: &Shell, setup: &Setup<'_>, hosts: &str) -> Result<Self> {
        setup.namespaces()?;
        let files = sh.create_temp_dir()?;
        for (name, content) in FILES.into_iter().chain([("hosts", hosts)]) {
            sh.write_file(files.path().join(name), content)?;
        }
        Ok(Self { enter: entrance(sh, files.path())?, files })
    }

    /// What runs a test there, and tells it so.
    pub(crate) fn command(&self, test: &Path) -> Command {
        let mut command = Command::new(self.enter[0]);
        command.args(&self.enter[1..]).args(["sh", "-c", ENTER, "sh"]).arg(self.files.path()).arg(test);
        command.env("ACTIX_EXPORTER_TEST_NETWORK", "here");
        command
    }
}

/// The command that enters a namespace of that kind: as root, or as one who is root within it.
fn entrance(sh: &Shell, dir: &Path) -> Result<&'static [&'static str]> {
    const ROOT: &[&str] = &["unshare", "--net", "--mount"];
    const USER: &[&str] = &["unshare", "--net", "--mount", "--user", "--map-root-user"];
    let enter = if cmd!(sh, "id -u").quiet().read()? == "0" { ROOT } else { USER };
    let output = Command::new(enter[0]).args(&enter[1..]).args(["sh", "-c", ENTER, "sh"]).arg(dir).arg("true").output();
    let output = output.context("cannot run unshare")?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    ensure!(
        output.status.success(),
        "no namespace with a network of its own ({said}): run this as root, outside a container"
    );
    Ok(enter)
}
