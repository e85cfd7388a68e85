//! What the handler counts of itself, and how many scrapes it serves at a time.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use actix_web::http::StatusCode;

use crate::exposition::Fault;
use crate::family::{Family, LabelValue, Value, families};
use crate::source::{Snapshot, Source};
use crate::vocab::FaultCause;

families! {
    REQUESTS: counter("metrics_handler_requests_total", "Number of scrapes answered, by status code", &["code"]),
    IN_FLIGHT: gauge("metrics_handler_requests_in_flight", "Number of scrapes being served", &[]),
    ERRORS: counter(
        "metrics_handler_errors_total",
        "Number of times that a scrape lacked something, by cause",
        &["cause"]
    ),
}

/// What the handler counts of itself.
#[derive(Default)]
pub(super) struct Tally {
    /// By code.
    requests: [AtomicU64; CODES.len()],
    in_flight: AtomicU64,
    /// By cause.
    errors: [AtomicU64; FaultCause::ALL.len()],
    slots: Mutex<Slots>,
    /// What has been logged.
    told: Mutex<HashSet<String>>,
}

const CODES: [StatusCode; 4] = [
    StatusCode::OK,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// The scrapes that count towards the limit.
#[derive(Default)]
struct Slots {
    last: u64,
    /// By number: until when, if that can be said.
    taken: Vec<(u64, Option<Instant>)>,
}

impl Tally {
    pub(super) fn answered(&self, status: StatusCode) {
        if let Some(code) = CODES.iter().position(|code| *code == status) {
            self.requests[code].fetch_add(1, Relaxed);
        }
    }

    pub(super) fn fault(&self, fault: &Fault) {
        /// Of what is logged once and remembered for it.
        const MOST_TOLD: usize = 1000;
        self.errors[fault.cause as usize].fetch_add(1, Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < MOST_TOLD && told.insert(fault.what.clone()) {
            log::warn!("scrape: {}", fault.what);
        }
    }

    /// A scrape begins, unless there are `most` of them whose time is not over.
    pub(super) fn enter(self: &Arc<Self>, most: usize, until: Option<Instant>) -> Option<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if most > 0 && slots.taken.len() >= most {
            let now = Instant::now();
            slots.taken.retain(|(_, until)| until.is_none_or(|until| until > now));
            if slots.taken.len() >= most {
                return None;
            }
        }
        slots.last += 1;
        let number = slots.last;
        slots.taken.push((number, until));
        self.in_flight.fetch_add(1, Relaxed);
        Some(Slot { tally: self.clone(), number })
    }
}

/// A scrape that is being served.
pub(super) struct Slot {
    tally: Arc<Tally>,
    number: u64,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.tally.in_flight.fetch_sub(1, Relaxed);
        let mut slots = self.tally.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.taken.retain(|(number, _)| *number != self.number);
    }
}

impl Source for Tally {
    fn families(&self) -> &[Family] {
        &FAMILIES
    }

    fn snapshot(self: Arc<Self>) -> Arc<dyn Snapshot> {
        Arc::new(TallySnapshot(self))
    }
}

struct TallySnapshot(Arc<Tally>);

impl Snapshot for TallySnapshot {
    fn children(&self, _: usize) -> usize {
        1
    }

    fn read(&self, family: usize, _: usize, series: &mut dyn FnMut(&[LabelValue<'_>], Value<'_>)) {
        let Tally { requests, in_flight, errors, .. } = &*self.0;
        let count = |count: &AtomicU64| count.load(Relaxed) as f64;
        match family {
            REQUESTS => {
                for (code, answered) in CODES.iter().zip(requests) {
                    series(&[LabelValue::any(code.as_str())], Value::Counter(count(answered)));
                }
            }
            IN_FLIGHT => series(&[], Value::Gauge(count(in_flight))),
            ERRORS => {
                for (cause, faults) in FaultCause::ALL.iter().zip(errors) {
                    series(&[cause.label()], Value::Counter(count(faults)));
                }
            }
            _ => {}
        }
    }
}
