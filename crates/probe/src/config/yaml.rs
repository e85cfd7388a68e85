//! A YAML document as a tree that knows where each of its parts stands. A scalar keeps its text as it is written: what it is
//! to be is for the option to say. Aliases share what they stand for, and what they add up to is bounded, so that a small
//! file is a small tree.

mod builder;

use std::rc::Rc;

use granit_parser::{ErrorKind, Marker, Parser, ScalarStyle, Tag};

use self::builder::Builder;
use super::Position;
use super::section::Problem;

/// Levels of lists and maps. A module needs seven.
const DEEPEST: usize = 32;
/// Bytes of a part of the tree, beside its text.
const NODE: usize = 64;

/// A part of the document.
#[derive(Debug)]
pub struct Node {
    /// Where it begins.
    pub(crate) at: Position,
    pub(crate) value: Value,
    /// Bytes of it and all below.
    weight: usize,
    /// Levels below.
    depth: usize,
}

#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Text(String),
    List(Vec<Rc<Node>>),
    Map(Vec<(Key, Rc<Node>)>),
}

/// A name in a map.
#[derive(Debug, Clone)]
pub struct Key {
    /// Where it stands.
    pub at: Position,
    /// What it says.
    pub text: String,
}

impl Node {
    fn new(at: Position, value: Value) -> Self {
        let (weight, depth) = match &value {
            Value::Null => (0, 0),
            Value::Text(text) => (text.len(), 0),
            Value::List(nodes) => sum(nodes.iter().map(|node| (node.weight, node.depth))),
            Value::Map(entries) => {
                sum(entries.iter().map(|(key, node)| (NODE + key.text.len() + node.weight, node.depth)))
            }
        };
        Self { at, value, weight: NODE + weight, depth }
    }

    /// Where it begins.
    pub fn position(&self) -> Position {
        self.at
    }

    /// What it is, for errors, which must not say more: it may be a secret.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

fn sum(parts: impl Iterator<Item = (usize, usize)>) -> (usize, usize) {
    parts.fold((0, 1), |(weight, depth), (more, below)| (weight + more, depth.max(below + 1)))
}

/// The one document in `text`. If there is nothing in it, `hint` says what should be.
pub(super) fn read(text: &str, hint: &str) -> Result<Rc<Node>, Problem> {
    let nothing = || Problem::new(Position { line: 1, column: 1 }, format!("nothing in the file; {hint}"));
    parse(text)?.ok_or_else(nothing)
}

/// The one document in `text`; nothing where there is nothing in it.
///
/// # Errors
/// It is not YAML, or more than a configuration may be.
pub fn parse(text: &str) -> Result<Option<Rc<Node>>, Problem> {
    let mut options = granit_parser::options! {
        block_nesting_limit: DEEPEST,
        flow_nesting_limit: DEEPEST,
        // As the library of Go does.
        block_scalar_eof_without_line_feed: true,
    };
    options.set_emit_comments(false);
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| unreadable(text, error.kind(), *error.marker()))?;
        builder.take(event, span)?;
    }
    Ok(builder.root.filter(|root| !matches!(root.value, Value::Null)))
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

fn unreadable(text: &str, kind: &ErrorKind, marker: Marker) -> Problem {
    let message = match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => {
            let at = tab(text, marker).unwrap_or_else(|| position(marker));
            return Problem::new(at, "a tab, which YAML does not allow here; indent with spaces");
        }
        ErrorKind::UnknownAnchor => "an alias of what is nowhere before; define it with & or quote the *".to_owned(),
        ErrorKind::RecursionLimitExceeded => too_deep(),
        ErrorKind::UnexpectedCharacter { character: '@' | '`' | '%' } => {
            "text cannot begin with this character; put it in quotes".to_owned()
        }
        kind => format!("not YAML: {kind}; check the indentation, the quotes and the brackets before this place"),
    };
    Problem::new(position(marker), message)
}

/// The tab that stops the parser, which names a place before or after it: the next one that indents.
fn tab(text: &str, marker: Marker) -> Option<Position> {
    text.lines().enumerate().skip(marker.line().saturating_sub(1)).find_map(|(n, line)| {
        let indentation = line.split(|character| ![' ', '\t'].contains(&character)).next()?;
        Some(Position { line: n + 1, column: indentation.find('\t')? + 1 })
    })
}

fn too_deep() -> String {
    format!("more than {DEEPEST} levels; no file needs as many")
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, at: Position) -> Result<Value, Problem> {
    let null = || match text {
        "" | "~" | "null" | "Null" | "NULL" if style == ScalarStyle::Plain => Value::Null,
        _ => Value::Text(text.to_owned()),
    };
    match tag {
        None => Ok(null()),
        Some(tag) => match tag.core_suffix() {
            Some("str") => Ok(Value::Text(text.to_owned())),
            Some("int" | "bool" | "float" | "null") => Ok(null()),
            _ => Err(tagged(at)),
        },
    }
}

fn tagged(at: Position) -> Problem {
    Problem::new(at, "a tag, which means nothing here; leave it out, or put the text in quotes")
}
