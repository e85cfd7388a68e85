//! One run, as its JSON has it: the last one of a target, or one that failed and is kept.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;
use serde_json::Value;

use super::words;

/// What a page shows of it. Names are those of the JSON.
#[derive(Debug, Deserialize)]
pub(super) struct Run {
    pub(super) target: String,
    pub(super) at: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) phase: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) total_seconds: f64,
    pub(super) status: Option<u16>,
    pub(super) hops: Vec<Hop>,
    pub(super) curl: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Hop {
    pub(super) url: String,
    pub(super) start_seconds: f64,
    pub(super) phases: BTreeMap<String, f64>,
    pub(super) tried: Vec<Tried>,
    pub(super) address: Option<String>,
    pub(super) tls: Option<Tls>,
    pub(super) http_version: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) body_bytes: Option<u64>,
    #[serde(default)]
    pub(super) headers: Vec<(String, String)>,
    pub(super) body_sample: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tried {
    pub(super) address: String,
    pub(super) error: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tls {
    pub(super) version: Option<String>,
    pub(super) cipher: Option<String>,
    pub(super) rejected: Option<String>,
    pub(super) chain: Vec<Certificate>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Certificate {
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) not_before: Option<String>,
    pub(super) not_after: Option<String>,
    pub(super) fingerprint_sha256: String,
}

impl Run {
    /// `None` for what is no run, as a damaged file may hold.
    pub(super) fn of(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }

    /// Why it failed, in words.
    pub(super) fn words(&self) -> Option<String> {
        Some(words::reason(self.reason.as_ref()?, self.status))
    }

    pub(super) fn total(&self) -> String {
        words::latency(words::seconds(self.total_seconds))
    }

    /// For terminals.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let verdict = match (&self.reason, self.words()) {
            (Some(word), Some(words)) => format!("{words} ({word})"),
            _ => "up".to_owned(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} at {}: {verdict}", self.target, self.at.as_deref().unwrap_or("an unknown time"));
        if let Some(detail) = &self.detail {
            let phase = self.phase.as_ref().map(|phase| format!("in {phase}: ")).unwrap_or_default();
            let _ = writeln!(text, "{phase}{detail}");
        }
        let _ = writeln!(text, "took {}", self.total());
        for hop in &self.hops {
            let _ = writeln!(text, "\n{}", hop.url);
            for (phase, seconds) in &hop.phases {
                let _ = writeln!(text, "  {phase} {}", words::latency(words::seconds(*seconds)));
            }
            for Tried { address, error } in &hop.tried {
                let _ = writeln!(text, "  tried {address}: {error}");
            }
            for fact in hop.facts() {
                let _ = writeln!(text, "  {fact}");
            }
            for (name, value) in &hop.headers {
                let _ = writeln!(text, "  {name}: {}", words::short(value, 1000));
            }
            if let Some(sample) = &hop.body_sample {
                let lines = sample.lines().map(|line| format!("  | {}\n", words::short(line, 1000)));
                text.extend(lines);
            }
        }
        if let Some(curl) = &self.curl {
            let _ = writeln!(text, "\n{curl}");
        }
        text
    }
}

impl Hop {
    /// What was seen on the wire, a line each.
    pub(super) fn facts(&self) -> Vec<String> {
        let mut facts = Vec::new();
        facts.extend(self.address.as_ref().map(|address| format!("address {address}")));
        if let Some(tls) = &self.tls {
            let said = [tls.version.as_deref(), tls.cipher.as_deref()].into_iter().flatten().collect::<Vec<_>>();
            if !said.is_empty() {
                facts.push(said.join(", "));
            }
            facts.extend(tls.rejected.as_ref().map(|why| format!("not trusted: {why}")));
            for certificate in &tls.chain {
                let day = |time: &Option<String>| {
                    time.as_deref().unwrap_or("?").split('T').next().unwrap_or_default().to_owned()
                };
                let (from, until) = (day(&certificate.not_before), day(&certificate.not_after));
                facts.push(format!(
                    "certificate {} by {}, from {from} until {until}, sha-256 {}",
                    words::short(&certificate.subject, 100),
                    words::short(&certificate.issuer, 100),
                    certificate.fingerprint_sha256
                ));
            }
        }
        if let Some(status) = self.status {
            let version = self.http_version.as_ref().map(|version| format!(", {version}")).unwrap_or_default();
            let bytes = self.body_bytes.map(|bytes| format!(", {bytes} bytes")).unwrap_or_default();
            facts.push(format!("answer {status}{version}{bytes}"));
        }
        facts
    }
}
