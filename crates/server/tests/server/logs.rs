//! The log: one line per event whatever comes in, and never at the cost of what is served.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::exporter::{Exporter, NOBODY, PATIENCE, by_shell, program};
use crate::kit::closed_port;

/// The lines of requests, each read as JSON.
fn requests(exporter: &Exporter) -> Vec<Value> {
    let lines = exporter.log();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}")));
    lines.filter(|line| line["msg"] == "request").collect()
}

#[test]
fn a_request_is_one_line_with_what_the_article_logs() {
    let exporter = Exporter::asking_nobody(&["--log.format", "json"]);
    let request = "GET /-/healthy?a=b HTTP/1.1\r\nHost: a.test\r\nUser-Agent: tester\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    exporter.send(request);
    exporter.ask("HEAD", "/metrics");
    exporter.wait_until("both are logged", || requests(&exporter).len() == 2);
    let lines = requests(&exporter);
    let line = &lines[0];
    for (key, value) in [
        ("level", "INFO"),
        ("remote_ip", "127.0.0.1"),
        ("host", "a.test"),
        ("method", "GET"),
        ("uri", "/-/healthy?a=b"),
        ("user_agent", "tester"),
    ] {
        assert_eq!(line[key], value, "{line}");
    }
    assert_eq!((&line["status"], &line["bytes_in"], &line["bytes_out"]), (&200.into(), &2.into(), &27.into()));
    assert!(line["latency"].as_f64().is_some_and(|latency| latency > 0.0), "{line}");
    assert!(line["time"].as_str().unwrap().ends_with('Z') && line.get("aborted").is_none(), "{line}");
    assert_eq!((&lines[1]["method"], &lines[1]["bytes_out"]), (&"HEAD".into(), &0.into()), "nothing is sent");
    assert!(lines[1].get("aborted").is_none());
}

/// CR, LF and ESC do not get through the parser, and anything else does.
#[test]
fn s21_hostile_bytes_are_one_line_each() {
    for format in ["json", "logfmt"] {
        let exporter = Exporter::asking_nobody(&["--log.format", format]);
        let requests: [&[u8]; 6] = [
            b"GET /a%0d%0alevel=ERROR HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"GET /b HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\xfe\r\nConnection: close\r\n\r\n",
            b"GET /b HTTP/1.1\r\nHost: a\r\nUser-Agent: \x1b[31m\r\nConnection: close\r\n\r\n",
            b"GET /c HTTP/1.1\r\nHost: a\xe2\x80\xae\xe2\x80\xa8\r\nUser-Agent: \"\\ x=y\tz\r\nConnection: close\r\n\r\n",
            b"GET /d\xc2\x9b\xff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"GET /e HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r level=ERROR\r\nConnection: close\r\n\r\n",
        ];
        for request in requests {
            let answer = exporter.send_anyway(request);
            assert!(answer.starts_with("HTTP/1.1 404 ") || answer.starts_with("HTTP/1.1 400 "), "{answer}");
        }
        exporter.ask("GET", "/last");
        exporter.logged("/last");
        let log = exporter.log();
        for line in log.lines() {
            let hostile = |c: char| c.is_control() || "\u{202e}\u{2028}\u{feff}".contains(c);
            assert!(!line.contains(hostile), "{line:?}");
            assert!(!line.contains("level=ERROR\"\n") && line.matches("msg").count() == 1, "{line}");
            if format == "json" {
                serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}"));
            } else {
                assert!(
                    line.starts_with("time=2") && line.contains(" level=INFO ") || line.contains(" level=WARN "),
                    "{line}"
                );
            }
        }
        for part in ["/a%0d%0alevel=ERROR", "\u{fffd}\u{fffd}", "\\u202e\\u2028"] {
            assert!(log.contains(part), "{part}\n{log}");
        }
    }
}

/// Starts it with this standard error; the address is known beforehand, as no line tells it.
fn unheard(stderr: impl Into<Stdio>) -> Unheard {
    let address = closed_port();
    let mut command = program();
    command.args(["--web.listen-address", &address.to_string(), "--log.max-lines", "0"]).args(NOBODY);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    Unheard::start(command, address)
}

struct Unheard {
    child: std::process::Child,
    address: std::net::SocketAddr,
}

impl Unheard {
    fn start(mut command: Command, address: std::net::SocketAddr) -> Self {
        let unheard = Self { child: command.spawn().unwrap(), address };
        let start = Instant::now();
        while unheard.get("/-/ready").is_none() {
            assert!(start.elapsed() < PATIENCE, "it never serves");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        unheard
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = std::net::TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn dropped(&self) -> f64 {
        let page = self.get("/metrics").unwrap();
        crate::exporter::value(&page, "actix_exporter_log_lines_dropped_total").unwrap()
    }

    /// Serves until lines have been dropped, and after that.
    fn drops_lines(&self) {
        let start = Instant::now();
        while self.dropped() == 0.0 {
            assert!(start.elapsed() < PATIENCE, "no line is ever dropped");
        }
        assert!(self.get("/-/healthy").unwrap().starts_with("HTTP/1.0 200"));
    }
}

impl Drop for Unheard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn s26_a_full_disk_loses_lines_and_nothing_else() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    unheard(OwnedFd::from(full)).drops_lines();
}

/// `ulimit -f`, beyond which the system ends a process by a signal.
#[test]
fn s26_a_file_at_its_limit_loses_lines_and_nothing_else() {
    let address = closed_port();
    let mut command = by_shell(r#"ulimit -f 100; exec "$0" "$@" 2> "$LOG""#);
    command.args(["--web.listen-address", &address.to_string(), "--log.max-lines", "0"]).args(NOBODY);
    command.env("LOG", crate::kit::file("s26-limit", "")).stdin(Stdio::null()).stdout(Stdio::null());
    Unheard::start(command, address).drops_lines();
}

/// Nobody reads, and nobody closes: 64 KiB are in the pipe, and the queue behind it fills.
#[test]
fn s26_a_reader_that_stands_still_loses_lines_and_nothing_else() {
    let (reader, writer) = std::io::pipe().unwrap();
    let exporter = unheard(OwnedFd::from(writer));
    let mut stream = std::net::TcpStream::connect(exporter.address).unwrap();
    let mut answers = stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || std::io::copy(&mut answers, &mut std::io::sink()));
    for _ in 0..100 {
        stream.write_all("GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100).as_bytes()).unwrap();
    }
    exporter.drops_lines();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    reading.join().unwrap().unwrap();
    drop(reader);
}

#[test]
fn s27_without_standard_output_and_error_it_serves() {
    let address = closed_port();
    let mut command = by_shell(r#"exec "$0" "$@" >&- 2>&-"#);
    command.args(["--web.listen-address", &address.to_string()]).args(NOBODY).stdin(Stdio::null());
    let exporter = Unheard::start(command, address);
    assert!(exporter.get("/metrics").unwrap().contains("\nactix_exporter_log_lines_dropped_total "));
}

/// Each line was written, or is counted as dropped.
#[test]
fn a_flood_of_requests_is_cut_and_counted() {
    const REQUESTS: usize = 3000;
    let exporter = Exporter::asking_nobody(&["--log.max-lines", "10", "--log.format", "json"]);
    let mut stream = exporter.connect();
    let mut answers = stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = Vec::new();
        answers.read_to_end(&mut text).unwrap();
    });
    for n in 0..REQUESTS {
        let end = if n + 1 == REQUESTS { "Connection: close\r\n" } else { "" };
        write!(stream, "GET /-/healthy HTTP/1.1\r\nHost: a\r\n{end}\r\n").unwrap();
    }
    reading.join().unwrap();
    // The scrapes that look are lines too; what goes wrong has its own share.
    exporter.wait_until("all are accounted for", || {
        let dropped = exporter.metric("actix_exporter_log_lines_dropped_total").unwrap();
        dropped > 0.0 && requests(&exporter).len() as f64 + dropped >= REQUESTS as f64
    });
    assert!(requests(&exporter).len() < REQUESTS / 2, "{}", requests(&exporter).len());
    assert_eq!(exporter.reload().0, 200);
    exporter.wait_until("it is told how many", || {
        exporter.ask("GET", "/x").0.is_empty() || exporter.log().contains("lines of this log were dropped\",\"lines\":")
    });
}
