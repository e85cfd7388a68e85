//! What is known of a target before its first run, and what of that cannot be exposed.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use super::FAMILIES;
use crate::family::is_name;

/// A target, as far as metrics go.
///
/// ```
/// use std::time::Duration;
/// use metrics_core::{ExternalMetrics, TargetConfig, prometheus::Registry};
///
/// let shop = TargetConfig {
///     name: "shop".to_owned(),
///     interval: Duration::from_secs(60),
///     slow_after: Some(Duration::from_secs(1)),
///     labels: vec![("team".to_owned(), "sales".to_owned())],
///     phases: true,
/// };
/// let external = ExternalMetrics::register(&Registry::new())?;
/// let targets = external.apply(&[shop.clone()])?;
/// assert_eq!(targets.len(), 1);
/// // Nothing has changed, so it is the same one with the same counts.
/// assert!(std::sync::Arc::ptr_eq(&targets[0], &external.apply(&[shop])?[0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetConfig {
    /// Label `target`, and by what a target is known again.
    pub name: String,
    /// Between the starts of two runs.
    pub interval: Duration,
    /// From which on a run that succeeds is slow; `None` where that is not said.
    pub slow_after: Option<Duration>,
    /// Further labels of all its series: names and values, in any order. All targets have the same names.
    pub labels: Vec<(String, String)>,
    /// Whether there is a histogram for each phase: half of the series of a target.
    pub phases: bool,
}

impl TargetConfig {
    /// Whether a target may have a label of this name.
    ///
    /// ```
    /// use metrics_core::{TargetConfig, TargetError};
    ///
    /// assert_eq!(TargetConfig::check_label("team"), Ok(()));
    /// assert!(matches!(TargetConfig::check_label("reason"), Err(TargetError::TakenLabel { .. })));
    /// ```
    ///
    /// # Errors
    /// [`TargetError`] if it is illegal, Prometheus's own, or a label that metrics of targets have.
    pub fn check_label(name: &str) -> Result<(), TargetError> {
        let label = || name.to_owned();
        if !is_name(name, "") {
            return Err(TargetError::IllegalLabel { label: label() });
        }
        // The first two are the exposition format's own, and two underscores are Prometheus's.
        let reserved = matches!(name, "le" | "quantile") || name.starts_with("__");
        if reserved || FAMILIES.iter().any(|family| family.labels.contains(&name)) {
            return Err(TargetError::TakenLabel { label: label() });
        }
        Ok(())
    }

    /// Its labels by name.
    pub(super) fn sorted_labels(&self) -> Vec<(&str, &str)> {
        let mut labels: Vec<_> = self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        labels.sort_unstable();
        labels
    }
}

/// The names of the labels that all of the targets have, sorted.
///
/// # Errors
/// If not all have the same, or if something of them cannot be exposed.
pub(super) fn label_names(targets: &[TargetConfig]) -> Result<Vec<String>, TargetError> {
    let mut seen = HashSet::with_capacity(targets.len());
    if let Some(twice) = targets.iter().find(|target| !seen.insert(target.name.as_str())) {
        return Err(TargetError::Duplicate { target: twice.name.clone() });
    }
    let Some(first) = targets.first() else { return Ok(Vec::new()) };
    let names: Vec<String> = first.sorted_labels().iter().map(|(name, _)| (*name).to_owned()).collect();
    names.iter().try_for_each(|name| TargetConfig::check_label(name))?;
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(TargetError::LabelTwice { target: first.name.clone(), label: twice[0].clone() });
    }
    let same = |target: &&TargetConfig| target.sorted_labels().iter().map(|(name, _)| *name).eq(&names);
    match targets.iter().find(|target| !same(target)) {
        Some(other) => Err(TargetError::LabelNames { target: other.name.clone(), first: first.name.clone(), names }),
        None => Ok(names),
    }
}

/// Why targets cannot be exposed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetError {
    /// Two targets have one name.
    Duplicate {
        /// The name.
        target: String,
    },
    /// No label can have this name.
    IllegalLabel {
        /// The name.
        label: String,
    },
    /// This name is Prometheus's own, or that of a label that metrics of targets have.
    TakenLabel {
        /// The name.
        label: String,
    },
    /// A target has a label twice.
    LabelTwice {
        /// Its name.
        target: String,
        /// The label's name.
        label: String,
    },
    /// A target has not the labels that the first one has.
    LabelNames {
        /// Its name.
        target: String,
        /// The name of the first one.
        first: String,
        /// The labels of the first one, sorted.
        names: Vec<String>,
    },
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate { target } => write!(f, "two targets are named {target:?}: rename one of them"),
            Self::IllegalLabel { label } => {
                write!(
                    f,
                    "{label:?} cannot be the name of a label: that is letters, digits and `_`, with no digit first"
                )
            }
            Self::TakenLabel { label } => write!(
                f,
                "the label {label:?} is taken, by Prometheus (`le`, `quantile`, all that begin with `__`) or by the metrics of targets: \
                 rename it"
            ),
            Self::LabelTwice { target, label } => {
                write!(f, "target {target:?} has the label {label:?} twice: remove one of them")
            }
            Self::LabelNames { target, first, names } => write!(
                f,
                "target {target:?} has not the labels that {first:?} has, {names:?}: give all targets the same ones (a value may be empty)"
            ),
        }
    }
}

impl std::error::Error for TargetError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str, labels: &[&str]) -> TargetConfig {
        let labels = labels.iter().map(|label| ((*label).to_owned(), "x".to_owned())).collect();
        TargetConfig { name: name.to_owned(), interval: Duration::ZERO, slow_after: None, labels, phases: true }
    }

    #[test]
    fn labels_that_no_target_may_have() {
        for label in ["", "1a", "a-b", "a:b", "é", "a b"] {
            assert_eq!(TargetConfig::check_label(label), Err(TargetError::IllegalLabel { label: label.to_owned() }));
        }
        for label in ["__name__", "__x", "target", "reason", "phase", "cause", "version", "cipher", "le", "quantile"] {
            assert_eq!(TargetConfig::check_label(label), Err(TargetError::TakenLabel { label: label.to_owned() }));
        }
        for label in ["team", "_team", "Target", "team_1", "instance"] {
            assert_eq!(TargetConfig::check_label(label), Ok(()), "{label}");
        }
    }

    #[test]
    fn all_have_the_labels_of_the_first_in_any_order() {
        assert_eq!(label_names(&[]), Ok(vec![]));
        let same = [target("a", &["team", "env"]), target("b", &["env", "team"])];
        assert_eq!(label_names(&same), Ok(vec!["env".to_owned(), "team".to_owned()]));
        for other in [&["env"][..], &[], &["env", "team", "zone"], &["env", "zone"], &["env", "team", "team"]] {
            let error = label_names(&[same[0].clone(), target("b", other)]).unwrap_err();
            assert!(matches!(&error, TargetError::LabelNames { target, .. } if target == "b"), "{other:?}: {error}");
        }
    }

    #[test]
    fn an_error_is_one_line_that_says_what_to_do() {
        for (targets, message) in [
            (vec![target("a\n", &[]), target("a\n", &[])], r#"two targets are named "a\n": rename one of them"#),
            (
                vec![target("a", &["x\n"])],
                r#""x\n" cannot be the name of a label: that is letters, digits and `_`, with no digit first"#,
            ),
            (
                vec![target("a", &["le"])],
                "the label \"le\" is taken, by Prometheus (`le`, `quantile`, all that begin with `__`) or by the metrics of \
                 targets: rename it",
            ),
            (vec![target("a", &["x", "y", "x"])], r#"target "a" has the label "x" twice: remove one of them"#),
            (
                vec![target("a", &["x"]), target("b", &[])],
                r#"target "b" has not the labels that "a" has, ["x"]: give all targets the same ones (a value may be empty)"#,
            ),
        ] {
            assert_eq!(label_names(&targets).unwrap_err().to_string(), message);
        }
    }
}
