//! What is asked: a server in a process of its own, so that its processor time is nobody's. This program again, with `--serve`:
//! it prints its ports and its authority, and ends when its stdin is closed: when whoever started it ends, however that may be.

use std::io::{self, BufRead, BufReader, Read};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::{env, process, thread};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::Case;

const FLAG: &str = "--serve";
const BODY: &[u8] = &[b'x'; 1000];

pub(crate) struct Peer {
    process: Child,
    http: u16,
    https: u16,
    /// Whom to trust, PEM.
    pub(crate) authority: String,
}

impl Peer {
    pub(crate) fn start() -> Self {
        let mut process = Command::new(env::current_exe().expect("a path to this program"))
            .arg(FLAG)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let mut port = || lines.next().and_then(|line| line.parse().ok()).expect("the peer prints its ports");
        let (http, https) = (port(), port());
        let mut authority = String::new();
        while !authority.ends_with("-----END CERTIFICATE-----\n") {
            authority += &(lines.next().expect("the peer prints its authority") + "\n");
        }
        Self { process, http, https, authority }
    }

    pub(crate) fn url(&self, case: &Case) -> String {
        let Case { scheme, host, .. } = case;
        format!("{scheme}://{host}:{}/", if *scheme == "https" { self.https } else { self.http })
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
    if args != [FLAG] {
        return false;
    }
    let (config, authority) = certificates();
    actix_rt::System::new().block_on(async {
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let (http, https) = (listen().await.expect("a port"), listen().await.expect("a port"));
        for listener in [&http, &https] {
            println!("{}", listener.local_addr().expect("it listens").port());
        }
        print!("{authority}");
        thread::spawn(|| {
            let _ = io::stdin().read(&mut [0]);
            process::exit(0);
        });
        actix_rt::spawn(plain(http));
        tls(https, TlsAcceptor::from(Arc::new(config))).await;
    });
    true
}

async fn plain(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        actix_rt::spawn(http1(stream));
    }
}

async fn tls(listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let accepting = acceptor.accept(stream);
        actix_rt::spawn(async move {
            let Ok(stream) = accepting.await else { return };
            match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => http2(stream).await,
                _ => http1(stream).await,
            }
        });
    }
}

/// One request, as both ask for no more.
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

async fn http2(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let head = http::Response::builder().header("content-type", "text/plain").body(());
        let Ok(mut body) = respond.send_response(head.expect("a response"), false) else { return };
        let _ = body.send_data(BODY.into(), true);
    }
}

/// A leaf and the authority between it and the root, each with a key of P-256, as most of the web has them; and the root.
fn certificates() -> (ServerConfig, String) {
    let authority = |issuer: Option<&Issuer<'_, KeyPair>>| {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = if issuer.is_some() { "bench intermediate" } else { "bench root" };
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let certificate = match issuer {
            Some(issuer) => params.signed_by(&key, issuer),
            None => params.self_signed(&key),
        };
        (certificate.expect("a certificate"), Issuer::new(params, key))
    };
    let (root, root_issuer) = authority(None);
    let (intermediate, issuer) = authority(Some(&root_issuer));
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    let leaf = params.signed_by(&key, &issuer).expect("a certificate");
    let chain = vec![leaf.der().clone(), intermediate.der().clone()];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
    let builder = builder.expect("ring speaks TLS 1.3").with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key).expect("key and certificate go together");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (config, root.pem())
}
