//! The routes, and what hostile requests can do.

use std::io::{Read, Write};

use crate::exporter::{Exporter, program};
use crate::kit::{Peer, ok};

fn exporter() -> Exporter {
    let peer = Peer::plain(|_| ok());
    Exporter::start(&["--target", &peer.url("/")])
}

#[test]
fn s19_s20_each_route_answers_get_and_head_and_refuses_the_rest() {
    let exporter = exporter();
    for (path, content_type, part) in [
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8", "# TYPE http_requests_in_flight gauge\n"),
        ("/3-shake-status", "text/plain; charset=utf-8", "Last 3-shake.com access status: "),
        ("/-/healthy", "text/plain; charset=utf-8", "healthy"),
        ("/-/ready", "text/plain; charset=utf-8", "ready"),
        ("/config", "text/plain; charset=utf-8", "targets:\n"),
        ("/", "text/html; charset=utf-8", "<h1>actix-exporter</h1>"),
    ] {
        let (head, body) = exporter.ask("GET", path);
        assert!(head.starts_with("http/1.1 200") && body.contains(part), "{path}: {head}\n{body}");
        assert!(head.contains(&format!("\r\ncontent-type: {content_type}\r\n")), "{path}: {head}");
        let (head, body) = exporter.ask("HEAD", path);
        assert!(head.starts_with("http/1.1 200") && body.is_empty(), "S19 {path}: {head}\n{body}");
        let (head, _) = exporter.ask("POST", path);
        assert!(head.starts_with("http/1.1 405") && head.contains("\r\nallow: get, head\r\n"), "S20 {path}: {head}");
    }
    assert!(exporter.ask("GET", "/nowhere").0.starts_with("http/1.1 404"));
}

/// The seven families of the article, with its types, HELP and labels, and what this program adds.
#[test]
fn the_contract_is_exposed() {
    let exporter = exporter();
    // A request is counted when it has ended: this one is there in the next scrape.
    exporter.ask("GET", "/-/healthy");
    let page = exporter.page_that("/metrics", |page| page.contains("external_access_up{"));
    for (name, kind, help) in [
        ("http_requests_total", "counter", "Number of HTTP requests processed"),
        ("http_request_duration_seconds", "histogram", "Duration of HTTP requests"),
        ("http_request_size_bytes", "histogram", "Size of HTTP requests"),
        ("http_response_size_bytes", "histogram", "Size of HTTP responses"),
        ("http_response_time_seconds", "gauge", "Time of the last HTTP response"),
        ("external_access_duration_seconds", "histogram", "Duration of external access to 3-shake.com"),
        ("last_external_access_status_code", "gauge", "Last status code of external access to 3-shake.com"),
    ] {
        assert!(page.contains(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n")), "{name}\n{page}");
    }
    for series in [
        r#"http_requests_total{method="GET",path="/-/healthy"} 1"#,
        r#"http_request_duration_seconds_bucket{method="GET",path="/-/healthy",le="0.005"}"#,
        r#"http_request_duration_seconds_bucket{method="GET",path="/-/healthy",le="10.0"} 1"#,
        r#"http_request_size_bytes_bucket{method="GET",path="/-/healthy",le="128.0"} 1"#,
        r#"http_response_size_bytes_bucket{method="GET",path="/-/healthy",le="65536.0"} 1"#,
        r#"external_access_duration_seconds_bucket{le="+Inf"} "#,
        r#"actix_exporter_build_info{version="0.1.0",revision=""#,
        "http_requests_in_flight 1",
        "last_external_access_status_code 200",
    ] {
        assert!(page.lines().any(|line| line.starts_with(series)), "{series}\n{page}");
    }
    #[cfg(target_os = "linux")]
    for name in
        ["process_cpu_seconds_total", "process_open_fds", "process_resident_memory_bytes", "process_start_time_seconds"]
    {
        assert!(page.lines().any(|line| line.starts_with(&format!("{name} "))), "{name}\n{page}");
    }
    // No duplicate series, and no sentinel.
    let mut series: Vec<&str> =
        page.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap().0).collect();
    let count = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), count, "{page}");
    assert!(!page.contains("NaN") && !page.contains(" -1\n"), "{page}");
}

#[test]
fn r7_what_is_asked_for_all_the_time_is_there_before_it_is() {
    let metrics = exporter().metrics();
    for path in ["/metrics", "/3-shake-status", "/-/healthy", "/-/ready"] {
        let series = format!("http_requests_total{{method=\"GET\",path=\"{path}\"}} 0\n");
        assert!(metrics.contains(&series), "{series}\n{metrics}");
    }
}

#[test]
fn s18_ten_thousand_hostile_requests_add_one_path_and_one_method() {
    let exporter = exporter();
    exporter.ask("GET", "/nowhere");
    let mut stream = exporter.connect();
    let mut reader = stream.try_clone().unwrap();
    let counter = std::thread::spawn(move || {
        let mut answers = Vec::new();
        reader.read_to_end(&mut answers).unwrap();
        String::from_utf8_lossy(&answers).matches("HTTP/1.1 404").count()
    });
    for i in 0..10_000 {
        let end = if i == 9_999 { "Connection: close\r\n" } else { "" };
        write!(stream, "X{i} /{i}/%22%0a{i}?{i} HTTP/1.1\r\nHost: h{i}\r\nUser-Agent: u{i}\r\n{end}\r\n").unwrap();
    }
    assert_eq!(counter.join().unwrap(), 10_000);
    let metrics = exporter.metrics();
    let label = |name: &str| -> Vec<&str> {
        let is_counted = |line: &&str| line.starts_with("http_requests_total{") && !line.ends_with(" 0");
        let lines = metrics.lines().filter(is_counted);
        let mut values: Vec<&str> =
            lines.map(|line| line.split_once(&format!("{name}=\"")).unwrap().1.split('"').next().unwrap()).collect();
        values.sort_unstable();
        values.dedup();
        values
    };
    assert_eq!(label("method"), ["GET", "other"]);
    assert_eq!(label("path"), ["unmatched"]);
    assert!(metrics.contains("http_requests_total{method=\"other\",path=\"unmatched\"} 10000\n"), "{metrics}");
}

#[test]
fn healthcheck_asks_the_running_server() {
    let exporter = exporter();
    let check = |address: &str| {
        let output = program().args(["healthcheck", "--web.listen-address", address]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(check(&exporter.address.to_string()), (Some(0), String::new()));
    assert_eq!(
        check(&format!("0.0.0.0:{}", exporter.address.port())),
        (Some(0), String::new()),
        "loopback stands for it"
    );
    assert_eq!(check(&format!(":{}", exporter.address.port())).0, Some(0));
    let (code, line) = check(&crate::kit::closed_port().to_string());
    assert!(code == Some(1) && line.contains("no healthy server on 127.0.0.1:"), "{line}");
    // Something else answers there.
    let other = Peer::plain(|_| crate::kit::response("503 Busy", "", ""));
    let (code, line) = check(&other.address.to_string());
    assert!(code == Some(1) && line.contains("503"), "{line}");
}
