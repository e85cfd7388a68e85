//! `/3-shake-status`, `/status`, `/runs`, the badge and the feed, from the outside.

use std::io::{Read, Write};
use std::sync::LazyLock;

use serde_json::Value;

use crate::config::exporter;
use crate::exporter::{Exporter, NOBODY};
use crate::kit::{self, Peer, ok, response};

/// What every object is.
static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../../../docs/status.schema.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap()
});

/// What browsers send.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Head and body of the answer to a request with this header.
fn ask(exporter: &Exporter, path: &str, header: &str) -> (String, String) {
    let answer =
        exporter.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n\r\n"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

fn html(exporter: &Exporter, path: &str) -> String {
    ask(exporter, path, &format!("Accept: {BROWSER}")).1
}

pub(crate) fn json(exporter: &Exporter, path: &str) -> Value {
    let (head, body) = ask(exporter, path, "Accept: application/json");
    assert!(head.contains("\r\ncontent-type: application/json\r\n"), "{head}");
    let value = serde_json::from_str(&body).unwrap();
    let schema = LazyLock::force(&SCHEMA);
    assert!(schema.is_valid(&value), "{:?}: {value:#}", schema.validate(&value));
    value
}

fn code(head: &str) -> &str {
    head.split(' ').nth(1).unwrap()
}

/// Asked once, and then not for an hour: what is said of it stays the same.
fn asked_once(peer: &Peer) -> Exporter {
    let url = peer.url("/?key=canary");
    let exporter = Exporter::start(&["--target", &url, "--probe.interval", "1h"]);
    exporter.page_that("/3-shake-status", |page| !page.contains("none yet"));
    exporter
}

/// The name of the one target, as it stands in an address.
fn name_of_target(exporter: &Exporter) -> String {
    let name = json(exporter, "/3-shake-status")["target"].as_str().unwrap().to_owned();
    name.replace('?', "%3F")
}

#[test]
fn one_address_is_a_page_a_text_and_an_object_by_what_is_accepted() {
    let peer = Peer::plain(|_| ok());
    let exporter = asked_once(&peer);
    let by_name = format!("/status/{}", name_of_target(&exporter));
    for path in ["/3-shake-status", "/status", &by_name] {
        for (accept, form) in [
            (BROWSER, "text/html; charset=utf-8"),
            ("*/*", "text/plain; charset=utf-8"),
            ("application/json", "application/json"),
        ] {
            let (head, body) = ask(&exporter, path, &format!("Accept: {accept}"));
            for line in [&format!("content-type: {form}"), "vary: accept", "cache-control: no-cache", "etag: w/\""] {
                assert!(head.contains(&format!("\r\n{line}")), "{path} {accept}: {line}\n{head}");
            }
            assert!(code(&head) == "200" && !body.is_empty());
        }
    }
    assert!(ask(&exporter, "/3-shake-status?format=json", &format!("Accept: {BROWSER}")).1.starts_with('{'));
    assert!(html(&exporter, "/3-shake-status").contains("http-equiv=\"refresh\" content=\"30\""));
    assert!(!html(&exporter, "/3-shake-status?refresh=0").contains("http-equiv"));
    let (head, body) = ask(&exporter, "/3-shake-status?format=yaml", "Accept: */*");
    assert_eq!((code(&head), body.as_str()), ("400", "format: not known; write html, text or json\n"));
    let (head, body) = exporter.ask("HEAD", "/3-shake-status");
    assert!(code(&head) == "200" && body.is_empty() && !head.contains("content-length: 0"), "{head}");
}

#[test]
fn who_has_it_already_is_told_so_until_something_is_new() {
    let peer = Peer::plain(|_| ok());
    let exporter = asked_once(&peer);
    let page = "/3-shake-status?format=json";
    let (head, _) = ask(&exporter, page, "Accept: */*");
    // What is asked lets heads be in small letters.
    let tag = head.split_once("\r\netag: w/").unwrap().1.split("\r\n").next().unwrap();
    for (known, expected) in [
        (format!("If-None-Match: W/{tag}"), "304"),
        (format!("If-None-Match: \"x\", {tag}"), "304"),
        ("If-None-Match: *".to_owned(), "304"),
        ("If-None-Match: \"x\"".to_owned(), "200"),
        ("If-None-Match: nonsense".to_owned(), "200"),
        ("X: y".to_owned(), "200"),
    ] {
        let (head, body) = ask(&exporter, page, &known);
        assert_eq!((code(&head), body.is_empty()), (expected, expected == "304"), "{known}: {head}");
        assert!(head.contains("\r\nvary: accept"), "{head}");
    }
}

#[test]
fn scripts_are_told_by_a_status_that_it_is_down() {
    let peer = Peer::plain(|_| response("500 Oops", "", ""));
    let exporter = asked_once(&peer);
    for (path, expected) in [
        ("/3-shake-status", "200"),
        ("/3-shake-status?fail=1", "503"),
        ("/3-shake-status?fail=1&format=json", "503"),
        ("/3-shake-status?fail=0", "200"),
        ("/status?fail=1", "503"),
        ("/status?fail=1&search=nobody", "200"),
    ] {
        assert_eq!(code(&ask(&exporter, path, "Accept: */*").0), expected, "{path}");
    }
    let up = asked_once(&Peer::plain(|_| ok()));
    assert_eq!(code(&ask(&up, "/3-shake-status?fail=1", "Accept: */*").0), "200");
}

#[test]
fn a_failed_run_has_an_address_with_all_that_explains_it_and_no_secret() {
    // It says what it was told, as servers that debug do.
    let peer = Peer::plain(|path| {
        let headers = "Set-Cookie: id=canary-cookie\r\nLocation: /x?token=canary-location\r\nServer: test\r\n";
        response("502 Bad Gateway", headers, format!("<b>no</b> backend for {path}, Bearer canary-token"))
    });
    let module = "modules:\n  m:\n    prober: http\n    http: {authorization: {credentials: canary-token}}\n";
    let file = kit::file(
        "failing.yml",
        format!(
            "{module}targets:\n- {{name: it, url: '{}', module: m, interval: 1h}}\n",
            peer.url("/?key=canary-query")
        ),
    );
    let exporter = exporter(&file, &[]);
    exporter.page_that("/3-shake-status", |page| page.contains("\nit is down since "));
    let status = json(&exporter, "/3-shake-status");
    let id = status["incidents"][0]["run"].as_str().unwrap();
    assert_eq!(status["failed_runs"][0]["id"], id);
    exporter.logged(&format!(" run={id}"));

    let path = format!("/runs/{id}");
    let run = json(&exporter, &path);
    assert_eq!((&run["reason"], &run["status"], &run["target"]), (&"status".into(), &502.into(), &"it".into()));
    assert_eq!(run["hops"][0]["body_sample"], "<b>no</b> backend for /?key=[redacted], Bearer [redacted]");
    let curl = run["curl"].as_str().unwrap();
    assert!(curl.contains(" --header 'Authorization: Bearer …' '"), "{curl}");
    let page = html(&exporter, &path);
    for part in [
        "it answers 502",
        "&#60;b&#62;no&#60;/b&#62; backend",
        "server: test",
        "set-cookie: [redacted]",
        "To repeat it",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(html(&exporter, "/3-shake-status").contains(&format!("href=\"runs/{id}\"")), "a link to it");
    let text = exporter.ask("GET", &path).1;
    assert!(text.contains("  | <b>no</b> backend") && text.contains("\ncurl --verbose "), "{text}");
    for path in [
        &path,
        &format!("{path}?format=json"),
        &format!("{path}?format=html"),
        "/3-shake-status",
        "/status",
        "/config",
        "/incidents.atom",
    ] {
        assert!(!exporter.ask("GET", path).1.contains("canary"), "{path}");
    }
    assert!(!exporter.log().contains("canary"));
    for unknown in ["/runs/0-0", "/runs/x", "/runs/%00", "/runs/", &format!("{path}0")] {
        assert_eq!(code(&exporter.ask("GET", unknown).0), "404", "{unknown}");
    }
}

#[test]
fn of_a_body_as_much_is_kept_as_is_wanted() {
    let peer = Peer::plain(|_| response("500 Oops", "", "x".repeat(9_000)));
    for (wanted, kept) in [("0", None), ("10", Some(10)), ("4096", Some(4096))] {
        let url = peer.url("/");
        let args = ["--target", &url, "--probe.interval", "1h", "--history.body-sample", wanted];
        let exporter = Exporter::start(&args);
        exporter.page_that("/3-shake-status", |page| page.contains(" is down since "));
        let id = json(&exporter, "/3-shake-status")["failed_runs"][0]["id"].as_str().unwrap().to_owned();
        let run = json(&exporter, &format!("/runs/{id}"));
        assert_eq!(run["hops"][0]["body_sample"].as_str().map(str::len), kept, "{wanted}");
    }
}

/// Targets with names of all kinds, of which one is down.
fn many(peer: &Peer, count: usize) -> std::path::PathBuf {
    let url = peer.url("/");
    let service = |n| format!("- {{name: 'team {}/service {n}', url: '{url}', interval: 1h}}\n", n % 2);
    let file = format!("targets:\n{}", (0..count).map(service).collect::<Vec<_>>().concat());
    kit::file(
        &format!("many-{count}.yml"),
        file + &format!("- {{name: 'https://evil.test/<x>', url: '{}', interval: 1h}}\n", peer.url("/down")),
    )
}

#[test]
fn the_list_has_the_worst_first_is_searched_and_paged() {
    let peer = Peer::plain(|path| if path == "/down" { response("500 Oops", "", "") } else { ok() });
    let exporter = exporter(&many(&peer, 130), &[]);
    let list =
        exporter.page_that("/status", |page| page.matches(" is up: ").count() == 130 && page.contains(" is down "));
    assert!(list.starts_with("131 targets\nevil.test/<x> is down since "), "{list}");
    let page = html(&exporter, "/status");
    assert!(page.contains("131 targets: 1 down, 130 up") && page.contains("Page 1 of 2"), "{page}");
    assert_eq!(page.matches("<th scope=\"row\">").count(), 100);
    assert!(page.contains("href=\"status/https%3A%2F%2Fevil.test%2F%3Cx%3E\"") && !page.contains("<x>"), "{page}");
    assert_eq!(html(&exporter, "/status?page=2").matches("<th scope=\"row\">").count(), 31);
    assert_eq!(html(&exporter, "/status?page=999").matches("<th scope=\"row\">").count(), 31, "the last there is");
    let found = html(&exporter, "/status?search=TEAM+1");
    assert!(found.contains("65 of 131 targets: 65 up") && found.contains("value=\"TEAM 1\""), "{found}");
    assert!(html(&exporter, "/status?search=nobody").contains("No target has this in its name"));
    let object = json(&exporter, "/status?search=evil");
    assert_eq!((&object["all"], &object["targets"][0]["state"]), (&131.into(), &"down".into()));
    assert_eq!(object["targets"].as_array().unwrap().len(), 1);
}

#[test]
fn each_target_has_an_address_whatever_its_name() {
    let peer = Peer::plain(|_| ok());
    let exporter = exporter(&many(&peer, 2), &[]);
    exporter.page_that("/status", |page| page.matches(" is up: ").count() == 3);
    for (path, title) in [
        ("/status/team%200%2Fservice%200", "team 0/service 0"),
        ("/status/team%201/service%201", "team 1/service 1"),
        ("/status/https%3A%2F%2Fevil.test%2F%3Cx%3E", "evil.test/<x>"),
        ("/status/https://evil.test/%3Cx%3E", "evil.test/<x>"),
        ("/status/evil.test/%3Cx%3E", "evil.test/<x>"),
    ] {
        let (head, text) = exporter.ask("GET", path);
        assert!(
            code(&head) == "200" && text.starts_with(&format!("Last {title} access status: 200\n")),
            "{path}: {text}"
        );
        let badge = path.replacen("/status/", "/badge/", 1) + ".svg";
        let (head, svg) = exporter.ask("GET", &badge);
        assert!(
            head.contains("\r\ncontent-type: image/svg+xml\r\n") && svg.contains(">up</text>"),
            "{badge}: {head}{svg}"
        );
        assert!(exporter.ask("GET", &format!("{badge}?uptime=24h")).1.contains(">100 %</text>"), "{badge}");
    }
    assert_eq!(code(&exporter.ask("GET", "/badge/evil.test/%3Cx%3E.svg?uptime=1y").0), "400");
    for unknown in ["/status/nobody", "/badge/nobody.svg", "/status/%FF", "/badge/x", "/incidents.atom?target=nobody"] {
        assert_eq!(code(&exporter.ask("GET", unknown).0), "404", "{unknown}");
    }
    // The first one is the primary, under the article's sentence.
    assert!(
        exporter
            .ask("GET", "/3-shake-status")
            .1
            .starts_with("Last 3-shake.com access status: 200\nteam 0/service 0 is up")
    );
}

#[test]
fn incidents_are_told_in_a_feed_with_links_that_hold() {
    let peer = Peer::plain(|_| response("500 Oops", "", ""));
    let url = peer.url("/");
    for (args, base) in [(&[][..], ""), (&["--web.external-url", "http://127.0.0.1:1/x"], "http://127.0.0.1:1/x/")] {
        let args = [&["--target", &url, "--probe.interval", "50ms", "--probe.timeout", "50ms"], args].concat();
        let exporter = Exporter::start(&args);
        let prefix = if base.is_empty() { "" } else { "/x" };
        let path = format!("{prefix}/incidents.atom");
        let feed = exporter.page_that(&path, |feed| feed.contains("<entry>"));
        assert!(
            feed.contains(" is down</title>") && feed.contains(&format!("<link rel=\"alternate\" href=\"{base}runs/")),
            "{feed}"
        );
        peer.answers(|_| ok());
        let feed = exporter.page_that(&path, |feed| feed.contains(" was down for "));
        assert_eq!(feed.matches("<entry>").count(), 1, "{feed}");
        peer.answers(|_| response("500 Oops", "", ""));
    }
}

#[test]
fn p30_two_hundred_who_look_at_once_ask_nobody() {
    let peer = Peer::plain(|_| ok());
    let exporter = asked_once(&peer);
    let mut streams: Vec<_> = (0..200).map(|_| exporter.connect()).collect();
    for (n, stream) in streams.iter_mut().enumerate() {
        let accept = ["text/html", "*/*", "application/json"][n % 3];
        write!(stream, "GET /3-shake-status HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: {accept}\r\n\r\n")
            .unwrap();
    }
    for mut stream in streams {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert_eq!(peer.requests().len(), 1, "the run there was before");
}

#[test]
fn where_nobody_is_asked_pages_say_so() {
    let file = kit::file("no-targets.yml", "targets: []\n");
    let exporter = exporter(&file, &[]);
    for path in ["/3-shake-status", "/status"] {
        assert!(html(&exporter, path).contains("No target is configured: nobody is asked</h1>"), "{path}");
    }
    assert_eq!(json(&exporter, "/3-shake-status")["target"], Value::Null);
    assert_eq!(exporter.ask("GET", "/status").1, "0 targets\n");
    let pending = Exporter::start(&NOBODY);
    assert!(html(&pending, "/status/http://127.0.0.1:1/").contains("<h1 class=\""));
}

#[test]
fn a_target_leads_to_its_graphs() {
    let page = |flags: &[&str]| {
        let exporter = Exporter::asking_nobody(flags);
        html(&exporter, "/3-shake-status")
    };
    let with = page(&["--web.graph-url", "http://127.0.0.1:9/d/x?var-target={target}&a=b"]);
    let link = r#"<a href="http://127.0.0.1:9/d/x?var-target=http%3A%2F%2F127.0.0.1%3A1%2F&#38;a=b">Graphs</a>"#;
    assert!(with.contains(link), "{with}");
    assert!(!page(&[]).contains("Graphs"));
}
