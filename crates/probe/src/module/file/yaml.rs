//! A YAML document as a tree that knows where each of its parts stands. A scalar keeps its text as it is written: what it is
//! to be is for the option to say. Aliases share what they stand for, and what they add up to is bounded, so that a small
//! file is a small tree.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::Position;
use super::section::Problem;

/// Levels of lists and maps. A module needs seven.
const DEEPEST: usize = 32;
/// Bytes of the whole tree with all aliases written out, about.
const LARGEST: usize = 32 << 20;
/// Bytes of a part of the tree, beside its text.
const NODE: usize = 64;

/// A part of the document.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Position,
    pub(super) value: Value,
    /// Bytes of it and all below.
    weight: usize,
    /// Levels below.
    depth: usize,
}

#[derive(Debug)]
pub(super) enum Value {
    Null,
    Text(String),
    List(Vec<Rc<Node>>),
    Map(Vec<(Key, Rc<Node>)>),
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) at: Position,
    pub(super) text: String,
}

/// The key that takes over what is in another map.
const MERGE: &str = "<<";

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

/// The one document in `text`; none if there is nothing in it.
pub(super) fn read(text: &str) -> Result<Option<Rc<Node>>, Problem> {
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
    Ok(builder.root)
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
    format!("more than {DEEPEST} levels; no module needs as many")
}

/// A list or map that has begun.
struct Open {
    at: Position,
    anchor: usize,
    value: Value,
    /// Of a map, before its value.
    key: Option<Key>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    /// Bytes of the tree as far as it is.
    weight: usize,
    root: Option<Rc<Node>>,
    documents: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let at = position(span.start);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Problem::new(at, "a second document in the file; put all modules below one modules:"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(&text, style, tag.as_deref(), at)?;
                self.weight += NODE + text.len();
                self.add(Node::new(at, value), anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) => self.begin(Value::List(Vec::new()), anchor, tag.as_deref(), at)?,
            Event::MappingStart(_, anchor, tag) => self.begin(Value::Map(Vec::new()), anchor, tag.as_deref(), at)?,
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(Problem::new(at, "an alias within what it stands for; write it out"));
                };
                self.weight += node.weight;
                if self.open.len() + node.depth > DEEPEST {
                    return Err(Problem::new(at, too_deep()));
                }
                self.put(node, at)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, value: Value, anchor: usize, tag: Option<&Tag>, at: Position) -> Result<(), Problem> {
        if tag.is_some_and(|tag| !matches!(tag.core_suffix(), Some("seq" | "map"))) {
            return Err(tagged(at));
        }
        if self.open.len() >= DEEPEST {
            return Err(Problem::new(at, too_deep()));
        }
        self.weight += NODE;
        self.open.push(Open { at, anchor, value, key: None });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Problem> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.value {
            Value::Map(entries) => Value::Map(self.merged(entries)?),
            value => value,
        };
        self.add(Node::new(open.at, value), open.anchor)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        let (at, node) = (node.at, Rc::new(node));
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.put(node, at)
    }

    /// Puts a part where it belongs. An alias stands at another place than what it stands for.
    fn put(&mut self, node: Rc<Node>, at: Position) -> Result<(), Problem> {
        if self.weight > LARGEST {
            let message = format!(
                "more than {} MiB with all aliases written out; split the file, or use fewer of them",
                LARGEST >> 20
            );
            return Err(Problem::new(at, message));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { value: Value::List(nodes), .. }) => nodes.push(node),
            Some(Open { value: Value::Map(entries), key, .. }) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(self::key(&node, at)?),
            },
            Some(_) => {}
        }
        Ok(())
    }

    /// The entries of a map with those that `<<` takes over; its own win, and no key may stand in it twice.
    fn merged(&mut self, entries: Vec<(Key, Rc<Node>)>) -> Result<Vec<(Key, Rc<Node>)>, Problem> {
        let mut seen: HashMap<String, Position> = HashMap::with_capacity(entries.len());
        for (key, _) in &entries {
            if let Some(first) = seen.insert(key.text.clone(), key.at) {
                let message = format!("the same key stands in line {} already; leave one of them out", first.line);
                return Err(Problem::new(key.at, message));
            }
        }
        if !entries.iter().any(|(key, _)| key.text == MERGE) {
            return Ok(entries);
        }
        let (merges, mut entries): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(key, _)| key.text == MERGE);
        let mut keys: HashSet<String> = seen.into_keys().collect();
        for (key, source) in merges {
            let sources = match &source.value {
                Value::List(sources) => sources.iter().collect(),
                _ => vec![&source],
            };
            for source in sources {
                let Value::Map(others) = &source.value else {
                    return Err(Problem::new(
                        key.at,
                        format!("<< needs a map, not {}; give the alias of one", source.kind()),
                    ));
                };
                for (other, node) in others {
                    if keys.insert(other.text.clone()) {
                        self.weight += NODE + other.text.len() + node.weight;
                        entries.push((other.clone(), node.clone()));
                    }
                }
            }
        }
        Ok(entries)
    }
}

fn key(node: &Node, at: Position) -> Result<Key, Problem> {
    match &node.value {
        Value::Text(text) => Ok(Key { at, text: text.clone() }),
        _ => Err(Problem::new(at, format!("a key must be text, not {}; put it in quotes", node.kind()))),
    }
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
