//! The modules that targets name, made ready: each once, and only those that are named.

use std::collections::HashMap;
use std::sync::Arc;

use super::files::Files;
use super::modules::{ModuleEntry, missing};
use super::section::shown;
use crate::client::Client;
use crate::dial::tls::Roots;
use crate::module::{Module, Pem, Secret};

/// The module of who names none. It is there also where the file has none of this name.
pub const DEFAULT_MODULE: &str = "http_2xx";

/// The modules of a configuration file.
pub(super) struct Clients<'c> {
    roots: &'c Roots,
    modules: HashMap<&'c str, &'c ModuleEntry>,
    /// In the order of the file.
    names: Vec<&'c str>,
    ready: HashMap<String, Arc<Client>>,
}

impl<'c> Clients<'c> {
    pub(super) fn new(roots: &'c Roots, entries: &'c [ModuleEntry]) -> Self {
        let modules: HashMap<_, _> = entries.iter().map(|entry| (entry.name.as_str(), entry)).collect();
        let built_in = (!modules.contains_key(DEFAULT_MODULE)).then_some(DEFAULT_MODULE);
        let names = entries.iter().map(|entry| entry.name.as_str()).chain(built_in).collect();
        Self { roots, modules, names, ready: HashMap::new() }
    }

    /// All of them, by name.
    pub(super) fn all(&mut self, files: &mut Files) -> Vec<(String, Result<Arc<Client>, String>)> {
        let names = self.names.clone();
        let mut ready = |name: &str| match self.modules.get(name) {
            Some(ModuleEntry { module: Err(error), .. }) => Err(error.to_string()),
            _ => self.get(name, files),
        };
        names.into_iter().map(|name| (name.to_owned(), ready(name))).collect()
    }

    /// The module with this name, or why it cannot be used and what to do.
    pub(super) fn get(&mut self, name: &str, files: &mut Files) -> Result<Arc<Client>, String> {
        if let Some(client) = self.ready.get(name) {
            return Ok(client.clone());
        }
        let module = match self.modules.get(name) {
            Some(entry) => entry.module.clone().map_err(|error| format!("this module cannot be used: {error}"))?,
            None if name == DEFAULT_MODULE => Module::default(),
            None => return Err(missing(name, &self.names)),
        };
        let client = client(module, self.roots, files).map_err(|error| {
            let line = self.modules.get(name).map(|entry| format!(" in line {}", entry.position.line));
            format!("module {}{}: {error}", shown(name), line.unwrap_or_default())
        })?;
        let client = Arc::new(client);
        self.ready.insert(name.to_owned(), client.clone());
        Ok(client)
    }
}

fn client(module: Module, roots: &Roots, files: &mut Files) -> Result<Client, String> {
    let tls = &module.tls_config;
    let ca = match (&tls.ca, roots) {
        (Some(Pem::File(path)), _) => Some(path),
        (None, Roots::File(path)) if !tls.system_roots => Some(path),
        _ => None,
    };
    let cert = tls.cert.iter().filter_map(|cert| if let Pem::File(path) = cert { Some(path) } else { None });
    let key = tls.key.iter().filter_map(|key| if let Secret::File(path) = key { Some(path) } else { None });
    // Before they are read for use: what is renewed in between is then seen as a change later on.
    for path in ca.into_iter().chain(cert).chain(key) {
        files.note(path).map_err(|error| format!("{}: {error}", super::error::shown_path(path)))?;
    }
    Client::new(module, roots).map_err(|error| error.to_string())
}
