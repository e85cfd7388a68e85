//! One run: hop after hop under one deadline, to a report. It records nothing, so it serves whoever asks.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use metrics_core::{Outcome, Phase, Reason};
use rustls::ClientConfig;
use tokio::time::Instant;
use url::Url;

use crate::dial::resolve::Override;
use crate::dial::tls::{self, Roots, RootsError};
use crate::dial::{connect::connect, resolve::resolve, tls::handshake};
use crate::failure::Failure;
use crate::http;
use crate::target::Spec;
use crate::wire::{Seen, Stream};

/// As the article's HTTP client.
const MAX_REDIRECTS: u32 = 10;

/// What all runs share.
#[derive(Clone)]
pub struct Env {
    tls: Arc<ClientConfig>,
    overrides: Vec<Override>,
}

impl Env {
    /// Trusts `roots`, and takes addresses from `overrides` before it asks the resolver.
    ///
    /// # Errors
    /// [`RootsError`] if the file of certificate authorities cannot be used.
    pub fn new(roots: &Roots, overrides: Vec<Override>) -> Result<Self, RootsError> {
        Ok(Self { tls: tls::config(roots)?, overrides })
    }
}

/// What one run found.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// What metrics count of it.
    pub outcome: Outcome,
    /// The requests, in order: one, and one more for each redirect.
    pub hops: Vec<Hop>,
    /// What failed, in words; `None` when the run succeeded.
    pub detail: Option<String>,
}

/// One request of a run.
#[derive(Debug, Clone)]
pub struct Hop {
    /// What was asked for.
    pub url: Url,
    /// The peer, once connected.
    pub address: Option<SocketAddr>,
    /// Of the response.
    pub status: Option<u16>,
}

impl Hop {
    /// What was asked for, to be shown: without the query, in which sites put keys when they redirect.
    pub fn shown(&self) -> &str {
        &self.url[..url::Position::AfterPath]
    }
}

/// Asks what `spec` says, once. Ends at its timeout at the latest, whatever the peer does.
pub async fn run(spec: &Spec, env: &Env) -> RunReport {
    let at = SystemTime::now();
    let start = Instant::now();
    let mut run = Run {
        env,
        start,
        deadline: start + spec.timeout,
        phases: Default::default(),
        hops: Vec::new(),
        head: None,
        body: None,
    };
    let failure = run.follow(spec.url.clone()).await.err();
    let outcome = Outcome {
        at,
        total: start.elapsed(),
        head: run.head,
        status: run.hops.iter().rev().find_map(|hop| hop.status),
        reason: failure.as_ref().map(|failure| failure.reason),
        phases: run.phases,
        redirects: u32::try_from(run.hops.len().saturating_sub(1)).unwrap_or(u32::MAX),
        body_bytes: run.body,
    };
    RunReport { outcome, hops: run.hops, detail: failure.map(|failure| failure.detail) }
}

/// A run under way.
struct Run<'a> {
    env: &'a Env,
    start: Instant,
    deadline: Instant,
    phases: [Option<Duration>; Phase::ALL.len()],
    hops: Vec<Hop>,
    head: Option<Duration>,
    body: Option<u64>,
}

impl Run<'_> {
    async fn follow(&mut self, mut url: Url) -> Result<(), Failure> {
        loop {
            self.hops.push(Hop { url: url.clone(), address: None, status: None });
            let stream = self.dial(&url).await?;
            match self.exchange(stream, &url).await? {
                None => return Ok(()),
                Some(_) if self.hops.len() > MAX_REDIRECTS as usize => {
                    return Err(Failure::new(Reason::Redirect, format!("more than {MAX_REDIRECTS} redirects")));
                }
                Some(to) => url = to,
            }
        }
    }

    async fn dial(&mut self, url: &Url) -> Result<Stream, Failure> {
        let no_host = || Failure::new(Reason::Redirect, format!("{url} names no host"));
        let host = url.host().ok_or_else(no_host)?;
        let port = url.port_or_known_default().ok_or_else(no_host)?;
        let (env, deadline) = (self.env, self.deadline);
        let addresses = self.time(Phase::Resolve, resolve(&host, port, &env.overrides, deadline)).await?;
        let (stream, address) = self.time(Phase::Connect, connect(&addresses, deadline)).await?;
        if let Some(hop) = self.hops.last_mut() {
            hop.address = Some(address);
        }
        if url.scheme() == "http" {
            return Ok(Stream::Plain(stream));
        }
        let stream = self.time(Phase::Tls, handshake(stream, &host, &env.tls, deadline)).await?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    /// One request and its response; gives where a redirect leads.
    async fn exchange(&mut self, stream: Stream, url: &Url) -> Result<Option<Url>, Failure> {
        let sent = Instant::now();
        let seen = Rc::new(Seen::default());
        let result = self.answer(stream, &seen, url).await;
        let first_byte = seen.first_byte.get().map(Instant::from_std);
        self.add(Phase::Processing, first_byte.unwrap_or_else(Instant::now) - sent);
        if let Some(first_byte) = first_byte {
            self.add(Phase::Transfer, first_byte.elapsed());
        }
        result
    }

    async fn answer(&mut self, stream: Stream, seen: &Rc<Seen>, url: &Url) -> Result<Option<Url>, Failure> {
        let answer = http::request(stream, seen.clone(), url, self.deadline).await?;
        let status = answer.status();
        if let Some(hop) = self.hops.last_mut() {
            hop.status = Some(status);
        }
        // The body of a redirect is nothing anyone sees, and is not waited for.
        if let Some(to) = answer.redirect(url) {
            return to.map(Some);
        }
        self.head = Some(self.start.elapsed());
        answer.discard_body(self.body.insert(0), self.deadline).await?;
        if (200..300).contains(&status) {
            Ok(None)
        } else {
            Err(Failure::new(Reason::Status, format!("status {status} is not 2xx")))
        }
    }

    async fn time<T>(&mut self, phase: Phase, step: impl Future<Output = T>) -> T {
        let start = Instant::now();
        let result = step.await;
        self.add(phase, start.elapsed());
        result
    }

    fn add(&mut self, phase: Phase, time: Duration) {
        *self.phases[phase as usize].get_or_insert_default() += time;
    }
}
