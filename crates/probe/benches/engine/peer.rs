//! Who is asked: a server in a process of its own, so that its processor time is nobody's. This program again, with
//! `--serve TARGETS`: it prints its ports and its authority, and ends when its stdin is closed: when whoever started it ends,
//! however that may be.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::{env, process, thread};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::ResolvesServerCert;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::targets::address;

const FLAG: &str = "--serve";
const BODY: &[u8] = &[b'x'; 1000];

pub(crate) struct Peer {
    process: Child,
    /// Over TLS, at all addresses of targets.
    pub(crate) port: u16,
    /// Takes connections, and says nothing.
    pub(crate) silent: u16,
    /// Whom to trust, PEM.
    pub(crate) authority: String,
}

impl Peer {
    pub(crate) fn start(targets: usize) -> Self {
        let mut process = Command::new(env::current_exe().expect("a path to this program"))
            .args([FLAG, &targets.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let mut port = || lines.next().and_then(|line| line.parse().ok()).expect("the peer prints its ports");
        let (port, silent) = (port(), port());
        let mut authority = String::new();
        while !authority.ends_with("-----END CERTIFICATE-----\n") {
            authority += &(lines.next().expect("the peer prints its authority") + "\n");
        }
        Self { process, port, silent, authority }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Whether this process was started as the peer; then it has been one.
pub(crate) fn serve(args: &[String]) -> bool {
    let [flag, targets] = args else { return false };
    if flag != FLAG {
        return false;
    }
    let (certificates, authority) = certificates(targets.parse().expect("a number of targets"));
    actix_rt::System::new().block_on(async {
        // At all addresses, as there are as many as targets; what does not come from this machine gets no answer.
        let listen = || TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0));
        let (tls, silent) = (listen().await.expect("a port"), listen().await.expect("a port"));
        for listener in [&tls, &silent] {
            println!("{}", listener.local_addr().expect("it listens").port());
        }
        print!("{authority}");
        thread::spawn(|| {
            let _ = io::stdin().read(&mut [0]);
            process::exit(0);
        });
        actix_rt::spawn(hold(silent));
        answer(tls, certificates).await;
    });
    true
}

async fn accept(listener: &TcpListener) -> Option<(TcpStream, IpAddr)> {
    loop {
        let (stream, from) = listener.accept().await.ok()?;
        let to = stream.local_addr().ok()?.ip();
        if from.ip().is_loopback() && to.is_loopback() {
            let _ = stream.set_nodelay(true);
            return Some((stream, to));
        }
    }
}

async fn hold(listener: TcpListener) {
    while let Some((mut stream, _)) = accept(&listener).await {
        actix_rt::spawn(async move { while stream.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {} });
    }
}

type Certificates = HashMap<IpAddr, Arc<dyn ResolvesServerCert>>;

async fn answer(listener: TcpListener, certificates: Certificates) {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
    let builder = builder.expect("ring speaks TLS 1.3").with_no_client_auth();
    let nobodys = Arc::new(rustls::server::ResolvesServerCertUsingSni::new());
    let mut config = builder.with_cert_resolver(nobodys);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    while let Some((stream, to)) = accept(&listener).await {
        let Some(certificate) = certificates.get(&to) else { continue };
        let mut config = config.clone();
        config.cert_resolver = certificate.clone();
        let accepting = TlsAcceptor::from(Arc::new(config)).accept(stream);
        actix_rt::spawn(async move {
            if let Ok(stream) = accepting.await {
                http1(stream).await;
            }
        });
    }
}

/// One request, as nobody asks for more.
async fn http1(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.is_ok_and(|read| read == 0) {
            return;
        }
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        BODY.len()
    );
    let _ = stream.write_all(&[head.as_bytes(), BODY].concat()).await;
    let _ = stream.shutdown().await;
}

/// A leaf for each target, by its address, from the authority between it and the root; and the root. Each has a key of
/// P-256, as most of the web has them.
fn certificates(targets: usize) -> (Certificates, String) {
    let authority = |name: &str, issuer: Option<&Issuer<'_, KeyPair>>| {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let certificate = match issuer {
            Some(issuer) => params.signed_by(&key, issuer),
            None => params.self_signed(&key),
        };
        (certificate.expect("a certificate"), Issuer::new(params, key))
    };
    let (root, root_issuer) = authority("bench root", None);
    let (intermediate, issuer) = authority("bench intermediate", Some(&root_issuer));
    let leaf = |number| {
        let address = IpAddr::from(address(number));
        (address, leaf(address, &issuer, intermediate.der().clone()))
    };
    ((0..targets).map(leaf).collect(), root.pem())
}

fn leaf(
    address: IpAddr,
    issuer: &Issuer<'_, KeyPair>,
    intermediate: CertificateDer<'static>,
) -> Arc<dyn ResolvesServerCert> {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![address.to_string()]).expect("a name");
    let leaf = params.signed_by(&key, issuer).expect("a certificate");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = ring::sign::any_ecdsa_type(&key).expect("a key of P-256");
    Arc::new(SingleCertAndKey::from(CertifiedKey::new(vec![leaf.der().clone(), intermediate], key)))
}
