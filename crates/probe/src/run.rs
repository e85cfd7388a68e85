//! One run: hop after hop under one deadline, to a report. It records nothing, so it serves whoever asks.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use metrics_core::{Outcome, Phase, Reason, TlsOutcome};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::allow::AllowList;
use crate::body::BodyReader;
use crate::check;
use crate::client::Client;
use crate::dial::connect::{Route, connect};
use crate::dial::lookups::Lookups;
use crate::dial::resolve::{Override, resolve};
use crate::evidence;
use crate::failure::Failed;
use crate::http::{self, Answer};
use crate::report::{Failure, Hop, Phases, RunReport, Tls};
use crate::request::Request;
use crate::target::Spec;
use crate::wire::{Protocol, Seen, Stream};

/// As the article's HTTP client, and as blackbox_exporter.
pub(crate) const MAX_REDIRECTS: u32 = 10;

/// What all runs share. Clones share it too.
#[derive(Debug, Clone, Default)]
pub struct Env {
    pub(crate) overrides: Arc<[Override]>,
    pub(crate) lookups: Lookups,
    allow: Option<Arc<AllowList>>,
}

impl Env {
    /// With addresses that are used in place of what the resolver says.
    pub fn new(overrides: Vec<Override>) -> Self {
        Self { overrides: overrides.into(), ..Self::default() }
    }

    /// The same, for runs that connect to nothing but what `allow` has, whichever name, address or redirect leads them.
    #[must_use]
    pub fn confined(&self, allow: Arc<AllowList>) -> Self {
        Self { allow: Some(allow), ..self.clone() }
    }
}

/// Asks what `spec` says, once. Ends at its timeout at the latest, whatever the peer does.
pub async fn run(spec: &Spec, env: &Env) -> RunReport {
    run_with(spec, env, &|_, _| ()).await
}

/// As [`run`]; `progress` is told of each step as it begins: what is asked for, and the phase.
pub async fn run_with(spec: &Spec, env: &Env, progress: &dyn Fn(&Url, Phase)) -> RunReport {
    let deadline = Instant::now() + spec.timeout;
    let request = request(spec, deadline).await;
    // What has to be read for a run is no part of it.
    let (at, start) = (SystemTime::now(), Instant::now());
    let first = Hop::new(spec.url.clone(), Duration::ZERO);
    let client = &spec.client;
    let mut run =
        Run { client, env, progress, start, deadline, phase: None, lap: start, hops: vec![first], head: None };
    let failed = match request {
        Ok(request) => run.follow(request).await.err(),
        Err(failed) => Some(failed),
    };
    let phase = run.phase;
    run.end();
    let failure = failed.map(|Failed { reason, detail }| Failure { reason, phase, detail });
    if failure.is_none() {
        run.hops.iter_mut().for_each(Hop::forget_evidence);
    }
    let last = run.hops.last();
    let outcome = Outcome {
        at,
        total: run.lap - start,
        head: run.head,
        status: run.hops.iter().rev().find_map(|hop| hop.status),
        reason: failure.as_ref().map(|failure| failure.reason),
        phases: sum(&run.hops),
        redirects: u32::try_from(run.hops.len().saturating_sub(1)).unwrap_or(u32::MAX),
        body_bytes: last.and_then(|hop| hop.body).map(|body| body.bytes),
        tls: last.and_then(|hop| hop.tls.as_ref()).map(tls_outcome),
    };
    RunReport { outcome, hops: run.hops, failure }
}

/// A file may lie on a disk that does not answer, which must not hold up other runs of the thread.
async fn request(spec: &Spec, deadline: Instant) -> Result<Request, Failed> {
    let (client, first) = (spec.client.clone(), spec.url.clone());
    if !client.module().reads_files() {
        return Request::new(client.module(), first);
    }
    let reading = actix_rt::task::spawn_blocking(move || Request::new(client.module(), first));
    match timeout_at(deadline, reading).await {
        Ok(Ok(request)) => request,
        Ok(Err(error)) => Err(Failed::new(Reason::Internal, error.to_string())),
        Err(_) => Err(Failed::new(Reason::Internal, "a file that the module names was not read in time")),
    }
}

fn sum(hops: &[Hop]) -> Phases {
    let mut sum = Phases::default();
    for hop in hops {
        for (total, time) in sum.iter_mut().zip(hop.phases) {
            if let Some(time) = time {
                *total.get_or_insert_default() += time;
            }
        }
    }
    sum
}

/// A run under way. Its clock is a lap timer: a phase begins where the one before it ended, so that nothing is left out.
struct Run<'a> {
    client: &'a Client,
    env: &'a Env,
    progress: &'a dyn Fn(&Url, Phase),
    start: Instant,
    deadline: Instant,
    /// The phase under way, of the last hop.
    phase: Option<Phase>,
    /// When the last phase ended.
    lap: Instant,
    hops: Vec<Hop>,
    head: Option<Duration>,
}

impl Run<'_> {
    async fn follow(&mut self, mut request: Request) -> Result<(), Failed> {
        loop {
            let url = self.hop().url.clone();
            let (stream, protocol) = self.dial(&url, &request).await?;
            let answer = self.ask(stream, protocol, &url, &request).await?;
            let module = self.client.module();
            let redirect = answer.redirect(&url, &module.valid_status_codes).filter(|_| module.follow_redirects);
            let Some(to) = redirect else { return self.judge(answer, &request).await };
            // Its body is nothing anyone sees, and is not waited for.
            self.end();
            if self.hops.len() > MAX_REDIRECTS as usize {
                return Err(Failed::new(Reason::Redirect, format!("more than {MAX_REDIRECTS} redirects")));
            }
            let to = to?;
            request.redirected(answer.status(), answer.headers(), &url);
            self.hops.push(Hop::new(to, self.lap - self.start));
        }
    }

    async fn dial(&mut self, url: &Url, request: &Request) -> Result<(Stream, Protocol), Failed> {
        let no_host = || Failed::new(Reason::Redirect, "a URL without a host");
        let host = url.host().ok_or_else(no_host)?;
        let port = url.port_or_known_default().ok_or_else(no_host)?;
        let (module, deadline) = (self.client.module(), self.deadline);

        let allow = self.env.allow.as_deref();
        allow.map_or(Ok(()), |allow| allow.check_host(&host))?;
        self.begin(Phase::Resolve, url);
        let mut addresses = resolve(&host, port, self.env, deadline).await?;
        let route = Route::of(module);
        route.choose(&host, &mut addresses)?;
        self.end();
        allow.map_or(Ok(()), |allow| allow.retain(&host, &mut addresses))?;
        if let [first, _, ..] = &self.hops[..] {
            let peer = first.address.map(|address| address.ip());
            module.redirect_policy.retain_allowed(&mut addresses, url, &first.url, peer)?;
        }

        self.begin(Phase::Connect, url);
        let (stream, address) = connect(&addresses, &route, deadline, &mut self.hop().tried).await?;
        self.hop().address = Some(address);
        self.end();
        if url.scheme() == "http" {
            return Ok((Stream::Plain(stream), Protocol::Http1));
        }

        self.begin(Phase::Tls, url);
        let client = self.client;
        let seen = self.hop().tls.insert(Tls::default());
        let stream = client.tls.handshake(stream, &host, request.tls_name(url), deadline, seen).await?;
        self.end();
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Protocol::Http2,
            _ => Protocol::Http1,
        };
        Ok((Stream::Tls(Box::new(stream)), protocol))
    }

    /// One request, to the head of its response.
    async fn ask(
        &mut self,
        stream: Stream,
        protocol: Protocol,
        url: &Url,
        request: &Request,
    ) -> Result<Answer, Failed> {
        self.begin(Phase::Processing, url);
        let seen = Rc::new(Seen::default());
        let answer = http::ask(stream, protocol, seen.clone(), url, request, self.deadline).await;
        if let Some(first_byte) = seen.first_byte.get() {
            self.end_at(first_byte.into());
            self.begin(Phase::Transfer, url);
        }
        let answer = answer?;
        let hop = self.hop();
        (hop.version, hop.status) = (Some(answer.version()), Some(answer.status().as_u16()));
        hop.redirects = answer.redirects();
        hop.content_length = answer.content_length();
        hop.last_modified = answer.last_modified();
        hop.headers = evidence::headers(answer.headers(), request);
        Ok(answer)
    }

    /// Reads the body, and holds the answer against what is expected of it.
    async fn judge(&mut self, mut answer: Answer, request: &Request) -> Result<(), Failed> {
        self.head = Some(self.start.elapsed());
        let module = self.client.module();
        let mut body = BodyReader::new(module, &answer, self.deadline);
        let read = answer.read_body(&mut body, self.deadline).await;
        let hop = self.hop();
        hop.body = Some(body.sizes());
        hop.sample =
            Some(body.sample()).filter(|sample| !sample.is_empty()).map(|sample| evidence::body(sample, request));
        read?;
        self.end();
        check::check(module, self.hop(), answer.headers(), body.kept())
    }

    fn begin(&mut self, phase: Phase, url: &Url) {
        self.phase = Some(phase);
        (self.progress)(url, phase);
    }

    fn end(&mut self) {
        self.end_at(Instant::now());
    }

    fn end_at(&mut self, end: Instant) {
        if let Some(phase) = self.phase.take() {
            let time = end - self.lap;
            *self.hop().phases[phase as usize].get_or_insert_default() += time;
            self.lap = end;
        }
    }

    fn hop(&mut self) -> &mut Hop {
        self.hops.last_mut().expect("a run has a hop from the start")
    }
}

fn tls_outcome(tls: &Tls) -> TlsOutcome {
    TlsOutcome {
        version: tls.version,
        cipher: tls.cipher,
        not_after: tls.chain.first().map(|leaf| leaf.not_after),
        chain_not_after: tls.chain_not_after(),
    }
}
