//! A server under load: started by whatever command it is started with, and found again among the processes of the machine.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::connection::{Connection, Door};
use crate::exporter::{listening, without_variables};
use crate::ledger::{Ledger, Route};

/// Nothing that works comes near it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines of its log that are kept, which are the last ones.
const KEPT: usize = 200;

pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) door: Door,
    pub(crate) ledger: Ledger,
    pub(crate) pid: u32,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Subject {
    /// The server, started by `command` with these arguments, of which one names a file in `folder`: by that it is found.
    pub(crate) fn start(
        name: &'static str,
        command: &[String],
        args: &[String],
        folder: &Path,
        door: Door,
    ) -> Result<Self> {
        let (program, first) = command.split_first().context("no command")?;
        let mut server = without_variables(Command::new(program));
        server.args(first).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = server.spawn().with_context(|| format!("cannot start {program}"))?;
        let mut lines = BufReader::new(child.stderr.take().context("no log")?).lines().map_while(io::Result::ok);
        let mut before = String::new();
        let address = loop {
            let Some(line) = lines.next() else { bail!("the {name} server ended: {before}") };
            if let Some(address) = listening(&line) {
                break address;
            }
            before = before + &line + "\n";
        };
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = log.clone();
        thread::spawn(move || {
            for line in lines {
                let mut kept = kept.lock().unwrap();
                if kept.len() == KEPT {
                    kept.remove(0);
                }
                kept.push(line);
            }
        });
        let pid = process(folder, args).with_context(|| format!("the {name} server is no process"));
        if pid.is_err() {
            let _ = child.kill();
        }
        Ok(Self { name, address, door, ledger: Ledger::default(), pid: pid?, child, log })
    }

    pub(crate) fn connect(&self) -> io::Result<Connection> {
        Connection::new(self.address, &self.door)
    }

    /// A request of somebody who may come in.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &str) -> String {
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{}{headers}\r\n", self.door.header())
    }

    /// Asks once, over a connection of its own, and counts it.
    pub(crate) fn ask(&self, route: Route, path: &str) -> io::Result<(u16, String)> {
        let mut connection = self.connect()?;
        self.ledger.begin(route, 1);
        connection.send(self.request(route.0, path, "").as_bytes())?;
        let mut body = Vec::new();
        let status = connection.answer(false, &mut body)?;
        self.ledger.end(route);
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// Families of its metrics: each series with its value.
    pub(crate) fn metrics(&self, families: &[&str]) -> Result<BTreeMap<String, f64>> {
        let names: Vec<String> = families.iter().map(|name| format!("name[]={name}")).collect();
        let (status, page) = self.ask(("GET", "/metrics"), &format!("/metrics?{}", names.join("&")))?;
        ensure!(status == 200, "the {} server answers a scrape with {status}: {page:.200}", self.name);
        let series = page.lines().filter(|line| !line.starts_with('#'));
        series
            .map(|line| {
                let (series, value) = line.rsplit_once(' ').with_context(|| format!("`{line}` is no series"))?;
                Ok((series.to_owned(), value.parse()?))
            })
            .collect()
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("no process")?;
        Ok(kill_process(pid, signal)?)
    }

    /// The kernel says that it is nobody, and can become nobody else.
    pub(crate) fn is_confined(&self) -> Result<()> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        for line in ["Uid:\t65532\t65532\t", "CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n"] {
            ensure!(
                status.contains(line),
                "the {} server is not confined: no `{}` in {status}",
                self.name,
                line.trim()
            );
        }
        Ok(())
    }

    /// As an operator stops it.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the {} server ended with {status}: {}", self.name, self.log());
                return Ok(());
            }
            ensure!(asked.elapsed() < PATIENCE, "the {} server does not end: {}", self.name, self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            // The server itself: the child may be no more than what asked for it.
            let _ = self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Of the processes with these arguments the one that is the program itself, not what has started it.
fn process(folder: &Path, args: &[String]) -> Result<u32> {
    let unique =
        args.iter().find(|arg| arg.contains(&*folder.to_string_lossy())).context("no argument names the folder")?;
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // Whatever ends meanwhile is not the one.
        let read = |file: &str| fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        if read("comm").trim() == "actix-exporter" && read("cmdline").split('\0').any(|arg| arg == unique) {
            return Ok(pid);
        }
    }
    bail!("no process has the argument {unique}")
}
