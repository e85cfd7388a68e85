//! `bench doors`: how long an honest client waits while others flood the server with wrong passwords, or hold idle connections; beside
//! blackbox_exporter, which has the same doors.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use super::Figure;
use crate::build;
use crate::test::setup::Setup;

/// Connections that try passwords all the time.
const FLOOD: usize = 50;
/// Those that do nothing.
const IDLE: usize = 1000;
/// Requests that are measured, one each 10 ms.
const REQUESTS: usize = 500;
/// Nobody is to wait longer.
const LIMIT: Duration = Duration::from_millis(100);
/// "open sesame" at cost 10, and as the header has it, for the user prometheus.
const WEB: &str = "basic_auth_users:\n  prometheus: $2b$10$PWjGGzPtQRoykZCstcz9N.fpswqxjvAYg41x7Gv5nLSna2WvvatgC\n";
const RIGHT: &str = "Authorization: Basic cHJvbWV0aGV1czpvcGVuIHNlc2FtZQ==\r\n";
/// The user and the first letter of a password: what follows is six digits.
const WRONG: &str = "Authorization: Basic cHJvbWV0aGV1czp3";

pub(crate) fn run(sh: &Shell) -> Result<Vec<Figure>> {
    let blackbox = Setup::new(sh, true).newest_blackbox_exporter()?;
    let server = build::server(sh, &["--release"])?;
    let folder = sh.create_temp_dir()?;
    let (web, modules) = (folder.path().join("web.yml"), folder.path().join("modules.yml"));
    sh.write_file(&web, WEB)?;
    sh.write_file(&modules, "modules: {}\n")?;
    let ours = Server::start(&server, &["--target=http://127.0.0.1:1/", "--log.level=warn"], &web)?;
    let theirs = Server::start(&blackbox, &[&format!("--config.file={}", modules.display())], &web)?;
    let quiet = [ours.waits("/-/ready", "")?, ours.waits("/metrics", RIGHT)?, theirs.waits("/metrics", RIGHT)?];
    let by_flood = [
        ours.during_a_flood("/-/ready", "")?,
        ours.during_a_flood("/metrics", RIGHT)?,
        theirs.during_a_flood("/metrics", RIGHT)?,
    ];
    let idle = (0..IDLE).map(|_| TcpStream::connect(ours.address)).collect::<Result<Vec<_>, _>>()?;
    let by_idle = ours.waits("/-/ready", "")?;
    drop(idle);
    print!("{}", table(&quiet, &by_flood, &by_idle));
    let figure = |name: &str, waits: &Waits| Figure {
        name: name.to_owned(),
        value: waits.longest.as_secs_f64() * 1e3,
        goal: LIMIT.as_secs_f64() * 1e3,
        limit: LIMIT.as_secs_f64() * 1e3,
    };
    Ok(vec![
        figure("/-/ready during a flood of passwords, longest wait, ms", &by_flood[0]),
        figure("/-/ready beside idle connections, longest wait, ms", &by_idle),
    ])
}

/// How long requests took.
struct Waits {
    median: Duration,
    longest: Duration,
    /// What the flood got done, in a second.
    flooded: f64,
}

struct Server {
    address: SocketAddr,
    process: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(program: &Path, args: &[&str], web: &Path) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let process = Command::new(program)
            .args(args)
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--web.config.file={}", web.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self { address, process };
        let start = Instant::now();
        while server.ask(&mut None, "/metrics", RIGHT).is_err() {
            ensure!(start.elapsed() < Duration::from_secs(20), "{} does not serve", program.display());
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// The status of the answer, over the connection that there is, or a new one.
    fn ask(&self, connection: &mut Option<TcpStream>, path: &str, headers: &str) -> Result<u16> {
        let stream = match connection {
            Some(stream) => stream,
            None => connection.insert(TcpStream::connect(self.address)?),
        };
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n")?;
        let (mut answer, mut buffer) = (Vec::new(), [0; 16 * 1024]);
        loop {
            let read = stream.read(&mut buffer)?;
            ensure!(read > 0, "the connection was closed");
            answer.extend_from_slice(&buffer[..read]);
            if is_whole(&answer) {
                break;
            }
        }
        let head = String::from_utf8_lossy(&answer);
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")
    }

    fn waits(&self, path: &str, headers: &str) -> Result<Waits> {
        let mut took = Vec::with_capacity(REQUESTS);
        for _ in 0..REQUESTS {
            let start = Instant::now();
            let status = self.ask(&mut None, path, headers)?;
            took.push(start.elapsed());
            ensure!(status == 200, "{path} is answered {status}");
            thread::sleep(Duration::from_millis(10));
        }
        took.sort_unstable();
        Ok(Waits { median: took[REQUESTS / 2], longest: took[REQUESTS - 1], flooded: 0.0 })
    }

    fn during_a_flood(&self, path: &str, headers: &str) -> Result<Waits> {
        let (over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            for n in 0..FLOOD {
                let (over, asked) = (&over, &asked);
                scope.spawn(move || {
                    let mut connection = None;
                    let mut tried = 0;
                    while !over.load(Ordering::Relaxed) {
                        // Each is another one: what was wrong once may be remembered.
                        tried += 1;
                        let wrong = format!("{WRONG}{}\r\n", base64(n * 20_000 + tried));
                        if self.ask(&mut connection, "/metrics", &wrong).is_err() {
                            connection = None;
                        }
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            // Until it has begun.
            while asked.load(Ordering::Relaxed) < FLOOD / 2 {
                thread::sleep(Duration::from_millis(10));
            }
            let (start, before) = (Instant::now(), asked.load(Ordering::Relaxed));
            let waits = self.waits(path, headers);
            let done = asked.load(Ordering::Relaxed) - before;
            over.store(true, Ordering::Relaxed);
            Ok(Waits { flooded: done as f64 / start.elapsed().as_secs_f64(), ..waits? })
        })
    }
}

/// Six digits in base64.
fn base64(number: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = format!("{:06}", number % 1_000_000);
    text.as_bytes()
        .chunks(3)
        .flat_map(|chunk| {
            let bits = chunk.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte));
            [18, 12, 6, 0].map(|shift| char::from(DIGITS[bits >> shift & 63]))
        })
        .collect()
}

/// The head, and what it says follows.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|end| end == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    match head.split("\r\ncontent-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse::<usize>().ok()) {
        Some(length) => answer.len() >= end + 4 + length,
        None => answer.ends_with(b"0\r\n\r\n"),
    }
}

/// In Markdown.
fn table(quiet: &[Waits; 3], by_flood: &[Waits; 3], by_idle: &Waits) -> String {
    let mut table =
        "| a request | | median | longest | passwords answered a second |\n| --- | --- | --- | --- | --- |\n"
            .to_owned();
    let names = ["`/-/ready`", "`/metrics`, of a user who has been in", "the same of blackbox_exporter"];
    let mut line = |name: &str, when: &str, waits: &Waits| {
        let ms = |wait: Duration| format!("{:.1} ms", wait.as_secs_f64() * 1e3);
        let flooded = if waits.flooded > 0.0 { format!("{:.0}", waits.flooded) } else { String::new() };
        // Writing to a String cannot fail.
        let _ = writeln!(table, "| {name} | {when} | {} | {} | {flooded} |", ms(waits.median), ms(waits.longest));
    };
    for (n, name) in names.into_iter().enumerate() {
        line(name, "quiet", &quiet[n]);
        line(name, &format!("{FLOOD} clients with wrong passwords"), &by_flood[n]);
    }
    line(names[0], &format!("{IDLE} idle connections"), by_idle);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_at_its_end() {
        for (answer, whole) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh", false),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", false),
            ("HTTP/1.1 200 OK\r\n", false),
        ] {
            assert_eq!(is_whole(answer.as_bytes()), whole, "{answer}");
        }
    }

    #[test]
    fn each_wrong_password_is_another_one() {
        assert_eq!((base64(0), base64(1)), ("MDAwMDAw".to_owned(), "MDAwMDAx".to_owned()));
    }
}
