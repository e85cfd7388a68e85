//! What a scrape writes, in which order: all families by name, those that share a name under one TYPE.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use prometheus::proto::{Metric, MetricFamily};

use super::accept::Format;
use super::fault::Fault;
use super::foreign::{self, LabelSet};
use super::{Header, TOTAL};
use crate::family::Kind;
use crate::source::{Snapshot, Source};

/// The names that were asked for by `name[]`, if any were.
pub(crate) type Filter = Option<HashSet<String>>;

/// What a scrape writes.
#[derive(Default)]
pub(crate) struct Plan {
    pub(super) families: Vec<Planned>,
}

/// A family, and where its series come from.
pub(super) struct Planned {
    pub(super) header: Header,
    pub(super) parts: Vec<Part>,
}

/// Some series of a family.
pub(super) enum Part {
    Own { source: Arc<dyn Source>, snapshot: Arc<dyn Snapshot>, family: usize },
    Foreign { kind: Kind, metrics: Vec<Metric> },
}

impl Part {
    pub(super) fn children(&self) -> usize {
        match self {
            Self::Own { snapshot, family, .. } => snapshot.children(*family),
            Self::Foreign { metrics, .. } => metrics.len(),
        }
    }

    /// The labels of the series that are there now.
    fn label_sets(&self) -> HashSet<LabelSet> {
        match self {
            Self::Own { source, snapshot, family } => {
                let declared = &source.families()[*family];
                let mut sets = HashSet::new();
                for child in 0..snapshot.children(*family) {
                    let further = snapshot.labels(*family, child);
                    snapshot.read(*family, child, &mut |values, value| {
                        value.each(values, &mut |values, _| {
                            let own = declared.labels.iter().zip(values);
                            let own = own.map(|(name, value)| ((*name).to_owned(), value.text.to_owned()));
                            let further = further.iter().map(|(name, value)| (name.to_owned(), value.text.to_owned()));
                            let all = own.chain(declared.const_labels.iter().cloned()).chain(further);
                            let mut set: LabelSet = all.filter(|(_, value)| !value.is_empty()).collect();
                            set.sort_unstable();
                            sets.insert(set);
                        });
                    });
                }
                sets
            }
            Self::Foreign { metrics, .. } => metrics.iter().map(foreign::label_set).collect(),
        }
    }
}

impl Plan {
    /// Of the sources, then of what other collectors gave. Of two families that cannot both be exposed in this format, the
    /// first one is.
    pub(crate) fn new(
        sources: Vec<Arc<dyn Source>>,
        foreign: Vec<MetricFamily>,
        format: Format,
        filter: &Filter,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut planning = Planning { format, families: BTreeMap::new(), claimed: HashSet::new(), faults };
        for source in sources {
            let snapshot = source.clone().snapshot();
            for (family, declared) in source.families().iter().enumerate() {
                let header = Header {
                    name: declared.name.to_string(),
                    help: declared.help.to_owned(),
                    kind: declared.kind,
                    last_label: declared.labels.last().copied().unwrap_or_default(),
                };
                planning.add(header, Part::Own { source: source.clone(), snapshot: snapshot.clone(), family });
            }
        }
        for family in foreign {
            if let Some((header, metrics)) = foreign::admit(family, planning.faults) {
                let kind = header.kind;
                planning.add(header, Part::Foreign { kind, metrics });
            }
        }
        let wanted = |name: &str| filter.as_ref().is_none_or(|names| names.contains(name));
        Self { families: planning.families.into_values().filter(|planned| wanted(&planned.header.name)).collect() }
    }

    /// Of one set alone, whose names are apart from each other in every format.
    pub(crate) fn of(source: Arc<dyn Source>, format: Format) -> Self {
        Self::new(vec![source], Vec::new(), format, &None, &mut Vec::new())
    }
}

struct Planning<'a> {
    format: Format,
    families: BTreeMap<String, Planned>,
    /// The names that no further family may have or give to its samples.
    claimed: HashSet<String>,
    faults: &'a mut Vec<Fault>,
}

impl Planning<'_> {
    fn add(&mut self, header: Header, mut part: Part) {
        if let Some(planned) = self.families.get_mut(&header.name) {
            if planned.header.kind != header.kind {
                return self.faults.push(Fault::clash(&header.name, "another metric of this name has another type"));
            }
            if let Part::Foreign { metrics, .. } = &mut part {
                let taken: HashSet<LabelSet> = planned.parts.iter().flat_map(Part::label_sets).collect();
                let before = metrics.len();
                metrics.retain(|metric| !taken.contains(&foreign::label_set(metric)));
                if metrics.len() < before {
                    self.faults.push(Fault::duplicate(&header.name));
                }
            }
            return planned.parts.push(part);
        }
        let names = names(&header, self.format);
        if let Some(taken) = names.iter().find(|name| self.claimed.contains(*name)) {
            let why = format!("another metric has the name {taken:?} in this format, or gives it to its samples");
            return self.faults.push(Fault::clash(&header.name, &why));
        }
        self.claimed.extend(names);
        self.families.insert(header.name.clone(), Planned { header, parts: vec![part] });
    }
}

/// The names that a family takes: its own, and those of its samples. OpenMetrics reserves more than are written.
fn names(header: &Header, format: Format) -> Vec<String> {
    let open_metrics = format == Format::OpenMetrics;
    let name = if open_metrics { header.open_metrics_name() } else { &header.name };
    let suffixes: &[&str] = match header.kind {
        Kind::Counter if open_metrics && header.is_total() => &["", TOTAL, "_created"],
        Kind::Counter | Kind::Gauge => &[""],
        Kind::Histogram if open_metrics => &["", "_bucket", "_sum", "_count", "_created"],
        Kind::Histogram => &["", "_bucket", "_sum", "_count"],
        Kind::Summary if open_metrics => &["", "_sum", "_count", "_created"],
        Kind::Summary => &["", "_sum", "_count"],
    };
    suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect()
}
