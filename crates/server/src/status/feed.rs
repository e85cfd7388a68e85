//! Incidents as an Atom feed (RFC 4287), for feed readers and chats.

use askama::Template;
use probe::Incident;
use ring::digest::{SHA256, digest};

use super::html::why;
use super::summary::title;
use super::words;

/// The last ones.
const ENTRIES: usize = 50;

/// An incident of a target.
pub(super) struct Told {
    pub(super) target: String,
    /// In milliseconds of Unix time.
    pub(super) start: i64,
    pub(super) incident: Incident,
}

impl Told {
    /// When something new was to be said of it last.
    fn updated(&self) -> i64 {
        self.incident.end.unwrap_or(self.start)
    }
}

#[derive(Template)]
#[template(path = "incidents.xml")]
struct Feed {
    title: String,
    id: String,
    updated: String,
    own: String,
    entries: Vec<Entry>,
}

struct Entry {
    title: String,
    id: String,
    published: String,
    updated: String,
    link: String,
    content: String,
}

/// `base` is where the routes are, for links: a URL with a slash at its end, or nothing. `only` names the one target it is of.
pub(super) fn feed(mut incidents: Vec<Told>, base: &str, only: Option<&str>) -> askama::Result<String> {
    incidents.sort_by_key(|told| std::cmp::Reverse((told.updated(), told.start)));
    incidents.truncate(ENTRIES);
    let entry = |told: &Told| {
        let long = told.incident.end.map(|end| words::lasting(words::between(told.start, end)));
        let state = long.as_ref().map_or_else(|| "is down".to_owned(), |long| format!("was down for {long}"));
        let link = match &*told.incident.run {
            "" => format!("{base}status"),
            run => format!("{base}runs/{run}"),
        };
        Entry {
            title: format!("{} {state}", title(&told.target)),
            id: uuid(&format!("incident\0{}\0{}", told.target, told.start)),
            published: words::rfc3339(told.start),
            updated: words::rfc3339(told.updated()),
            link,
            content: why(&told.incident),
        }
    };
    let feed = Feed {
        title: only.map_or_else(|| "Incidents".to_owned(), |name| format!("Incidents of {}", title(name))),
        id: uuid(&format!("feed\0{}", only.unwrap_or_default())),
        updated: words::rfc3339(incidents.first().map_or(0, Told::updated)),
        own: format!("{base}incidents.atom"),
        entries: incidents.iter().map(entry).collect(),
    };
    feed.render()
}

/// The same for the same, always (RFC 9562, section 5.8).
fn uuid(of: &str) -> String {
    let digest = digest(&SHA256, of.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_ref()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = words::hex(&bytes);
    format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_same_for_the_same_and_valid() {
        let id = uuid("incident\0a\x001");
        assert_eq!(id, uuid("incident\0a\x001"));
        assert_ne!(id, uuid("incident\0a\x002"));
        assert_eq!((id.len(), &id[23..24], id[28..29].contains(['8', '9', 'a', 'b'])), (45, "8", true), "{id}");
    }
}
