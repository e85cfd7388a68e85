//! Where what happened is remembered, and how much of it.

use std::path::PathBuf;

use probe::{History, HistoryConfig, HistoryError, SAMPLE};

/// The flags that say it.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "What is remembered")]
pub(crate) struct StorageFlags {
    /// A folder for the file in which the history is kept. It is made where it is not there [default: the history is kept in
    /// memory, and gone with the program]
    #[arg(long = "storage.path", value_name = "FOLDER")]
    #[arg(env = "ACTIX_EXPORTER_STORAGE_PATH", hide_env_values = true)]
    storage_path: Option<PathBuf>,

    /// Of so many targets, the first ones, minutes, hours, incidents and failed runs are kept; of those beyond days alone
    #[arg(long = "history.targets", value_name = "NUMBER", default_value_t = HistoryConfig::default().targets)]
    #[arg(env = "ACTIX_EXPORTER_HISTORY_TARGETS", hide_env_values = true)]
    targets: usize,

    /// How much of the body of an answer is kept when a run fails; 0 for nothing. Whoever may read the pages may read it
    #[arg(long = "history.body-sample", value_name = "BYTES", default_value_t = HistoryConfig::default().body_sample)]
    #[arg(value_parser = body_sample)]
    #[arg(env = "ACTIX_EXPORTER_HISTORY_BODY_SAMPLE", hide_env_values = true)]
    body_sample: usize,
}

impl StorageFlags {
    /// # Errors
    /// Nothing can be kept where they say.
    pub(crate) fn history(&self) -> Result<History, HistoryError> {
        let config = HistoryConfig { targets: self.targets, body_sample: self.body_sample, ..HistoryConfig::default() };
        let Some(folder) = &self.storage_path else { return Ok(History::in_memory(config)) };
        let (history, set_aside) = History::open(folder, config)?;
        if let Some(what) = set_aside {
            log::warn!("{what}");
        }
        Ok(history)
    }
}

fn body_sample(text: &str) -> Result<usize, String> {
    let bytes = text.parse().ok().filter(|bytes| *bytes <= SAMPLE);
    bytes.ok_or_else(|| format!("not a number of bytes from 0 to {SAMPLE}"))
}
