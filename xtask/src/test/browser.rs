//! Suite `browser`: the pages in a real browser, which runs in a network of its own and so reaches nobody else. Its pictures are in
//! `target/pictures`; `ACTIX_EXPORTER_TEST_BLESS=1` puts the one of the README in its place.

use std::fs;

use anyhow::Result;
use xshell::Shell;

use super::network::Network;
use super::setup::Setup;
use super::{Tally, cargo};

pub(crate) fn run(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) -> Result<()> {
    let tests = crate::build::tests(sh, "browser")?;
    let (network, driver) = match Network::new(sh, setup).and_then(|network| Ok((network, setup.chromedriver()?))) {
        Ok(both) => both,
        Err(reason) => {
            tally.skip("browser", &reason);
            return Ok(());
        }
    };
    let pictures = sh.current_dir().join("target/pictures");
    fs::create_dir_all(&pictures)?;
    for test in tests {
        let mut command = network.command(&test);
        command.env("ACTIX_EXPORTER_TEST_PICTURES", &pictures).env("ACTIX_EXPORTER_TEST_DRIVER", &driver);
        cargo::run_binary(&mut command, tally)?;
    }
    Ok(())
}
