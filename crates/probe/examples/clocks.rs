//! The phases of runs beside those that curl tells of the same peers, which take their time on purpose: for `cargo xtask test
//! clocks`, which holds the ones against the others. `clocks CURL DIR CASE` prints `PHASE OURS CURL` a line, in seconds, NaN
//! where a side has no such phase; each phase once for each of a few tries. CASE is `http`, `https` or `redirect`.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use metrics_core::Phase;
use probe::{Client, Env, Module, Pem, Roots, Spec, TlsConfig, parse_url};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// An odd number, so that each phase has one in the middle.
const TRIES: usize = 3;

/// Before the first byte of TLS is read, before that of the head is sent, and within the body.
const BEFORE_TLS: Duration = Duration::from_millis(150);
const BEFORE_HEAD: Duration = Duration::from_millis(200);
const IN_BODY: Duration = Duration::from_millis(250);

#[actix_rt::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [curl, dir, case] = &args[..] else { bail!("usage: clocks CURL DIR CASE") };
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    let pem = certified.cert.pem();
    let ca = Path::new(dir).join("clocks.pem");
    std::fs::write(&ca, &pem)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)?;
    let config = Arc::new(config);
    let url = match &case[..] {
        "http" => format!("http://{}/", peer(None, None)?),
        "https" => format!("https://{}/", peer(Some(config), None)?),
        "redirect" => {
            let to = format!("https://{}/", peer(Some(config.clone()), None)?);
            format!("https://{}/", peer(Some(config), Some(to))?)
        }
        _ => bail!("no case: {case}"),
    };

    let tls_config = TlsConfig { ca: Some(Pem::Text(pem)), ..TlsConfig::default() };
    let module = Module { enable_http2: false, tls_config, ..Module::default() };
    let client = Client::new(module, &Roots::BuiltIn)?.into();
    let spec = Spec { url: parse_url(&url)?, timeout: Duration::from_secs(20), client };
    for _ in 0..TRIES {
        let report = probe::run(&spec, &Env::default()).await;
        ensure!(report.failure.is_none(), "{report:?}");
        let curl = by_curl(curl, &ca, &url)?;
        let ours = report.outcome.phases.into_iter().chain([Some(report.outcome.total)]);
        let names = Phase::ALL.iter().map(ToString::to_string).chain(["total".to_owned()]);
        for ((name, ours), curl) in names.zip(ours).zip(curl) {
            if ours.is_some() || curl.is_some() {
                let ours = ours.map_or(f64::NAN, |time| time.as_secs_f64());
                println!("{name} {ours} {}", curl.unwrap_or(f64::NAN));
            }
        }
    }
    Ok(())
}

/// The phases and the whole. Of a redirect curl adds up the times from the start of each request to each of its steps.
fn by_curl(curl: &str, ca: &Path, url: &str) -> Result<[Option<f64>; 6]> {
    let wanted = ["time_namelookup", "time_connect", "time_appconnect", "time_starttransfer", "time_total"];
    let output = Command::new(curl)
        // Nothing of whoever runs this: neither his .curlrc nor his proxy.
        .args(["-q", "--noproxy", "*", "--http1.1", "--silent", "--show-error", "--fail", "--location"])
        .args(["--max-time", "20", "--output", "/dev/null", "--write-out"])
        .arg(wanted.map(|name| format!("%{{{name}}} ")).concat())
        .arg("--cacert")
        .arg(ca)
        .arg(url)
        .output()
        .context(curl.to_owned())?;
    ensure!(output.status.success(), "{curl}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let times = text.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    let [resolved, connected, shaken, first_byte, total] = times[..] else { bail!("{curl} printed {text:?}") };
    let tls = (shaken > 0.0).then_some(shaken - connected);
    let ready = shaken.max(connected);
    let (processing, transfer) = (first_byte - ready, total - first_byte);
    Ok([Some(resolved), Some(connected - resolved), tls, Some(processing), Some(transfer), Some(total)])
}

/// A server on a port that the system chooses, for as long as this program runs. It redirects if it is told where to.
fn peer(tls: Option<Arc<ServerConfig>>, redirect: Option<String>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // What it fails at, the asker tells.
            let _ = serve(stream, tls.as_ref(), redirect.as_deref());
        }
    });
    Ok(address)
}

fn serve(stream: TcpStream, tls: Option<&Arc<ServerConfig>>, redirect: Option<&str>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(config) = tls else { return answer(stream, redirect) };
    sleep(BEFORE_TLS);
    let connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
    answer(StreamOwned::new(connection, stream), redirect)
}

fn answer(stream: impl Read + Write, redirect: Option<&str>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
    }
    let stream = stream.get_mut();
    sleep(BEFORE_HEAD);
    if let Some(to) = redirect {
        write!(stream, "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        return stream.flush();
    }
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\nfirst,")?;
    stream.flush()?;
    sleep(IN_BODY);
    stream.write_all(b" second")?;
    stream.flush()
}
