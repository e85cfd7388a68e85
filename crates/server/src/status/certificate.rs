//! The certificate that a target showed last: until when it is good.

use serde_json::Value;

use super::view::View;
use super::words;

/// Fewer days than this are a warning, as in blackbox_exporter's alerts.
const FEW_DAYS: i64 = 21;
const DAY: i64 = 24 * 60 * 60;

/// The leaf, with what is to be said of its chain.
pub(super) struct Leaf<'a> {
    /// That of the report.
    tls: &'a Value,
    subject: &'a str,
    issuer: &'a str,
    /// Unix time.
    not_after: i64,
    /// Of the chain's first to end.
    chain_not_after: i64,
    now: i64,
}

/// How good it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Good {
    Yes,
    Soon,
    No,
}

impl<'a> Leaf<'a> {
    pub(super) fn of(view: &'a View) -> Option<Self> {
        let tls = &view.last_run.as_ref()?["hops"].as_array()?.last()?["tls"];
        let leaf = &tls["chain"][0];
        let outcome = view.summary.last.as_ref()?.outcome.tls?;
        let not_after = outcome.not_after?;
        Some(Self {
            tls,
            subject: leaf["subject"].as_str()?,
            issuer: leaf["issuer"].as_str()?,
            not_after,
            chain_not_after: outcome.chain_not_after.unwrap_or(not_after),
            now: view.summary.now.div_euclid(1000),
        })
    }

    /// Why it is not trusted; `None` where it is.
    pub(super) fn rejected(&self) -> Option<&str> {
        self.tls["rejected"].as_str()
    }

    pub(super) fn good(&self) -> Good {
        let left = self.not_after.min(self.chain_not_after).saturating_sub(self.now);
        match left {
            _ if self.rejected().is_some() => Good::No,
            ..0 => Good::No,
            left if left < FEW_DAYS * DAY => Good::Soon,
            _ => Good::Yes,
        }
    }

    /// `ends 2027-01-01 (33 days left)`.
    pub(super) fn end(&self) -> String {
        ends(self.not_after, self.now)
    }

    /// The same of another of its chain, where that ends first.
    pub(super) fn chain_end(&self) -> Option<String> {
        (self.chain_not_after < self.not_after).then(|| ends(self.chain_not_after, self.now))
    }

    /// Whose it is.
    pub(super) fn subject(&self) -> String {
        words::short(if self.subject.is_empty() { "(no subject)" } else { self.subject }, 60)
    }

    pub(super) fn issuer(&self) -> String {
        words::short(if self.issuer.is_empty() { "(no name)" } else { self.issuer }, 60)
    }

    pub(super) fn sentence(&self) -> String {
        let chain = self.chain_end().map(|end| format!("; another of its chain {end}")).unwrap_or_default();
        let rejected = if self.rejected().is_some() { ", not trusted" } else { "" };
        format!("{}, {}{chain}{rejected}", self.subject(), self.end())
    }
}

fn ends(at: i64, now: i64) -> String {
    let days = |seconds: i64| match seconds / DAY {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    let (date, left) = (words::date(at), at.saturating_sub(now));
    if left < 0 {
        format!("ended {date} ({} ago)", days(left.saturating_neg()))
    } else {
        format!("ends {date} ({} left)", days(left))
    }
}
