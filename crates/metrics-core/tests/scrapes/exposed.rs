//! What a scrape says, whatever its format. The text formats are read by the letter: what is not as their specifications
//! have it ends the test.

use std::collections::BTreeSet;

use crate::kit::{Labels, series};

/// All of a scrape, in its order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exposed {
    pub(crate) families: Vec<Family>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Family {
    /// As registered: with the `_total` that OpenMetrics takes for a part of the samples' names.
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) help: String,
    /// Empty where the format has none.
    pub(crate) unit: String,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) value: Number,
    pub(crate) milliseconds: Option<i64>,
}

impl Sample {
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// Whole numbers are compared as such, since counts may be larger than what an f64 tells apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Whole(i128),
    Float(f64),
}

impl Number {
    pub(crate) fn f64(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self::Whole(number.into())
    }
}

impl From<f64> for Number {
    #[allow(clippy::cast_possible_truncation)] // whole and small
    fn from(number: f64) -> Self {
        let whole = number.fract() == 0.0 && number.abs() < 2f64.powi(53);
        if whole { Self::Whole(number as i128) } else { Self::Float(number) }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b || a.is_nan() && b.is_nan(),
            _ => false,
        }
    }
}

fn number(text: &str) -> Number {
    text.parse().map_or_else(|_| text.parse::<f64>().unwrap_or_else(|_| panic!("number: {text}")).into(), Number::Whole)
}

impl Exposed {
    pub(crate) fn parse(text: &str, open_metrics: bool) -> Self {
        let body = if open_metrics { text.strip_suffix("# EOF\n").expect("an end") } else { text };
        assert!(body.is_empty() || body.ends_with('\n'), "the last line ends");
        let mut exposed = Self { families: Vec::new() };
        // Not lines(), to which a carriage return is a part of the end.
        for line in body.split_terminator('\n') {
            let families = &mut exposed.families;
            if let Some(comment) = line.strip_prefix("# ") {
                let [keyword, name, rest] = comment.splitn(3, ' ').collect::<Vec<_>>().try_into().expect(line);
                if families.last().is_none_or(|family| family.name != name) {
                    families.push(Family::new(name));
                }
                families.last_mut().unwrap().describe(keyword, rest, open_metrics);
            } else {
                let family = families.last_mut().expect("a family before its samples");
                family.samples.push(sample(line, open_metrics));
            }
        }
        for family in &mut exposed.families {
            family.check_names(open_metrics);
            if family.kind == "counter" && open_metrics {
                family.name += "_total";
            } else if family.kind == "unknown" {
                family.kind = "counter";
            }
        }
        exposed.check();
        exposed
    }

    /// What holds of a scrape in any format (S10).
    pub(crate) fn check(&self) {
        let names: Vec<&str> = self.families.iter().map(|family| &*family.name).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "each family once, by name: {names:?}");
        let mut seen = BTreeSet::new();
        for family in &self.families {
            assert!(!family.samples.is_empty(), "{} without a sample", family.name);
            for sample in &family.samples {
                assert!(seen.insert((&sample.name, &sample.labels)), "twice: {} {:?}", sample.name, sample.labels);
            }
            match family.kind {
                "histogram" => family.check_parts("_bucket", "le"),
                "summary" => family.check_parts("", "quantile"),
                _ => {}
            }
        }
    }

    pub(crate) fn family(&self, name: &str) -> Option<&Family> {
        self.families.iter().find(|family| family.name == name)
    }

    pub(crate) fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.families.iter().flat_map(|family| &family.samples)
    }

    /// The value of the series with this name and exactly these labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: Labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.samples().find(|sample| sample.name == name && sample.labels == labels).map(|sample| sample.value.f64())
    }

    /// The number of faults of this cause.
    pub(crate) fn errors(&self, cause: &str) -> f64 {
        self.value("metrics_handler_errors_total", &[("cause", cause)]).unwrap()
    }

    pub(crate) fn in_flight(&self) -> f64 {
        self.value("metrics_handler_requests_in_flight", &[]).unwrap()
    }

    /// Without what may be another number in the next scrape.
    pub(crate) fn at_rest(mut self) -> Self {
        self.families.retain(|family| !["metrics_handler_", "process_"].iter().any(|of| family.name.starts_with(of)));
        self
    }

    /// As a format without UNIT has it.
    pub(crate) fn without_units(mut self) -> Self {
        self.families.iter_mut().for_each(|family| family.unit.clear());
        self
    }

    /// As a format has it in which bounds are numbers.
    pub(crate) fn with_plain_bounds(mut self) -> Self {
        for family in &mut self.families {
            let name = if family.kind == "summary" { "quantile" } else { "le" };
            let has_bounds = ["histogram", "summary"].contains(&family.kind);
            for sample in family.samples.iter_mut().filter(|_| has_bounds) {
                if let Some(bound) = sample.labels.get_mut(name) {
                    *bound = plain_bound(bound.parse().unwrap());
                }
            }
        }
        self
    }

    /// Ends the test at the first difference.
    pub(crate) fn assert_same(&self, other: &Self) {
        for (one, other) in self.families.iter().zip(&other.families) {
            for samples in one.samples.iter().zip(&other.samples) {
                assert_eq!(samples.0, samples.1, "{}", one.name);
            }
            assert_eq!(one, other);
        }
        assert_eq!(self.families.len(), other.families.len());
    }
}

pub(crate) fn plain_bound(bound: f64) -> String {
    if bound == f64::INFINITY { "+Inf".to_owned() } else { format!("{bound:?}") }
}

impl Family {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), kind: "", help: String::new(), unit: String::new(), samples: Vec::new() }
    }

    fn describe(&mut self, keyword: &str, text: &str, open_metrics: bool) {
        let before = (self.samples.is_empty(), self.kind, &*self.help, &*self.unit);
        match keyword {
            "HELP" if before == (true, "", "", "") => self.help = unescaped(text, open_metrics),
            "TYPE" if self.kind.is_empty() && self.samples.is_empty() => {
                let kinds = ["counter", "gauge", "histogram", "summary", "unknown"].into_iter();
                self.kind = kinds.take(if open_metrics { 5 } else { 4 }).find(|kind| *kind == text).expect(text);
            }
            "UNIT" if open_metrics && before.0 && before.3.is_empty() => {
                assert!(self.name.ends_with(&format!("_{text}")), "UNIT {} {text}", self.name);
                text.clone_into(&mut self.unit);
            }
            _ => panic!("{keyword} {} {text} after {before:?}", self.name),
        }
    }

    /// The names that the samples of a family can have.
    fn check_names(&self, open_metrics: bool) {
        let suffixes: &[&str] = match self.kind {
            "counter" if open_metrics => &["_total"],
            "counter" | "gauge" | "unknown" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            "summary" => &["", "_sum", "_count"],
            other => panic!("{} has the type {other:?}", self.name),
        };
        for sample in &self.samples {
            let suffix = sample.name.strip_prefix(&self.name);
            assert!(suffix.is_some_and(|suffix| suffixes.contains(&suffix)), "{} in {}", sample.name, self.name);
        }
    }

    /// Of a histogram or a summary: its parts together, in their order, and in agreement.
    fn check_parts(&self, parts: &str, bound: &str) {
        let is_other = |(name, _): &(&String, &String)| *name != bound;
        let same = |a: &Sample, b: &Sample| a.labels.iter().filter(is_other).eq(b.labels.iter().filter(is_other));
        for whole in self.samples.chunk_by(same) {
            let [parts_of @ .., sum, count] = whole else { panic!("{whole:?}") };
            for (sample, suffix) in parts_of.iter().map(|part| (part, parts)).chain([(sum, "_sum"), (count, "_count")])
            {
                assert_eq!(sample.name, format!("{}{suffix}", self.name));
                assert_eq!(sample.labels.contains_key(bound), suffix == parts && !std::ptr::eq(sample, count));
            }
            let bounds: Vec<f64> = parts_of.iter().map(|part| part.label(bound).parse().unwrap()).collect();
            assert!(bounds.is_sorted_by(|a, b| a < b), "{whole:?}");
            if self.kind == "histogram" {
                let last = parts_of.last().expect("buckets");
                assert_eq!((last.label("le"), last.value), ("+Inf", count.value), "{whole:?}");
                assert!(parts_of.is_sorted_by_key(|part| part.value.f64()), "{whole:?}");
            }
        }
    }
}

fn unescaped(text: &str, quotes: bool) -> String {
    let (mut chars, mut unescaped) = (text.chars(), String::new());
    while let Some(c) = chars.next() {
        unescaped.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('\\') => '\\',
                Some('"') if quotes => '"',
                other => panic!("escape {other:?}: {text}"),
            },
            '"' if quotes => panic!("a quote: {text}"),
            c => c,
        });
    }
    unescaped
}

fn sample(line: &str, open_metrics: bool) -> Sample {
    let (name, labels, rest) = series(line);
    let mut parts = rest.strip_prefix(' ').expect(line).split(' ');
    let value = number(parts.next().expect(line));
    let milliseconds = parts
        .next()
        .map(|time| if open_metrics { milliseconds(time.parse().expect(line)) } else { time.parse().expect(line) });
    assert_eq!(parts.next(), None, "{line}");
    Sample { name, labels, value, milliseconds }
}

#[allow(clippy::cast_possible_truncation)] // rounded
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}
