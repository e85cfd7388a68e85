//! How requests are counted, where the defaults do not fit; refused at construction if it cannot work.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{FAMILIES, UNMATCHED};
use crate::family::{Family, is_name};
use crate::histogram::DURATION_BOUNDS;
use crate::vocab::Method;

/// How requests are counted. The default gives the families of docs/metrics.md as they stand there.
///
/// ```
/// use metrics_core::{Config, HttpMetrics, LongLived, prometheus::Registry};
///
/// let config = Config {
///     namespace: "shop".to_owned(),
///     const_labels: vec![("zone".to_owned(), "a".to_owned())],
///     excluded_routes: vec!["/healthz".to_owned()],
///     long_lived: LongLived::Skip,
///     ..Config::default()
/// };
/// let http = HttpMetrics::register_with(&Registry::new(), &config)?;
/// # let _ = http;
/// # Ok::<(), metrics_core::RegisterError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Stands before each name with a `_` between: `shop` gives `shop_http_requests_total`. Empty (the default): the
    /// names as they are.
    pub namespace: String,
    /// Labels that have one value on every series: name and value. None by default. Two sets that differ in these
    /// values can be registered in one registry.
    pub const_labels: Vec<(String, String)>,
    /// Upper bounds of the duration histogram in seconds, inclusive and rising; `+Inf` is always there besides, and
    /// alone if this is empty. Default: .005 .01 .025 .05 .1 .25 .5 1 2.5 5 10.
    pub duration_buckets: Vec<f64>,
    /// Upper bounds of the two size histograms in bytes, as above. Default: 128 × 2⁰ to 2⁹.
    pub size_buckets: Vec<f64>,
    /// Patterns of routes that are not counted, as the app has them (`/items/{id}`, with the prefix of its scope), or
    /// `unmatched`. A request to one of them is in flight like any other, and then leaves no trace. None by default.
    pub excluded_routes: Vec<String>,
    /// Routes whose series are there from the start, at 0: method and pattern. None by default. Prometheus cannot see
    /// the first increase of a series that was not there before.
    pub known_routes: Vec<(String, String)>,
    /// How many pairs of method and route pattern get series of their own. Requests of any further pair are counted
    /// under `path="overflow"`, and in `http_metrics_overflow_total`. Default: 1000.
    ///
    /// With it, the number of series has a bound that no traffic can move: see
    /// [`HttpMetrics::most_series`](crate::HttpMetrics::most_series).
    pub max_label_sets: usize,
    /// What the label `code` of `http_responses_total` says. Default: the status itself.
    pub status: StatusLabel,
    /// Whether the duration histogram has streams and upgraded connections in it. Default: it has.
    pub long_lived: LongLived,
    /// Whether `http_request_duration_seconds` is a native histogram too: eight buckets per doubling from 1 µs to 64 s,
    /// for scrapers that ask for protobuf. Default: it is not, since a Prometheus that takes native histograms then leaves
    /// out the classic buckets, unless it is told to keep both (`always_scrape_classic_histograms`).
    pub native_histograms: bool,
}

/// What the label `code` says of a status.
///
/// ```
/// use metrics_core::{Config, StatusLabel};
///
/// let config = Config { status: StatusLabel::Class, ..Config::default() };
/// # assert_ne!(config, Config::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatusLabel {
    /// The status: `404`. The first 64 that occur; any further one is `other`, and counts as overflow.
    #[default]
    Exact,
    /// Its class: `4xx`. All five are there at 0 with the first request of a label set; 600 and above is `other`.
    Class,
}

/// What the duration histogram does with exchanges that last as long as somebody listens.
///
/// These are upgraded connections (101), `text/event-stream`, and any other body whose length is not known when it begins,
/// unless that is the work of a content encoding.
///
/// ```
/// use metrics_core::{Config, LongLived};
///
/// let config = Config { long_lived: LongLived::Skip, ..Config::default() };
/// # assert_ne!(config, Config::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LongLived {
    /// It observes them like all others: its `_count` is the number of requests.
    #[default]
    Observe,
    /// It leaves them out, and them alone; every other family counts them.
    Skip,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            namespace: String::new(),
            const_labels: Vec::new(),
            duration_buckets: DURATION_BOUNDS.to_vec(),
            size_buckets: (7..17).map(|power| f64::from(1 << power)).collect(),
            excluded_routes: Vec::new(),
            known_routes: Vec::new(),
            max_label_sets: 1000,
            status: StatusLabel::Exact,
            long_lived: LongLived::Observe,
            native_histograms: false,
        }
    }
}

impl Config {
    /// The families under the names and with the labels that this configuration gives them.
    pub(super) fn families(&self) -> Vec<Family> {
        let named = |family: &Family| Family {
            name: match self.namespace.as_str() {
                "" => family.name.clone(),
                namespace => Cow::Owned(format!("{namespace}_{}", family.name)),
            },
            const_labels: self.const_labels.clone(),
            ..family.clone()
        };
        FAMILIES.iter().map(named).collect()
    }

    /// The known routes, by the words of the label `method`.
    pub(super) fn known(&self) -> Result<Vec<(Method, &str)>, ConfigError> {
        let mut routes = Vec::with_capacity(self.known_routes.len());
        for (name, path) in &self.known_routes {
            let method = Method::from_token(name);
            if method == Method::Other && name != Method::Other.as_str() {
                return Err(ConfigError::UnknownMethod { method: name.clone() });
            }
            routes.push((method, path.as_str()));
        }
        Ok(routes)
    }

    /// Refuses what could only go wrong later.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !(self.namespace.is_empty() || is_name(&self.namespace, ":")) {
            return Err(ConfigError::IllegalNamespace { namespace: self.namespace.clone() });
        }
        self.check_labels()?;
        check_buckets("duration_buckets", &self.duration_buckets)?;
        check_buckets("size_buckets", &self.size_buckets)?;
        check_routes("excluded_routes", self.excluded_routes.iter())?;
        check_routes("known_routes", self.known_routes.iter().map(|(_, path)| path))?;
        let known: HashSet<_> = self.known()?.into_iter().filter(|(_, path)| *path != UNMATCHED).collect();
        if known.len() > self.max_label_sets {
            return Err(ConfigError::TooManyKnownRoutes { known: known.len(), max_label_sets: self.max_label_sets });
        }
        Ok(())
    }

    fn check_labels(&self) -> Result<(), ConfigError> {
        let mut seen = HashSet::new();
        for (label, _) in &self.const_labels {
            let label = label.clone();
            if !is_name(&label, "") {
                return Err(ConfigError::IllegalLabel { label });
            }
            // The first two are the exposition format's own, and two underscores are Prometheus's.
            if matches!(label.as_str(), "le" | "quantile") || label.starts_with("__") {
                return Err(ConfigError::ReservedLabel { label });
            }
            if let Some(family) = FAMILIES.iter().find(|family| family.labels.contains(&label.as_str())) {
                return Err(ConfigError::ClashingLabel { label, family: family.name.to_string() });
            }
            if !seen.insert(label.clone()) {
                return Err(ConfigError::DuplicateLabel { label });
            }
        }
        Ok(())
    }
}

fn check_buckets(field: &'static str, bounds: &[f64]) -> Result<(), ConfigError> {
    let mut below = None;
    for (index, &bound) in bounds.iter().enumerate() {
        if !bound.is_finite() || bound < 0.0 || below.is_some_and(|below| bound <= below) {
            return Err(ConfigError::Bucket { field, index, bound });
        }
        below = Some(bound);
    }
    Ok(())
}

fn check_routes<'a>(field: &'static str, mut routes: impl Iterator<Item = &'a String>) -> Result<(), ConfigError> {
    match routes.find(|route| !route.starts_with('/') && *route != UNMATCHED) {
        Some(route) => Err(ConfigError::Route { field, route: route.clone() }),
        None => Ok(()),
    }
}

/// What is wrong with a [`Config`].
///
/// ```
/// use metrics_core::{Config, HttpMetrics, prometheus::Registry};
///
/// let config = Config { duration_buckets: vec![0.1, 0.01], ..Config::default() };
/// let wrong = HttpMetrics::register_with(&Registry::new(), &config).map(|_| ()).unwrap_err();
/// assert!(wrong.to_string().starts_with("duration_buckets[1] is 0.01: "));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// No metric name can begin like this.
    IllegalNamespace {
        /// As configured.
        namespace: String,
    },
    /// Prometheus allows no such name of a label.
    IllegalLabel {
        /// As configured.
        label: String,
    },
    /// The name has a meaning of its own in Prometheus: `le`, `quantile`, or any that begins with `__`.
    ReservedLabel {
        /// As configured.
        label: String,
    },
    /// A constant label is there twice.
    DuplicateLabel {
        /// As configured.
        label: String,
    },
    /// A constant label has the name of a label that a family has already.
    ClashingLabel {
        /// As configured.
        label: String,
        /// The first family that has it.
        family: String,
    },
    /// A bound of a bucket is negative, not a finite number, or not above the one before it.
    Bucket {
        /// The field of [`Config`].
        field: &'static str,
        /// Where in it, from 0.
        index: usize,
        /// As configured.
        bound: f64,
    },
    /// A route is neither a pattern nor `unmatched`.
    Route {
        /// The field of [`Config`].
        field: &'static str,
        /// As configured.
        route: String,
    },
    /// A method that has no value of its own of the label `method`.
    UnknownMethod {
        /// As configured.
        method: String,
    },
    /// More known routes than label sets.
    TooManyKnownRoutes {
        /// How many known routes there are.
        known: usize,
        /// As configured.
        max_label_sets: usize,
    },
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::IllegalNamespace { namespace } => {
                write!(f, "namespace {namespace:?}: letters, digits, `_` and `:` are allowed, with no digit first")
            }
            Self::IllegalLabel { label } => {
                write!(f, "const_labels {label:?}: letters, digits and `_` are allowed, with no digit first")
            }
            Self::ReservedLabel { label } => {
                write!(
                    f,
                    "const_labels {label:?}: this name has a meaning of its own in Prometheus; choose another one"
                )
            }
            Self::DuplicateLabel { label } => write!(f, "const_labels {label:?}: is there twice; leave one"),
            Self::ClashingLabel { label, family } => {
                write!(f, "const_labels {label:?}: {family} has a label of this name already; choose another one")
            }
            Self::Bucket { field, index, bound } => write!(
                f,
                "{field}[{index}] is {bound}: bounds are finite, not negative, and each above the one before it; \
                 `+Inf` is always there besides"
            ),
            Self::Route { field, route } => write!(
                f,
                "{field} {route:?}: a route is its whole pattern, which begins with `/`, such as `/items/{{id}}`; or `{UNMATCHED}`"
            ),
            Self::UnknownMethod { method } => {
                let methods: Vec<_> = Method::ALL.iter().map(|method| method.as_str()).collect();
                write!(f, "known_routes {method:?}: a method is one of {}", methods.join(", "))
            }
            Self::TooManyKnownRoutes { known, max_label_sets } => write!(
                f,
                "known_routes has {known} routes, and max_label_sets is {max_label_sets}: raise max_label_sets, or name fewer routes"
            ),
        }
    }
}

impl std::error::Error for ConfigError {}
