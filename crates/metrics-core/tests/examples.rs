//! The examples, run as their first lines say.
#![cfg(feature = "actix-web")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// An example that runs until the value goes.
struct Example {
    process: Child,
    /// The lines of URLs that it says when it listens.
    urls: Vec<String>,
}

impl Example {
    fn start(name: &str, servers: usize) -> Self {
        let tests = std::env::current_exe().unwrap();
        let binary = tests.ancestors().nth(2).unwrap().join("examples").join(name);
        assert!(Path::new(&binary).exists(), "{} is not built: run `cargo test` without --test", binary.display());
        let mut process =
            Command::new(binary).args(vec!["127.0.0.1:0"; servers]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let urls = lines.take(servers).map(|line| line.unwrap()).collect();
        Self { process, urls }
    }

    /// The answer to a request without a body, head and all.
    fn ask(&self, server: usize, method: &str, path: &str) -> String {
        let address = self.urls[server].split('/').nth(2).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[track_caller]
fn has(metrics: &str, line: &str) {
    assert!(metrics.lines().any(|found| found == line), "{line} is not in:\n{metrics}");
}

#[test]
fn service() {
    let example = Example::start("service", 1);
    assert!(example.ask(0, "GET", "/hello/you").ends_with("Hello, you!"));
    has(&example.ask(0, "GET", "/metrics"), r#"http_requests_total{method="GET",path="/hello/{name}"} 1"#);
}

#[test]
fn own_metrics() {
    let example = Example::start("own_metrics", 1);
    let orders = r#"shop_http_requests_total{method="POST",path="/orders"}"#;
    has(&example.ask(0, "GET", "/metrics"), &format!("{orders} 0"));
    assert!(example.ask(0, "POST", "/orders").starts_with("HTTP/1.1 201"));
    assert!(example.ask(0, "GET", "/healthz").starts_with("HTTP/1.1 200"));
    let metrics = example.ask(0, "GET", "/metrics");
    has(&metrics, &format!("{orders} 1"));
    has(&metrics, "shop_orders_total 1");
    has(&metrics, r#"shop_http_responses_total{method="POST",path="/orders",code="2xx"} 1"#);
    assert!(!metrics.contains("healthz"), "{metrics}");
}

#[test]
fn two_servers() {
    let example = Example::start("two_servers", 2);
    assert!(example.ask(0, "GET", "/").ends_with("Hello!"));
    assert!(example.ask(0, "GET", "/metrics").starts_with("HTTP/1.1 404"));
    example.ask(1, "GET", "/metrics");
    let metrics = example.ask(1, "GET", "/metrics");
    has(&metrics, r#"http_requests_total{method="GET",path="/",server="public"} 1"#);
    has(&metrics, r#"http_requests_total{method="GET",path="/metrics",server="admin"} 1"#);
}
