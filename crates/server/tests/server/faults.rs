//! Clients that are slow, silent, hostile or too many. What is slow is bounded by the flags that say how long, which are short here.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(target_os = "linux")]
use std::process::Stdio;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

#[cfg(target_os = "linux")]
use crate::bad_input::refused;
use crate::exporter::Exporter;
#[cfg(target_os = "linux")]
use crate::exporter::{NOBODY, by_shell};
use crate::kit::{Peer, ok};

/// What comes until the server closes, which it may do hard.
fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "it never closes: {error}"),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn is_healthy(exporter: &Exporter) {
    assert!(exporter.ask("GET", "/-/healthy").0.starts_with("http/1.1 200"));
}

#[test]
fn s1_s2_s4_who_is_silent_or_slow_is_closed() {
    let exporter = Exporter::asking_nobody(&["--web.header-timeout", "1s", "--web.keep-alive", "1s"]);
    let mut silent = exporter.connect();
    let answer = rest(&mut silent);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "S1: {answer}");
    let mut slow = exporter.connect();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nX: ").unwrap();
    // A byte now and then changes nothing: the whole head has one time.
    let mut drip = slow.try_clone().unwrap();
    std::thread::spawn(move || {
        while drip.write_all(b"x").is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
    let answer = rest(&mut slow);
    assert!(answer.starts_with("HTTP/1.1 408 "), "S2: {answer}");
    let mut idle = exporter.connect();
    idle.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let answer = rest(&mut idle);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.matches("HTTP/1.1").count() == 1, "S4: {answer}");
    is_healthy(&exporter);
}

/// A handshake that does not come is a head that does not come.
#[test]
fn s1_a_silent_client_of_an_https_server_is_closed() {
    let identity = crate::kit::Authority::new().signs(&["localhost"], &crate::kit::Flaw::None);
    let (certificates, key) = identity.pem();
    let (cert, key) = (crate::kit::file("silent-cert.pem", certificates), crate::kit::file("silent-key.pem", key));
    let yaml = format!("tls_server_config: {{cert_file: {}, key_file: {}}}\n", cert.display(), key.display());
    let web = crate::kit::file("silent.yml", yaml);
    let exporter = Exporter::asking_nobody(&["--web.header-timeout", "1s", "--web.config.file", web.to_str().unwrap()]);
    for begun in [&b""[..], b"\x16\x03\x01"] {
        let mut stream = exporter.connect();
        stream.write_all(begun).unwrap();
        assert_eq!(rest(&mut stream), "");
    }
}

#[test]
fn s3_a_body_that_never_comes_is_not_waited_for() {
    let exporter = Exporter::asking_nobody(&["--web.header-timeout", "1s"]);
    for (request, status) in [
        ("GET /-/healthy HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx", "200"),
        ("GET /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "200"),
        ("GET /-/healthy HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "200"),
        ("POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx", "200"),
        ("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx", "405"),
        ("GET /-/healthy HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n", "200"),
    ] {
        let mut stream = exporter.connect();
        stream.write_all(request.as_bytes()).unwrap();
        // It does not come to its end, and the connection does.
        let answer = rest(&mut stream);
        let answer = answer.trim_start_matches("HTTP/1.1 100 Continue\r\n\r\n");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
    }
}

#[test]
fn s5_a_thousand_idle_connections_are_in_nobodys_way() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    // The server has at most a quarter of its files for connections, and inherits the limit.
    let most = maximum.map_or(1000, |maximum| usize::try_from(maximum / 8).unwrap().min(1000));
    let exporter = Exporter::asking_nobody(&["--web.header-timeout", "1h"]);
    let idle: Vec<_> = (0..most).map(|_| exporter.connect()).collect();
    is_healthy(&exporter);
    assert!(exporter.metrics().contains("\nactix_exporter_connections_rejected_total 0\n"));
    drop(idle);
}

/// With 64 files it serves some, tells the others, and is as before when they have gone.
#[cfg(target_os = "linux")]
#[test]
fn s7_few_open_files() {
    let mut command = by_shell(r#"ulimit -n 64; exec "$0" "$@""#);
    command.args(["--web.listen-address", "127.0.0.1:0"]).args(NOBODY).stdin(Stdio::null());
    let exporter = Exporter::of(command);
    let many: Vec<_> = (0..200).map(|_| exporter.connect()).collect();
    drop(many);
    let healthy = b"GET /-/healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    exporter.wait_until("it serves again", || exporter.send_anyway(healthy).contains("200 OK"));
    exporter.wait_until("its files are closed", || exporter.metric("process_open_fds").is_some_and(|open| open < 32.0));
    assert!(exporter.log().lines().count() < 50, "{}", exporter.log());
}

#[cfg(target_os = "linux")]
#[test]
fn s7_too_few_open_files_to_serve() {
    for files in [8, 32, 63] {
        let mut command = by_shell(&format!(r#"ulimit -n {files}; exec "$0" "$@""#));
        let (code, line) = refused(command.args(["--web.listen-address", "127.0.0.1:0"]).args(NOBODY));
        assert_eq!(code, 1, "{line}");
        assert!(line.contains(&format!("only {files} files may be open; allow it 64")), "{line}");
    }
}

#[test]
fn s8_a_request_under_way_is_answered_though_it_stops() {
    let (stopping, told) = std::sync::mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    let peer = Peer::plain(move |_| {
        let _ = told.lock().unwrap().recv();
        ok()
    });
    let mut exporter = Exporter::asking_nobody(&["--probe.allow", "127.0.0.0/8"]);
    let mut stream = exporter.connect();
    write!(stream, "GET /probe?target={} HTTP/1.1\r\nHost: a\r\n\r\n", peer.url("/")).unwrap();
    exporter.wait_until("it is asked", || !peer.requests().is_empty());
    exporter.signal(Signal::TERM);
    exporter.logged("SIGTERM");
    drop(stopping);
    let answer = rest(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\nprobe_success 1\n"), "{answer}");
    assert_eq!(exporter.wait().code(), Some(0));
    assert!(TcpStream::connect(exporter.address).is_err(), "nobody listens any more");
}

#[test]
fn s14_what_can_be_read_in_two_ways_is_400_and_no_second_answer() {
    let exporter = Exporter::asking_nobody(&[]);
    let second = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for head in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: +4",
        "Content-Length: 4, 4",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Host: b",
        "X: a\0b",
        "X : a",
    ] {
        let request = format!("POST /-/healthy HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n0\r\n\r\n{second}");
        let answer = exporter.send_anyway(request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head}: {answer}");
    }
    assert!(!exporter.log().contains("smuggled"), "{}", exporter.log());
    is_healthy(&exporter);
}

#[test]
fn s15_what_is_too_large_is_refused() {
    let exporter = Exporter::asking_nobody(&[]);
    let header = |length| format!("GET /metrics HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(length));
    let headers = (0..200).map(|n| format!("X{n}: x\r\n")).collect::<Vec<_>>().concat();
    for (what, request, statuses) in [
        ("a header of 300 KB", header(300_000), &["431", "400"][..]),
        ("200 headers", format!("GET /metrics HTTP/1.1\r\nHost: a\r\n{headers}\r\n"), &["431", "400"]),
        ("a path of 70 KB", format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(70_000)), &["400", "414", "431"]),
    ] {
        let answer = exporter.send_anyway(request.as_bytes());
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(statuses.contains(&status), "{what}: {answer:.200}");
    }
    is_healthy(&exporter);
}

#[test]
fn s16_other_protocols_are_answered_400() {
    let exporter = Exporter::asking_nobody(&[]);
    for hello in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
    ] {
        let answer = exporter.send_anyway(hello);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{hello:?}: {answer}");
    }
    is_healthy(&exporter);
}

#[test]
fn s17_odd_requests_are_answered_and_counted_as_one_method() {
    let exporter = Exporter::asking_nobody(&[]);
    for (line, status) in [
        ("FOOBAR /metrics", "405"),
        ("CONNECT 127.0.0.1:1", "404"),
        ("GET http://127.0.0.1:1/-/healthy", "200"),
        ("OPTIONS *", "404"),
        ("TRACE /metrics", "405"),
        ("GET /metrics/", "404"),
        ("GET //metrics", "404"),
        ("GET /-/../metrics", "404"),
    ] {
        let request = format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = exporter.send_anyway(request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
    }
    let page = exporter.metrics();
    assert!(page.contains("http_requests_total{method=\"other\",path=\"/metrics\"} 1\n"), "{page}");
    assert!(!page.contains("FOOBAR"), "{page}");
}

#[test]
fn s22_any_accept_header_is_answered_with_a_content_type() {
    let exporter = Exporter::asking_nobody(&[]);
    for (accept, expected) in [
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1".to_owned(),
            "application/openmetrics-text; version=1.0.0",
        ),
        ("\u{7f}\u{e4};;;q=,,".to_owned(), ""),
        ("text/plain;q=NaN".to_owned(), "text/plain; version=0.0.4"),
        ("a/b,".repeat(10_000), "text/plain; version=0.0.4"),
    ] {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
        let answer = exporter.send_anyway(request.as_bytes());
        let head = answer.split("\r\n\r\n").next().unwrap().to_lowercase();
        let refused = head.starts_with("http/1.1 400") || head.starts_with("http/1.1 431");
        assert!(refused || head.contains(&format!("\r\ncontent-type: {expected}")), "{accept:.80}: {head}");
    }
    // A megabyte is no header.
    let huge = format!("GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: {}\r\n\r\n", "x".repeat(1 << 20));
    let answer = exporter.send_anyway(huge.as_bytes());
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    is_healthy(&exporter);
}

#[test]
fn s23_who_leaves_in_the_middle_of_a_scrape_leaves_nothing_behind() {
    let exporter = Exporter::asking_nobody(&[]);
    for _ in 0..50 {
        let mut stream = exporter.connect();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 100]).unwrap();
        let _ = stream.shutdown(Shutdown::Both);
    }
    exporter.wait_until("all have ended", || exporter.metric("metrics_handler_requests_in_flight") == Some(1.0));
    exporter.wait_until("no request is left", || exporter.metric("http_requests_in_flight") == Some(1.0));
}

/// The server's memory does not grow with what nobody reads.
#[cfg(target_os = "linux")]
#[test]
fn s25_pipelined_requests_of_one_who_does_not_read() {
    let exporter = Exporter::asking_nobody(&["--web.write-timeout", "1h"]);
    is_healthy(&exporter);
    let before = exporter.metric("process_resident_memory_bytes").unwrap();
    let mut stream = exporter.connect();
    stream.set_nonblocking(true).unwrap();
    let requests = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
    // As much as is taken: for a while after that nothing is.
    let mut taken = 0;
    let mut refused = 0;
    while refused < 50 && taken < 64 << 20 {
        match stream.write(requests.as_bytes()) {
            Ok(written) => taken += written,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                refused += 1;
                is_healthy(&exporter);
            }
        }
    }
    let after = exporter.metric("process_resident_memory_bytes").unwrap();
    assert!(after - before < f64::from(16 << 20), "{before} -> {after} after {taken} bytes of requests");
}
