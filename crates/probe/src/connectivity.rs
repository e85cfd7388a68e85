//! "Is it me?": whether the prober can reach anything at all. If it cannot, that targets fail says nothing of them.

use std::collections::HashSet;
use std::time::Duration;

use metrics_core::Reason;
use tokio::time::Instant;

/// So many hosts, out of a row of runs that is as long as this, are as good as all: of thousands, each is asked but once in
/// an interval.
const MANY: usize = 10;
const LONG: Duration = Duration::from_secs(1);

/// What the runs since the last that got through say.
#[derive(Debug, Default)]
pub(crate) struct Connectivity {
    /// All there are, by hash.
    hosts: HashSet<u64>,
    /// Those that could not be reached, for a reason of the prober's own side, since anybody was.
    unreached: HashSet<u64>,
    since: Option<Instant>,
    isolated: bool,
}

impl Connectivity {
    /// These are the hosts that are asked.
    pub(crate) fn hosts(&mut self, hosts: HashSet<u64>) {
        self.unreached.retain(|host| hosts.contains(host));
        self.hosts = hosts;
    }

    /// A run ended. Says whether the prober is cut off, if that has changed.
    pub(crate) fn ended(&mut self, host: u64, reason: Option<Reason>, now: Instant) -> Option<bool> {
        match side(reason) {
            Side::Ours => {
                self.unreached.insert(host);
                self.since.get_or_insert(now);
            }
            Side::Theirs => {
                self.unreached.clear();
                self.since = None;
            }
            Side::Either => {}
        }
        let all = self.unreached.is_superset(&self.hosts);
        let long = self.since.is_some_and(|since| now - since >= LONG);
        // Of one host it cannot be told whose fault it is.
        let isolated = self.hosts.len() > 1 && (all || self.unreached.len() >= MANY && long);
        let changed = isolated != self.isolated;
        self.isolated = isolated;
        changed.then_some(isolated)
    }

    pub(crate) fn isolated(&self) -> bool {
        self.isolated
    }
}

/// Whose side an outcome speaks of.
pub(crate) enum Side {
    /// No network, no resolver.
    Ours,
    /// The peer was reached.
    Theirs,
    /// Nothing came back in time, or there is no telling.
    Either,
}

pub(crate) fn side(reason: Option<Reason>) -> Side {
    match reason {
        Some(Reason::DnsFailure | Reason::DnsTimeout | Reason::ConnectUnreachable) => Side::Ours,
        Some(
            Reason::ConnectTimeout
            | Reason::TlsTimeout
            | Reason::ResponseTimeout
            | Reason::BodyTimeout
            | Reason::Blocked
            | Reason::Internal,
        ) => Side::Either,
        _ => Side::Theirs,
    }
}
