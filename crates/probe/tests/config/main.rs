//! The configuration file: what is read, what is refused, and what never happens.

mod documented;
mod files;
mod hostile;
#[path = "../kit/mutants.rs"]
mod mutants;
mod on_demand;
mod read;
mod refused;
mod shard;
mod shown;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use probe::{Config, ConfigDefaults, FileError, Loaded, Roots, Shard, Target};

/// A directory of its own with a configuration file in it, gone at the end of the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(content: impl AsRef<[u8]>) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("config-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let scratch = Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name));
        std::fs::create_dir(&scratch.0).unwrap();
        scratch.write("config.yml", content);
        scratch
    }

    /// Writes a file, and the directories to it.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    fn path(&self) -> PathBuf {
        self.0.join("config.yml")
    }

    fn load(&self) -> Loaded {
        Config::load(&self.path(), &defaults())
    }

    /// What is read, which is right.
    fn config(&self) -> Config {
        self.load().config.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Why it cannot be used: one line.
    fn refused(&self) -> FileError {
        one_line(self.load().config.expect_err("it is wrong"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn one_line(error: FileError) -> FileError {
    let line = error.to_string();
    assert!(line.lines().count() == 1 && line.len() < 1500 && !line.chars().any(char::is_control), "{line:?}");
    assert!(error.message().contains("; "), "{line} does not say what to do");
    error
}

fn defaults() -> ConfigDefaults {
    let interval = Duration::from_secs(60);
    ConfigDefaults { roots: Roots::BuiltIn, interval, timeout: None, shard: Shard::default(), allow: Vec::new() }
}

fn load(path: &Path) -> Loaded {
    Config::load(path, &defaults())
}

fn config(content: impl AsRef<[u8]>) -> Config {
    Scratch::new(content).config()
}

/// The one target with these options.
fn target(options: &str) -> Target {
    let content = format!("targets: [{{url: 'http://127.0.0.1:1/', {options}}}]");
    let mut targets = config(content).targets;
    assert_eq!(targets.len(), 1);
    targets.remove(0)
}

fn refused(content: impl AsRef<[u8]>) -> FileError {
    Scratch::new(content).refused()
}

fn names(config: &Config) -> Vec<&str> {
    config.targets.iter().map(|target| target.name.as_str()).collect()
}

fn place(error: &FileError) -> String {
    error.position().map(|position| position.to_string()).unwrap_or_default()
}
