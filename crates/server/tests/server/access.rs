//! Who comes in: TLS, certificates of clients, passwords, rate limits; and what a new web configuration changes while the server runs.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::bad_input::{harmless, refused};
use crate::exporter::{Exporter, program, value};
use crate::kit::{self, Authority, Flaw, Identity};

fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

/// A web configuration, and the files that it names.
struct Web(PathBuf);

impl Web {
    fn new(test: &str, yaml: &str) -> Self {
        let directory = kit::file(&format!("access-{test}"), "").with_extension("files");
        std::fs::create_dir_all(&directory).unwrap();
        let web = Self(directory);
        web.write("web.yml", yaml);
        web
    }

    /// Replaced as a whole.
    fn write(&self, name: &str, content: &str) {
        let new = self.0.join("new");
        std::fs::write(&new, content).unwrap();
        std::fs::rename(new, self.0.join(name)).unwrap();
    }

    fn identity(&self, identity: &Identity) {
        let (certificates, key) = identity.pem();
        self.write("cert.pem", &certificates);
        self.write("key.pem", &key);
    }

    fn path(&self) -> String {
        self.0.join("web.yml").to_str().unwrap().to_owned()
    }

    fn exporter(&self, args: &[&str]) -> Exporter {
        let web = self.path();
        Exporter::asking_nobody(&[&["--web.config.file", &web], args].concat())
    }
}

const TLS: &str = "cert_file: cert.pem, key_file: key.pem";

fn client(authority: &Authority, identity: Option<&Identity>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let mut config = match identity {
        None => config.with_no_client_auth(),
        Some(identity) => {
            let (certificates, key) = identity.pem();
            let chain = CertificateDer::pem_slice_iter(certificates.as_bytes()).collect::<Result<_, _>>().unwrap();
            config.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap()
        }
    };
    // As a browser, but for HTTP/2.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

type Secure = StreamOwned<ClientConnection, TcpStream>;

fn connect(exporter: &Exporter, client: &Arc<ClientConfig>) -> Secure {
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(client.clone(), name).unwrap();
    StreamOwned::new(connection, exporter.connect())
}

fn exchange(stream: &mut Secure, path: &str) -> io::Result<String> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => break,
            read => answer.extend_from_slice(&buffer[..read]),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn ask(exporter: &Exporter, client: &Arc<ClientConfig>) -> io::Result<String> {
    exchange(&mut connect(exporter, client), "/-/healthy")
}

fn comes_in(exporter: &Exporter, client: &Arc<ClientConfig>) -> bool {
    ask(exporter, client).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 OK\r\n"))
}

fn healthcheck(exporter: &Exporter, args: &[&str]) -> Option<i32> {
    let address = exporter.address.to_string();
    let output = program().args(["healthcheck", "--web.listen-address", &address]).args(args).output().unwrap();
    output.status.code()
}

#[test]
fn https_and_nothing_else() {
    let authority = Authority::new();
    let web = Web::new("https", &format!("tls_server_config: {{{TLS}}}\n"));
    web.identity(&authority.signs(&["localhost"], &Flaw::None));
    let exporter = web.exporter(&[]);
    assert!(exporter.log().contains("listening on https://127.0.0.1:"), "{}", exporter.log());
    assert!(comes_in(&exporter, &client(&authority, None)));
    assert!(!comes_in(&exporter, &client(&Authority::new(), None)), "another authority");
    let plain = exporter.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(plain.starts_with("HTTP/1.1 400 ") && plain.ends_with("ask it with https://\n"), "{plain}");
    assert_eq!(healthcheck(&exporter, &["--web.config.file", &web.path()]), Some(0));
    assert_eq!(healthcheck(&exporter, &[]), Some(0), "which finds out");
}

/// Whoever is connected stays so, and who comes sees what is there now.
#[test]
fn s31_certificates_are_exchanged_while_the_server_runs() {
    let (old, new) = (Authority::new(), Authority::new());
    let web = Web::new("exchanged", &format!("tls_server_config: {{{TLS}}}\n"));
    web.identity(&old.signs(&["localhost"], &Flaw::None));
    let exporter = web.exporter(&["--web.keep-alive", "1h"]);
    let (by_old, by_new) = (client(&old, None), client(&new, None));
    let mut connected = connect(&exporter, &by_old);
    let good = |stream: &mut Secure| {
        let page = exchange(stream, "/metrics").unwrap() + &exchange_rest(stream);
        value(&page, "actix_exporter_web_config_last_reload_successful")
    };
    assert_eq!(good(&mut connect(&exporter, &by_old)), Some(1.0));
    assert!(exchange(&mut connected, "/-/healthy").unwrap().starts_with("HTTP/1.1 200"));
    // Half of it is written: the old one stays.
    let (certificates, key) = new.signs(&["localhost"], &Flaw::None).pem();
    web.write("cert.pem", &certificates[..certificates.len() / 2]);
    exporter.wait_until("it is seen to be wrong", || good(&mut connect(&exporter, &by_old)) == Some(0.0));
    exporter.logged("cert_file: not whole");
    // The certificate is there, and not yet its key.
    web.write("cert.pem", &certificates);
    exporter.logged("key_file: belongs to another certificate");
    assert!(comes_in(&exporter, &by_old) && !comes_in(&exporter, &by_new));
    web.write("key.pem", &key);
    exporter.wait_until("the new one counts", || comes_in(&exporter, &by_new));
    assert!(!comes_in(&exporter, &by_old));
    assert_eq!(good(&mut connect(&exporter, &by_new)), Some(1.0));
    assert!(
        exchange(&mut connected, "/-/healthy").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")),
        "it lives on"
    );
    // Without TLS, at last.
    web.write("web.yml", "tls_server_config:\n");
    exporter.wait_until("it is plain HTTP", || {
        exporter.send_anyway(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n").contains("200 OK")
    });
}

/// What is left of a page that says its end by a chunk of nothing.
fn exchange_rest(stream: &mut Secure) -> String {
    let (mut rest, mut buffer) = (Vec::new(), [0; 4096]);
    while !rest.ends_with(b"0\r\n\r\n") {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&rest));
        rest.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8(rest).unwrap()
}

#[test]
fn s31_an_expired_certificate_is_served_and_warned_of() {
    let authority = Authority::new();
    let web = Web::new("expired", &format!("tls_server_config: {{{TLS}}}\n"));
    web.identity(&authority.signs(&["localhost"], &Flaw::Expired));
    let exporter = web.exporter(&[]);
    assert!(exporter.log().contains("cert_file: the certificate has expired; renew it"), "{}", exporter.log());
    assert_eq!(healthcheck(&exporter, &[]), Some(0));
}

/// What a client is answered that says no more than its version (RFC 5246, 7.4.1.2: without `supported_versions`, that is the
/// highest one it speaks) and these cipher suites.
fn answer_to_hello(exporter: &Exporter, version: u16, suites: &[u16]) -> Vec<u8> {
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let extension = |kind: u16, content: &[u8]| [&kind.to_be_bytes(), &length(content)[..], content].concat();
    let suites: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let extensions = [
        extension(10, &[0, 4, 0, 29, 0, 23]),     // X25519 and P-256
        extension(11, &[1, 0]),                   // points as they are
        extension(13, &[0, 6, 4, 3, 8, 4, 4, 1]), // signatures with SHA-256: ECDSA, RSA-PSS, RSA
        extension(23, &[]),                       // extended master secret
    ]
    .concat();
    let random = [7; 32];
    let hello = [
        &version.to_be_bytes()[..],
        &random,
        &[0], // no session
        &length(&suites),
        &suites,
        &[1, 0], // not compressed
        &length(&extensions),
        &extensions,
    ]
    .concat();
    let handshake = [&[1, 0][..], &length(&hello), &hello].concat();
    let mut stream = exporter.connect();
    stream.write_all(&[&[22, 3, 1][..], &length(&handshake), &handshake].concat()).unwrap();
    let mut header = [0; 5];
    stream.read_exact(&mut header).unwrap();
    let mut record = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    stream.read_exact(&mut record).unwrap();
    [&header[..1], &record].concat()
}

/// Nobody in between can talk the two into what is broken (RFC 8996 on TLS 1.0 and 1.1), or below what the configuration says.
#[test]
fn old_versions_and_weak_suites_are_refused() {
    const SECURE: [u16; 2] = [0xc02b, 0xc02f]; // ECDHE with AES-128-GCM
    const WEAK: [u16; 5] = [0x0005, 0x000a, 0x002f, 0x009c, 0xc013]; // RC4, 3DES, CBC, and GCM without forward secrecy
    let protocol_version = vec![21, 2, 70];
    let handshake_failure = vec![21, 2, 40];
    let authority = Authority::new();
    for (options, oldest) in [("", 0x0303), (", min_version: TLS10", 0x0303), (", min_version: TLS13", 0x0304)] {
        let web = Web::new("downgrade", &format!("tls_server_config: {{{TLS}{options}}}\n"));
        web.identity(&authority.signs(&["localhost"], &Flaw::None));
        let exporter = web.exporter(&[]);
        // SSL 3.0, TLS 1.0, TLS 1.1.
        for version in 0x0300..0x0303 {
            let answer = answer_to_hello(&exporter, version, &[&SECURE[..], &WEAK].concat());
            assert_eq!(answer, protocol_version, "{version:#06x}{options}");
        }
        let answer = answer_to_hello(&exporter, 0x0303, &SECURE);
        if oldest == 0x0303 {
            assert_eq!(answer[..7], [22, 2, 0, answer[3], answer[4], 3, 3], "a hello, in TLS 1.2{options}");
            // RFC 8446, 4.1.3: whoever speaks TLS 1.3 sees by it that somebody has lowered the version.
            assert_eq!(answer[31..39], *b"DOWNGRD\x01", "{options}");
            assert_eq!(answer_to_hello(&exporter, 0x0303, &WEAK), handshake_failure, "{options}");
        } else {
            assert_eq!(answer, protocol_version, "TLS 1.2{options}");
        }
        assert!(comes_in(&exporter, &client(&authority, None)), "TLS 1.3{options}");
    }
}

#[test]
fn clients_come_in_by_their_certificates() {
    let (authority, other) = (Authority::new(), Authority::new());
    let known = authority.signs(&["client.test"], &Flaw::None);
    let stranger = authority.signs(&["stranger.test"], &Flaw::None);
    let forged = other.signs(&["client.test"], &Flaw::None);
    // Without one, with a stranger's, with one of another authority, with the right one: who comes in.
    for (options, expected) in [
        ("client_auth_type: NoClientCert", [true, true, true, true]),
        ("client_auth_type: RequestClientCert", [true, true, true, true]),
        ("client_auth_type: RequireAnyClientCert", [false, true, true, true]),
        ("client_auth_type: RequireAnyClientCert, client_allowed_sans: [client.test]", [false, false, true, true]),
        ("client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem", [true, true, false, true]),
        ("client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem", [false, true, false, true]),
        (
            "client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: [x, client.test]",
            [false, false, false, true],
        ),
        (
            "client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, max_version: TLS12",
            [false, true, false, true],
        ),
    ] {
        let web = Web::new("clients", &format!("tls_server_config: {{{TLS}, {options}}}\n"));
        web.identity(&authority.signs(&["localhost"], &Flaw::None));
        web.write("ca.pem", authority.pem());
        let exporter = web.exporter(&[]);
        let seen = [None, Some(&stranger), Some(&forged), Some(&known)]
            .map(|identity| comes_in(&exporter, &client(&authority, identity)));
        assert_eq!(seen, expected, "{options}");
        assert_eq!(healthcheck(&exporter, &[]), Some(0), "{options}: it lives, whoever may come in");
    }
}

/// Who has a session of the old configuration does not come in by it.
#[test]
fn a_session_is_not_resumed_after_its_authority_has_gone() {
    let (old, new) = (Authority::new(), Authority::new());
    let web = Web::new(
        "resumed",
        &format!(
            "tls_server_config: {{{TLS}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem}}\n"
        ),
    );
    web.identity(&old.signs(&["localhost"], &Flaw::None));
    web.write("ca.pem", old.pem());
    let exporter = web.exporter(&[]);
    let before = client(&old, Some(&old.signs(&["client.test"], &Flaw::None)));
    assert!(comes_in(&exporter, &before) && comes_in(&exporter, &before));
    web.write("ca.pem", new.pem());
    exporter.wait_until("it stays outside", || !comes_in(&exporter, &before));
    assert!(!comes_in(&exporter, &before));
    let after = client(&old, Some(&new.signs(&["client.test"], &Flaw::None)));
    assert!(comes_in(&exporter, &after));
}

/// The status of a GET, as this user.
fn status(exporter: &Exporter, path: &str, user: Option<(&str, &str)>) -> (u16, String) {
    let authorization = user.map_or_else(String::new, |(user, password)| {
        format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("{user}:{password}")))
    });
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{authorization}Connection: close\r\n\r\n");
    let answer = exporter.send(&request);
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

#[test]
fn users_come_in_by_their_passwords() {
    let users = |password: &str| format!("basic_auth_users: {{anna: {}, bert: {}}}\n", hash(password), hash("other"));
    let web = Web::new("users", &users("open sesame"));
    let exporter = web.exporter(&[]);
    let anna = |password| status(&exporter, "/metrics", Some(("anna", password))).0;
    for path in ["/", "/metrics", "/3-shake-status", "/config", "/probe", "/sd", "/nowhere"] {
        let (code, answer) = status(&exporter, path, None);
        assert_eq!(code, 401, "{path}");
        assert!(answer.to_lowercase().contains("\r\nwww-authenticate: basic realm="), "{answer}");
    }
    for user in [("anna", "other"), ("bert", "open sesame"), ("carl", "open sesame"), ("", ""), ("anna", "")] {
        assert_eq!(status(&exporter, "/metrics", Some(user)).0, 401, "{user:?}");
    }
    assert!(exporter.ask("POST", "/-/reload").0.starts_with("http/1.1 401"));
    // Twice: the second time it is known.
    assert_eq!([anna("open sesame"), anna("open sesame"), anna("open Sesame")], [200, 200, 401]);
    assert_eq!(status(&exporter, "/metrics", Some(("bert", "other"))).0, 200);
    // An orchestrator has no password.
    for path in ["/-/healthy", "/-/ready"] {
        assert_eq!(status(&exporter, path, None).0, 200, "{path}");
        assert!(exporter.ask("POST", path).0.starts_with("http/1.1 401"), "{path}");
        assert!(exporter.ask("HEAD", path).0.starts_with("http/1.1 200"), "{path}");
    }
    assert_eq!(healthcheck(&exporter, &[]), Some(0));
    // What was right is wrong once there is another one.
    web.write("web.yml", &users("new"));
    exporter.wait_until("the new password counts", || anna("new") == 200);
    assert_eq!([anna("open sesame"), anna("new")], [401, 200]);
    assert!(!exporter.log().contains("sesame") && !exporter.log().contains("$2"), "{}", exporter.log());
}

/// A file that is wrong, or gone, opens nothing.
#[test]
fn what_is_wrong_changes_nothing() {
    let good = format!("basic_auth_users: {{anna: {}}}\n", hash("open sesame"));
    let web = Web::new("wrong", &good);
    let exporter = web.exporter(&[]);
    let anna = ("anna", "open sesame");
    let successful =
        || value(&status(&exporter, "/metrics", Some(anna)).1, "actix_exporter_web_config_last_reload_successful");
    let reload = || {
        let authorization = BASE64_STANDARD.encode("anna:open sesame");
        exporter.send(&format!(
            "POST /-/reload HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {authorization}\r\nConnection: close\r\n\r\n"
        ))
    };
    assert_eq!(successful(), Some(1.0));
    for wrong in ["basic_auth_users: {anna: plain}\n", "basic_auth_users: {\n", "foo: 1\n"] {
        web.write("web.yml", wrong);
        let answer = reload();
        assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("web.yml:"), "{answer}");
        assert_eq!(successful(), Some(0.0));
        assert_eq!(status(&exporter, "/metrics", None).0, 401);
    }
    std::fs::remove_file(web.0.join("web.yml")).unwrap();
    exporter.logged("No such file");
    assert_eq!((status(&exporter, "/metrics", None).0, successful()), (401, Some(0.0)));
    web.write("web.yml", &good);
    let answer = reload();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(successful(), Some(1.0));
}

#[test]
fn headers_are_on_every_answer() {
    let web = Web::new(
        "headers",
        &format!(
            "http_server_config: {{headers: {{X-Frame-Options: deny, Content-Security-Policy: \"default-src 'self'\"}}}}\nbasic_auth_users: {{anna: {}}}\n",
            hash("x")
        ),
    );
    let exporter = web.exporter(&[]);
    for (path, user, code) in [
        ("/metrics", None, 401),
        ("/-/ready", None, 200),
        ("/", Some(("anna", "x")), 200),
        ("/nowhere", Some(("anna", "x")), 404),
    ] {
        let (seen, answer) = status(&exporter, path, user);
        assert_eq!(seen, code, "{path}");
        let answer = answer.to_lowercase();
        assert_eq!(answer.matches("\r\ncontent-security-policy: default-src 'self'\r\n").count(), 1, "{answer}");
        assert!(answer.contains("\r\nx-frame-options: deny\r\n") && !answer.contains("default-src 'none'"), "{answer}");
    }
}

#[test]
fn requests_beyond_the_rate_are_429() {
    let web = Web::new("rate", "rate_limit: {interval: 1h, burst: 3}\n");
    let exporter = web.exporter(&[]);
    let codes: Vec<_> = (0..5).map(|_| status(&exporter, "/3-shake-status", None).0).collect();
    assert_eq!(codes, [200, 200, 200, 429, 429]);
    let (_, answer) = status(&exporter, "/metrics", None);
    assert!(answer.to_lowercase().contains("\r\nretry-after: 1\r\n"), "{answer}");
    assert_eq!(status(&exporter, "/-/ready", None).0, 200, "which costs nothing and must be known");
    // Another line of the file is no new share.
    web.write("web.yml", "rate_limit: {interval: 1h, burst: 3}\nhttp_server_config: {http2: false}\n");
    exporter.logged("the web configuration has changed");
    assert_eq!(status(&exporter, "/metrics", None).0, 429);
    web.write("web.yml", "rate_limit: {interval: 1h, burst: 4}\n");
    exporter.wait_until("the new rate counts", || status(&exporter, "/3-shake-status", None).0 == 200);
}

/// A flood of passwords that take a second each: who knows his comes in, and so does who needs none.
#[test]
fn s32_a_flood_of_wrong_passwords_keeps_nobody_out_who_was_in() {
    let slow = bcrypt::hash("open sesame", 12).unwrap();
    let web = Web::new("flood", &format!("basic_auth_users: {{anna: {slow}}}\n"));
    let exporter = web.exporter(&[]);
    assert_eq!(status(&exporter, "/metrics", Some(("anna", "open sesame"))).0, 200);
    let wrong = |n: usize| {
        let authorization =
            BASE64_STANDARD.encode(format!("{}:wrong{n}", if n.is_multiple_of(2) { "anna" } else { "carl" }));
        format!("GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {authorization}\r\n\r\n")
    };
    let mut flood: Vec<_> = (0..64).map(|_| exporter.connect()).collect();
    for (n, stream) in flood.iter_mut().enumerate() {
        stream.write_all(wrong(n).as_bytes()).unwrap();
    }
    // Those that found no place are told at once, while the others wait.
    let mut refused = 0;
    for stream in &mut flood {
        stream.set_nonblocking(true).unwrap();
    }
    exporter.wait_until("some are refused", || {
        for stream in &mut flood {
            let mut answer = [0; 12];
            if stream.read_exact(&mut answer).is_ok() {
                refused += usize::from(&answer == b"HTTP/1.1 429");
            }
        }
        refused > 0
    });
    for _ in 0..20 {
        assert_eq!(status(&exporter, "/-/ready", None).0, 200);
        assert_eq!(status(&exporter, "/metrics", Some(("anna", "open sesame"))).0, 200);
    }
}

#[test]
fn s30_files_that_are_none_are_one_line_and_2() {
    let web = Web::new("hostile", "");
    let sparse = web.0.join("sparse.yml");
    std::fs::File::create(&sparse).unwrap().set_len(100 << 20).unwrap();
    let levels: String =
        (1..30).map(|n| format!("  l{n}: &l{n} [*l{}, *l{}]\n", n - 1, n - 1)).collect::<Vec<_>>().concat();
    let bomb = format!("basic_auth_users:\n  l0: &l0 [x, x]\n{levels}");
    let written = |name: &str, content: &[u8]| {
        std::fs::write(web.0.join(name), content).unwrap();
        web.0.join(name)
    };
    for (path, what) in [
        (web.0.join("none.yml"), ": No such file"),
        (web.0.clone(), ": a directory; name a file in it"),
        ("/dev/zero".into(), ": a pipe, a socket or a device"),
        (sparse, ": more than 16 MiB"),
        (written("bomb.yml", bomb.as_bytes()), ":"),
        (written("latin.yml", b"# \xe4\n"), ":1:3: not UTF-8"),
        (written("open.yml", b"basic_auth_users: {a: \"\n"), ":"),
    ] {
        let path = path.to_str().unwrap();
        let (code, line) = refused(harmless().args(["--web.config.file", path]));
        assert!(code == 2 && line.starts_with(&format!("error: {path}{what}")), "{path}: {line}");
    }
}
