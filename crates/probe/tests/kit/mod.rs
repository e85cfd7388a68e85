//! The test kit: peers on loopback that answer as a script says, over TCP or TLS, and a certificate authority of their own.
//! Shared with the server's tests.
#![allow(dead_code, unreachable_pub)] // each test binary uses a part of it

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a peer does with one request.
#[derive(Clone)]
pub enum Action {
    /// Writes these bytes and closes.
    Answer(String),
    /// Writes these bytes and keeps the connection open until the client closes it.
    AnswerAndHold(String),
    /// Writes these bytes, one every few milliseconds, for as long as the client listens.
    Drip(&'static str),
    /// Says nothing until the client closes.
    Hang,
    /// Closes without a word.
    Close,
    /// Closes at the first byte, before TLS or HTTP.
    CloseAtOnce,
}

/// A complete response with a body.
pub fn response(status: &str, headers: &str, body: &str) -> Action {
    Action::Answer(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()))
}

pub fn ok() -> Action {
    response("200 OK", "", "fine")
}

pub fn redirect(status: &str, to: &str) -> Action {
    response(status, &format!("Location: {to}\r\n"), "")
}

type Script = dyn Fn(&str) -> Action + Send + Sync;

struct Shared {
    script: Mutex<Arc<Script>>,
    tls: Mutex<Option<Arc<ServerConfig>>>,
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
    away: AtomicBool,
}

/// A server on a loopback port that the system chose. Its threads end with the test's process.
#[derive(Clone)]
pub struct Peer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Peer {
    /// Over TCP.
    pub fn plain(script: impl Fn(&str) -> Action + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(script))
    }

    /// Over TLS, with this certificate.
    pub fn tls(config: Arc<ServerConfig>, script: impl Fn(&str) -> Action + Send + Sync + 'static) -> Self {
        Self::start(Some(config), Arc::new(script))
    }

    fn start(tls: Option<Arc<ServerConfig>>, script: Arc<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            tls: Mutex::new(tls),
            requests: Mutex::default(),
            connections: AtomicUsize::new(0),
            away: AtomicBool::new(false),
        });
        let peer = Self { address: listener.local_addr().unwrap(), shared };
        peer.accept_from(listener);
        peer
    }

    fn accept_from(&self, listener: TcpListener) {
        let accepting = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.shared.away.load(Ordering::SeqCst) {
                    return;
                }
                accepting.shared.connections.fetch_add(1, Ordering::SeqCst);
                let peer = accepting.clone();
                std::thread::spawn(move || peer.serve(stream));
            }
        });
    }

    /// From now on connections are refused.
    pub fn goes_away(&self) {
        self.shared.away.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts; the port is closed when a connection is refused.
        while TcpStream::connect(self.address).is_ok() {}
    }

    /// From now on connections are accepted again.
    pub fn comes_back(&self) {
        self.shared.away.store(false, Ordering::SeqCst);
        self.accept_from(TcpListener::bind(self.address).unwrap());
    }

    /// From now on requests are answered so.
    pub fn answers(&self, script: impl Fn(&str) -> Action + Send + Sync + 'static) {
        *self.shared.script.lock().unwrap() = Arc::new(script);
    }

    /// From now on this certificate is shown.
    pub fn shows(&self, config: Arc<ServerConfig>) {
        *self.shared.tls.lock().unwrap() = Some(config);
    }

    /// The heads of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn serve(&self, mut stream: TcpStream) {
        // Bounds every test, should a client never close.
        let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
        let script = self.shared.script.lock().unwrap().clone();
        if matches!(script(""), Action::CloseAtOnce) {
            return;
        }
        let tls = self.shared.tls.lock().unwrap().clone();
        // Clients hang up in the middle of things; that is what many tests are about.
        let _ = match tls {
            None => self.exchange(&mut stream, &script),
            Some(config) => {
                let connection = ServerConnection::new(config).unwrap();
                self.exchange(&mut StreamOwned::new(connection, stream), &script)
            }
        };
    }

    fn exchange(&self, stream: &mut (impl Read + Write), script: &Arc<Script>) -> io::Result<()> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read(&mut byte)? == 0 {
                return Ok(());
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        self.shared.requests.lock().unwrap().push(head);
        match script(&path) {
            Action::Answer(bytes) => {
                stream.write_all(bytes.as_bytes())?;
                stream.flush()?;
            }
            Action::AnswerAndHold(bytes) => {
                stream.write_all(bytes.as_bytes())?;
                stream.flush()?;
                let _ = stream.read(&mut byte);
            }
            Action::Drip(bytes) => loop {
                for byte in bytes.bytes() {
                    stream.write_all(&[byte])?;
                    stream.flush()?;
                    std::thread::sleep(Duration::from_millis(5));
                }
            },
            Action::Hang => {
                let _ = stream.read(&mut byte);
            }
            Action::Close | Action::CloseAtOnce => {}
        }
        Ok(())
    }
}

/// A loopback address on which nothing listens.
pub fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A certificate authority for one test.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// What is wrong with a certificate.
pub enum Flaw {
    None,
    Expired,
    NotYetValid,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A file that holds the authority's certificate, named after the test.
    pub fn file(&self, test: &str) -> PathBuf {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}.pem", std::process::id()));
        std::fs::write(&path, &self.pem).unwrap();
        path
    }

    /// A server that shows a certificate of this authority for `name`.
    pub fn server(&self, name: &str, flaw: &Flaw) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        match flaw {
            Flaw::None => {}
            Flaw::Expired => params.not_after = date_time_ymd(2020, 1, 1),
            Flaw::NotYetValid => params.not_before = date_time_ymd(2100, 1, 1),
        }
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
    }
}
