//! What a metric is: a family of series under one name, and the value of one series.

use std::borrow::Cow;

/// A metric family: one name, HELP text and type, over series that differ in their label values.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    /// Name as exposed, with the unit and `_total` suffixes of the Prometheus naming rules.
    pub(crate) name: Cow<'static, str>,
    /// HELP text.
    pub(crate) help: &'static str,
    /// TYPE.
    pub(crate) kind: Kind,
    /// Names of the labels, in the order in which values are given.
    pub(crate) labels: &'static [&'static str],
    /// Labels that have the same value on every series: name and value.
    pub(crate) const_labels: Vec<(String, String)>,
}

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only ever rises, but for a restart.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts of observations by size.
    Histogram,
    /// Quantiles that the program itself has worked out; none of ours is one.
    Summary,
}

impl Family {
    pub(crate) const fn counter(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self::new(name, help, Kind::Counter, labels)
    }

    pub(crate) const fn gauge(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self::new(name, help, Kind::Gauge, labels)
    }

    pub(crate) const fn histogram(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self::new(name, help, Kind::Histogram, labels)
    }

    const fn new(name: &'static str, help: &'static str, kind: Kind, labels: &'static [&'static str]) -> Self {
        Self { name: Cow::Borrowed(name), help, kind, labels, const_labels: Vec::new() }
    }
}

/// Declares the families of a source: `static FAMILIES`, and a constant per family that is its index in it.
macro_rules! families {
    ($($index:ident: $kind:ident($name:expr, $help:expr, $labels:expr),)+) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Index { $($index),+ }
        $(const $index: usize = Index::$index as usize;)+
        static FAMILIES: [crate::family::Family; [$($name),+].len()] =
            [$(crate::family::Family::$kind($name, $help, $labels)),+];
    };
}
pub(crate) use families;

/// A label value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LabelValue<'a> {
    pub(crate) text: &'a str,
    /// It has nothing in it that would have to be escaped. To look for it costs as much as the rest of writing it.
    pub(crate) plain: bool,
}

impl<'a> LabelValue<'a> {
    /// Whatever may be in it.
    pub(crate) const fn any(text: &'a str) -> Self {
        Self { text, plain: false }
    }

    /// A word of a closed set.
    pub(crate) const fn word(text: &'static str) -> Self {
        Self { text, plain: true }
    }

    /// Whether `text` is plain.
    pub(crate) fn is_plain(text: &str) -> bool {
        !text.contains(['\\', '"', '\n'])
    }
}

/// The text of a label value that is kept, and looked at once.
#[derive(Debug, Clone)]
pub(crate) struct LabelText {
    text: Box<str>,
    plain: bool,
}

impl LabelText {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.into(), plain: LabelValue::is_plain(text) }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn value(&self) -> LabelValue<'_> {
        LabelValue { text: &self.text, plain: self.plain }
    }
}

/// Labels that a child of a source has beside those of its family.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Labels<'a> {
    pub(crate) names: &'a [String],
    /// By name.
    pub(crate) values: &'a [LabelText],
}

impl<'a> Labels<'a> {
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a str, LabelValue<'a>)> {
        self.names.iter().map(String::as_str).zip(self.values.iter().map(LabelText::value))
    }
}

/// The value of one series.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    /// Of a counter.
    Counter(f64),
    /// Of many counters, which differ in the last of the family's labels alone: one for each word of a closed set.
    Counters {
        /// Values of the last label.
        words: &'static [&'static str],
        /// By word.
        counts: &'a [u64],
    },
    /// Of a gauge.
    Gauge(f64),
    /// Of a histogram.
    Histogram {
        /// Upper bounds, inclusive and rising, without `+Inf`.
        bounds: &'a [f64],
        /// Observations per bucket, *not* cumulated; the last one is `+Inf`'s, so there is one more than bounds.
        /// Their sum is the number of observations.
        buckets: &'a [u64],
        /// Sum of the observed values.
        sum: f64,
        /// The same observations by the buckets of [`native`](crate::histogram::native), where it has them.
        native: Option<&'a [u64]>,
    },
    /// Of a summary.
    Summary {
        /// Quantiles (0 to 1) and their values.
        quantiles: &'a [(f64, f64)],
        /// Number of observations.
        count: u64,
        /// Sum of the observed values.
        sum: f64,
    },
}

impl Value<'_> {
    /// Calls `series` with each single series, for who has no quicker way with many.
    pub(crate) fn each(self, labels: &[LabelValue<'_>], series: &mut dyn FnMut(&[LabelValue<'_>], Value<'_>)) {
        let Self::Counters { words, counts } = self else { return series(labels, self) };
        for (word, count) in words.iter().zip(counts) {
            series(&[labels, &[LabelValue::word(word)]].concat(), Value::Counter(*count as f64));
        }
    }
}

/// Whether a name of metrics (which may have a `:`) or of a label (which may not) is legal in every version of Prometheus.
pub(crate) fn is_name(name: &str, more: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || more.contains(c);
    name.chars().all(legal) && name.starts_with(|c: char| !c.is_ascii_digit())
}
