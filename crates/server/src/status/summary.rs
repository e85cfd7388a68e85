//! What is to be said of one target in a sentence: whether it is up, since when, why not, how fast.

use std::sync::Arc;
use std::time::SystemTime;

use probe::{RunReport, State, Target, Watched};

use super::words;

/// What is known of a target without its past.
pub(super) struct Summary {
    pub(super) name: String,
    /// `None` where it is asked no more, since a moment ago.
    pub(super) target: Option<Arc<Target>>,
    pub(super) state: State,
    /// In milliseconds of Unix time; of the last run's state.
    pub(super) since: Option<i64>,
    pub(super) last: Option<Arc<RunReport>>,
    /// In milliseconds of Unix time.
    pub(super) now: i64,
}

impl Summary {
    pub(super) fn of(watched: &Watched, now: SystemTime) -> Self {
        let (state, last) = (watched.state(), watched.last());
        // Before the first run it is the one of another life of this program.
        let since = watched.since().filter(|_| last.is_some());
        let now = probe::unix_ms(now);
        Self { name: watched.name().to_owned(), target: watched.target(), state, since, last, now }
    }

    /// Its name, as people say it.
    pub(super) fn title(&self) -> &str {
        title(&self.name)
    }

    /// The word for its state.
    pub(super) fn word(&self) -> &'static str {
        self.state.as_str()
    }

    /// The words after the title.
    pub(super) fn sentence(&self) -> String {
        let Some(report) = &self.last else { return "has no result yet: its first run has not ended".to_owned() };
        let outcome = &report.outcome;
        let reason = || self.reason().unwrap_or_default();
        match self.state {
            State::Pending | State::Up => format!("is up: {}", self.answer(report, "")),
            State::Slow => {
                let limit = self.target.as_ref().and_then(|target| target.slow_after);
                let limit = limit.map(|limit| format!(" (slow after {})", humantime::format_duration(limit)));
                format!("is slow: {}", self.answer(report, &limit.unwrap_or_default()))
            }
            State::Down => {
                let since = self.since.unwrap_or_else(|| probe::unix_ms(outcome.at));
                let long = words::lasting(words::between(since, self.now));
                format!("is down since {} ({long}): {}", words::since(since, self.now), reason())
            }
            State::Unknown => format!("is unknown: this prober cannot reach anything ({})", reason()),
        }
    }

    /// `200 in 143 ms, 12 s ago, HTTP/1.1, TLS 1.3`.
    fn answer(&self, report: &RunReport, limit: &str) -> String {
        let outcome = &report.outcome;
        let status = outcome.status.map_or_else(|| "no status".to_owned(), |status| status.to_string());
        let mut said = vec![format!("{status} in {}{limit}", words::latency(outcome.total)), self.age(report)];
        let version = report.hops.iter().rev().find_map(|hop| hop.version);
        said.extend(version.map(|version| format!("{version:?}")));
        said.extend(outcome.tls.and_then(|tls| tls.version).map(str::to_owned));
        said.join(", ")
    }

    fn age(&self, report: &RunReport) -> String {
        let age = words::between(probe::unix_ms(report.outcome.at), self.now);
        format!("{} ago", words::lasting(age))
    }

    /// How long ago the last run was.
    pub(super) fn last_age(&self) -> Option<String> {
        self.last.as_ref().map(|report| self.age(report))
    }

    /// Why it failed, in words; `None` where it did not.
    pub(super) fn reason(&self) -> Option<String> {
        let outcome = &self.last.as_ref()?.outcome;
        outcome.reason.map(|reason| words::reason(reason.as_str(), outcome.status))
    }

    /// By the word that metrics have for it.
    pub(super) fn reason_word(&self) -> Option<&'static str> {
        self.last.as_ref()?.outcome.reason.map(metrics_core::Reason::as_str)
    }

    /// What the run says besides, on one line.
    pub(super) fn detail(&self) -> Option<String> {
        Some(words::short(&self.last.as_ref()?.failure.as_ref()?.detail, 200))
    }

    /// `up since 08:41 UTC (3 h)`, of what is not down; `None` before the first run.
    pub(super) fn standing(&self) -> Option<String> {
        let since = self.since?;
        let word = match self.state {
            State::Up | State::Slow => "up",
            State::Unknown => "unknown",
            State::Pending | State::Down => return None,
        };
        let long = words::lasting(words::between(since, self.now));
        Some(format!("{word} since {} ({long})", words::since(since, self.now)))
    }

    pub(super) fn is_down(&self) -> bool {
        self.state == State::Down
    }
}

/// A URL without what all have.
pub(super) fn title(name: &str) -> &str {
    name.strip_prefix("https://").unwrap_or(name).trim_end_matches('/')
}
