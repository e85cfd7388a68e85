//! What may be asked on demand, by whoever may ask: the section `probe`, and all modules made ready.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::modules::missing;
use super::section::{Problem, Section, shown};
use super::yaml::Node;
use crate::allow::{Allow, AllowList};
use crate::client::Client;

/// What may be asked on demand: where runs may go, and how they ask.
#[derive(Debug, Clone, Default)]
pub struct OnDemand {
    allow: Arc<AllowList>,
    modules: BTreeMap<String, Result<Arc<Client>, String>>,
}

impl OnDemand {
    /// With these modules by name, or why they cannot be used.
    pub fn new(allow: AllowList, modules: impl IntoIterator<Item = (String, Result<Arc<Client>, String>)>) -> Self {
        Self { allow: allow.into(), modules: modules.into_iter().collect() }
    }

    /// Whether anything is asked on demand: where runs may go nowhere, nothing is.
    pub fn is_open(&self) -> bool {
        !self.allow.is_empty()
    }

    /// Where runs may go.
    pub fn allow(&self) -> &Arc<AllowList> {
        &self.allow
    }

    /// The module with this name, made ready.
    ///
    /// # Errors
    /// In one line, that there is none, or why it cannot be used.
    pub fn client(&self, module: &str) -> Result<&Arc<Client>, String> {
        match self.modules.get(module) {
            Some(client) => client.as_ref().map_err(Clone::clone),
            None => Err(missing(module, &self.modules.keys().map(String::as_str).collect::<Vec<_>>())),
        }
    }
}

/// The section `probe`: what is allowed there.
pub(super) fn read(node: &Node) -> Result<Vec<Allow>, Problem> {
    let section = Section::new("probe", node, &["allow"])?;
    let allow = section
        .texts("allow")?
        .into_iter()
        .map(|(at, text)| text.parse().map_err(|error| Problem::new(at, format!("allow {}: {error}", shown(text)))));
    allow.collect()
}
