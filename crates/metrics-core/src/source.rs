//! A source: something whose state can be read series by series, at any pace.
//!
//! Each set of metrics is one source. Reading by (family, child) lets a scrape stop and go on. exposition.rs reads sources
//! so; for a plain `gather()`, adapter.rs hands the same series to the registry of the prometheus crate.

use std::sync::Arc;

use crate::family::{Family, LabelValue, Labels, Value};

/// A set of families that are read together.
pub(crate) trait Source: Send + Sync + 'static {
    /// The families, the same ones in the same order for as long as the source lives.
    fn families(&self) -> &[Family];

    /// What is there to be read. What costs time (asking the system) is done here, and what can change is read later.
    fn snapshot(self: Arc<Self>) -> Arc<dyn Snapshot>;

    /// Whether a family has native histograms, which only the protobuf format can carry.
    fn has_native_histograms(&self) -> bool {
        false
    }
}

/// A [`Source`] that is being read. A family has a number of children; a child gives the few series that belong
/// to one thing (a label set, a target), or none where nothing was measured.
///
/// A series is consistent in itself: a histogram is read at one moment. Two of them may be read at different moments.
pub(crate) trait Snapshot: Send + Sync {
    /// Number of children of the family with index `family`. It may grow; who reads at another pace sees the same series
    /// under the same number.
    fn children(&self, family: usize) -> usize;

    /// Calls `series` with the label values and the value of each series of one child. Of [`Value::Counters`], the values
    /// are those of all labels but the last.
    fn read(&self, family: usize, child: usize, series: &mut dyn FnMut(&[LabelValue<'_>], Value<'_>));

    /// Labels that all series of one child have after those that [`read`](Self::read) gives.
    fn labels(&self, _family: usize, _child: usize) -> Labels<'_> {
        Labels::default()
    }
}
