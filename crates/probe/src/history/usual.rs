//! What is usual: how long the phases of a target's runs took in the last day.

use metrics_core::Phase;
use serde::{Deserialize, Serialize};

use super::sketch::Sketch;
use crate::report::Phases;

/// Hours that are kept, the one under way included.
pub(super) const HOURS: u32 = 24;

/// Of the runs of an hour that succeeded, by phase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Usual([Sketch; Phase::ALL.len()]);

impl Usual {
    pub(super) fn add(&mut self, phases: &Phases) {
        for (sketch, time) in self.0.iter_mut().zip(phases) {
            if let Some(time) = time {
                sketch.add(*time);
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (sketch, other) in self.0.iter_mut().zip(&other.0) {
            sketch.merge(other);
        }
    }

    /// The median of each; `None` for one that was never reached.
    pub(super) fn medians(&self) -> Phases {
        self.0.each_ref().map(|sketch| sketch.quantile(0.5))
    }
}
