//! The labels of a target, beside those that all have.

use metrics_core::{TargetConfig, TargetError};

use super::Position;
use super::section::{Problem, Section, entries, shown, text};
use super::yaml::Value;

/// Each of them makes each line of a scrape longer.
const MOST: usize = 10;
/// Characters of a value, or of the name of a target.
const LONGEST: usize = 200;

/// A label that is given.
pub(super) struct Label {
    pub(super) at: Position,
    pub(super) name: String,
    pub(super) value: String,
}

/// The labels of a target, sorted by name.
pub(super) fn read(target: &Section<'_>) -> Result<Vec<Label>, Problem> {
    let Some(node) = target.get("labels") else { return Ok(Vec::new()) };
    let mut labels = Vec::new();
    for (key, node) in entries("labels", node)?.filter(|(_, node)| !matches!(node.value, Value::Null)) {
        let wrong = |why: &str| Err(Problem::new(key.at, format!("label {}: {why}", shown(&key.text))));
        let name = key.text.as_str();
        match TargetConfig::check_label(name) {
            Ok(()) if name.len() <= LONGEST => {}
            Err(TargetError::TakenLabel { .. }) if !name.starts_with("__") => {
                return wrong("the metrics have a label of this name already; choose another one");
            }
            _ => {
                return wrong(
                    "not the name of a label; write letters, digits and _, with no digit and no __ at the beginning",
                );
            }
        }
        if labels.len() == MOST {
            return wrong("one more than the ten labels that a target may have; leave some out");
        }
        let value = text("the value of a label", node)?;
        check("the value of a label", node.at, value)?;
        labels.push(Label { at: key.at, name: name.to_owned(), value: value.to_owned() });
    }
    labels.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(labels)
}

/// Refuses what cannot stand in a label: `what` is what it is.
pub(super) fn check(what: &str, at: Position, text: &str) -> Result<(), Problem> {
    let wrong = |why: String| Err(Problem::new(at, format!("{what}: {why}")));
    if text.chars().any(char::is_control) {
        return wrong("a line break or control character in it; leave that out".to_owned());
    }
    match text.chars().count() {
        length if length > LONGEST => wrong(format!("{length} characters; write at most {LONGEST}")),
        _ => Ok(()),
    }
}
