//! What is counted of one label set: by one worker in [`Cells`], and over all of them in [`Totals`].

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::config::{Config, LongLived, StatusLabel};
use crate::cells::{Count, HistogramCells, Number};
use crate::histogram::{Buckets, HistogramTotal};
use crate::vocab::AbortCause;

/// How everything is counted: the same for all label sets.
pub(super) struct Scheme {
    pub(super) duration: Buckets,
    pub(super) size: Buckets,
    pub(super) long_lived: LongLived,
    pub(super) status: StatusLabel,
}

impl Scheme {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            duration: Buckets::seconds(&config.duration_buckets).with_native(config.native_histograms),
            size: Buckets::bytes(&config.size_buckets),
            long_lived: config.long_lived,
            status: config.status,
        }
    }
}

/// What is counted of one exchange.
pub(super) struct Exchange {
    pub(super) nanoseconds: u64,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    pub(super) long_lived: bool,
    /// Unix time of the response, if there was one, whole or not.
    pub(super) response_time: Option<f64>,
    /// The code of a complete response, or why there was none.
    pub(super) end: Result<Code, AbortCause>,
}

/// What one worker counted of one label set. The number of requests is that of the observations of their size.
pub(super) struct Cells {
    pub(super) duration: HistogramCells,
    pub(super) request_size: HistogramCells,
    pub(super) response_size: HistogramCells,
    /// Unix time; 0 before the first response.
    pub(super) last_response: Number,
    pub(super) responses: CodeCells,
    pub(super) aborted: [Count; AbortCause::ALL.len()],
}

impl Cells {
    pub(super) fn new(scheme: &Scheme) -> Self {
        Self {
            duration: HistogramCells::new(&scheme.duration),
            request_size: HistogramCells::new(&scheme.size),
            response_size: HistogramCells::new(&scheme.size),
            last_response: Number::default(),
            responses: CodeCells::default(),
            aborted: Default::default(),
        }
    }

    /// Every request is observed once by the histogram of request sizes.
    pub(super) fn requests(&self) -> u64 {
        self.request_size.count()
    }

    #[inline]
    pub(super) fn count(&self, scheme: &Scheme, exchange: &Exchange) {
        if scheme.long_lived == LongLived::Observe || !exchange.long_lived {
            self.duration.observe(&scheme.duration, exchange.nanoseconds);
        }
        self.request_size.observe(&scheme.size, exchange.request_bytes);
        self.response_size.observe(&scheme.size, exchange.response_bytes);
        if let Some(time) = exchange.response_time {
            // The system's clock may be set back; the gauge must not follow.
            self.last_response.set(self.last_response.get().max(time));
        }
        match exchange.end {
            Ok(code) => self.responses.add(code),
            Err(cause) => self.aborted[cause as usize].add(1),
        }
    }
}

/// The label `code`, as a number: a status (100 to 999), a class (1 to 5), or [`Code::OTHER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Code(u16);

impl Code {
    pub(super) const OTHER: Self = Self(u16::MAX);
    pub(super) const CLASSES: [Self; 5] = [Self(1), Self(2), Self(3), Self(4), Self(5)];

    /// `status` has three digits, as an HTTP status does.
    pub(super) fn exact(status: u16) -> Self {
        Self(status)
    }

    pub(super) fn class(status: u16) -> Self {
        Self::CLASSES.into_iter().find(|class| class.0 == status / 100).unwrap_or(Self::OTHER)
    }

    /// The label value.
    pub(super) fn label(self) -> String {
        match self {
            Self::OTHER => "other".to_owned(),
            Self(class @ ..10) => format!("{class}xx"),
            Self(status) => status.to_string(),
        }
    }
}

/// Counts by code, in the order in which codes were first met. A handler answers with a few codes; a block more
/// is added where that is not enough.
#[derive(Default)]
pub(super) struct CodeCells {
    /// 0 where none is yet.
    codes: [Count; 4],
    counts: [Count; 4],
    more: OnceLock<Box<CodeCells>>,
}

impl CodeCells {
    fn add(&self, code: Code) {
        let code = u64::from(code.0);
        for (cell, count) in self.codes.iter().zip(&self.counts) {
            if cell.get() == 0 {
                cell.add(code);
            }
            if cell.get() == code {
                return count.add(1);
            }
        }
        self.more.get_or_init(Box::default).add(code_of(code));
    }

    pub(super) fn add_to(&self, totals: &mut BTreeMap<Code, u64>) {
        for (code, count) in self.codes.iter().zip(&self.counts) {
            if code.get() != 0 {
                *totals.entry(code_of(code.get())).or_default() += count.get();
            }
        }
        if let Some(more) = self.more.get() {
            more.add_to(totals);
        }
    }
}

/// Of a cell that [`CodeCells`] wrote.
fn code_of(cell: u64) -> Code {
    u16::try_from(cell).map_or(Code::OTHER, Code)
}

/// The sum of cells of one label set.
pub(super) struct Totals {
    pub(super) duration: HistogramTotal,
    pub(super) request_size: HistogramTotal,
    pub(super) response_size: HistogramTotal,
    /// Unix time; 0 before the first response.
    pub(super) last_response: f64,
    pub(super) responses: BTreeMap<Code, u64>,
    pub(super) aborted: [u64; AbortCause::ALL.len()],
}

impl Totals {
    pub(super) fn new(scheme: &Scheme) -> Self {
        // Of a closed set, all are there from the start.
        let codes = match scheme.status {
            StatusLabel::Class => &Code::CLASSES[..],
            StatusLabel::Exact => &[],
        };
        Self {
            duration: HistogramTotal::new(&scheme.duration),
            request_size: HistogramTotal::new(&scheme.size),
            response_size: HistogramTotal::new(&scheme.size),
            last_response: 0.0,
            responses: codes.iter().map(|code| (*code, 0)).collect(),
            aborted: Default::default(),
        }
    }

    pub(super) fn add(&mut self, cells: &Cells) {
        cells.duration.add_to(&mut self.duration);
        cells.request_size.add_to(&mut self.request_size);
        cells.response_size.add_to(&mut self.response_size);
        self.last_response = self.last_response.max(cells.last_response.get());
        cells.responses.add_to(&mut self.responses);
        for (total, cell) in self.aborted.iter_mut().zip(&cells.aborted) {
            *total += cell.get();
        }
    }

    pub(super) fn requests(&self) -> u64 {
        self.request_size.buckets.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(nanoseconds: u64, response_time: f64) -> Exchange {
        Exchange {
            nanoseconds,
            request_bytes: 0,
            response_bytes: 0,
            long_lived: false,
            response_time: Some(response_time),
            end: Ok(Code::exact(200)),
        }
    }

    #[test]
    fn v10_the_time_of_the_last_response_never_goes_back() {
        let scheme = Scheme::new(&Config::default());
        let cells = Cells::new(&scheme);
        for time in [2.5, 1.5] {
            cells.count(&scheme, &exchange(1, time));
        }
        let mut totals = Totals::new(&scheme);
        totals.add(&cells);
        assert!((totals.last_response - 2.5).abs() < f64::EPSILON, "{}", totals.last_response);
    }

    /// As a worker ends, its cells are added in another order than before.
    #[test]
    fn v11_sums_do_not_depend_on_the_order_in_which_they_are_added() {
        let scheme = Scheme::new(&Config::default());
        let cells: Vec<_> = (1..50u64)
            .map(|worker| {
                let cells = Cells::new(&scheme);
                (1..50).for_each(|n| cells.count(&scheme, &exchange(worker * 1_234_567 + n * 89, 1.0)));
                cells
            })
            .collect();
        let sum = |order: &mut dyn Iterator<Item = &Cells>| {
            let mut totals = Totals::new(&scheme);
            order.for_each(|cells| totals.add(cells));
            totals.duration.sum
        };
        assert_eq!(sum(&mut cells.iter()), sum(&mut cells.iter().rev()));
        assert_eq!(sum(&mut cells.iter()), (1..50).map(|w: u128| 49 * w * 1_234_567 + 49 * 25 * 89).sum());
    }
}
