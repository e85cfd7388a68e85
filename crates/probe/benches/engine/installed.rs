//! The program as it is installed: a process of its own with a configuration file, over whole minutes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use ureq::Agent;

use crate::client::Client;
use crate::ledger::Ledger;
use crate::peer::Peer;
use crate::resident::resident;
use crate::targets::{Size, file};

/// What is measured of scrapes: several in a row, as the kernel counts processor time in hundredths of a second.
const SCRAPES: u32 = 10;
const ROUNDS: usize = 4;

pub(crate) fn measure(program: &str, peer: &Peer, small: &Size, large: &Size) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-engine-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the target folder can be written to");
    memory(&Installed::start(program, peer, small, &folder), small);
    whole(&Installed::start(program, peer, large, &folder), large);
    let _ = fs::remove_dir_all(folder);
}

/// Of fewer targets, once each was asked: what one more adds.
fn memory(server: &Installed, size: &Size) {
    // Their first runs are spread over 6 ms each.
    sleep(size.interval / 4);
    println!("resident {} server {}", size.targets, resident(&server.pid()));
}

fn whole(server: &Installed, size: &Size) {
    sleep(size.interval);
    let (before, start) = (server.ledger(), Instant::now());
    // What the scrape leaves to be done is no part of it.
    sleep(Duration::from_secs(1));
    let (cpu, window) = (server.cpu_time(), Instant::now());
    sleep(size.interval);
    let share = server.cpu_time().saturating_sub(cpu).as_secs_f64() / window.elapsed().as_secs_f64();
    let idle = resident(&server.pid());
    let (after, time) = (server.ledger(), start.elapsed());
    let seen = after.since(&before);

    let due = size.targets as f64 * time.as_secs_f64() / size.interval.as_secs_f64();
    assert!(seen.failed == 0.0, "runs that failed tell nothing: {seen:?}");
    assert!((seen.runs + seen.missed - due).abs() <= due / 50.0, "{due} runs were due: {seen:?}");
    for (figure, value) in [
        ("cpu", share * 100.0),
        ("resident", idle as f64),
        ("runs", seen.runs),
        ("missed", seen.missed),
        ("lag", seen.lag_p99()),
        ("series", after.series as f64),
    ] {
        println!("{figure} {} server {value}", size.targets);
    }
    scrapes(server, size, share);
}

/// In ns of processor time each, without what the runs meanwhile take; and what they leave behind.
fn scrapes(server: &Installed, size: &Size, share: f64) {
    let mut client = Client::connect(server.port);
    let (mut times, mut grown) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (cpu, wall, memory) = (server.cpu_time(), Instant::now(), resident(&server.pid()));
        (0..SCRAPES).for_each(|_| client.get("/metrics"));
        let runs = wall.elapsed().mul_f64(share);
        times.push((server.cpu_time().saturating_sub(cpu).saturating_sub(runs) / SCRAPES).as_nanos().to_string());
        grown.push(resident(&server.pid()).saturating_sub(memory).to_string());
    }
    println!("scrape {} server {}", size.targets, times.join(" "));
    println!("grown {} server {}", size.targets, grown.join(" "));
}

struct Installed {
    process: Child,
    port: u16,
}

impl Installed {
    fn start(program: &str, peer: &Peer, size: &Size, folder: &Path) -> Self {
        let (ca_file, config) = (folder.join("ca.pem"), folder.join("targets.yml"));
        fs::write(&ca_file, &peer.authority).expect("the target folder can be written to");
        fs::write(&config, file(peer, size, &ca_file)).expect("the target folder can be written to");
        let mut process = Command::new(program)
            .args(["--web.listen-address=127.0.0.1:0", "--config.file"])
            .arg(&config)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let mut seen = Vec::new();
        let mut log = BufReader::new(process.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
        let port = log.find_map(|line| {
            let port = line.split_once("address=127.0.0.1:").and_then(|(_, port)| port.trim().parse().ok());
            seen.push(line);
            port
        });
        let port = port.unwrap_or_else(|| panic!("{program} ended without a port: {}", seen.join(" | ")));
        // It logs to the end, and must not wait for a reader.
        thread::spawn(move || log.for_each(drop));
        Self { process, port }
    }

    fn ledger(&self) -> Ledger {
        let agent: Agent =
            Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(60))).build().into();
        let mut answer = agent.get(format!("http://127.0.0.1:{}/metrics", self.port)).call().expect("an answer");
        let text = answer.body_mut().with_config().limit(1 << 30).read_to_string().expect("a whole answer");
        Ledger::read(&text)
    }

    fn pid(&self) -> String {
        self.process.id().to_string()
    }

    /// Of all its threads, also those that have ended, in the kernel too.
    fn cpu_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("it runs");
        // After its name in brackets, which may have blanks in it: fields 14 and 15, in ticks of 10 ms.
        let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
        let ticks = fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks"));
        Duration::from_millis(10 * ticks.sum::<u64>())
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
