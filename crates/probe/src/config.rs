//! The configuration file: targets, and the modules that say how they are asked.

mod clients;
mod dialect;
mod error;
mod files;
mod labels;
mod modules;
mod on_demand;
mod section;
mod shown;
mod target_files;
mod targets;
mod values;
mod yaml;

use std::path::Path;
use std::time::Duration;

pub use clients::DEFAULT_MODULE;
pub use error::{FileError, Position};
pub use files::Files;
pub use modules::{ModuleEntry, ModuleFile, load_module};
pub use on_demand::OnDemand;
pub use section::{Problem, Section, entries, shown, text};
pub use yaml::{Key, Node, parse};

use self::clients::Clients;
use self::targets::Targets;
use crate::allow::Allow;
use crate::dial::tls::Roots;
use crate::shard::Shard;
use crate::target::Target;

/// What there is in a configuration file.
const KNOWN: &[&str] = &["targets", "target_files", "modules", "probe"];

/// What the file says nothing of.
#[derive(Debug, Clone)]
pub struct ConfigDefaults {
    /// Whom modules trust that name no authorities.
    pub roots: Roots,
    /// Of targets without one: `--probe.interval`.
    pub interval: Duration,
    /// Of targets whose module has none either: `--probe.timeout`. Without it 10 s, or the interval where that is shorter.
    pub timeout: Option<Duration>,
    /// The share of the targets that is asked.
    pub shard: Shard,
    /// Where runs on demand may go, besides what the file allows: `--probe.allow`.
    pub allow: Vec<Allow>,
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
    /// What may be asked besides the targets, when somebody asks for it.
    pub on_demand: OnDemand,
}

/// A configuration file, and which content that was.
#[derive(Debug)]
pub struct Loaded {
    /// The SHA-256 of the names and contents of all files that were read: the configuration file, those of targets, and those
    /// of certificates and keys. Of a file that cannot be read, why. So it is another one after any of them has changed, come
    /// or gone, and the same one where all is as it was, be it right or wrong.
    pub digest: [u8; 32],
    /// What it says.
    pub config: Result<Config, FileError>,
}

impl Config {
    /// Reads a file and those that it names. All targets are checked, whatever our share of them.
    pub fn load(path: &Path, defaults: &ConfigDefaults) -> Loaded {
        let mut files = Files::default();
        let config = read(path, defaults, &mut files);
        Loaded { digest: files.digest(), config }
    }
}

fn read(path: &Path, defaults: &ConfigDefaults, files: &mut Files) -> Result<Config, FileError> {
    let text = files.text(path)?;
    read_text(path, &text, defaults, files)
}

fn read_text(path: &Path, text: &str, defaults: &ConfigDefaults, files: &mut Files) -> Result<Config, FileError> {
    let wrong = |problem: Problem| problem.located(path);
    let root = yaml::read(text, "write targets: and a target below it").map_err(wrong)?;
    let file = Section::new("the file", &root, KNOWN).map_err(wrong)?;
    let modules = file.get("modules").map_or(Ok(Vec::new()), |node| modules::read(path, node)).map_err(wrong)?;
    let allow = file.get("probe").map_or(Ok(Vec::new()), on_demand::read).map_err(wrong)?;
    let mut targets = Targets::new(defaults, Clients::new(&defaults.roots, &modules), files);
    if let Some(node) = file.get("targets") {
        targets.read(path, node)?;
    }
    target_files::read(path, &file, &mut targets)?;
    let on_demand = targets.on_demand([&defaults.allow[..], &allow].concat());
    let (targets, all_targets) = targets.done();
    Ok(Config { targets, all_targets, modules, on_demand })
}

/// A file of this text.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzzed(path: &Path, text: &str) -> Result<Config, FileError> {
    let defaults = ConfigDefaults {
        roots: Roots::BuiltIn,
        interval: Duration::from_secs(60),
        timeout: None,
        shard: Shard::default(),
        allow: Vec::new(),
    };
    read_text(path, text, &defaults, &mut Files::default())
}
