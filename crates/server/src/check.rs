//! `--config.check`.
use crate::configuration::Configuration;
use crate::exit::Exit;

pub(crate) fn check(configuration: &Configuration) -> Result<(), Exit> {
    let loaded = configuration.load();
    loaded.config?;
    Ok(())
}
