//! What a run says of peers that behave and of peers that do not. The ids (P…) name the faults.

mod kit;

use std::time::Duration;

use kit::{Action, Authority, Flaw, Peer, closed_port, ok, redirect, response};
use metrics_core::{Phase, Reason};
use probe::{Client, Env, Module, Override, Roots, RunReport, Spec, parse_url, run};

const SECOND: Duration = Duration::from_secs(1);
/// For runs that end by their timeout: the least that a busy machine needs to come that far.
const SHORT: Duration = Duration::from_millis(400);

async fn ask(url: &str, timeout: Duration) -> RunReport {
    ask_with(url, timeout, &Roots::BuiltIn, Vec::new()).await
}

async fn ask_with(url: &str, timeout: Duration, roots: &Roots, overrides: Vec<Override>) -> RunReport {
    let client = Client::new(Module::default(), roots).unwrap().into();
    let report = run(&Spec { url: parse_url(url).unwrap(), timeout, client }, &Env { overrides }).await;
    check(&report, timeout);
    report
}

/// What holds for every report.
fn check(report: &RunReport, timeout: Duration) {
    let outcome = &report.outcome;
    assert_eq!(outcome.reason, report.failure.as_ref().map(|failure| failure.reason), "{report:?}");
    assert!(outcome.reason.is_some() || outcome.head.is_some(), "{report:?}");
    let phases: Duration = outcome.phases.iter().flatten().sum();
    assert_eq!(phases, outcome.total, "{report:?}");
    // Generous, as the machine may be busy: a run that ignores its deadline takes for ever.
    assert!(outcome.total < timeout + 10 * SECOND, "{report:?}");
}

fn reached(report: &RunReport) -> Vec<Phase> {
    Phase::ALL.iter().copied().filter(|phase| report.outcome.phases[*phase as usize].is_some()).collect()
}

fn failed(report: &RunReport) -> (Option<Reason>, Option<u16>) {
    (report.outcome.reason, report.outcome.status)
}

/// Peers that answer 200 in one way or another: each is up, with so many bytes of body.
#[actix_rt::test]
async fn answers_that_are_good() {
    let many = "x".repeat(100_000);
    for (name, action, body) in [
        ("content-length", ok(), 4),
        ("empty", response("200 OK", "", ""), 0),
        ("no content", Action::Answer("HTTP/1.1 204 No Content\r\n\r\n".into()), 0),
        ("large", response("200 OK", "", &many), 100_000),
        (
            "chunked",
            Action::Answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".into()),
            3,
        ),
        ("until the connection ends", Action::Answer("HTTP/1.1 200 OK\r\n\r\nto the end".into()), 10),
        ("HTTP/1.0", Action::Answer("HTTP/1.0 200 OK\r\n\r\nto the end".into()), 10),
        ("P12 interim responses", Action::Answer(interim() + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), 2),
        ("left open", Action::AnswerAndHold("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".into()), 2),
        ("P11 compressed, not decoded", response("200 OK", "Content-Encoding: gzip\r\n", "bomb"), 4),
    ] {
        let peer = Peer::plain(move |_| action.clone());
        let report = ask(&peer.url("/"), 10 * SECOND).await;
        assert_eq!(report.outcome.reason, None, "{name}: {report:?}");
        assert_eq!(report.outcome.body_bytes, Some(body), "{name}");
        assert_eq!(reached(&report), [Phase::Resolve, Phase::Connect, Phase::Processing, Phase::Transfer], "{name}");
        assert_eq!(report.hops[0].address, Some(peer.address), "{name}");
        assert_eq!(peer.connections(), 1, "{name}");
    }
}

fn interim() -> String {
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(20)
}

/// Peers that fail in a way of their own: reason, status and nothing else.
#[actix_rt::test]
async fn answers_that_are_bad() {
    let head = "HTTP/1.1 200 OK\r\n";
    let answer = |text: &str| Action::Answer(text.to_owned());
    for (name, action, reason, status) in [
        ("500", response("500 Oops", "", "sorry"), Reason::Status, Some(500)),
        ("404", response("404 Not Found", "", ""), Reason::Status, Some(404)),
        ("304", answer("HTTP/1.1 304 Not Modified\r\n\r\n"), Reason::Status, Some(304)),
        (
            "304 with the length that a 200 would have",
            Action::AnswerAndHold("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n".to_owned()),
            Reason::Status,
            Some(304),
        ),
        (
            "101 that nobody asked for",
            Action::AnswerAndHold("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n".to_owned()),
            Reason::Status,
            Some(101),
        ),
        ("P24 close before the reply", Action::Close, Reason::ConnectionClosed, None),
        ("close within the head", answer("HTTP/1.1 200 OK\r\nServer: x"), Reason::ConnectionClosed, None),
        ("P9 short body", answer(&format!("{head}Content-Length: 9\r\n\r\nabc")), Reason::BodyTruncated, Some(200)),
        (
            "short chunk",
            answer(&format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nabc")),
            Reason::BodyTruncated,
            Some(200),
        ),
        (
            "no last chunk",
            answer(&format!("{head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")),
            Reason::BodyTruncated,
            Some(200),
        ),
        ("bad chunk", answer(&format!("{head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n")), Reason::Protocol, Some(200)),
        ("not HTTP", answer("SSH-2.0-OpenSSH_9.2\r\n\r\n"), Reason::Protocol, None),
        ("P13 status 1000", answer("HTTP/1.1 1000 X\r\n\r\n"), Reason::Protocol, None),
        ("P13 status 000", answer("HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n"), Reason::Protocol, None),
        ("bad length", answer("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), Reason::Protocol, None),
        ("P14 large head", answer(&format!("{head}X: {}\r\n\r\n", "x".repeat(1 << 20))), Reason::Protocol, None),
        ("no location", response("302 Found", "", ""), Reason::Redirect, Some(302)),
        ("to ftp", redirect("302 Found", "ftp://127.0.0.1/"), Reason::Redirect, Some(302)),
        ("to nowhere", redirect("302 Found", "http://[::1"), Reason::Redirect, Some(302)),
        ("P15 loop", redirect("302 Found", "/"), Reason::Redirect, Some(302)),
    ] {
        let peer = Peer::plain(move |_| action.clone());
        let report = ask(&peer.url("/"), 10 * SECOND).await;
        assert_eq!(failed(&report), (Some(reason), status), "{name}: {report:?}");
        let loops = name.starts_with("P15");
        assert_eq!(report.outcome.redirects, if loops { 10 } else { 0 }, "{name}: at most ten are followed");
        assert_eq!(peer.connections(), if loops { 11 } else { 1 }, "{name}: no retry");
    }
}

/// Peers that would take for ever: the step that the deadline found under way names the reason.
#[actix_rt::test]
async fn answers_that_do_not_end() {
    let open = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    for (name, action, reason, status) in [
        ("P6 hang", Action::Hang, Reason::ResponseTimeout, None),
        ("P7 head drips", Action::Drip("HTTP/1.1 200 OK\r\nX-Long: and so on"), Reason::ResponseTimeout, None),
        ("body stalls", Action::AnswerAndHold(open.into()), Reason::BodyTimeout, Some(200)),
        ("P8 body drips", Action::Drip("HTTP/1.1 200 OK\r\n\r\n"), Reason::BodyTimeout, Some(200)),
        ("only interim", Action::AnswerAndHold(interim()), Reason::ResponseTimeout, None),
    ] {
        let peer = Peer::plain(move |_| action.clone());
        let report = ask(&peer.url("/"), SHORT).await;
        assert_eq!(failed(&report), (Some(reason), status), "{name}: {report:?}");
        assert!(report.outcome.total >= SHORT, "{name}");
    }
}

#[actix_rt::test]
async fn p1_refused() {
    let report = ask(&format!("http://{}/", closed_port()), 10 * SECOND).await;
    assert_eq!(failed(&report), (Some(Reason::ConnectRefused), None), "{report:?}");
    assert_eq!(reached(&report), [Phase::Resolve, Phase::Connect]);
    assert_eq!(report.outcome.body_bytes, None);
}

/// `.invalid` never exists (RFC 6761), and libc answers for a label that is too long by itself: nothing is sent.
#[actix_rt::test]
async fn p3_a_name_that_cannot_exist() {
    let report = ask(&format!("http://{}.invalid/", "x".repeat(64)), 10 * SECOND).await;
    let dns = [Some(Reason::DnsNotFound), Some(Reason::DnsFailure)];
    assert!(dns.contains(&report.outcome.reason), "{report:?}");
    assert_eq!(reached(&report), [Phase::Resolve]);
}

#[actix_rt::test]
async fn redirects_are_followed_and_each_is_a_hop() {
    let last = Peer::plain(|path| if path == "/d/there?q=1" { ok() } else { response("400 Bad", "", "") });
    let there = last.url("/d/here").replace("http://", "http://me:secret@");
    let first = Peer::plain(move |_| redirect("301 Moved Permanently", &there));
    last.answers(|path| match path {
        "/d/here" => redirect("307 Temporary Redirect", "there?q=1#fragment"),
        "/d/there?q=1" => ok(),
        _ => response("400 Bad", "", ""),
    });
    let report = ask(&first.url("/"), 10 * SECOND).await;
    assert_eq!(failed(&report), (None, Some(200)), "{report:?}");
    assert_eq!(report.outcome.redirects, 2);
    assert!(!format!("{report:?}").contains("secret") && report.hops[2].shown().ends_with("/d/there"), "{report:?}");
    let hops = report.hops.iter().map(|hop| (hop.address, hop.status)).collect::<Vec<_>>();
    assert_eq!(
        hops,
        [(Some(first.address), Some(301)), (Some(last.address), Some(307)), (Some(last.address), Some(200))]
    );
}

/// The last response is the redirect's when following it failed.
#[actix_rt::test]
async fn a_redirect_to_a_dead_end_keeps_its_status() {
    let dead = format!("http://{}/", closed_port());
    let peer = Peer::plain(move |_| redirect("302 Found", &dead));
    let report = ask(&peer.url("/"), 10 * SECOND).await;
    assert_eq!(failed(&report), (Some(Reason::ConnectRefused), Some(302)), "{report:?}");
    assert_eq!((report.outcome.redirects, report.outcome.head), (1, None));
}

#[actix_rt::test]
async fn what_a_request_says() {
    let peer = Peer::plain(|_| ok());
    ask(&peer.url("/path?q=a%20b"), 10 * SECOND).await;
    let heads = peer.requests();
    let head = heads[0].to_ascii_lowercase();
    assert!(head.starts_with("get /path?q=a%20b http/1.1\r\n"), "{head}");
    for line in [
        format!("host: {}", peer.address),
        format!("user-agent: actix-exporter/{}", env!("CARGO_PKG_VERSION")),
        "accept: */*".to_owned(),
        "connection: close".to_owned(),
    ] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line}\n{head}");
    }
}

/// The address may be another, the name stays: in the Host header and in TLS.
#[actix_rt::test]
async fn an_override_changes_the_address_alone() {
    let authority = Authority::new();
    let peer = Peer::tls(authority.server("3-shake.com", &Flaw::None), |_| ok());
    let known: Override = format!("3-shake.com:443:{}", peer.address).parse().unwrap();
    let roots = Roots::File(authority.file("override"));
    let report = ask_with("https://3-shake.com", 10 * SECOND, &roots, vec![known]).await;
    assert_eq!(failed(&report), (None, Some(200)), "{report:?}");
    assert_eq!(reached(&report), Phase::ALL);
    assert!(peer.requests()[0].to_ascii_lowercase().contains("\r\nhost: 3-shake.com\r\n"));
}

#[actix_rt::test]
async fn certificates_that_are_bad() {
    let authority = Authority::new();
    let roots = Roots::File(authority.file("certificates"));
    for (name, config, reason) in [
        ("P18 another authority", Authority::new().server("good.test", &Flaw::None), Reason::TlsUntrusted),
        ("P19 expired", authority.server("good.test", &Flaw::Expired), Reason::TlsExpired),
        ("not yet valid", authority.server("good.test", &Flaw::NotYetValid), Reason::TlsNotYetValid),
        ("P20 wrong name", authority.server("other.test", &Flaw::None), Reason::TlsWrongName),
    ] {
        let peer = Peer::tls(config, |_| ok());
        let known = format!("good.test:443:{}", peer.address).parse().unwrap();
        let report = ask_with("https://good.test", 10 * SECOND, &roots, vec![known]).await;
        assert_eq!(failed(&report), (Some(reason), None), "{name}: {report:?}");
        assert_eq!(reached(&report), [Phase::Resolve, Phase::Connect, Phase::Tls], "{name}");
        assert!(peer.requests().is_empty(), "{name}: nothing may be sent");
    }
}

#[actix_rt::test]
async fn peers_that_do_not_speak_tls() {
    for (name, action, reason) in [
        ("P22 plain text", Action::AnswerAndHold("HTTP/1.1 400 Bad\r\n\r\n".into()), Reason::TlsHandshake),
        ("close at the first byte", Action::CloseAtOnce, Reason::TlsHandshake),
    ] {
        // A plain peer waits for the end of a head, which a TLS hello has not; so it speaks first.
        let peer = speaks_first(action);
        let report = ask(&format!("https://{peer}/"), 10 * SECOND).await;
        assert_eq!(failed(&report), (Some(reason), None), "{name}: {report:?}");
    }
    let peer = Peer::plain(|_| Action::Hang);
    let report = ask(&format!("https://{}/", peer.address), SHORT).await;
    assert_eq!(failed(&report), (Some(Reason::TlsTimeout), None), "{report:?}");
}

fn speaks_first(action: Action) -> std::net::SocketAddr {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(10 * SECOND)).unwrap();
        let mut hello = [0; 16];
        if let (Action::AnswerAndHold(text), Ok(_)) = (action, stream.read(&mut hello)) {
            let _ = stream.write_all(text.as_bytes());
            let _ = stream.read(&mut [0; 4096]);
        }
    });
    address
}

/// Memory stays flat while a body comes that has no end, and the deadline ends it.
#[actix_rt::test]
async fn p10_an_endless_body_ends_at_the_deadline() {
    let piece = "x".repeat(60_000);
    let endless = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = endless.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::Write;
        let (mut stream, _) = endless.accept().unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(piece.as_bytes()).is_ok() {}
    });
    let report = ask(&format!("http://{address}/"), SHORT).await;
    assert_eq!(failed(&report), (Some(Reason::BodyTimeout), Some(200)), "{report:?}");
    assert!(report.outcome.body_bytes > Some(1_000_000), "{report:?}");
}

/// A peer that answers before it has had the whole request, and hangs up on the rest of it.
#[actix_rt::test]
async fn an_answer_that_comes_before_the_request_is_through_counts() {
    let peer = Peer::plain(|_| response("413 Content Too Large", "", "no"));
    let module = Module {
        method: awc::http::Method::POST,
        body: Some(probe::Secret::Value("x".repeat(20 << 20))),
        ..Module::default()
    };
    let client = Client::new(module, &Roots::BuiltIn).unwrap().into();
    let spec = Spec { url: parse_url(&peer.url("/")).unwrap(), timeout: 10 * SECOND, client };
    let report = run(&spec, &Env::default()).await;
    assert_eq!(failed(&report), (Some(Reason::Status), Some(413)), "{report:?}");
}
