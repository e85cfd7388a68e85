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
    /// These hosts are asked from now on.
    pub(crate) fn ask(&mut self, hosts: HashSet<u64>) {
        self.unreached.retain(|host| hosts.contains(host));
        self.hosts = hosts;
    }

    /// A run ended. Says whether the prober is cut off, if that has changed.
    pub(crate) fn ended(&mut self, host: u64, reason: Option<Reason>, now: Instant) -> Option<bool> {
        match Side::of(reason) {
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

    pub(crate) fn is_isolated(&self) -> bool {
        self.isolated
    }
}

/// Whose side the end of a run speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// No network, no resolver.
    Ours,
    /// The peer was reached.
    Theirs,
    /// Nothing came back in time, or there is no telling.
    Either,
}

impl Side {
    pub(crate) fn of(reason: Option<Reason>) -> Self {
        use Reason as R;
        match reason {
            Some(R::DnsFailure | R::DnsTimeout | R::ConnectUnreachable) => Self::Ours,
            Some(
                R::ConnectTimeout | R::TlsTimeout | R::ResponseTimeout | R::BodyTimeout | R::Blocked | R::Internal,
            ) => Self::Either,
            _ => Self::Theirs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Option<Reason> = Some(Reason::DnsFailure);
    const THEIRS: Option<Reason> = Some(Reason::ConnectRefused);
    const EITHER: Option<Reason> = Some(Reason::ResponseTimeout);

    fn of(hosts: u64) -> Connectivity {
        let mut connectivity = Connectivity::default();
        connectivity.ask((0..hosts).collect());
        connectivity
    }

    /// Runs that end one after the other, a tenth of a second apart; after which of them it is isolated.
    fn isolated(connectivity: &mut Connectivity, runs: &[(u64, Option<Reason>)]) -> Vec<bool> {
        let start = Instant::now();
        let ended = runs.iter().zip(0u32..).map(|(&(host, reason), n)| {
            connectivity.ended(host, reason, start + LONG / 10 * n);
            connectivity.is_isolated()
        });
        ended.collect()
    }

    #[test]
    fn when_no_host_of_all_can_be_reached_it_is_us_until_one_is() {
        let runs = [(0, OURS), (1, OURS), (2, OURS), (0, OURS), (1, None), (2, OURS)];
        assert_eq!(isolated(&mut of(3), &runs), [false, false, true, true, false, false]);
        // One that refuses was reached.
        assert_eq!(isolated(&mut of(2), &[(0, OURS), (1, THEIRS), (0, OURS)]), [false, false, false]);
        // A timeout says nothing of either side.
        assert_eq!(isolated(&mut of(2), &[(0, OURS), (1, EITHER), (1, OURS)]), [false, false, true]);
    }

    #[test]
    fn of_one_host_it_cannot_be_told() {
        assert_eq!(isolated(&mut of(1), &[(0, OURS), (0, OURS)]), [false, false]);
        assert_eq!(isolated(&mut of(2), &[(0, OURS), (0, OURS), (0, OURS)]), [false, false, false]);
    }

    #[test]
    fn of_thousands_a_row_of_many_that_lasts_a_second_is_enough() {
        let row: Vec<_> = (0..12).map(|host| (host, OURS)).collect();
        let isolated_after = isolated(&mut of(1000), &row).iter().position(|isolated| *isolated);
        assert_eq!(isolated_after, Some(10));
        // The same few again and again are not.
        let few: Vec<_> = (0..40).map(|n| (n % 9, OURS)).collect();
        assert!(isolated(&mut of(1000), &few).iter().all(|isolated| !isolated));
    }

    #[test]
    fn a_change_is_told_once() {
        let (mut connectivity, now) = (of(2), Instant::now());
        let told: Vec<_> = [(0, OURS), (1, OURS), (0, OURS), (0, None), (1, None)]
            .map(|(host, reason)| connectivity.ended(host, reason, now))
            .into();
        assert_eq!(told, [None, Some(true), None, Some(false), None]);
    }

    #[test]
    fn hosts_that_are_asked_no_more_are_forgotten() {
        let mut connectivity = of(3);
        isolated(&mut connectivity, &[(0, OURS), (1, OURS)]);
        connectivity.ask([0, 1].into());
        assert!(isolated(&mut connectivity, &[(0, OURS)])[0]);
        connectivity.ask([0, 3].into());
        assert!(!isolated(&mut connectivity, &[(0, OURS)])[0]);
    }
}
