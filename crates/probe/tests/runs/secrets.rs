//! Values that must not be seen.

use awc::http::header::HeaderName;
use metrics_core::Reason;
use probe::{Authorization, BasicAuth, Module, Secret};

use crate::kit::{Peer, file, ok};
use crate::{Ask, UP, failed, module};

fn bearer(credentials: Secret) -> Module {
    module(|module| module.authorization = Some(Authorization { scheme: "Bearer".to_owned(), credentials }))
}

/// So that a rotated one is used at once.
#[actix_rt::test]
async fn a_secret_in_a_file_is_read_for_each_run() {
    let peer = Peer::plain(|_| ok());
    for token in ["first", "second"] {
        let path = file("rotated", format!("  {token}\n"));
        let report = Ask::by(bearer(Secret::File(path))).of(&peer.url("/")).await;
        assert_eq!(failed(&report), UP, "{report:?}");
        let request = peer.requests().pop().unwrap();
        assert!(request.contains(&format!("Bearer {token}\r\n")), "{request}");
    }
}

/// A body is what is in the file, to the byte.
#[actix_rt::test]
async fn a_body_in_a_file() {
    let peer = Peer::plain(|_| ok());
    let path = file("body", " a body \n");
    let module = module(|module| {
        module.method = awc::http::Method::POST;
        module.body = Some(Secret::File(path));
    });
    let report = Ask::by(module).of(&peer.url("/")).await;
    assert_eq!(failed(&report), UP, "{report:?}");
    assert_eq!(peer.bodies(), [b" a body \n"]);
}

/// The prober's own fault, before anything is asked; its detail says where the secret should be and never what it is.
#[actix_rt::test]
async fn a_secret_that_cannot_be_had() {
    let nowhere = || Secret::File("no/such/file".into());
    let value = || Secret::Value("s3cret".to_owned());
    let not_text = file("not-text", [0xff, 0xfe]);
    let control = || Secret::Value("s3cret\nX-Injected: yes".to_owned());
    let basic = |username, password| module(|module| module.basic_auth = Some(BasicAuth { username, password }));
    let headers = |secret| module(|module| module.headers = vec![(HeaderName::from_static("x-key"), secret)]);
    for (name, module, part) in [
        ("authorization", bearer(nowhere()), "no/such/file"),
        ("password", basic(value(), nowhere()), "no/such/file"),
        ("user name", basic(nowhere(), value()), "no/such/file"),
        ("header", headers(nowhere()), "no/such/file"),
        ("body", module(|module| module.body = Some(nowhere())), "no/such/file"),
        ("variable", bearer(Secret::Env("NO_SUCH_VARIABLE".to_owned())), "NO_SUCH_VARIABLE"),
        ("not a text", bearer(Secret::File(not_text)), "not-text"),
        ("a control character in a header", headers(control()), "x-key"),
        ("a control character in a token", bearer(control()), "authorization"),
    ] {
        let peer = Peer::plain(|_| ok());
        let report = Ask::by(module.clone()).of(&peer.url("/")).await;
        assert_eq!(failed(&report), (Some(Reason::Internal), None, None), "{name}: {report:?}");
        let detail = &report.failure.as_ref().unwrap().detail;
        assert!(detail.contains(part), "{name}: {detail}");
        assert!(!format!("{report:?} {module:?}").contains("s3cret"), "{name}");
        let hop = &report.hops[0];
        assert_eq!((peer.connections(), hop.address, hop.phases), (0, None, [None; 5]), "{name}: nothing is asked");
    }
}

#[actix_rt::test]
async fn a_secret_shows_nowhere() {
    let secret = || Secret::Value("s3cret".to_owned());
    let module = module(|module| {
        module.basic_auth = Some(BasicAuth { username: secret(), password: secret() });
        module.headers = vec![(HeaderName::from_static("x-key"), secret())];
        module.body = Some(secret());
    });
    for peer in
        [Peer::plain(|_| ok()), Peer::plain(|_| crate::kit::response("500 Oops", "X-Key: s3cret\r\n", "s3cret"))]
    {
        let report = Ask::by(module.clone()).of(&peer.url("/")).await;
        assert!(peer.requests()[0].contains("s3cret"));
        assert!(!format!("{report:?} {module:?}").contains("s3cret"), "{report:?}");
    }
}
