//! A map of options: which are known, which are given, and of what type they are.

use std::collections::HashMap;
use std::path::Path;

use super::yaml::{Key, Node, Value};
use super::{FileError, Position};

/// What is wrong in a place. The file's path is put before it where it leaves this module.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The place.
    pub at: Position,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Problem {
    /// This is wrong there.
    pub fn new(at: Position, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    /// It is in this file.
    pub fn located(self, path: &Path) -> FileError {
        FileError::new(path, Some(self.at), self.message)
    }
}

/// A map of options. What is null is not given.
pub struct Section<'n> {
    pub(super) at: Position,
    fields: HashMap<&'n str, (Position, &'n Node)>,
}

impl<'n> Section<'n> {
    /// Takes a map apart that has no other keys than `known`; `name` is for errors.
    ///
    /// # Errors
    /// It is no map, or has a key that is not known.
    pub fn new(name: &'static str, node: &'n Node, known: &[&'static str]) -> Result<Self, Problem> {
        let mut fields = HashMap::new();
        for (key, value) in entries(name, node)? {
            if !known.contains(&key.text.as_str()) {
                return Err(unknown(name, key, known));
            }
            if !matches!(value.value, Value::Null) {
                fields.insert(key.text.as_str(), (key.at, value));
            }
        }
        Ok(Self { at: node.at, fields })
    }

    /// The value of an option that is given.
    pub fn get(&self, option: &str) -> Option<&'n Node> {
        self.fields.get(option).map(|(_, node)| *node)
    }

    /// Where the name of an option stands that is given.
    pub fn key(&self, option: &str) -> Position {
        self.fields.get(option).map_or(self.at, |(at, _)| *at)
    }

    /// Where the value of an option stands that is given.
    pub(super) fn value(&self, option: &str) -> Option<Position> {
        self.get(option).map(|node| node.at)
    }

    /// A text that says something, and where it stands.
    ///
    /// # Errors
    /// It is a list or a map.
    pub fn text(&self, option: &str) -> Result<Option<(Position, &'n str)>, Problem> {
        let Some(node) = self.get(option) else { return Ok(None) };
        let text = text(option, node)?;
        Ok((!text.is_empty()).then_some((node.at, text)))
    }

    /// True or false.
    ///
    /// # Errors
    /// It is neither.
    pub fn flag(&self, option: &str) -> Result<Option<bool>, Problem> {
        let Some(node) = self.get(option) else { return Ok(None) };
        let flag = match text(option, node)? {
            // What YAML 1.1 calls a boolean, as Go's library reads it.
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => true,
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => false,
            _ => return Err(Problem::new(node.at, format!("{option} is neither true nor false; write one of them"))),
        };
        Ok(Some(flag))
    }

    /// The items of a list; a value that is none is a list of it.
    pub(super) fn list(&self, option: &str) -> Vec<&'n Node> {
        self.get(option).map(items).unwrap_or_default()
    }

    /// The texts of a list.
    ///
    /// # Errors
    /// One of them is a list or a map.
    pub fn texts(&self, option: &str) -> Result<Vec<(Position, &'n str)>, Problem> {
        self.list(option).into_iter().map(|node| Ok((node.at, text(option, node)?))).collect()
    }

    /// That one of `options` which is given: they are several ways to say one thing.
    pub(super) fn one_of<'o>(&self, options: &[&'o str]) -> Result<Option<&'o str>, Problem> {
        let says = |node: &Node| !matches!(&node.value, Value::Text(text) if text.is_empty());
        let mut given: Vec<_> = options.iter().filter(|option| self.get(option).is_some_and(says)).collect();
        given.sort_by_key(|option| self.key(option));
        match given[..] {
            [first, second, ..] => {
                let line = self.key(first).line;
                let message = format!("{second} beside {first} in line {line}: only one of them can be; leave one out");
                Err(Problem::new(self.key(second), message))
            }
            _ => Ok(given.first().map(|option| **option)),
        }
    }
}

/// The entries of a map; none where nothing is.
///
/// # Errors
/// It is no map.
pub fn entries<'n>(name: &str, node: &'n Node) -> Result<impl Iterator<Item = (&'n Key, &'n Node)>, Problem> {
    let entries = match &node.value {
        Value::Map(entries) => entries.as_slice(),
        Value::Null => &[],
        _ => {
            let message = format!("{name} must be a map, not {}; indent its options below it", node.kind());
            return Err(Problem::new(node.at, message));
        }
    };
    Ok(entries.iter().map(|(key, node)| (key, &**node)))
}

fn items(node: &Node) -> Vec<&Node> {
    match &node.value {
        Value::List(nodes) => nodes.iter().map(|node| &**node).collect(),
        _ => vec![node],
    }
}

/// The text of a scalar, as it is written: a number and true are texts too.
///
/// # Errors
/// It is a list or a map.
pub fn text<'n>(option: &str, node: &'n Node) -> Result<&'n str, Problem> {
    match &node.value {
        Value::Text(text) => Ok(text),
        _ => Err(Problem::new(node.at, format!("{option} must be text, not {}; put it in quotes", node.kind()))),
    }
}

/// Whether a value is as good as none.
pub(super) fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::List(nodes) => nodes.is_empty(),
        Value::Map(entries) => entries.is_empty(),
    }
}

/// Options that hold secrets: a slip may make a key of one.
const SECRETIVE: [&str; 4] = ["basic_auth", "authorization", "http_headers", "basic_auth_users"];

fn unknown(section: &str, key: &Key, known: &[&'static str]) -> Problem {
    let text = key.text.as_str();
    let name = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
    let hint = match nearest(text, known.iter().copied()) {
        _ if text.contains(':') => "write a space after the colon".to_owned(),
        Some(near) => format!("did you mean {near}?"),
        None => format!("known are {}", known.join(", ")),
    };
    let shown = text.len() <= 64 && text.chars().all(name) && !SECRETIVE.contains(&section);
    let shown = if shown { format!(" {text}") } else { String::new() };
    Problem::new(key.at, format!("unknown option{shown} in {section}; {hint}"))
}

/// The one of `known` that `text` is a slip of.
pub(super) fn nearest<'k>(text: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // The longest option has 33 letters; to compare costs the square.
    if text.len() > 64 {
        return None;
    }
    let text = text.to_lowercase();
    let likeness = known.into_iter().map(|known| (strsim::normalized_damerau_levenshtein(&text, known), known));
    likeness.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|best| best.0 >= 0.6).map(|best| best.1)
}

/// A value as it is shown in an error: in one line, and not too long for it.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
