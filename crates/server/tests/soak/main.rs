//! The soak: two servers under everything that clients do, for minutes or hours. The one speaks plainly and watches 2,000 targets, the other
//! speaks TLS and asks for a password. At each checkpoint their books lie within what the clients have seen, and at the end they are equal,
//! to the request and to the run; what they take of the machine has stopped growing. `cargo xtask soak` starts it.
//!
//! Arguments: minutes, a folder that the servers can read, and the command that starts one.

mod balance;
mod connection;
#[path = "../server/exporter.rs"]
#[allow(dead_code)] // shared with the other tests
mod exporter;
#[path = "../../../probe/tests/kit/mod.rs"]
mod kit;
mod ledger;
mod peers;
mod plateau;
mod subject;
mod traffic;
mod watched;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustix::process::Signal;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use balance::Bounds;
use connection::Door;
use kit::{Authority, Flaw};
use plateau::Sample;
use subject::Subject;
use traffic::Traffic;
use watched::Watched;

/// Set by whoever starts it on purpose: `here`, or `confined` where the command makes the server one that may do next to nothing.
const ON_PURPOSE: &str = "ACTIX_EXPORTER_TEST_SOAK";
/// Between two looks at the books, and between two new configurations.
const CHECKPOINT: Duration = Duration::from_secs(20);
const CHANGE: Duration = Duration::from_secs(3);
/// A scraper's own limit is 10 s by default; of a hundred scrapes 99 are to be done in a fifth of it, on a machine that the load shares.
const SCRAPE_P99: Duration = Duration::from_secs(2);
/// What keeps the doors in motion: clients are left early enough to come again.
const FLAGS: [&str; 4] =
    ["--web.listen-address=127.0.0.1:0", "--web.header-timeout=2s", "--web.write-timeout=4s", "--web.keep-alive=3s"];
const PASSWORD: &str = "a password of the soak";

fn main() -> ExitCode {
    plateau::shows_growth();
    if std::env::var_os(ON_PURPOSE).is_none() {
        println!("this takes minutes: cargo xtask soak");
        return ExitCode::SUCCESS;
    }
    match soak(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn soak(args: &[String]) -> Result<()> {
    let [minutes, folder, command @ ..] = args else { anyhow::bail!("arguments: MINUTES FOLDER COMMAND...") };
    let length = Duration::from_secs_f64(60.0 * minutes.parse::<f64>().context("minutes")?);
    let folder = PathBuf::from(folder);
    let authority = Authority::new();
    let certificates = Certificates { authority: &authority, folder: folder.clone() };
    let ca = folder.join("ca.pem");
    fs::write(&ca, authority.pem())?;
    certificates.exchange(0)?;
    fs::write(folder.join("web.yml"), web())?;
    let watched = |name: &str, steady, passing| {
        let server = authority.server("127.0.0.1", &Flaw::None);
        Watched::new(steady, passing, server, ca.clone(), folder.join(name))
    };
    let (many, few) = (watched("many.yml", 1900, 100)?, watched("few.yml", 20, 5)?);
    let guarded = Door::Guarded(certificates.client()?, header());
    let start = |name, file: &str, more: &[String], door| {
        let mut args: Vec<String> = FLAGS.map(str::to_owned).to_vec();
        args.push(format!("--config.file={}", folder.join(file).display()));
        args.extend_from_slice(more);
        Subject::start(name, command, &args, &folder, door)
    };
    let web = format!("--web.config.file={}", folder.join("web.yml").display());
    let mut subjects =
        [(start("plain", "many.yml", &[], Door::Open)?, many), (start("guarded", "few.yml", &[web], guarded)?, few)];
    if std::env::var(ON_PURPOSE).is_ok_and(|how| how == "confined") {
        subjects.iter().try_for_each(|(subject, _)| subject.is_confined())?;
    }
    let measured = load(&subjects, &certificates, length)?;
    certificates.exchange(0)?;
    for (subject, watched) in &mut subjects {
        settle(subject, watched)?;
    }
    report(&measured, &mut subjects, length)
}

/// What was measured of one server.
struct Measured {
    samples: Vec<Sample>,
    scrapes: Vec<Duration>,
    reloads: usize,
}

/// All clients, new configurations, and a look at the books now and then, until the time is over.
fn load(
    subjects: &[(Subject, Watched); 2],
    certificates: &Certificates<'_>,
    length: Duration,
) -> Result<Vec<Measured>> {
    let stop = AtomicBool::new(false);
    let traffics = subjects.each_ref().map(|(subject, _)| Traffic::new(subject, &stop));
    let mut samples = [Vec::new(), Vec::new()];
    let mut reloads = 0;
    let mut bounds = [Bounds::new(), Bounds::new()];
    let start = Instant::now();
    let seen = thread::scope(|scope| {
        for traffic in &traffics {
            traffic.start(scope);
        }
        let mut watch = || -> Result<()> {
            let (mut changed, mut checked) = (Instant::now(), Instant::now());
            while start.elapsed() < length {
                thread::sleep(Duration::from_millis(500));
                for ((subject, _), samples) in subjects.iter().zip(&mut samples) {
                    samples.push(Sample::of(subject.pid)?);
                }
                if changed.elapsed() > CHANGE {
                    changed = Instant::now();
                    let whole = certificates.exchange(reloads)?;
                    for (subject, watched) in subjects {
                        let good = watched.change(reloads)? && (whole || matches!(subject.door, Door::Open));
                        reload(subject, reloads, good)?;
                    }
                    reloads += 1;
                }
                if checked.elapsed() > CHECKPOINT {
                    checked = Instant::now();
                    for ((subject, watched), bounds) in subjects.iter().zip(&mut bounds) {
                        bounds.hold(subject)?;
                        let runs = watched.balances(subject)?;
                        progress(subject, start.elapsed(), runs)?;
                    }
                }
            }
            Ok(())
        };
        let seen = watch();
        stop.store(true, Ordering::Relaxed);
        seen
    });
    seen?;
    let scrapes = traffics.map(|traffic| traffic.scrapes.into_inner().unwrap());
    let measured = samples.into_iter().zip(scrapes);
    Ok(measured.map(|(samples, scrapes)| Measured { samples, scrapes, reloads }).collect())
}

/// By the route and by the signal, in turns.
fn reload(subject: &Subject, number: usize, good: bool) -> Result<()> {
    if number.is_multiple_of(3) {
        return subject.signal(Signal::HUP);
    }
    let (status, said) = subject.ask(("POST", "/-/reload"), "/-/reload")?;
    ensure!(status == if good { 200 } else { 500 }, "the {} server's reload: {status} {said}", subject.name);
    Ok(())
}

/// Who watches for minutes sees that it goes on.
fn progress(subject: &Subject, elapsed: Duration, runs: u64) -> Result<()> {
    let Sample { resident, files, threads } = Sample::of(subject.pid)?;
    println!(
        "{:>5} s {:>7}: {} requests, {runs} runs, {:.1} MiB, {files} files, {threads} threads",
        elapsed.as_secs(),
        subject.name,
        subject.ledger.total(),
        mebibytes(resident),
    );
    subject.ledger.has_no_complaints()
}

/// The clients have gone, and nobody is due: the books are closed.
fn settle(subject: &Subject, watched: &Watched) -> Result<()> {
    subject.ledger.has_no_complaints()?;
    watched.settle()?;
    let (status, said) = subject.ask(("POST", "/-/reload"), "/-/reload")?;
    ensure!(status == 200, "the last reload: {status} {said}");
    Ok(())
}

fn report(measured: &[Measured], subjects: &mut [(Subject, Watched); 2], length: Duration) -> Result<()> {
    println!("| {} min | requests | runs | reloads | scrapes | p99 | MiB | files | threads |", length.as_secs() / 60);
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut wrong = Vec::new();
    for ((subject, watched), Measured { samples, scrapes, reloads }) in subjects.iter_mut().zip(measured) {
        let runs = watched.balances(subject)?;
        let requests = balance::is_exact(subject)?;
        let p99 = p99(scrapes);
        let [before, after] = plateau::thirds(samples);
        println!(
            "| {} | {requests} | {runs} | {reloads} | {} | {:.0} ms | {:.1}, {:.1} | {}, {} | {}, {} |",
            subject.name,
            scrapes.len(),
            p99.as_secs_f64() * 1e3,
            mebibytes(before.resident),
            mebibytes(after.resident),
            before.files,
            after.files,
            before.threads,
            after.threads,
        );
        wrong.extend(plateau::grown(samples).into_iter().map(|grown| format!("the {} server: {grown}", subject.name)));
        if p99 > SCRAPE_P99 {
            wrong.push(format!("the {} server: one scrape of a hundred took {p99:?} or longer", subject.name));
        }
        subject.stop()?;
    }
    println!("MiB, files and threads: the most of the second third, and of the last");
    ensure!(wrong.is_empty(), "{}", wrong.join("; "));
    Ok(())
}

fn p99(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() * 99 / 100).copied().unwrap_or(Duration::MAX)
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// TLS with files that are exchanged all the time, and one user, whose password costs little to look at.
fn web() -> String {
    let hash = bcrypt::hash(PASSWORD, 4).expect("a password");
    format!("tls_server_config: {{cert_file: cert.pem, key_file: key.pem}}\nbasic_auth_users: {{soak: '{hash}'}}\n")
}

fn header() -> String {
    format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("soak:{PASSWORD}")))
}

/// The guarded server's certificate.
struct Certificates<'a> {
    authority: &'a Authority,
    folder: PathBuf,
}

impl Certificates<'_> {
    /// Another one, or now and then half of one, which changes nothing. Whether it is whole.
    fn exchange(&self, number: usize) -> Result<bool> {
        let (certificate, key) = self.authority.signs(&["localhost"], &Flaw::None).pem();
        let half = number % 4 == 3;
        replace(
            &self.folder.join("cert.pem"),
            if half { &certificate[..certificate.len() / 2] } else { &certificate },
        )?;
        replace(&self.folder.join("key.pem"), &key)?;
        Ok(!half)
    }

    fn client(&self) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.pem().as_bytes())?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
    }
}

/// As a whole: whoever may read it at any time has to find a whole one.
fn replace(file: &Path, content: &str) -> Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, content)?;
    Ok(fs::rename(new, file)?)
}
