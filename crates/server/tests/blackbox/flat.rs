//! What a prober shows and what it sends as a map, so that two of them can be held against each other key by key.

use std::collections::BTreeMap;
use std::fmt;

/// What is said of what. `a time` stands for one that is positive: no two runs take the same.
pub(crate) type Flat = BTreeMap<Key, String>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// Of a family.
    Type(String),
    /// The value of the series of this family and these labels.
    Value(String, Vec<(String, String)>),
    /// The value of a label, of a family that says things by its labels alone.
    Label(String, String),
    /// Part of the so manieth that was sent to the so manieth peer.
    Sent(usize, usize, String),
}

const TIMES: [&str; 3] = ["probe_duration_seconds", "probe_dns_lookup_time_seconds", "probe_http_duration_seconds"];
const TOLD_BY_LABELS: [&str; 3] = ["probe_ssl_last_chain_info", "probe_tls_cipher_info", "probe_tls_version_info"];

impl Key {
    /// The one without labels.
    pub(crate) fn series(family: &str) -> Self {
        Self::Value(family.to_owned(), Vec::new())
    }

    /// Empty, where it is of no family.
    pub(crate) fn family(&self) -> &str {
        match self {
            Self::Type(family) | Self::Value(family, _) | Self::Label(family, _) => family,
            Self::Sent(..) => "",
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(family) => write!(f, "type of {family}"),
            Self::Value(family, labels) if labels.is_empty() => f.write_str(family),
            Self::Value(family, labels) => write!(f, "{family} {labels:?}"),
            Self::Label(family, label) => write!(f, "label {label} of {family}"),
            Self::Sent(peer, nth, part) => write!(f, "{part} of {nth} to peer {peer}"),
        }
    }
}

/// An answer in the text format. Panics where that is not kept to: no series is said twice, and types come before series.
pub(crate) fn read(text: &str) -> Flat {
    let mut flat = Flat::new();
    let mut say = |key: Key, value: String| {
        let shown = key.to_string();
        assert!(flat.insert(key, value).is_none(), "{shown} is said twice:\n{text}");
    };
    let mut typed = "";
    for line in text.lines().filter(|line| !line.starts_with("# HELP ")) {
        if let Some((family, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            typed = family;
            say(Key::Type(family.to_owned()), kind.to_owned());
            continue;
        }
        let (family, labels, value) = sample(line).unwrap_or_else(|| panic!("no sample: {line}"));
        assert_eq!(family, typed, "its type comes before it:\n{text}");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        if TOLD_BY_LABELS.contains(&family) {
            for (label, value) in labels {
                say(Key::Label(family.to_owned(), label), value);
            }
            say(Key::series(family), value.to_string());
        } else {
            let a_time = TIMES.contains(&family) && value > 0.0;
            let value = if a_time { "a time".to_owned() } else { value.to_string() };
            say(Key::Value(family.to_owned(), labels), value);
        }
    }
    flat
}

type Sample<'a> = (&'a str, Vec<(String, String)>, &'a str);

fn sample(line: &str) -> Option<Sample<'_>> {
    let (family, rest) = line.split_at(line.find(['{', ' '])?);
    let Some(mut rest) = rest.strip_prefix('{') else { return Some((family, Vec::new(), rest.trim())) };
    let mut labels = Vec::new();
    while !rest.starts_with('}') {
        let (label, after) = rest.split_once("=\"")?;
        let (value, after) = unescaped(after)?;
        labels.push((label.to_owned(), value));
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    labels.sort();
    Some((family, labels, rest[1..].trim()))
}

/// A label value, and what comes after its closing quote.
fn unescaped(text: &str) -> Option<(String, &str)> {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    loop {
        match chars.next()? {
            (end, '"') => return Some((value, &text[end + 1..])),
            (_, '\\') => value.push(match chars.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            (_, other) => value.push(other),
        }
    }
}
