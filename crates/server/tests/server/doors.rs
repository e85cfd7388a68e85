//! Where the server listens, below which path, and how many may come in at a time.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

use rustix::process::Signal;

use crate::bad_input::{harmless, refused};
use crate::exporter::{Exporter, NOBODY, by_shell, program};
use crate::kit::{Action, Peer, ok};

#[test]
fn it_listens_on_each_address_that_is_given() {
    let exporter = Exporter::asking_nobody(&["--web.listen-address", "127.0.0.2:0,[::1]:0"]);
    let addresses = exporter.addresses();
    let hosts: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
    assert_eq!(hosts, ["127.0.0.1", "127.0.0.2", "::1"]);
    for address in addresses {
        let output = program().args(["healthcheck", "--web.listen-address", &address.to_string()]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{address}");
    }
}

#[test]
fn it_listens_on_the_socket_that_systemd_hands_over() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // As sd_listen_fds(3) wants it: descriptor 3, and the variables of this very process.
    let hand_over = r#"exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" "$@""#;
    let mut command = by_shell(hand_over);
    command.arg("--web.systemd-socket").args(NOBODY);
    command.stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)));
    let exporter = Exporter::of(command);
    assert_eq!(exporter.addresses(), [address]);
    assert!(exporter.ask("GET", "/-/ready").0.starts_with("http/1.1 200"));
    let (code, line) = refused(harmless().arg("--web.systemd-socket"));
    assert!(code == 1 && line.contains("has handed over no socket"), "{line}");
}

#[test]
fn all_routes_are_below_the_prefix() {
    for args in [
        &["--web.route-prefix", "/a/b/"][..],
        &["--web.external-url", "https://127.0.0.1/a/b"],
        &["--web.external-url", "https://127.0.0.1/c", "--web.route-prefix", "a/b"],
    ] {
        let exporter = Exporter::asking_nobody(args);
        for path in ["/", "/metrics", "/3-shake-status", "/config", "/-/healthy", "/-/ready"] {
            let (head, _) = exporter.ask("GET", &format!("/a/b{path}"));
            assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        }
        assert!(exporter.ask("POST", "/a/b/-/reload").0.starts_with("http/1.1 200"));
        assert!(exporter.ask("GET", "/metrics").0.starts_with("http/1.1 404"));
        let landing = if args.contains(&"https://127.0.0.1/c") { "/c/" } else { "/a/b/" };
        for path in ["/", "/a/b"] {
            let (head, _) = exporter.ask("GET", path);
            let sent = head.starts_with("http/1.1 302") && head.contains(&format!("\r\nlocation: {landing}\r\n"));
            assert!(sent, "{path}: {head}");
        }
        let (_, page) = exporter.ask("GET", "/a/b/metrics");
        assert!(page.contains("http_requests_total{method=\"GET\",path=\"/a/b/metrics\"} "), "{page}");
        let healthcheck = |prefix: &str| {
            let address = exporter.address.to_string();
            let args = ["healthcheck", "--web.listen-address", &address, "--web.route-prefix", prefix];
            program().args(args).output().unwrap().status.code()
        };
        assert_eq!((healthcheck("a/b"), healthcheck("/")), (Some(0), Some(1)));
    }
}

#[test]
fn s6_one_connection_more_is_told_so_and_comes_in_when_another_has_gone() {
    let exporter = Exporter::asking_nobody(&["--web.max-connections", "3"]);
    let ask = b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut open: Vec<_> = (0..3).map(|_| exporter.connect()).collect();
    for stream in &mut open {
        stream.write_all(ask).unwrap();
        stream.read_exact(&mut [0; 12]).unwrap();
    }
    let mut answer = String::new();
    exporter.connect().read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("(--web.max-connections)"), "{answer}");
    drop(open);
    exporter.wait_until("there is a place again", || exporter.send_anyway(ask).contains("200 OK"));
    exporter.page_that("/metrics", |page| !page.contains("\nactix_exporter_connections_rejected_total 0\n"));
}

/// Whoever takes nothing holds nothing for long: neither memory, nor a connection.
#[test]
fn s25_who_takes_nothing_of_the_answer_is_left() {
    let exporter = Exporter::asking_nobody(&["--web.write-timeout", "100ms"]);
    let mut stream = exporter.connect();
    stream.set_write_timeout(Some(crate::exporter::PATIENCE)).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2000);
    // The server stops reading when it has enough to write, and at last the connection is gone.
    let mut sent = Ok(());
    while sent.is_ok() {
        sent = stream.write_all(request.as_bytes());
    }
    let error = sent.unwrap_err();
    let gone = [std::io::ErrorKind::ConnectionReset, std::io::ErrorKind::BrokenPipe];
    assert!(gone.contains(&error.kind()), "{error}");
    assert_eq!(exporter.metric("metrics_handler_requests_in_flight"), Some(1.0));
}

#[test]
fn it_is_not_ready_from_the_moment_it_is_told_to_stop() {
    let mut exporter = Exporter::asking_nobody(&["--web.shutdown-delay", "1h"]);
    assert!(exporter.ask("GET", "/-/ready").0.starts_with("http/1.1 200"));
    exporter.signal(Signal::TERM);
    exporter.wait_until("it is not ready", || exporter.ask("GET", "/-/ready").0.starts_with("http/1.1 503"));
    let (head, body) = exporter.ask("HEAD", "/-/ready");
    assert!(head.starts_with("http/1.1 503") && body.is_empty(), "{head}");
    // It lives all the same, and serves.
    assert!(exporter.ask("GET", "/-/healthy").0.starts_with("http/1.1 200"));
    assert!(exporter.ask("GET", "/metrics").0.starts_with("http/1.1 200"));
    exporter.signal(Signal::TERM);
    assert_eq!(exporter.wait().code(), Some(143), "S11");
}

#[test]
fn the_landing_page_leads_everywhere_and_trusts_no_name() {
    let exporter = Exporter::asking_nobody(&["--probe.allow", "127.0.0.0/8", "--resolve", "a.test:80:127.0.0.1:1"]);
    let (head, page) = exporter.ask("GET", "/");
    assert!(head.contains("\r\ncontent-type: text/html; charset=utf-8\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-security-policy: default-src 'none';"), "{head}");
    let links = page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let links: Vec<_> = links.collect();
    assert_eq!(links, ["metrics", "3-shake-status", "status", "config", "-/healthy", "-/ready", "sd"]);
    for link in links {
        assert!(exporter.ask("GET", &format!("/{link}")).0.starts_with("http/1.1 200"), "{link}");
    }
    assert!(page.contains("<form action=\"probe\">") && page.contains("<td>http://127.0.0.1:1/</td>"), "{page}");
    let closed = Exporter::asking_nobody(&[]).ask("GET", "/").1;
    assert!(!closed.contains("<form"), "{closed}");
    let name = "http://127.0.0.1:1/?<script>&\"";
    let (_, page) = Exporter::start(&["--target", name]).ask("GET", "/");
    assert!(page.contains("?&lt;script&gt;&amp;&quot;") && !page.contains("<script"), "{page}");
}

#[test]
fn a_run_under_way_is_seen_on_the_landing_page_as_pending() {
    let peer = Peer::plain(|_| Action::Hang);
    let (_, page) = Exporter::start(&["--target", &peer.url("/")]).ask("GET", "/");
    assert!(page.contains("<td>pending</td>"), "{page}");
    let peer = Peer::plain(|_| ok());
    let exporter = Exporter::start(&["--target", &peer.url("/")]);
    exporter.page_that("/", |page| page.contains("<td>up</td><td>200</td>"));
}

#[test]
fn the_configuration_is_shown_without_its_secrets() {
    let peer = Peer::plain(|_| ok());
    let module =
        "modules: {m: {prober: http, http: {basic_auth: {username: u, password: canary}, headers: {X-Key: canary}}}}";
    let targets =
        format!("targets: [{{name: one, url: \"{}?key=canary\", module: m, labels: {{team: web}}}}]", peer.url("/a"));
    let file = crate::reload::File::new("shown.yml", &format!("{module}\n{targets}\n"));
    let exporter = Exporter::start(&["--config.file", file.0.to_str().unwrap()]);
    let (head, page) = exporter.ask("GET", "/config");
    assert!(head.contains("\r\ncontent-type: text/plain; charset=utf-8\r\n"), "{head}");
    assert!(!page.contains("canary"), "{page}");
    for part in ["name: 'one'", "/a?…'", "labels: {team: 'web'}", "'m':", "password: '<secret>'", "interval: 1m"] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    file.write(&targets.replace("one", "two").replace("module: m, ", ""));
    assert_eq!(exporter.reload().0, 200);
    let page = exporter.ask("GET", "/config").1;
    assert!(page.contains("name: 'two'") && !page.contains("'m':"), "{page}");
}
