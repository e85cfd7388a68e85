//! A running exporter on a port that the system chose. It dies with the value.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Bounds every wait; nothing that works comes near it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A target that takes no peer, for tests of what has nothing to do with targets: nobody is there.
pub(crate) const NOBODY: [&str; 2] = ["--target", "http://127.0.0.1:1/"];

/// The program, with nothing of the tester's own environment in it.
pub(crate) fn program() -> Command {
    without_variables(Command::new(env!("CARGO_BIN_EXE_actix-exporter")))
}

/// A shell that ends its script with `exec "$0" "$@"`: the program, with the arguments that are added.
pub(crate) fn by_shell(script: &str) -> Command {
    let mut shell = without_variables(Command::new("sh"));
    shell.args(["-c", script, env!("CARGO_BIN_EXE_actix-exporter")]);
    shell
}

/// What the tester may have set for his own exporter is not for this one.
pub(crate) fn without_variables(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ACTIX_EXPORTER_") {
            command.env_remove(name);
        }
    }
    command
}

pub(crate) struct Exporter {
    pub(crate) address: SocketAddr,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Exporter {
    /// Starts it and waits until it listens. `args` must name a target on loopback.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with(args, &[])
    }

    /// As [`Self::start`], asking nobody.
    pub(crate) fn asking_nobody(args: &[&str]) -> Self {
        Self::start(&[&NOBODY, args].concat())
    }

    /// As [`Self::start`], with variables in its environment.
    pub(crate) fn start_with(args: &[&str], variables: &[(&str, &Path)]) -> Self {
        let harmless = ["--target", "--resolve", "--config.file"];
        assert!(args.iter().any(|arg| harmless.contains(arg)), "tests ask loopback alone");
        let mut command = program();
        command.args(["--web.listen-address", "127.0.0.1:0"]).args(args).envs(variables.iter().copied());
        command.stdin(Stdio::null());
        Self::of(command)
    }

    /// What a command starts.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut log = String::new();
        let address = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended:\n{log}"));
            log = log + &line + "\n";
            if let Some(address) = listening(&line) {
                break address;
            }
        };
        let log = Arc::new(Mutex::new(log));
        let kept = log.clone();
        std::thread::spawn(move || lines.for_each(|line| *kept.lock().unwrap() += &(line + "\n")));
        Self { address, child, log }
    }

    /// All addresses on which it listens, once it serves.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.ask("GET", "/-/healthy");
        self.log().lines().filter_map(listening).collect()
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends raw bytes; what comes back until the server closes.
    pub(crate) fn send(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// As [`Self::send`], where the server may close the connection at any time.
    pub(crate) fn send_anyway(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        let mut answer = Vec::new();
        let _ = stream.write_all(request);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Head and body of the answer to one request.
    pub(crate) fn ask(&self, method: &str, path: &str) -> (String, String) {
        let answer = self.send(&format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        let chunked = head.contains("\r\ntransfer-encoding: chunked") && method != "HEAD";
        (head, if chunked { unchunked(body) } else { body.to_owned() })
    }

    pub(crate) fn metrics(&self) -> String {
        self.ask("GET", "/metrics").1
    }

    /// The value of the one series with this name and these labels, as they are spelled.
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        value(&self.metrics(), series)
    }

    /// The values of all series whose name and labels, as they are spelled, begin so: by what follows of them.
    pub(crate) fn metrics_of(&self, prefix: &str) -> BTreeMap<String, f64> {
        let value = |line: &str| {
            let (series, value) = line.strip_prefix(prefix)?.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        };
        self.metrics().lines().filter_map(value).collect()
    }

    /// Status and text of the answer to `POST /-/reload`.
    pub(crate) fn reload(&self) -> (u16, String) {
        let (head, body) = self.ask("POST", "/-/reload");
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
    }

    /// Asks for a page until it is as wanted.
    pub(crate) fn page_that(&self, path: &str, wanted: impl Fn(&str) -> bool) -> String {
        let mut page = String::new();
        let wanted = || {
            page = self.ask("GET", path).1;
            wanted(&page)
        };
        self.wait_until(&format!("{path} is as wanted"), wanted);
        page
    }

    /// Waits until the log has this in it.
    pub(crate) fn logged(&self, part: &str) {
        self.wait_until(&format!("{part} is logged"), || self.log().contains(part));
    }

    pub(crate) fn wait_until(&self, what: &str, mut reached: impl FnMut() -> bool) {
        let start = Instant::now();
        while !reached() {
            assert!(start.elapsed() < PATIENCE, "never: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The address of which a line of the log says that it listens there.
pub(crate) fn listening(line: &str) -> Option<SocketAddr> {
    let address = line.split_once("listening on http")?.1.trim_start_matches('s').strip_prefix("://")?;
    address.split(['"', ' ']).next()?.parse().ok()
}

/// The value of the one series of a page with this name and these labels, as they are spelled.
pub(crate) fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// A chunked body, which must have come to its end.
fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n").unwrap();
        let (chunk, rest) = rest.split_at(usize::from_str_radix(length, 16).unwrap());
        if chunk.is_empty() {
            return whole;
        }
        whole += chunk;
        body = rest.strip_prefix("\r\n").unwrap();
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
