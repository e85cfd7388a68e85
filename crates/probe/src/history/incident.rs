//! A time in which a target was down.

use serde::{Deserialize, Serialize};

/// A time in which a target was down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Start of the first run that succeeded again, in milliseconds of Unix time; `None` while it lasts.
    pub end: Option<i64>,
    /// Runs that failed.
    pub failed: u32,
    /// Why, by the words of [`metrics_core::Reason`]: each in the order in which it came first, with how often it came.
    pub reasons: Vec<(String, u32)>,
    /// What the first of the runs says, on one line.
    pub detail: String,
    /// The first of the runs, whose report is kept as long as this; empty where none is kept.
    pub run: String,
}

impl Incident {
    pub(super) fn failed_for(&mut self, reason: &str) {
        self.failed = self.failed.saturating_add(1);
        match self.reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.reasons.push((reason.to_owned(), 1)),
        }
    }
}
