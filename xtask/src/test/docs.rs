//! Suite `docs`: what the pages say is tried as a reader would try it.

mod elsewhere;
pub(super) mod examples;
#[cfg(test)]
mod links;
mod options;
mod pages;
mod service;
#[cfg(test)]
mod tasks;

use anyhow::Result;
use xshell::{Shell, cmd};

use super::network::Network;
use super::setup::Setup;
use super::{Tally, cargo};
use crate::{build, metrics};
pub(super) use elsewhere::each_was_run;

pub(crate) fn run(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) -> Result<()> {
    transcripts(sh, setup, tally)?;
    let pages = pages::all()?;
    tally.check("each option that a page names is one of a program", || options::are_known(sh, &pages));
    match setup.openssl() {
        Ok(_) => {
            tally.check("docs/metrics.md has the metrics of a live scrape, and no others", || metrics::check(sh));
        }
        Err(reason) => tally.skip("docs/metrics.md", &reason),
    }
    tally.check(service::TEST, || service::counts(sh, &pages));
    tally.check("the diffs of CONTRIBUTING.md apply", || diffs_apply(sh, &pages));
    Ok(())
}

/// The pages say 127.0.0.1 where a client of localhost may also come over IPv6.
const HOSTS: &str = "127.0.0.1 localhost\n";

/// With what only root can try.
pub(super) fn transcripts(sh: &Shell, setup: &Setup<'_>, tally: &mut Tally) -> Result<()> {
    let network = match setup.commands_of_the_docs().and_then(|()| Network::with_hosts(sh, setup, HOSTS)) {
        Ok(network) => network,
        Err(reason) => {
            tally.skip("the transcripts", &reason);
            return Ok(());
        }
    };
    // They find it where it was built.
    build::probe(sh)?;
    build::example(sh, "article")?;
    for test in build::tests(sh, "docs")? {
        cargo::run_binary(&mut network.command(&test), tally)?;
    }
    Ok(())
}

fn diffs_apply(sh: &Shell, pages: &[pages::Page]) -> Result<()> {
    let page = pages::of(pages, "CONTRIBUTING.md")?;
    for block in page.blocks().into_iter().filter(|block| block.info == "diff") {
        cmd!(sh, "git apply --check -").stdin(&block.text).quiet().run()?;
    }
    Ok(())
}
