//! From the events of the parser to a tree, whose size and depth are counted as it grows.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use granit_parser::{Event, Span, Tag};

use super::{DEEPEST, Key, NODE, Node, Position, Problem, Value, position, scalar, tagged, too_deep};

/// Bytes of the whole tree with all aliases written out, about.
const LARGEST: usize = 32 << 20;
/// The key that takes over what is in another map.
const MERGE: &str = "<<";

/// A list or map that has begun.
struct Open {
    at: Position,
    anchor: usize,
    value: Value,
    /// Of a map, before its value.
    key: Option<Key>,
}

#[derive(Default)]
pub(super) struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    /// Bytes of the tree as far as it is.
    weight: usize,
    pub(super) root: Option<Rc<Node>>,
    documents: usize,
}

impl Builder {
    pub(super) fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let at = position(span.start);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Problem::new(at, "a second document in the file; put all into one"));
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
