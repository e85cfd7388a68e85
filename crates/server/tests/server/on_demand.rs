//! `/probe` and `/sd`: what is answered to whom, and what there is too much of.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use rustix::process::Signal;

use crate::exporter::{Exporter, program, value};
use crate::kit::{self, Action, Peer, ok, response};
use crate::reload::File;

/// Nobody but loopback may be asked.
pub(crate) const LOOPBACK: &[&str] = &["--probe.allow", "127.0.0.0/8,::1"];

/// With a configuration of modules alone, and these flags.
pub(crate) fn exporter(name: &str, modules: &str, flags: &[&str]) -> Exporter {
    let file = kit::file(&format!("on-demand-{name}.yml"), format!("modules:\n{modules}"));
    Exporter::start(&[&["--config.file", file.to_str().unwrap()], flags].concat())
}

/// Status and text of the answer to a probe.
pub(crate) fn probe(exporter: &Exporter, query: &str) -> (u16, String) {
    let (head, body) = exporter.ask("GET", &format!("/probe?{query}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

fn succeeds(page: &str) -> Option<bool> {
    value(page, "probe_success").map(|success| success > 0.5)
}

#[test]
fn it_is_closed_until_it_is_opened() {
    let peer = Peer::plain(|_| ok());
    let exporter = exporter("closed", "  http_2xx: {prober: http}\n", &[]);
    for path in [format!("/probe?target={}", peer.url("/")), "/probe".to_owned(), "/sd".to_owned()] {
        let (head, line) = exporter.ask("GET", &path);
        assert!(head.starts_with("http/1.1 403 "), "{path}: {head}");
        assert!(line.contains("open it with --probe.allow") && line.lines().count() == 1, "{path}: {line}");
    }
    assert_eq!(peer.connections(), 0);
}

#[test]
fn a_run_that_fails_is_an_answer() {
    let exporter = exporter("fails", "  http_2xx: {prober: http}\n", LOOPBACK);
    let peer = Peer::plain(|path| if path == "/bad" { response("503 Busy", "", "no") } else { ok() });
    for (target, success, status) in [
        (peer.url("/"), true, 200.0),
        // As blackbox_exporter has it.
        (peer.address.to_string(), true, 200.0),
        (peer.url("/bad"), false, 503.0),
        (format!("http://{}/", kit::closed_port()), false, 0.0),
    ] {
        let (code, page) = probe(&exporter, &format!("target={target}"));
        assert_eq!((code, succeeds(&page), value(&page, "probe_http_status_code")), (200, Some(success), Some(status)));
        let foreign = page
            .lines()
            .find(|line| !line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ").starts_with("probe_"));
        assert_eq!(foreign, None, "nothing of our own process is in it: {page}");
    }
    assert!(exporter.metric(r#"http_responses_total{method="GET",path="/probe",code="200"}"#) >= Some(4.0));
    assert!(!exporter.metrics().contains("external_access_runs_total{"), "it is journalled nowhere");
}

#[test]
fn what_is_wrong_with_a_request_is_400_and_said_in_one_line() {
    let peer = Peer::plain(|_| ok());
    let modules = "  http_2xx: {prober: http}\n  ping: {prober: icmp}\n  host: {prober: http, http: {headers: {Host: a.test}}}\n  \
                   ca: {prober: http, http: {tls_config: {ca_file: /no/such.pem}}}\n";
    let exporter = exporter("wrong", modules, LOOPBACK);
    let target = peer.url("/");
    for (query, what, todo) in [
        (String::new(), "no target", "write /probe?target=URL"),
        ("target=".to_owned(), "no target", "write /probe?target=URL"),
        (format!("target={target}&module=http_3xx"), "no module http_3xx", "choose one of ca, host, http_2xx, ping"),
        (format!("target={target}&module=ping"), "prober icmp: only http is asked", "keep this module"),
        (format!("target={target}&module=ca"), "/no/such.pem: No such file", ""),
        ("target=ftp://127.0.0.1/".to_owned(), "scheme ftp", "use http:// or https://"),
        ("target=file:///etc/passwd".to_owned(), "scheme file", "use http:// or https://"),
        ("target=http://[::1".to_owned(), "IPv6", "write it as https://HOST"),
        ("target=http://127.0.0.1:99999/".to_owned(), "invalid port", "write it as https://HOST"),
        ("target=http://a:s3cret@127.0.0.1/".to_owned(), "password in the URL", "basic_auth"),
        (format!("target={target}&hostname=a%20b"), "hostname: not a host", "write NAME"),
        (format!("target={target}&hostname=a%0d%0ab"), "hostname: not a host", "write NAME"),
        (format!("target={target}&hostname=b.test&module=host"), "has another one in its header Host", "leave one"),
    ] {
        let (code, line) = probe(&exporter, &query);
        assert_eq!(code, 400, "{query}: {line}");
        assert!(line.contains(what) && line.contains(todo) && line.lines().count() == 1, "{query}: {line}");
        assert!(!line.contains("s3cret"), "{line}");
    }
    for time in ["x", "", "-1", "0", "NaN", "inf", "1e999", "1s"] {
        let request = format!(
            "GET /probe?target={target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
             X-Prometheus-Scrape-Timeout-Seconds: {time}\r\n\r\n"
        );
        let answer = exporter.send(&request);
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("write e.g. 10"), "{time:?}: {answer}");
    }
    assert_eq!(peer.connections(), 0);
    // A module that nobody can use does not keep the others from being used.
    assert_eq!(succeeds(&probe(&exporter, &format!("target={target}")).1), Some(true));
}

#[test]
fn it_ends_before_the_scrapers_time_does() {
    let peer = Peer::plain(|_| Action::Hang);
    let exporter = exporter("time", "  http_2xx: {prober: http}\n  short: {prober: http, timeout: 100ms}\n", LOOPBACK);
    for (module, time, timeout) in [("http_2xx", "1", 0.5), ("http_2xx", "0.4", 0.2), ("short", "100", 0.1)] {
        let request = format!(
            "GET /probe?module={module}&target={} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
             X-Prometheus-Scrape-Timeout-Seconds: {time}\r\n\r\n",
            peer.url("/")
        );
        let answer = exporter.send(&request);
        assert!(answer.contains("\nprobe_success 0"), "{answer}");
        let said = value(&answer.replace("\r\n", "\n"), "probe_timeout_seconds");
        assert!(said.is_some_and(|said| (said - timeout).abs() < 1e-9), "{module} {time}: {said:?}");
    }
}

/// A peer that answers `/held` only when it is told to.
struct Holding {
    peer: Peer,
    asked: mpsc::Receiver<()>,
    release: mpsc::Sender<()>,
}

impl Holding {
    fn start() -> Self {
        let (release, told) = mpsc::channel::<()>();
        let (told, (tell, asked)) = (Mutex::new(told), mpsc::channel());
        let peer = Peer::plain(move |path| {
            if path == "/held" {
                let _ = tell.send(());
                let _ = told.lock().unwrap().recv();
            }
            ok()
        });
        Self { peer, asked, release }
    }

    fn wait_until_asked(&self) {
        self.asked.recv_timeout(kit::peer::PATIENCE).unwrap();
    }

    fn answer(&self) {
        self.release.send(()).unwrap();
    }
}

#[test]
fn one_too_many_is_503_and_no_verdict() {
    let holding = Holding::start();
    let flags = [LOOPBACK, &["--probe.max-requests", "1"]].concat();
    let exporter = Arc::new(exporter("busy", "  http_2xx: {prober: http}\n", &flags));
    let (asking, target) = (exporter.clone(), format!("target={}", holding.peer.url("/held")));
    let first = std::thread::spawn(move || probe(&asking, &target));
    holding.wait_until_asked();
    let target = format!("target={}", holding.peer.url("/"));
    let (head, line) = exporter.ask("GET", &format!("/probe?{target}"));
    assert!(head.starts_with("http/1.1 503 ") && head.contains("\r\nretry-after: 1"), "{head}");
    assert!(line.contains("--probe.max-requests") && !line.contains("probe_success"), "{line}");
    holding.answer();
    assert_eq!(succeeds(&first.join().unwrap().1), Some(true));
    exporter.wait_until("there is room again", || probe(&exporter, &target).0 == 200);
}

#[test]
fn too_many_in_a_second_are_503() {
    let peer = Peer::plain(|_| ok());
    let flags = [LOOPBACK, &["--probe.rate-limit", "1"]].concat();
    let exporter = exporter("rate", "  http_2xx: {prober: http}\n", &flags);
    let target = format!("target={}", peer.url("/"));
    // A request that asks nobody is no probe.
    assert_eq!(probe(&exporter, "").0, 400);
    assert_eq!(probe(&exporter, &target).0, 200);
    let busy = || {
        let (code, line) = probe(&exporter, &target);
        code == 503 && line.contains("--probe.rate-limit")
    };
    exporter.wait_until("one is too many", busy);
}

#[test]
fn p28_what_was_asked_for_is_answered_though_the_server_stops() {
    let holding = Holding::start();
    let mut exporter = exporter("stops", "  http_2xx: {prober: http}\n", LOOPBACK);
    let mut stream = exporter.connect();
    let target = holding.peer.url("/held");
    write!(stream, "GET /probe?target={target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    holding.wait_until_asked();
    exporter.signal(Signal::TERM);
    exporter.logged("SIGTERM");
    holding.answer();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\nprobe_success 1"), "{answer}");
    assert!(exporter.wait().success());
}

#[test]
fn it_speaks_the_formats_of_metrics() {
    let peer = Peer::plain(|_| ok());
    let exporter = exporter("formats", "  http_2xx: {prober: http}\n", LOOPBACK);
    let ask = |method: &str, header: &str| {
        let path = format!("/probe?target={}", peer.url("/"));
        let mut stream = exporter.connect();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{header}\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let text = ask("GET", "");
    assert!(
        text.to_ascii_lowercase().contains("\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n"),
        "{text}"
    );
    let open = ask("GET", "Accept: application/openmetrics-text; version=1.0.0\r\n");
    assert!(open.contains("application/openmetrics-text; version=1.0.0") && open.contains("# EOF\n"), "{open}");
    let packed = ask("GET", "Accept-Encoding: gzip\r\n");
    assert!(packed.to_ascii_lowercase().contains("\r\ncontent-encoding: gzip\r\n"), "{packed}");
    let head = ask("HEAD", "");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    let post = ask("POST", "");
    assert!(
        post.starts_with("HTTP/1.1 405 ") && post.to_ascii_lowercase().contains("\r\nallow: get, head\r\n"),
        "{post}"
    );
}

#[test]
fn debug_shows_what_was_done_and_no_secret() {
    let peer = Peer::plain(|path| if path == "/" { kit::redirect("302 Found", "/there?token=s3cret") } else { ok() });
    let modules = "  keyed:\n    prober: http\n    timeout: 5s\n    http:\n      method: POST\n      body: s3cret\n      \
                   headers: {X-Key: s3cret}\n      basic_auth: {username: s3cret, password: s3cret}\n      \
                   valid_status_codes: [2xx, 404]\n      fail_if_body_not_matches_regexp: [\"it's fine\"]\n";
    let exporter = exporter("debug", modules, LOOPBACK);
    let (code, page) = probe(&exporter, &format!("target={}&module=keyed&debug=true", peer.url("/")));
    assert_eq!(code, 200);
    let mut rest = page.as_str();
    for part in [
        "Logs for the probe:\n",
        "msg=\"Making HTTP request\" roundtrip=0",
        "status_code=302",
        "msg=\"Making HTTP request\" roundtrip=1",
        "status_code=200",
        "msg=\"Probe failed\" reason=body detail=",
        "\n\n\nMetrics that would have been returned:\n",
        "# TYPE probe_success gauge\nprobe_success 0",
        "\n\n\nModule configuration:\nprober: http\ntimeout: 5s\nhttp:\n  method: POST\n",
        "    x-key: '<secret>'\n",
        "  body: '<secret>'\n",
        "  valid_status_codes: [2xx, 404]\n",
        "    - 'it''s fine'\n",
        "    password: '<secret>'\n",
    ] {
        let (_, after) = rest.split_once(part).unwrap_or_else(|| panic!("{part:?} is not where it should be:\n{page}"));
        rest = after;
    }
    assert!(!page.contains("s3cret"), "{page}");
}

#[test]
fn a_hostname_is_the_one_that_is_asked_for() {
    let authority = kit::Authority::new();
    let peer = Peer::tls(authority.server("shop.test", &kit::Flaw::None), |_| ok());
    let ca = authority.file("on-demand-hostname");
    let modules = format!("  tls: {{prober: http, http: {{tls_config: {{ca_file: '{}'}}}}}}\n", ca.display());
    let exporter = exporter("hostname", &modules, LOOPBACK);
    let target = format!("module=tls&target={}", peer.https("/"));
    let (_, page) = probe(&exporter, &target);
    assert_eq!(succeeds(&page), Some(false), "its certificate is for another name: {page}");
    assert!(value(&page, "probe_ssl_earliest_cert_expiry").is_some(), "it is seen all the same: {page}");
    let (_, page) = probe(&exporter, &format!("{target}&hostname=shop.test"));
    assert_eq!(succeeds(&page), Some(true), "{page}");
    assert!(peer.requests()[0].to_ascii_lowercase().contains("\r\nhost: shop.test\r\n"));
    assert_eq!(peer.names(), [None, Some("shop.test".to_owned())]);
}

#[test]
fn a_reload_opens_and_closes_it() {
    let peer = Peer::plain(|_| ok());
    let file = File::new("on-demand-reload.yml", "targets: []\n");
    let exporter = Exporter::start(&["--config.file", file.0.to_str().unwrap()]);
    let target = format!("target={}", peer.url("/"));
    assert_eq!(probe(&exporter, &target).0, 403);
    file.write("probe: {allow: [127.0.0.0/8]}\nmodules: {http_2xx: {prober: http}}\n");
    assert_eq!(exporter.reload().0, 200);
    assert_eq!(probe(&exporter, &target).0, 200);
    file.write("probe: {allow: [127.0.0.0/99]}\n");
    assert!(!exporter.metrics().contains("blackbox_exporter_"), "it was not open at the start");
    let (code, line) = exporter.reload();
    assert!(code == 500 && line.contains(":1:17: allow 127.0.0.0/99: not a network; write public"), "{line}");
    assert_eq!(probe(&exporter, &target).0, 200, "what is wrong changes nothing");
    file.write("targets: []\n");
    assert_eq!(exporter.reload().0, 200);
    assert_eq!(probe(&exporter, &target).0, 403);
}

/// For rules that watch it there.
#[test]
fn its_reloads_are_told_under_blackbox_exporters_name_too() {
    let file = File::new("on-demand-names.yml", "probe: {allow: [127.0.0.1]}\n");
    let exporter = Exporter::start(&["--config.file", file.0.to_str().unwrap()]);
    let successful = || {
        ["blackbox_exporter", "actix_exporter"]
            .map(|program| exporter.metric(&format!("{program}_config_last_reload_successful")))
    };
    assert_eq!(successful(), [Some(1.0); 2]);
    file.write("probe: {allow: [127.0.0.0/99]}\n");
    assert_eq!((exporter.reload().0, successful()), (500, [Some(0.0); 2]));
    assert!(exporter.metric("blackbox_exporter_config_last_reload_success_timestamp_seconds") > Some(0.0));
}

#[test]
fn a_flag_that_allows_what_is_none_is_refused() {
    for (allow, what) in [("http://a.test/", "a URL"), ("a.test:80", "with a port"), ("10.0.0.0/64", "not a network")] {
        let (code, line) = crate::bad_input::refused(crate::bad_input::harmless().args(["--probe.allow", allow]));
        assert!(code == 2 && line.contains("--probe.allow") && line.contains(what), "{line}");
    }
    let (code, line) = crate::bad_input::refused(program().args(["--timeout-offset", "half"]));
    assert!(code == 2 && line.contains("--timeout-offset") && line.contains("write seconds"), "{line}");
}

#[test]
fn discovery_lists_the_targets() {
    let peer = Peer::plain(|_| ok());
    let file = kit::file(
        "discovery.yml",
        format!(
            "targets:\n- {{name: shop, url: '{0}', module: post, labels: {{team: \"a\\\"b\"}}}}\n\
             - {{url: '{1}', labels: {{team: web}}}}\nmodules: {{post: {{prober: http, http: {{method: POST}}}}}}\n\
             probe: {{allow: [127.0.0.1]}}\n",
            peer.url("/a?b=c"),
            peer.url("/d"),
        ),
    );
    let exporter = Exporter::start(&["--config.file", file.to_str().unwrap()]);
    let (head, body) = exporter.ask("GET", "/sd");
    assert!(head.contains("\r\ncontent-type: application/json\r\n"), "{head}");
    let expected = format!(
        "[{{\"targets\":[\"{}\"],\"labels\":{{\"__param_module\":\"post\",\"__meta_actix_exporter_target\":\"shop\",\
         \"__meta_actix_exporter_label_team\":\"a\\\"b\"}}}},\
         {{\"targets\":[\"{1}\"],\"labels\":{{\"__param_module\":\"http_2xx\",\"__meta_actix_exporter_target\":\"{1}\",\
         \"__meta_actix_exporter_label_team\":\"web\"}}}}]",
        peer.url("/a?b=c"),
        peer.url("/d"),
    );
    assert_eq!(body, expected);
}
