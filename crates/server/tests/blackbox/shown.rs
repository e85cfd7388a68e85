//! One case, asked of both: what they show is compared, and so is what the peers were sent.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::asked::Asked;
use crate::cases::Ready;
use crate::difference::{Difference, Seen};
use crate::flat::{self, Flat, Key};

/// Panics with whatever differs and has no name; which of the named differences there were.
pub(crate) fn the_same(case: &Ready, theirs: &Asked, ours: &Asked, known: &[Difference]) -> BTreeSet<Difference> {
    let theirs = ask(case, theirs);
    for (family, value) in [("probe_success", u16::from(case.succeeds)), ("probe_http_status_code", case.status)] {
        let shown = theirs.get(&Key::series(family));
        assert_eq!(shown, Some(&value.to_string()), "{} is not what it is there for: {theirs:#?}", case.name);
    }
    let ours = ask(case, ours);
    let (mut named, mut others) = (BTreeSet::new(), String::new());
    for key in theirs.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
        let (of_theirs, of_ours) = (theirs.get(key).map(String::as_str), ours.get(key).map(String::as_str));
        if of_theirs == of_ours {
            continue;
        }
        let seen =
            Seen { case: case.name, key, theirs: of_theirs, ours: of_ours, all_of_theirs: &theirs, all_of_ours: &ours };
        match known.iter().find(|difference| difference.explains(&seen)) {
            Some(difference) => drop(named.insert(*difference)),
            None => writeln!(others, "{key}: {of_theirs:?}, ours {of_ours:?}").unwrap(),
        }
    }
    assert!(others.is_empty(), "{} differs in what has no name:\n{others}", case.name);
    named
}

/// What it shows, and what each of the peers has been sent.
fn ask(case: &Ready, prober: &Asked) -> Flat {
    let before = case.sent();
    let mut query = vec![("module", case.name), ("target", &*case.target)];
    query.extend(case.hostname.map(|name| ("hostname", name)));
    let (status, text) = prober.probe(&query);
    assert_eq!(status, 200, "{}: {text}", case.name);
    let mut flat = flat::read(&text);
    for (peer, (sent, before)) in case.sent().into_iter().zip(before).enumerate() {
        for (nth, sent) in sent.into_iter().skip(before.len()).enumerate() {
            flat.extend(sent.into_iter().map(|(part, value)| (Key::Sent(peer, nth, part), value)));
        }
    }
    flat
}
