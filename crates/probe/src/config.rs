//! The configuration file: targets, and the modules that say how they are asked.

mod dialect;
mod error;
mod modules;
mod section;
mod values;
mod yaml;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::{FileError, Position};
pub use modules::{ModuleEntry, ModuleFile, load_module};

use crate::dial::tls::Roots;
use crate::shard::Shard;
use crate::target::Target;

/// What the file says nothing of.
#[derive(Debug, Clone)]
pub struct ConfigDefaults {
    /// Whom modules trust that name no authorities.
    pub roots: Roots,
    /// Of targets without one.
    pub interval: Duration,
    /// Of targets whose module has none either.
    pub timeout: Option<Duration>,
    /// The share of the targets that is asked.
    pub shard: Shard,
}

/// A configuration file that was read, with all files that it names.
#[derive(Debug, Clone)]
pub struct Config {
    /// Those of our share, in the order of the file.
    pub targets: Vec<Target>,
    /// Targets in the file, all shares.
    pub all_targets: usize,
    /// All that are in the file, those that cannot be used too.
    pub modules: Vec<ModuleEntry>,
}

/// A configuration file, and which content that was.
pub struct Loaded {
    /// Another one where another content was read, of any of the files.
    pub digest: [u8; 32],
    /// What it says.
    pub config: Result<Config, FileError>,
}

impl Config {
    /// Reads a file and those that it names.
    pub fn load(path: &Path, defaults: &ConfigDefaults) -> Loaded {
        let _ = (path, defaults, PathBuf::new());
        unimplemented!()
    }
}
