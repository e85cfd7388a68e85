//! What the clients asked for, by method and route, as the server has to count it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use anyhow::{Result, ensure};

/// The labels of a request: its method, and the route that it comes to.
pub(crate) type Route = (&'static str, &'static str);

/// Requests of one route.
#[derive(Clone, Copy, Default)]
pub(crate) struct Requests {
    /// Sent, or about to be.
    pub(crate) begun: u64,
    /// Answered, or at least begun to be.
    pub(crate) ended: u64,
}

#[derive(Default)]
pub(crate) struct Ledger {
    routes: Mutex<BTreeMap<Route, Requests>>,
    complaints: Mutex<Vec<String>>,
}

impl Ledger {
    pub(crate) fn begin(&self, route: Route, requests: u64) {
        self.routes.lock().unwrap().entry(route).or_default().begun += requests;
    }

    pub(crate) fn end(&self, route: Route) {
        self.routes.lock().unwrap().entry(route).or_default().ended += 1;
    }

    pub(crate) fn now(&self) -> BTreeMap<Route, Requests> {
        self.routes.lock().unwrap().clone()
    }

    pub(crate) fn total(&self) -> u64 {
        self.now().values().map(|requests| requests.ended).sum()
    }

    /// What a client saw that it should not have seen.
    pub(crate) fn complain(&self, what: String) {
        self.complaints.lock().unwrap().push(what);
    }

    /// # Errors
    /// The first few of them, where there are some.
    pub(crate) fn has_no_complaints(&self) -> Result<()> {
        let complaints = self.complaints.lock().unwrap();
        ensure!(complaints.is_empty(), "{}", complaints[..complaints.len().min(5)].join("; "));
        Ok(())
    }
}
