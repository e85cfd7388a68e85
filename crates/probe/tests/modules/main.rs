//! Modules from files in blackbox_exporter's format: what is read, what is refused, and what never happens.

mod documented;
mod hostile;
#[path = "../kit/mutants.rs"]
mod mutants;
mod read;
mod refused;
mod secrets;
mod shown;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use probe::{FileError, Module, ModuleFile};

/// A file of its own, gone at the end of the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(content: impl AsRef<[u8]>) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("modules-{}-{}.yml", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, content).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn read(content: impl AsRef<[u8]>) -> Result<ModuleFile, FileError> {
    ModuleFile::read(&Scratch::new(content).0)
}

/// A file with one module `m` of the http prober, whose options are given.
fn file(options: &str) -> String {
    let above = "modules:\n  m:\n    prober: http\n    http:\n".to_owned();
    options.lines().fold(above, |file, line| file + "      " + line + "\n")
}

/// The module with these options.
fn module(options: &str) -> Module {
    read(file(options)).unwrap_or_else(|error| panic!("{error}\n{options}")).module("m").unwrap().clone()
}

/// Why the file cannot be read, or why its module `m` cannot be used; one line, with the place.
fn refused(content: impl AsRef<[u8]>) -> FileError {
    let error = match read(content) {
        Ok(file) => file.module("m").unwrap_err(),
        Err(error) => error,
    };
    let line = error.to_string();
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(!line.chars().any(char::is_control), "{line:?}");
    error
}
