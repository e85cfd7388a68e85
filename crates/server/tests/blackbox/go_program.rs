//! blackbox_exporter or Prometheus on a port that the system chose. It dies with the value.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

pub(crate) struct GoProgram {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl GoProgram {
    /// Starts it and waits until it listens. Both of the loggers that they have had over the years write the address so.
    pub(crate) fn start(program: &Path, args: &[&str]) -> Self {
        let child = Command::new(program)
            .arg("--web.listen-address=127.0.0.1:0")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut log = String::new();
        let address = loop {
            let line = lines.next().unwrap_or_else(|| panic!("{} ended:\n{log}", program.display()));
            log = log + &line + "\n";
            let port = line.split_once("address=127.0.0.1:").and_then(|(_, port)| port.trim().parse::<u16>().ok());
            // Prometheus logs the address that it was told, too.
            if let Some(port) = port.filter(|port| *port != 0) {
                break SocketAddr::from(([127, 0, 0, 1], port));
            }
        };
        // It logs to the end, and must not wait for a reader.
        thread::spawn(move || lines.for_each(drop));
        Self { address, child }
    }
}

impl Drop for GoProgram {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
