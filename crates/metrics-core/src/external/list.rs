//! The targets there are at one time, and how they are read. A list is never changed while somebody reads it: a scrape goes
//! on with the one that it began with, and so do the labels and histograms in it.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::config::TargetConfig;
use super::target::{Phases, Primary, Target};
use super::{
    DURATION, INTERVAL, ISOLATED, LAST_STATUS, PHASE_DURATION, PRIMARY, RESTARTS, SLOW_AFTER, START_LAG, Targets, lock,
};
use crate::family::{LabelText, LabelValue, Labels, Value};
use crate::source::Snapshot;
use crate::vocab::Phase;

#[derive(Clone, Default)]
pub(super) struct List {
    /// Of the first target; nothing without one.
    pub(super) primary: Option<Arc<Mutex<Primary>>>,
    /// Names of the further labels, of all targets.
    pub(super) labels: Arc<[String]>,
    pub(super) targets: Vec<Listed>,
}

/// A target: its counts, and how it is configured in this list.
#[derive(Clone)]
pub(super) struct Listed {
    pub(super) name: LabelText,
    pub(super) target: Arc<Target>,
    /// Nothing where they are not wanted.
    pub(super) phases: Option<Arc<Mutex<Phases>>>,
    interval: Duration,
    slow_after: Option<Duration>,
    /// Values of the further labels, by name.
    labels: Box<[LabelText]>,
}

impl Listed {
    pub(super) fn new(config: &TargetConfig, target: Arc<Target>, phases: Option<Arc<Mutex<Phases>>>) -> Self {
        Self {
            name: LabelText::new(&config.name),
            target,
            phases,
            interval: config.interval,
            slow_after: config.slow_after,
            labels: config.sorted_labels().into_iter().map(|(_, value)| LabelText::new(value)).collect(),
        }
    }

    fn read(&self, family: usize, series: &mut dyn FnMut(&[LabelValue<'_>], Value<'_>)) {
        let name = self.name.value();
        let gauge = match family {
            PRIMARY => Some(1.0),
            INTERVAL => Some(self.interval.as_secs_f64()),
            SLOW_AFTER => self.slow_after.map(|after| after.as_secs_f64()),
            _ => return self.target.read(family, name, series),
        };
        if let Some(value) = gauge {
            series(&[name], Value::Gauge(value));
        }
    }

    fn read_phase(&self, phase: usize, series: &mut dyn FnMut(&[LabelValue<'_>], Value<'_>)) {
        if let Some(phases) = &self.phases {
            series(&[self.name.value(), Phase::ALL[phase].label()], lock(phases)[phase].value());
        }
    }
}

const PHASES: usize = Phase::ALL.len();

/// What a scrape reads; numbers are read under the lock of their target.
pub(super) struct TargetsSnapshot {
    pub(super) list: Arc<List>,
    /// What is about no target.
    pub(super) targets: Arc<Targets>,
}

impl Snapshot for TargetsSnapshot {
    fn children(&self, family: usize) -> usize {
        let targets = self.list.targets.len();
        match family {
            DURATION | LAST_STATUS | PRIMARY => targets.min(1),
            START_LAG | RESTARTS | ISOLATED => 1,
            // A child is written without a pause, so it has to be small.
            PHASE_DURATION => targets * PHASES,
            _ => targets,
        }
    }

    fn read(&self, family: usize, child: usize, series: &mut dyn FnMut(&[LabelValue<'_>], Value<'_>)) {
        match family {
            DURATION | LAST_STATUS => {
                let Some(primary) = &self.list.primary else { return };
                let primary = lock(primary);
                let status = Value::Gauge(primary.status.into());
                series(&[], if family == DURATION { primary.head.value() } else { status });
            }
            START_LAG => series(&[], lock(&self.targets.start_lag).value()),
            RESTARTS => series(&[], Value::Counter(self.targets.restarts.load(Relaxed) as f64)),
            ISOLATED => series(&[], Value::Gauge(self.targets.isolated.load(Relaxed).into())),
            PHASE_DURATION => self.list.targets[child / PHASES].read_phase(child % PHASES, series),
            _ => self.list.targets[child].read(family, series),
        }
    }

    fn labels(&self, family: usize, child: usize) -> Labels<'_> {
        let names = &self.list.labels;
        if names.is_empty() {
            return Labels::default();
        }
        let target = match family {
            DURATION | LAST_STATUS | START_LAG | RESTARTS | ISOLATED => return Labels::default(),
            PHASE_DURATION => child / PHASES,
            _ => child,
        };
        Labels { names, values: &self.list.targets[target].labels }
    }
}
