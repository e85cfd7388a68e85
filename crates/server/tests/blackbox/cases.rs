//! What is asked: a module, a target, the peers that it leads to, and what comes of it.

mod answers;
mod certificates;
mod checks;
mod http2;
mod redirects;
mod requests;
mod tls;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use crate::kit::{Action, Peer};
use crate::kit_http2::Http2Peer;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    succeeds: bool,
    /// 0 where there is no answer.
    status: u16,
    setup: fn() -> Setup,
}

impl Case {
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        [answers::ALL, certificates::ALL, checks::ALL, http2::ALL, redirects::ALL, requests::ALL, tls::ALL]
            .into_iter()
            .flatten()
    }

    /// Starts what is asked.
    pub(crate) fn set_up(&self) -> Ready {
        let Self { name, succeeds, status, setup } = *self;
        let Setup { target, hostname, module, timeout, sent, keep } = setup();
        Ready { name, succeeds, status, target, hostname, module, timeout, sent, _keep: keep }
    }
}

const fn up(name: &'static str, status: u16, setup: fn() -> Setup) -> Case {
    Case { name, succeeds: true, status, setup }
}

const fn down(name: &'static str, status: u16, setup: fn() -> Setup) -> Case {
    Case { name, succeeds: false, status, setup }
}

/// A case whose peers are there.
pub(crate) struct Ready {
    /// Also its module's.
    pub(crate) name: &'static str,
    pub(crate) succeeds: bool,
    pub(crate) status: u16,
    pub(crate) target: String,
    pub(crate) hostname: Option<&'static str>,
    module: String,
    timeout: Option<&'static str>,
    sent: Vec<Box<SentToPeer>>,
    _keep: Vec<Box<dyn Any>>,
}

impl Ready {
    /// What each of the peers has been sent so far; handshakes as if to a peer of their own.
    pub(crate) fn sent(&self) -> Vec<Vec<Sent>> {
        self.sent.iter().map(|sent| sent()).collect()
    }
}

/// The file with the modules of all cases, and one that is for no case.
pub(crate) fn modules(cases: &[Ready]) -> String {
    let mut file = "modules:\n  icmp: {prober: icmp}\n".to_owned();
    for Ready { name, module, timeout, .. } in cases {
        let timeout = timeout.map(|timeout| format!("timeout: {timeout}, ")).unwrap_or_default();
        let http = format!("{{preferred_ip_protocol: ip4{}{module}}}", if module.is_empty() { "" } else { ", " });
        writeln!(file, "  {name}: {{prober: http, {timeout}http: {http}}}").unwrap();
    }
    file
}

/// A handshake or a request, by its parts.
type Sent = BTreeMap<String, String>;

type SentToPeer = dyn Fn() -> Vec<Sent>;

struct Setup {
    target: String,
    hostname: Option<&'static str>,
    /// The section `http`, as one line of YAML.
    module: String,
    timeout: Option<&'static str>,
    sent: Vec<Box<SentToPeer>>,
    keep: Vec<Box<dyn Any>>,
}

impl Setup {
    fn of(target: impl Display) -> Self {
        let target = target.to_string();
        Self { target, hostname: None, module: String::new(), timeout: None, sent: Vec::new(), keep: Vec::new() }
    }

    fn plain(action: Action) -> Self {
        let peer = Peer::plain(move |_| action.clone());
        Self::of(peer.url("/")).with(&peer)
    }

    /// Nobody listens there. The port is taken, so that no other peer comes to have it.
    fn refused(scheme: &str) -> Self {
        let (address, taken) = crate::taken_port();
        let mut setup = Self::of(format!("{scheme}://{address}/"));
        setup.keep.push(Box::new(taken));
        setup
    }

    /// What the peer was sent must be the same of both.
    fn with(mut self, peer: &Peer) -> Self {
        let (shaken, asked) = (peer.clone(), peer.clone());
        self.sent.push(Box::new(move || handshakes(&shaken)));
        self.sent.push(Box::new(move || requests(&asked)));
        self
    }

    fn with_http2(mut self, peer: Http2Peer) -> Self {
        self.sent.push(Box::new(move || requests_of_http2(&peer)));
        self
    }

    fn module(mut self, module: &str) -> Self {
        let before = if self.module.is_empty() { "" } else { ", " };
        self.module = format!("{}{before}{module}", self.module);
        self
    }

    fn hostname(self, hostname: &'static str) -> Self {
        Self { hostname: Some(hostname), ..self }
    }

    fn short(self) -> Self {
        Self { timeout: Some("800ms"), ..self }
    }
}

/// The names that TLS was asked for.
fn handshakes(peer: &Peer) -> Vec<Sent> {
    // Then all connections have ended.
    drop(peer.received());
    let handshake = |name| Sent::from([("server name".to_owned(), format!("{name:?}"))]);
    peer.names().into_iter().map(handshake).collect()
}

fn requests(peer: &Peer) -> Vec<Sent> {
    let told_of = |(head, body): (String, Vec<u8>)| {
        let (request, headers) = head.split_once("\r\n").unwrap();
        told(request, headers.lines().filter_map(|line| line.split_once(": ")), &body)
    };
    peer.requests().into_iter().zip(peer.bodies()).map(told_of).collect()
}

fn requests_of_http2(peer: &Http2Peer) -> Vec<Sent> {
    let told_of = |request: http::Request<Vec<u8>>| {
        let line = format!("{} {}", request.method(), request.uri());
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        told(&line, headers, request.body())
    };
    peer.requests().into_iter().map(told_of).collect()
}

/// Headers in no order, as their names have none.
fn told<'a>(request: &str, headers: impl Iterator<Item = (&'a str, &'a str)>, body: &[u8]) -> Sent {
    let body = String::from_utf8_lossy(body).into_owned();
    let mut sent = Sent::from([("request".to_owned(), request.to_owned()), ("body".to_owned(), body)]);
    for (name, value) in headers {
        let values: &mut String = sent.entry(name.to_ascii_lowercase()).or_default();
        *values = if values.is_empty() { value.to_owned() } else { format!("{values}, {value}") };
    }
    sent
}
