//! Modules out of a file in blackbox_exporter's format.

mod answer;
mod http;
mod request;
mod secrets;
mod tls;

use std::path::{Path, PathBuf};

use super::section::{Problem, Section, entries, nearest, shown};
use super::values::{self, Expressions};
use super::yaml::{self, Key, Node};
use super::{FileError, KNOWN, Position, files};
use crate::module::Module;

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
    /// Reads a file of blackbox_exporter's, or a configuration file, whose targets are passed over. A module that asks for what
    /// blackbox_exporter can and this crate cannot, is an entry all the same.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be read, or if something in it is wrong.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let text = files::text(path)?;
        let entries = || {
            let root = yaml::read(&text, "write modules: and a module below it")?;
            let file = Section::new("the file", &root, KNOWN)?;
            file.get("modules").map_or(Ok(Vec::new()), |node| read(path, node))
        };
        Ok(Self { path: path.to_owned(), entries: entries().map_err(|problem| problem.located(path))? })
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
        let names: Vec<_> = self.entries.iter().map(|entry| entry.name.as_str()).collect();
        FileError::new(&self.path, None, missing(name, &names))
    }
}

/// That no module of this name is among those that there are.
pub(super) fn missing(name: &str, names: &[&str]) -> String {
    const MOST: usize = 20;
    let listed: Vec<_> = names.iter().take(MOST).map(|name| shown(name)).collect();
    let more = names.len().saturating_sub(MOST);
    let hint = match (nearest(name, names.iter().copied()), listed.is_empty()) {
        (Some(near), _) if more > 0 => format!("did you mean {}?", shown(near)),
        (_, true) => "there is none in it; write modules: and one below it".to_owned(),
        (_, false) if more > 0 => format!("there are {} and {more} more", listed.join(", ")),
        (_, false) => format!("choose one of {}", listed.join(", ")),
    };
    format!("no module {}; {hint}", shown(name))
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

/// What is below `modules:`.
pub(super) fn read(path: &Path, node: &Node) -> Result<Vec<ModuleEntry>, Problem> {
    let mut reading = Reading::default();
    let entry = |(key, node): (&Key, &Node)| {
        let module = module(key, node, &mut reading)?;
        let module = match reading.unusable.take() {
            None => Ok(module),
            Some(Problem { at, message }) => {
                Err(Problem::new(at, format!("module {}: {message}", shown(&key.text))).located(path))
            }
        };
        Ok(ModuleEntry { name: key.text.clone(), position: key.at, module })
    };
    entries("modules", node)?.map(entry).collect()
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
