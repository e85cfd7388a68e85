//! A way to each reason, told as a user would: a URL, a module, where names lead. The table is whole when each reason is in it.

use std::any::Any;
use std::fmt::Display;
use std::path::PathBuf;

use metrics_core::{Phase, Reason};

use super::peer::{Full, until_closed};
use super::{Action, Authority, Flaw, Peer, closed_port, file, ok, redirect, response};

/// A way to a reason.
pub struct Case {
    pub name: &'static str,
    pub reason: Reason,
    /// The step that fails; `None` where the answer is there, and not the one that is wanted.
    pub phase: Option<Phase>,
    pub place: Place,
    setup: fn() -> Setup,
}

/// What it takes to go there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Loopback.
    Anywhere,
    /// The resolver and the routes of the suite `resolver`.
    OwnNetwork,
}

impl Case {
    pub fn all(place: Place) -> impl Iterator<Item = &'static Self> {
        ALL.iter().filter(move |case| case.place == place)
    }

    /// Starts what is asked, and writes the module.
    pub fn set_up(&self) -> Ready {
        let Setup { url, module, resolve, timeout, peers } = (self.setup)();
        let text = format!("modules:\n  it:\n    prober: http\n    http: {{{module}}}\n");
        Ready { url, module: file(&format!("{}.yml", self.name), text), resolve, timeout, _peers: peers }
    }
}

/// What a program is started with.
pub struct Ready {
    pub url: String,
    module: PathBuf,
    resolve: Vec<String>,
    timeout: &'static str,
    _peers: Vec<Box<dyn Any>>,
}

impl Ready {
    /// Flags by these names: how the program calls its module and its timeout.
    pub fn flags(&self, module: &str, timeout: &str) -> Vec<String> {
        let mut flags = vec![module.to_owned(), format!("{}:it", self.module.display())];
        flags.extend([timeout.to_owned(), self.timeout.to_owned()]);
        flags.extend(self.resolve.iter().flat_map(|known| ["--resolve".to_owned(), known.clone()]));
        flags
    }
}

struct Setup {
    url: String,
    /// The section `http`, as one line of YAML.
    module: String,
    resolve: Vec<String>,
    timeout: &'static str,
    peers: Vec<Box<dyn Any>>,
}

/// Longer than anything takes that does not wait for it.
const LONG: &str = "20s";

/// Enough to come to what it waits for.
const SHORT: &str = "600ms";

impl Setup {
    fn of(url: impl Display) -> Self {
        Self { url: url.to_string(), module: String::new(), resolve: Vec::new(), timeout: LONG, peers: Vec::new() }
    }

    fn answers(action: Action) -> Self {
        let peer = Peer::plain(move |_| action.clone());
        Self::of(peer.url("/")).with(peer)
    }

    /// A peer whose certificate is what is asked about; the module trusts `authority`.
    fn shows(authority: &Authority, test: &str, peer: Peer) -> Self {
        let resolve = vec![format!("good.test:443:{}", peer.address)];
        let module = format!("tls_config: {{ca_file: '{}'}}", authority.file(test).display());
        Self { module, resolve, ..Self::of("https://good.test/").with(peer) }
    }

    fn with(mut self, peer: impl Any) -> Self {
        self.peers.push(Box::new(peer));
        self
    }

    fn module(self, module: &str) -> Self {
        Self { module: module.to_owned(), ..self }
    }

    fn short(self) -> Self {
        Self { timeout: SHORT, ..self }
    }
}

fn shows(test: &str, name: &str, flaw: &Flaw) -> Setup {
    let authority = Authority::new();
    let peer = Peer::tls(authority.server(name, flaw), |_| ok());
    Setup::shows(&authority, test, peer)
}

/// It takes the hello, and then does nothing.
fn hangs() -> Setup {
    let peer = Peer::raw(|stream| {
        until_closed(stream);
        Ok(())
    });
    Setup::of(peer.https("/")).with(peer)
}

fn redirected_to(host: &'static str) -> Setup {
    let first = Peer::plain(|_| Action::Close);
    let port = first.address.port();
    first.answers(move |_| redirect("302 Found", &format!("http://{host}:{port}/")));
    Setup::of(first.url("/")).with(first)
}

const fn case(name: &'static str, reason: Reason, phase: Option<Phase>, setup: fn() -> Setup) -> Case {
    Case { name, reason, phase, place: Place::Anywhere, setup }
}

const fn of_network(name: &'static str, reason: Reason, phase: Phase, setup: fn() -> Setup) -> Case {
    Case { name, reason, phase: Some(phase), place: Place::OwnNetwork, setup }
}

const RESOLVE: Option<Phase> = Some(Phase::Resolve);
const CONNECT: Option<Phase> = Some(Phase::Connect);
const TLS: Option<Phase> = Some(Phase::Tls);
const PROCESSING: Option<Phase> = Some(Phase::Processing);
const TRANSFER: Option<Phase> = Some(Phase::Transfer);

#[rustfmt::skip] // a table
static ALL: &[Case] = &[
    of_network("p3-no-such-name", Reason::DnsNotFound, Phase::Resolve, || Setup::of("http://nowhere.test/")),
    of_network("p3-no-address", Reason::DnsNotFound, Phase::Resolve, || Setup::of("http://none.test/")),
    of_network("p4-resolver-refuses", Reason::DnsFailure, Phase::Resolve, || Setup::of("http://refused.test/")),
    of_network("p4-resolver-fails", Reason::DnsFailure, Phase::Resolve, || Setup::of("https://failing.test/")),
    of_network("p5-resolver-silent", Reason::DnsTimeout, Phase::Resolve, || Setup::of("http://silent.test/").short()),
    of_network("p2-no-route", Reason::ConnectUnreachable, Phase::Connect, || Setup::of("http://unreachable.test/")),
    case("no-address-of-the-family", Reason::DnsNotFound, RESOLVE, || {
        Setup::answers(ok()).module("preferred_ip_protocol: ip6, ip_protocol_fallback: false")
    }),
    case("p1-refused", Reason::ConnectRefused, CONNECT, || Setup::of(format!("http://{}/", closed_port()))),
    case("p2-source-that-is-not-ours", Reason::ConnectUnreachable, CONNECT, || {
        Setup::answers(ok()).module("source_ip_address: 192.0.2.1")
    }),
    case("p2-full", Reason::ConnectTimeout, CONNECT, || {
        let full = Full::new();
        Setup::of(format!("http://{}/", full.address)).with(full).short()
    }),
    case("p22-plain-text", Reason::TlsHandshake, TLS, || {
        let peer = Peer::raw(|stream| std::io::Write::write_all(stream, b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        Setup::of(peer.https("/")).with(peer)
    }),
    case("handshake-hangs", Reason::TlsTimeout, TLS, || hangs().short()),
    case("p19-expired", Reason::TlsExpired, TLS, || shows("p19", "good.test", &Flaw::Expired)),
    case("not-yet-valid", Reason::TlsNotYetValid, TLS, || shows("not-yet", "good.test", &Flaw::NotYetValid)),
    case("p20-wrong-name", Reason::TlsWrongName, TLS, || shows("p20", "other.test", &Flaw::None)),
    case("p18-untrusted", Reason::TlsUntrusted, TLS, || {
        let peer = Peer::tls(Authority::new().server("good.test", &Flaw::None), |_| ok());
        Setup::shows(&Authority::new(), "p18", peer)
    }),
    case("p24-closed", Reason::ConnectionClosed, PROCESSING, || Setup::answers(Action::Close)),
    case("p23-reset", Reason::ConnectionClosed, PROCESSING, || Setup::answers(Action::Reset(Vec::new()))),
    case("not-http", Reason::Protocol, TRANSFER, || Setup::answers(Action::answer("SSH-2.0-OpenSSH_9.2\r\n\r\n"))),
    case("p6-hangs", Reason::ResponseTimeout, PROCESSING, || Setup::answers(Action::Hang).short()),
    case("p8-body-drips", Reason::BodyTimeout, TRANSFER, || {
        Setup::answers(Action::Drip("HTTP/1.1 200 OK\r\n\r\n")).short()
    }),
    case("p9-truncated", Reason::BodyTruncated, TRANSFER, || {
        Setup::answers(Action::answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"))
    }),
    case("p10-endless", Reason::BodyTooLarge, TRANSFER, || {
        let endless = Action::Flood(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 60_000]);
        Setup::answers(endless).module("body_size_limit: 1MB")
    }),
    case("p15-loop", Reason::Redirect, None, || Setup::answers(redirect("302 Found", "/"))),
    case("p16-not-public", Reason::Blocked, None, || {
        redirected_to("127.0.0.2").module("redirect_policy: public")
    }),
    case("no-tls", Reason::Ssl, None, || Setup::answers(ok()).module("fail_if_not_ssl: true")),
    case("old-version", Reason::HttpVersion, None, || {
        Setup::answers(ok()).module("valid_http_versions: [HTTP/2.0]")
    }),
    case("status", Reason::Status, None, || Setup::answers(response("500 Oops", "", "sorry"))),
    case("header", Reason::Header, None, || {
        Setup::answers(ok()).module("fail_if_header_not_matches: [{header: X-State, regexp: good}]")
    }),
    case("body", Reason::Body, None, || Setup::answers(ok()).module("fail_if_body_matches_regexp: [fine]")),
    case("no-secret", Reason::Internal, None, || {
        Setup::answers(ok()).module("authorization: {credentials_file: no/such/file}")
    }),
    case("s30-endless-secret", Reason::Internal, None, || {
        Setup::answers(ok()).module("authorization: {credentials_file: /dev/zero}")
    }),
    case("s30-endless-body", Reason::Internal, None, || Setup::answers(ok()).module("body_file: /dev/zero")),
];

/// Fails unless there is a way to each reason.
pub fn nothing_is_missing() {
    let missing: Vec<_> = Reason::ALL.iter().filter(|reason| !ALL.iter().any(|case| case.reason == **reason)).collect();
    assert!(missing.is_empty(), "no way to {missing:?}: add one to the table");
    for (n, case) in ALL.iter().enumerate() {
        assert!(
            ALL[..n].iter().all(|other| other.name != case.name),
            "two are named {}: files would be shared",
            case.name
        );
    }
}
