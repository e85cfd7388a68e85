//! Redirects: where they lead, what they take along, and when they end.

use awc::http::Method;
use awc::http::header::HeaderName;
use metrics_core::{Phase, Reason};
use probe::{BasicAuth, Module, Secret};

use crate::kit::{Action, Authority, Flaw, Peer, closed_port, ok, redirect, response};
use crate::{Ask, UP, ask, failed, module};

const FOUND: &str = "302 Found";

#[actix_rt::test]
async fn redirects_are_followed_and_each_is_a_hop() {
    let last = Peer::plain(|_| response("400 Bad", "", ""));
    let there = last.url("/d/here").replace("http://", "http://me:secret@");
    let first = Peer::plain(move |_| redirect("301 Moved Permanently", &there));
    last.answers(|path| match path {
        "/d/here" => redirect("307 Temporary Redirect", "there?q=1#fragment"),
        "/d/there?q=1" => ok(),
        _ => response("400 Bad", "", ""),
    });
    let report = ask(&first.url("/")).await;
    assert_eq!(failed(&report), UP, "{report:?}");
    assert_eq!(report.outcome.redirects, 2);
    assert!(!format!("{report:?}").contains("secret") && report.hops[2].shown().ends_with("/d/there"), "{report:?}");
    let hops = report.hops.iter().map(|hop| (hop.address, hop.status)).collect::<Vec<_>>();
    assert_eq!(
        hops,
        [(Some(first.address), Some(301)), (Some(last.address), Some(307)), (Some(last.address), Some(200))]
    );
}

/// RFC 9110, section 10.2.2: a Location is relative to what was asked for.
#[actix_rt::test]
async fn locations() {
    for (location, wanted) in [
        ("/c", "/c"),
        ("c", "/a/c"),
        ("./c", "/a/c"),
        ("../c", "/c"),
        ("../../../c", "/c"),
        ("?q=2", "/a/b?q=2"),
        ("c?q=2#part", "/a/c?q=2"),
        ("/ä", "/%C3%A4"),
        ("/a b", "/a%20b"),
        ("//HOST/c", "/c"),
        ("http://HOST/c?q=%20#part", "/c?q=%20"),
        ("HTTP://HOST", "/"),
    ] {
        let peer = Peer::plain(|_| Action::Close);
        let to = location.replace("HOST", &peer.address.to_string());
        peer.answers(move |path| if path == "/a/b?q=1" { redirect(FOUND, &to) } else { ok() });
        let report = ask(&peer.url("/a/b?q=1#mine")).await;
        assert_eq!(failed(&report), UP, "{location}: {report:?}");
        let asked = peer.requests().pop().unwrap();
        assert_eq!(asked.split(' ').nth(1), Some(wanted), "{location}");
    }
}

#[actix_rt::test]
async fn locations_that_lead_nowhere() {
    for (name, action) in [
        ("none", response(FOUND, "", "")),
        ("no URL", redirect(FOUND, "http://[::1")),
        ("no host", redirect(FOUND, "http://")),
        ("no port", redirect(FOUND, "http://127.0.0.1:99999/")),
        ("P16 another scheme", redirect(FOUND, "ftp://127.0.0.1/")),
        ("P16 a file", redirect(FOUND, "file:///etc/passwd")),
        ("P16 a script", redirect(FOUND, "javascript:alert(1)")),
        ("P16 data", redirect(FOUND, "data:text/plain,ok")),
        ("P16 a web socket", redirect(FOUND, "ws://127.0.0.1/")),
    ] {
        let peer = Peer::plain(move |_| action.clone());
        let report = ask(&peer.url("/")).await;
        let (reason, _, status) = failed(&report);
        assert_eq!((reason, status), (Some(Reason::Redirect), Some(302)), "{name}: {report:?}");
        assert_eq!((report.outcome.redirects, peer.connections()), (0, 1), "{name}");
    }
}

/// What is no redirect is an answer, whatever headers it has; and so is a redirect that the module does not follow.
#[actix_rt::test]
async fn answers_that_are_not_followed() {
    for status in ["200 OK", "201 Created", "300 Multiple Choices", "304 Not Modified", "305 Use Proxy", "404 No"] {
        let peer = Peer::plain(move |_| redirect(status, "/there"));
        let report = ask(&peer.url("/")).await;
        assert_eq!((report.outcome.redirects, peer.connections()), (0, 1), "{status}: {report:?}");
    }
    let peer = Peer::plain(|_| redirect(FOUND, "/there"));
    let stay = module(|module| {
        module.follow_redirects = false;
        module.valid_status_codes = probe::StatusCodes(vec![302..=302]);
    });
    let report = Ask::by(stay).of(&peer.url("/")).await;
    assert_eq!(failed(&report), (None, None, Some(302)), "{report:?}");
    assert_eq!(peer.connections(), 1);

    // One that names no place is an answer where it is the one that is wanted.
    let peer = Peer::plain(|_| response(FOUND, "", ""));
    let wanted = module(|module| module.valid_status_codes = probe::StatusCodes(vec![302..=302]));
    let report = Ask::by(wanted).of(&peer.url("/")).await;
    assert_eq!(failed(&report), (None, None, Some(302)), "{report:?}");
}

/// Ten are followed, the eleventh is not.
#[actix_rt::test]
async fn p15_ten_redirects_and_no_more() {
    for (turns, good) in [(10, true), (11, false), (1_000_000, false)] {
        let peer = Peer::plain(move |path| {
            let turn: u32 = path[1..].parse().unwrap();
            if turn == turns { ok() } else { redirect(FOUND, &format!("/{}", turn + 1)) }
        });
        let report = ask(&peer.url("/0")).await;
        let (reason, _, status) = failed(&report);
        let wanted = if good { (None, Some(200)) } else { (Some(Reason::Redirect), Some(302)) };
        assert_eq!((reason, status), wanted, "{report:?}");
        assert_eq!((report.outcome.redirects, peer.connections()), (10, 11));
    }
}

/// The last response is the redirect's when following it failed; the hop it led to shows how far it came.
#[actix_rt::test]
async fn a_redirect_to_a_dead_end_keeps_its_status() {
    let dead = closed_port();
    let peer = Peer::plain(move |_| redirect(FOUND, &format!("http://{dead}/")));
    let report = ask(&peer.url("/")).await;
    assert_eq!(failed(&report), (Some(Reason::ConnectRefused), Some(Phase::Connect), Some(302)), "{report:?}");
    assert_eq!((report.outcome.redirects, report.outcome.head), (1, None));
    assert_eq!((report.hops[1].status, report.hops[1].address, report.hops[1].tried[0].0), (None, None, dead));
}

/// The deadline is that of all of them together.
#[actix_rt::test]
async fn the_deadline_is_one_for_all_redirects() {
    let peer = Peer::plain(|path| if path == "/" { redirect(FOUND, "/slow") } else { Action::Hang });
    let report = Ask::by(Module::default()).within(crate::SHORT).of(&peer.url("/")).await;
    assert_eq!(failed(&report), (Some(Reason::ResponseTimeout), Some(Phase::Processing), Some(302)), "{report:?}");
}

/// The body of a redirect is nobody's concern, however long it may be.
#[actix_rt::test]
async fn the_body_of_a_redirect_is_not_waited_for() {
    let head = "HTTP/1.1 302 Found\r\nLocation: /there\r\n";
    for action in [
        Action::hold(format!("{head}Content-Length: 100\r\n\r\nabc")),
        Action::answer(format!("{head}Content-Length: 100\r\n\r\nabc")),
        Action::Flood(format!("{head}\r\n").into(), vec![b'x'; 60_000]),
        Action::hold(format!("{head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n")),
    ] {
        let peer = Peer::plain(move |path| if path == "/" { action.clone() } else { ok() });
        let report = ask(&peer.url("/")).await;
        assert_eq!(failed(&report), UP, "{report:?}");
        assert_eq!(report.hops[0].body, None);
    }
}

/// RFC 9110, section 15.4.
#[actix_rt::test]
async fn what_becomes_of_a_request() {
    for (status, method, then, with_body) in [
        ("301 Moved", Method::POST, "GET", false),
        ("302 Found", Method::POST, "GET", false),
        ("303 See Other", Method::POST, "GET", false),
        ("303 See Other", Method::PUT, "GET", false),
        ("302 Found", Method::HEAD, "HEAD", false),
        ("307 Temporary", Method::POST, "POST", true),
        ("308 Permanent", Method::POST, "POST", true),
        ("308 Permanent", Method::PUT, "PUT", true),
    ] {
        let head = method == Method::HEAD;
        let peer = Peer::plain(move |path| if path == "/" { redirect(status, "/there") } else { ok() });
        let module = module(|module| {
            module.method = method.clone();
            module.headers = vec![(HeaderName::from_static("content-type"), Secret::Value("text/plain".to_owned()))];
            module.body = (!head).then(|| Secret::Value("a body".to_owned()));
        });
        let report = Ask::by(module).of(&peer.url("/")).await;
        assert_eq!(failed(&report), UP, "{status}, {method}: {report:?}");
        let request = peer.requests().pop().unwrap();
        assert!(request.starts_with(&format!("{then} /there ")), "{status}, {method}: {request}");
        assert_eq!(peer.bodies()[1], if with_body { &b"a body"[..] } else { b"" }, "{status}, {method}");
        assert_eq!(request.to_ascii_lowercase().contains("content-type"), with_body, "{status}, {method}: {request}");
    }
}

fn with_secrets() -> Module {
    module(|module| {
        let secret = || Secret::Value("s3cret".to_owned());
        module.basic_auth = Some(BasicAuth { username: secret(), password: secret() });
        module.headers = vec![
            (HeaderName::from_static("x-key"), secret()),
            (HeaderName::from_static("cookie"), Secret::Value("session=s3cret".to_owned())),
            (HeaderName::from_static("user-agent"), Secret::Value("mine".to_owned())),
        ];
    })
}

fn has_secrets(request: &str) -> bool {
    let lower = request.to_ascii_lowercase();
    let found = [lower.contains("s3cret"), lower.contains("authorization:"), lower.contains("x-key:")];
    assert!(found.iter().all(|there| *there == found[0]), "all of them or none: {request}");
    found[0]
}

/// What the module sends is for the host it asks and those below it.
#[actix_rt::test]
async fn another_host_learns_no_secret() {
    for (to, secret) in [
        ("http://a.test/there", true),
        ("http://A.TEST/there", true),
        ("http://sub.a.test/there", true),
        ("http://sub.sub.a.test/there", true),
        ("http://b.test/there", false),
        ("http://nota.test/there", false),
        ("http://a.test.b.test/there", false),
        ("http://test/there", false),
        ("http://127.0.0.1:80/there", false),
    ] {
        let first = Peer::plain(move |_| redirect(FOUND, to));
        let there = Peer::plain(|_| ok());
        let mut ask = Ask::by(with_secrets()).finding("a.test:80", first.address);
        for name in ["sub.a.test", "sub.sub.a.test", "b.test", "nota.test", "a.test.b.test", "test", "127.0.0.1"] {
            ask = ask.finding(&format!("{name}:80"), there.address);
        }
        first.answers(move |path| if path == "/" { redirect(FOUND, to) } else { ok() });
        let report = ask.of("http://a.test/").await;
        assert_eq!(failed(&report), UP, "{to}: {report:?}");
        assert!(has_secrets(&first.requests()[0]), "{:?}", first.requests());
        let last = there.requests().pop().or_else(|| first.requests().pop()).unwrap();
        assert_eq!(has_secrets(&last), secret, "{to}: {last}");
        assert!(last.contains("mine"), "what says nothing about anyone is sent: {last}");
    }
}

/// The way back is a way to the host that was asked, and what is sent there is what it may know.
#[actix_rt::test]
async fn secrets_on_the_way_back() {
    let other = Peer::plain(|_| redirect(FOUND, "http://a.test/back"));
    let first = Peer::plain(|path| if path == "/" { redirect(FOUND, "http://b.test/") } else { ok() });
    let ask = Ask::by(with_secrets()).finding("a.test:80", first.address).finding("b.test:80", other.address);
    let report = ask.of("http://a.test/").await;
    assert_eq!(failed(&report), UP, "{report:?}");
    assert!(!has_secrets(&other.requests()[0]));
    assert!(has_secrets(&first.requests()[1]));
}

/// Another port of the host, and the way from clear text to TLS, are trusted; the way from TLS to clear text is not.
#[actix_rt::test]
async fn what_was_said_in_tls_is_not_said_in_clear_text() {
    let authority = Authority::new();
    let config = authority.server("a.test", &Flaw::None);
    let plain = Peer::plain(|_| ok());
    let tls = Peer::tls(config.clone(), |_| redirect(FOUND, "http://a.test/there"));
    let ask = || {
        let ask = Ask::by(with_secrets()).trusting(&authority);
        ask.finding("a.test:80", plain.address).finding("a.test:443", tls.address)
    };
    let report = ask().of("https://a.test/").await;
    assert_eq!(failed(&report), UP, "{report:?}");
    assert!(has_secrets(&tls.requests()[0]) && !has_secrets(&plain.requests()[0]), "{:?}", plain.requests());

    plain.answers(|_| redirect(FOUND, "https://a.test/"));
    tls.answers(|_| ok());
    let report = ask().of("http://a.test/").await;
    assert_eq!(failed(&report), UP, "{report:?}");
    assert!(has_secrets(&tls.requests()[1]), "{:?}", tls.requests());

    let other = Peer::tls(config, |_| ok());
    tls.answers(|_| redirect(FOUND, "https://a.test:8443/"));
    let report = ask().finding("a.test:8443", other.address).of("https://a.test/").await;
    assert_eq!(failed(&report), UP, "{report:?}");
    assert!(has_secrets(&other.requests()[0]), "{:?}", other.requests());
}

/// A name in place of the URL's is for the first host alone.
#[actix_rt::test]
async fn another_host_is_asked_by_its_own_name() {
    let authority = Authority::new();
    let there = Peer::tls(authority.server("b.test", &Flaw::None), |_| ok());
    let first = Peer::tls(authority.server("alias.test", &Flaw::None), |_| redirect(FOUND, "https://b.test/"));
    let module = module(|module| {
        module.headers = vec![(HeaderName::from_static("host"), Secret::Value("alias.test".to_owned()))];
        module.tls_config.server_name = Some("alias.test".to_owned());
    });
    let ask = Ask::by(module).trusting(&authority);
    let ask = ask.finding("a.test:443", first.address).finding("b.test:443", there.address);
    let report = ask.of("https://a.test/").await;
    assert_eq!(failed(&report), UP, "{report:?}");
    let named =
        |peer: &Peer| (peer.names(), peer.requests()[0].to_ascii_lowercase().contains("\r\nhost: alias.test\r\n"));
    assert_eq!(named(&first), (vec![Some("alias.test".to_owned())], true));
    assert_eq!(named(&there), (vec![Some("b.test".to_owned())], false));
}

/// Many a login leads in a circle until its cookie comes back.
#[actix_rt::test]
async fn cookies_that_a_redirect_sets_are_sent_back() {
    let cookies = "Set-Cookie: session=abc; Path=/; HttpOnly\r\nSet-Cookie: gone=1; Max-Age=0\r\n\
                   Set-Cookie: safe=1; Secure\r\nSet-Cookie: elsewhere=1; Path=/elsewhere\r\n\
                   Set-Cookie: foreign=1; Domain=b.test\r\nSet-Cookie: nonsense\r\n";
    let first = Peer::plain(move |path| match path {
        "/" => response(FOUND, &format!("Location: /there\r\n{cookies}"), ""),
        "/there" => redirect(FOUND, "http://b.test/"),
        _ => ok(),
    });
    let other = Peer::plain(|_| redirect(FOUND, "http://a.test/back"));
    let ask = Ask::by(Module::default()).finding("a.test:80", first.address).finding("b.test:80", other.address);
    let report = ask.of("http://a.test/").await;
    assert_eq!(failed(&report), UP, "{report:?}");
    let cookie = |request: &str| {
        let line = request.lines().find(|line| line.to_ascii_lowercase().starts_with("cookie: "))?;
        Some(line["cookie: ".len()..].to_owned())
    };
    let sent = |peer: &Peer| peer.requests().iter().map(|request| cookie(request)).collect::<Vec<_>>();
    assert_eq!(sent(&first), [None, Some("session=abc".to_owned()), Some("session=abc".to_owned())]);
    assert_eq!(sent(&other), [None], "another host does not see them");
    // The next run knows nothing of them.
    let report = Ask::by(Module::default()).finding("a.test:80", first.address).of("http://a.test/back").await;
    assert_eq!(failed(&report), UP, "{report:?}");
    assert_eq!(sent(&first).pop(), Some(None));
}
