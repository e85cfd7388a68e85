//! What is sent.

use std::net::SocketAddr;

use awc::http::Method;
use awc::http::header::HeaderName;
use probe::{Authorization, BasicAuth, Compression, Module, Secret};

use crate::kit::{Action, Authority, Flaw, Peer, ok, response};
use crate::{Ask, UP, ask, failed, module};

fn value(text: &str) -> Secret {
    Secret::Value(text.to_owned())
}

fn header(name: &'static str, text: &str) -> (HeaderName, Secret) {
    (HeaderName::from_static(name), value(text))
}

/// The lines of the one request there was, in lower case.
fn lines(peer: &Peer) -> Vec<String> {
    let requests = peer.requests();
    let [request] = &requests[..] else { panic!("{requests:?}") };
    // awc dates every request.
    let said = |line: &&str| !line.is_empty() && !line.starts_with("date: ");
    request.to_ascii_lowercase().lines().filter(said).map(str::to_owned).collect()
}

#[actix_rt::test]
async fn what_a_request_says() {
    let peer = Peer::plain(|_| ok());
    ask(&peer.url("/path?q=a%20b#part")).await;
    let mut lines = lines(&peer);
    assert_eq!(lines.remove(0), "get /path?q=a%20b http/1.1");
    lines.sort();
    let agent = format!("user-agent: actix-exporter/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(lines, ["accept: */*", "connection: close", &format!("host: {}", peer.address), &agent]);
    assert_eq!(peer.received(), peer.requests()[0].as_bytes(), "and nothing after it");
}

#[actix_rt::test]
async fn headers_of_the_module() {
    let peer = Peer::plain(|_| ok());
    let module = module(|module| {
        module.headers = vec![
            header("x-one", "1"),
            header("x-two", "2"),
            header("user-agent", "mine"),
            header("accept", "text/html"),
            header("host", "other.test"),
        ];
        module.compression = Some(Compression::Brotli);
    });
    let report = Ask::by(module).of(&peer.url("/")).await;
    // The answer is not compressed: what was asked for is what counts here.
    assert_eq!(report.outcome.status, Some(200), "{report:?}");
    let mut lines = lines(&peer);
    lines.remove(0);
    lines.sort();
    let wanted = [
        "accept-encoding: br",
        "accept: text/html",
        "connection: close",
        "host: other.test",
        "user-agent: mine",
        "x-one: 1",
        "x-two: 2",
    ];
    assert_eq!(lines, wanted);
}

#[actix_rt::test]
async fn credentials() {
    let peer = Peer::plain(|_| ok());
    let basic = module(|module| {
        module.basic_auth = Some(BasicAuth { username: value("me"), password: value("s3cret") });
    });
    let bearer = module(|module| {
        module.authorization = Some(Authorization { scheme: "Bearer".to_owned(), credentials: value("t0ken") });
    });
    for (module, line) in [(basic, "Basic bWU6czNjcmV0"), (bearer, "Bearer t0ken")] {
        let report = Ask::by(module).of(&peer.url("/")).await;
        assert_eq!(failed(&report), UP, "{report:?}");
        let request = peer.requests().pop().unwrap();
        assert!(request.contains(line), "{request}");
    }
}

#[actix_rt::test]
async fn methods_and_bodies() {
    let text = "a body\nof two lines";
    for method in [Method::POST, Method::PUT, Method::GET, Method::DELETE, Method::PATCH] {
        let peer = Peer::plain(|_| ok());
        let module = module(|module| {
            module.method = method.clone();
            module.headers = vec![header("content-type", "text/plain")];
            module.body = Some(value(text));
        });
        let report = Ask::by(module).of(&peer.url("/")).await;
        assert_eq!(failed(&report), UP, "{report:?}");
        assert_eq!(peer.bodies(), [text.as_bytes()], "{method}");
        let lines = lines(&peer);
        assert_eq!(lines[0], format!("{method} / HTTP/1.1").to_ascii_lowercase());
        assert!(lines.contains(&format!("content-length: {}", text.len())), "{lines:?}");
        assert!(lines.contains(&"content-type: text/plain".to_owned()), "{lines:?}");
    }
}

/// A POST without a body says so.
#[actix_rt::test]
async fn a_body_that_is_not_there() {
    let peer = Peer::plain(|_| ok());
    ask_with_method(&peer, Method::POST).await;
    assert!(lines(&peer).contains(&"content-length: 0".to_owned()), "{:?}", peer.requests());
    let peer = Peer::plain(|_| ok());
    ask_with_method(&peer, Method::GET).await;
    assert!(!peer.requests()[0].to_ascii_lowercase().contains("content-length"), "{:?}", peer.requests());
}

async fn ask_with_method(peer: &Peer, method: Method) {
    let report = Ask::by(module(|module| module.method = method)).of(&peer.url("/")).await;
    assert_eq!(failed(&report), UP, "{report:?}");
}

/// Whatever its head says, the response to a HEAD has no body.
#[actix_rt::test]
async fn head() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
    ] {
        let peer = Peer::plain(move |_| Action::hold(head));
        let module = module(|module| {
            module.method = Method::HEAD;
            module.compression = Some(Compression::Gzip);
        });
        let report = Ask::by(module).of(&peer.url("/")).await;
        assert_eq!(failed(&report), UP, "{head}: {report:?}");
        assert_eq!(report.outcome.body_bytes, Some(0), "{head}");
    }
}

/// Where the answer comes from and what is asked for are two things: the name of the second is in Host and in TLS.
#[actix_rt::test]
async fn another_host() {
    let authority = Authority::new();
    let peer = Peer::tls(authority.server("other.test", &Flaw::None), |_| ok());
    let asked = |change: &dyn Fn(&mut Module)| {
        let module = module(|module| change(module));
        Ask::by(module).trusting(&authority).finding("good.test:443", peer.address)
    };
    let by_host = asked(&|module| module.headers = vec![header("host", "other.test:8443")]);
    let report = by_host.of("https://good.test/").await;
    assert_eq!(failed(&report), UP, "{report:?}");

    let by_server_name = asked(&|module| module.tls_config.server_name = Some("other.test".to_owned()));
    let report = by_server_name.of("https://good.test/").await;
    assert_eq!(failed(&report), UP, "{report:?}");

    let both = asked(&|module| {
        module.headers = vec![header("host", "third.test")];
        module.tls_config.server_name = Some("other.test".to_owned());
    });
    let report = both.of("https://good.test/").await;
    assert_eq!(failed(&report), UP, "{report:?}");

    assert_eq!(peer.names(), vec![Some("other.test".to_owned()); 3]);
    let hosts = peer.requests().iter().map(|request| host(request)).collect::<Vec<_>>();
    assert_eq!(hosts, ["other.test:8443", "good.test", "third.test"]);
}

fn host(request: &str) -> String {
    let line = request.lines().find(|line| line.to_ascii_lowercase().starts_with("host: ")).unwrap();
    line["host: ".len()..].to_owned()
}

/// The port is in the Host header where it is not the scheme's own.
#[actix_rt::test]
async fn the_host_header() {
    let peer = Peer::plain(|_| ok());
    for (url, found, wanted) in [
        ("http://a.test/", "a.test:80", "a.test"),
        ("http://a.test:80/", "a.test:80", "a.test"),
        ("http://a.test:443/", "a.test:443", "a.test:443"),
        ("http://A.Test:8080/", "a.test:8080", "a.test:8080"),
        ("http://bücher.test/", "xn--bcher-kva.test:80", "xn--bcher-kva.test"),
    ] {
        let report = Ask::by(Module::default()).finding(found, peer.address).of(url).await;
        assert_eq!(failed(&report), UP, "{url}: {report:?}");
        assert_eq!(host(&peer.requests().pop().unwrap()), wanted, "{url}");
    }
}

/// The request is one packet, sent at once: the peer has the whole of it with its first read.
#[actix_rt::test]
async fn a_request_is_written_in_one_go() {
    let (whole, first_read) = std::sync::mpsc::channel();
    let peer = Peer::raw(move |stream| {
        let mut space = [0; 4096];
        let length = std::io::Read::read(stream, &mut space)?;
        let _ = whole.send(space[..length].ends_with(b"\r\n\r\n"));
        std::io::Write::write_all(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    });
    let report = ask(&peer.url("/")).await;
    assert_eq!(failed(&report), UP, "{report:?}");
    assert!(first_read.recv().unwrap());
}

/// All that a URL may say arrives as it is meant.
#[actix_rt::test]
async fn paths_and_queries() {
    let peer = Peer::plain(|_| response("200 OK", "", ""));
    for (path, wanted) in [
        ("", "/"),
        ("?", "/?"),
        ("?q", "/?q"),
        ("/a//b/../c", "/a//c"),
        ("/ä b", "/%C3%A4%20b"),
        ("/%7e%2F;x=1", "/%7e%2F;x=1"),
        ("/'\"<>|^`{}", "/'%22%3C%3E|^%60%7B%7D"),
        ("/?a=[1]&b={2}|3", "/?a=[1]&b={2}|3"),
    ] {
        let report = ask(&peer.url(path)).await;
        assert_eq!(failed(&report), UP, "{path}: {report:?}");
        let request = peer.requests().pop().unwrap();
        assert_eq!(request.split(' ').nth(1), Some(wanted), "{path}");
    }
}

/// A run leaves nothing open.
#[actix_rt::test]
async fn a_connection_ends_with_its_run() {
    let peer = Peer::plain(|_| Action::hold("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    for _ in 0..10 {
        ask(&peer.url("/")).await;
    }
    // It comes back when every connection has ended.
    peer.received();
    assert_eq!(peer.clients().iter().map(SocketAddr::port).collect::<std::collections::HashSet<_>>().len(), 10);
}
