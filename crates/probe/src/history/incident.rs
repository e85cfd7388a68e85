//! A time in which a target was down.

use metrics_core::Reason;
use serde::{Deserialize, Serialize};

use crate::connectivity::Side;

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
    /// Whether all its reasons are of the prober's own side.
    pub(super) fn is_ours(&self) -> bool {
        let ours = |word: &str| {
            Reason::ALL.iter().any(|reason| reason.as_str() == word && Side::of(Some(*reason)) == Side::Ours)
        };
        self.reasons.iter().all(|(word, _)| ours(word))
    }

    pub(super) fn failed_for(&mut self, reason: &str) {
        self.failed = self.failed.saturating_add(1);
        match self.reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.reasons.push((reason.to_owned(), 1)),
        }
    }
}
