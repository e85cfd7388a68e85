//! What is counted of one label set: by one worker in [`Cells`], and over all of them in [`Totals`].

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::DURATION_BOUNDS;
use crate::cells::{Count, HistogramCells, Number};
use crate::histogram::HistogramTotal;
use crate::vocab::AbortCause;

/// 128 × 2⁰ … 128 × 2⁹ bytes.
pub(super) const SIZE_BOUNDS: [f64; 10] =
    [128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0, 32768.0, 65536.0];

/// What is counted of one exchange.
pub(super) struct Exchange {
    pub(super) seconds: f64,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    /// Unix time of the response, if there was one, whole or not.
    pub(super) response_time: Option<f64>,
    /// The status of a complete response, or why there was none.
    pub(super) end: Result<u16, AbortCause>,
}

/// What one worker counted of one label set.
pub(super) struct Cells {
    requests: Count,
    duration: HistogramCells,
    request_size: HistogramCells,
    response_size: HistogramCells,
    /// Unix time; 0 before the first response.
    last_response: Number,
    responses: CodeCells,
    aborted: [Count; AbortCause::ALL.len()],
}

impl Cells {
    pub(super) fn new() -> Self {
        Self {
            requests: Count::default(),
            duration: HistogramCells::new(&DURATION_BOUNDS),
            request_size: HistogramCells::new(&SIZE_BOUNDS),
            response_size: HistogramCells::new(&SIZE_BOUNDS),
            last_response: Number::default(),
            responses: CodeCells::default(),
            aborted: Default::default(),
        }
    }

    pub(super) fn count(&self, exchange: &Exchange) {
        self.requests.add(1);
        self.duration.observe(&DURATION_BOUNDS, exchange.seconds);
        self.request_size.observe(&SIZE_BOUNDS, exchange.request_bytes as f64);
        self.response_size.observe(&SIZE_BOUNDS, exchange.response_bytes as f64);
        if let Some(time) = exchange.response_time {
            // The system's clock may be set back; the gauge must not follow.
            self.last_response.set(self.last_response.get().max(time));
        }
        match exchange.end {
            Ok(status) => self.responses.add(status),
            Err(cause) => self.aborted[cause as usize].add(1),
        }
    }
}

/// Counts by status code, in the order in which codes were first met. A handler answers with a few codes; a block more
/// is added where that is not enough.
#[derive(Default)]
struct CodeCells {
    /// 0 where none is yet.
    codes: [Count; 4],
    counts: [Count; 4],
    more: OnceLock<Box<CodeCells>>,
}

impl CodeCells {
    fn add(&self, code: u16) {
        for (cell, count) in self.codes.iter().zip(&self.counts) {
            if cell.get() == 0 {
                cell.add(code.into());
            }
            if cell.get() == u64::from(code) {
                return count.add(1);
            }
        }
        self.more.get_or_init(Box::default).add(code);
    }

    fn add_to(&self, totals: &mut BTreeMap<u64, u64>) {
        for (code, count) in self.codes.iter().zip(&self.counts) {
            if code.get() != 0 {
                *totals.entry(code.get()).or_default() += count.get();
            }
        }
        if let Some(more) = self.more.get() {
            more.add_to(totals);
        }
    }
}

/// The sum of cells of one label set.
#[derive(Clone)]
pub(super) struct Totals {
    pub(super) requests: u64,
    pub(super) duration: HistogramTotal,
    pub(super) request_size: HistogramTotal,
    pub(super) response_size: HistogramTotal,
    /// Unix time; 0 before the first response.
    pub(super) last_response: f64,
    pub(super) responses: BTreeMap<u64, u64>,
    pub(super) aborted: [u64; AbortCause::ALL.len()],
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            requests: 0,
            duration: HistogramTotal::new(&DURATION_BOUNDS),
            request_size: HistogramTotal::new(&SIZE_BOUNDS),
            response_size: HistogramTotal::new(&SIZE_BOUNDS),
            last_response: 0.0,
            responses: BTreeMap::new(),
            aborted: Default::default(),
        }
    }
}

impl Totals {
    pub(super) fn add(&mut self, cells: &Cells) {
        self.requests += cells.requests.get();
        cells.duration.add_to(&mut self.duration);
        cells.request_size.add_to(&mut self.request_size);
        cells.response_size.add_to(&mut self.response_size);
        self.last_response = self.last_response.max(cells.last_response.get());
        cells.responses.add_to(&mut self.responses);
        for (total, cell) in self.aborted.iter_mut().zip(&cells.aborted) {
            *total += cell.get();
        }
    }
}
