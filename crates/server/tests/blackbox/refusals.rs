//! What cannot be asked is refused by both, with the same status but for what is named.

use crate::asked::Asked;
use crate::difference::Difference::{self, BuiltInModule, NotAUrl, OtherProbers, UserInUrl};

/// A query, and the status of the answer.
pub(crate) struct Refusal {
    pub(crate) name: &'static str,
    query: &'static [(&'static str, &'static str)],
    theirs: u16,
    ours: u16,
    /// Why they are not the same.
    differs: Option<Difference>,
}

/// Nobody is there: where it is not refused, it ends at once.
const TARGET: (&str, &str) = ("target", "http://127.0.0.1:1/");

#[rustfmt::skip] // a table
pub(crate) static ALL: &[Refusal] = &[
    both("no-target", &[("module", "200")]),
    both("empty-target", &[("module", "200"), ("target", "")]),
    both("no-such-module", &[TARGET, ("module", "none")]),
    both("hostname-that-is-not-that-of-the-module", &[TARGET, ("module", "host-header"), ("hostname", "other.test")]),
    differ("no-module", &[TARGET], 400, 200, BuiltInModule),
    differ("module-of-another-prober", &[("target", "127.0.0.1"), ("module", "icmp")], 200, 400, OtherProbers),
    differ("target-that-is-no-url", &[("module", "200"), ("target", "http://[::1")], 200, 400, NotAUrl),
    differ("hostname-that-is-none", &[TARGET, ("module", "200"), ("hostname", "a b")], 200, 400, NotAUrl),
    differ("target-with-a-password", &[("module", "200"), ("target", "http://a:b@127.0.0.1:1/")], 200, 400, UserInUrl),
];

const fn both(name: &'static str, query: &'static [(&'static str, &'static str)]) -> Refusal {
    Refusal { name, query, theirs: 400, ours: 400, differs: None }
}

const fn differ(
    name: &'static str,
    query: &'static [(&'static str, &'static str)],
    theirs: u16,
    ours: u16,
    differs: Difference,
) -> Refusal {
    Refusal { name, query, theirs, ours, differs: Some(differs) }
}

impl Refusal {
    /// Panics where one of them answers otherwise.
    pub(crate) fn is_as_expected(&self, theirs: &Asked, ours: &Asked) -> Option<Difference> {
        for (prober, expected) in [(theirs, self.theirs), (ours, self.ours)] {
            let (status, text) = prober.probe(self.query);
            assert_eq!(status, expected, "{}: {text}", self.name);
        }
        self.differs
    }
}
