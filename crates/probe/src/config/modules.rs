//! Modules out of a file in blackbox_exporter's format.

mod answer;
mod http;
mod request;
mod secrets;
mod tls;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::section::{Problem, Section, entries, nearest, shown};
use super::values::{self, Expressions};
use super::yaml::{self, Key, Node, Value};
use super::{FileError, Position};
use crate::module::Module;

/// Bytes of a file. A module has some hundred.
const LARGEST: u64 = 16 << 20;

/// Reads one module: `FILE:NAME`.
///
/// # Errors
/// [`FileError`] if the file cannot be used, has no such module, or one that asks for what this crate cannot do.
pub fn load_module(reference: &str) -> Result<Module, FileError> {
    let Some((path, name)) = reference.rsplit_once(':').filter(|(path, _)| !path.is_empty()) else {
        let message = "no module is named; write FILE:NAME, e.g. blackbox.yml:http_2xx";
        return Err(FileError::new(Path::new(reference), None, message));
    };
    ModuleFile::read(path)?.take(name)
}

/// The modules of a file.
#[derive(Debug, Clone)]
pub struct ModuleFile {
    path: PathBuf,
    entries: Vec<ModuleEntry>,
}

/// A module in a file.
#[derive(Debug, Clone)]
pub struct ModuleEntry {
    /// Its name.
    pub name: String,
    /// Where its name stands.
    pub position: Position,
    /// The module, or what it asks for that this crate cannot do.
    pub module: Result<Module, FileError>,
}

impl ModuleFile {
    /// Reads a file. A module that asks for what blackbox_exporter can and this crate cannot, is an entry all the same.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be read, or if something in it is wrong.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let text = content(path)?;
        let entries = modules(path, &text).map_err(|problem| located(path, problem))?;
        Ok(Self { path: path.to_owned(), entries })
    }

    /// All that is in it, in the order of the file.
    pub fn entries(&self) -> &[ModuleEntry] {
        &self.entries
    }

    /// The module with this name.
    ///
    /// # Errors
    /// [`FileError`] if there is none, or if it asks for what this crate cannot do.
    pub fn module(&self, name: &str) -> Result<&Module, FileError> {
        let entry = self.entries.iter().find(|entry| entry.name == name).ok_or_else(|| self.missing(name))?;
        entry.module.as_ref().map_err(Clone::clone)
    }

    fn take(mut self, name: &str) -> Result<Module, FileError> {
        let index = self.entries.iter().position(|entry| entry.name == name).ok_or_else(|| self.missing(name))?;
        self.entries.swap_remove(index).module
    }

    fn missing(&self, name: &str) -> FileError {
        const MOST: usize = 20;
        let names = || self.entries.iter().map(|entry| entry.name.as_str());
        let listed: Vec<_> = names().take(MOST).map(shown).collect();
        let more = self.entries.len().saturating_sub(MOST);
        let hint = match (nearest(name, names()), listed.is_empty()) {
            (Some(near), _) if more > 0 => format!("did you mean {}?", shown(near)),
            (_, true) => "there is none in it; write modules: and one below it".to_owned(),
            (_, false) if more > 0 => format!("there are {} and {more} more", listed.join(", ")),
            (_, false) => format!("choose one of {}", listed.join(", ")),
        };
        FileError::new(&self.path, None, format!("no module {}; {hint}", shown(name)))
    }
}

/// The text of a file, which is not read further than it may be large.
fn content(path: &Path) -> Result<String, FileError> {
    let wrong = |message: String| FileError::new(path, None, message);
    let unreadable = |error: io::Error| wrong(format!("{error}; check that the file exists and may be read"));
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(wrong(format!("more than {} MiB, which no file of modules has; check its name", LARGEST >> 20)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let (text, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let text = String::from_utf8_lossy(text);
        let line = text.matches('\n').count() + 1;
        let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let message = "not UTF-8; save the file as UTF-8";
        FileError::new(path, Some(Position { line, column }), message)
    })
}

fn located(path: &Path, problem: Problem) -> FileError {
    FileError::new(path, Some(problem.at), problem.message)
}

/// What is carried along while a file is read.
#[derive(Default)]
struct Reading {
    expressions: Expressions,
    /// Why the module at hand cannot be used: the first thing in the file.
    unusable: Option<Problem>,
}

impl Reading {
    /// The module asks for what the probe cannot do. Reading goes on: something may be wrong with the file too.
    fn unusable(&mut self, at: Position, message: impl Into<String>) {
        if self.unusable.as_ref().is_none_or(|earlier| at < earlier.at) {
            self.unusable = Some(Problem::new(at, message));
        }
    }
}

fn modules(path: &Path, text: &str) -> Result<Vec<ModuleEntry>, Problem> {
    let Some(root) = yaml::read(text)?.filter(|root| !matches!(root.value, Value::Null)) else {
        let message = "nothing in the file; write modules: and a module below it";
        return Err(Problem::new(Position { line: 1, column: 1 }, message));
    };
    let file = Section::new("the file", &root, &["modules"])?;
    let Some(node) = file.get("modules") else { return Ok(Vec::new()) };
    let mut reading = Reading::default();
    let read = |(key, node): (&Key, &Node)| {
        let module = module(key, node, &mut reading)?;
        let module = match reading.unusable.take() {
            None => Ok(module),
            Some(Problem { at, message }) => {
                Err(located(path, Problem::new(at, format!("module {}: {message}", shown(&key.text)))))
            }
        };
        Ok(ModuleEntry { name: key.text.clone(), position: key.at, module })
    };
    entries("modules", node)?.map(read).collect()
}

/// Probers of blackbox_exporter. The sections of those that are not here are not looked into.
const PROBERS: [&str; 7] = ["http", "tcp", "icmp", "dns", "grpc", "unix", "websocket"];

fn module(key: &Key, node: &Node, reading: &mut Reading) -> Result<Module, Problem> {
    let section = Section::new("the module", node, &[["prober", "timeout"].as_slice(), &PROBERS].concat())?;
    match section.text("prober")? {
        Some((_, "http")) => {}
        None => reading.unusable(key.at, "no prober is given; write prober: http"),
        Some((at, prober)) if PROBERS.contains(&prober) => {
            let message = format!("prober {prober}: only http is asked; keep this module in blackbox_exporter");
            reading.unusable(at, message);
        }
        Some((at, other)) => return Err(Problem::new(at, format!("prober {}: not known; write http", shown(other)))),
    }
    let mut module = Module::default();
    if let Some(text) = section.text("timeout")? {
        module.timeout = Some(values::duration("timeout", text)?);
    }
    if let Some(node) = section.get("http") {
        http::read(node, &mut module, reading)?;
    }
    Ok(module)
}
