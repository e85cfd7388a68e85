//! Web configurations: what blackbox_exporter, and so exporter-toolkit, starts with and what it refuses, and what the server makes of
//! the same files. Each is a row: what it says when it refuses, what the server says, and why, where only one of them refuses.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rcgen::{CertificateParams, KeyPair};

use crate::exporter::program;
use crate::kit;

/// Why one of them refuses what the other accepts. docs/web.md has the reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stricter {
    /// Nobody could come in, or not as it is meant.
    InVain,
    /// Rustls does not speak it.
    NotSpoken,
    /// It is no hash that any password could match.
    NoHash,
    /// A name or value that cannot be sent.
    Unsendable,
    /// A number without a unit, or less than nothing.
    NoMeasure,
    /// The server takes one for a list of one.
    OneIsAList,
}

impl Stricter {
    pub(crate) const ALL: [Self; 6] =
        [Self::InVain, Self::NotSpoken, Self::NoHash, Self::Unsendable, Self::NoMeasure, Self::OneIsAList];
}

/// A file, and how it is taken.
pub(crate) struct WebCase {
    pub(crate) name: &'static str,
    yaml: &'static str,
    /// Part of what blackbox_exporter says when it refuses.
    theirs: Option<&'static str>,
    /// Part of what the server says when it refuses.
    ours: Option<&'static str>,
    pub(crate) differs: Option<Stricter>,
}

const fn good(name: &'static str, yaml: &'static str) -> WebCase {
    WebCase { name, yaml, theirs: None, ours: None, differs: None }
}

const fn bad(name: &'static str, yaml: &'static str, theirs: &'static str, ours: &'static str) -> WebCase {
    WebCase { name, yaml, theirs: Some(theirs), ours: Some(ours), differs: None }
}

const fn stricter(name: &'static str, yaml: &'static str, ours: &'static str, why: Stricter) -> WebCase {
    WebCase { name, yaml, theirs: None, ours: Some(ours), differs: Some(why) }
}

const fn laxer(name: &'static str, yaml: &'static str, theirs: &'static str, why: Stricter) -> WebCase {
    WebCase { name, yaml, theirs: Some(theirs), ours: None, differs: Some(why) }
}

/// `TLS` is a certificate and its key, `HASH` what bcrypt makes of a password.
#[rustfmt::skip] // a table
pub(crate) static ALL: &[WebCase] = &[
    good("web-nothing", ""),
    good("web-a-comment", "# nothing\n"),
    good("web-null", "~\n"),
    bad("web-text", "x\n", "cannot unmarshal !!str `x` into web.Config", ":1:1: the web configuration must be a map, not text"),
    bad("web-list", "- a\n", "cannot unmarshal !!seq into web.Config", ":1:1: the web configuration must be a map, not a list"),
    bad("web-unknown-key", "foo: 1\n", "field foo not found in type web.Config", ":1:1: unknown option foo in the web configuration"),
    bad("web-misspelt-key", "basic_auth_user: {}\n", "field basic_auth_user not found in type web.Config", ":1:1: unknown option basic_auth_user in the web configuration; did you mean basic_auth_users?"),
    bad("web-twice", "rate_limit: {}\nrate_limit: {}\n", "field rate_limit already set in type web.Config", ":2:1: the same key stands in line 1 already"),
    bad("web-tab", "tls_server_config:\n\tcert_file: x\n", "found character that cannot start any token", ":2:1: a tab, which YAML does not allow here"),
    good("tls", "tls_server_config: {TLS}\n"),
    good("tls-null", "tls_server_config:\n"),
    good("tls-version-alone", "tls_server_config: {min_version: TLS13}\n"),
    bad("tls-list", "tls_server_config: [a]\n", "cannot unmarshal !!seq into web.TLSConfig", "tls_server_config must be a map, not a list"),
    bad("tls-unknown-key", "tls_server_config: {TLS, foo: 1}\n", "field foo not found in type web.TLSConfig", "unknown option foo in tls_server_config"),
    bad("tls-without-key", "tls_server_config: {cert_file: cert.pem}\n", "missing one of key or key_file", ":1:20: tls_server_config has no key; add key or key_file"),
    bad("tls-without-certificate", "tls_server_config: {key_file: key.pem}\n", "missing one of cert or cert_file", ":1:20: tls_server_config has no cert; add cert or cert_file"),
    bad("tls-of-clients-alone", "tls_server_config: {client_auth_type: RequireAnyClientCert}\n", "missing one of cert or cert_file", "tls_server_config has no cert"),
    bad("tls-no-such-file", "tls_server_config: {cert_file: none.pem, key_file: key.pem}\n", "failed to read cert_file", ":1:32: cert_file "),
    bad("tls-directory", "tls_server_config: {cert_file: ., key_file: key.pem}\n", "is a directory", "a directory; name a file in it"),
    bad("tls-other-key", "tls_server_config: {cert_file: cert.pem, key_file: other.pem}\n", "private key does not match public key", ":1:52: key_file: belongs to another certificate"),
    bad("tls-half-a-certificate", "tls_server_config: {cert_file: half.pem, key_file: key.pem}\n", "failed to find any PEM data in certificate input", "cert_file: not whole"),
    bad("tls-no-certificate", "tls_server_config: {cert_file: text.pem, key_file: key.pem}\n", "failed to find any PEM data in certificate input", "cert_file: no certificate in it"),
    bad("tls-no-key", "tls_server_config: {cert_file: cert.pem, key_file: text.pem}\n", "failed to find any PEM data in key input", "key_file: no key in it"),
    bad("tls-swapped", "tls_server_config: {cert_file: key.pem, key_file: cert.pem}\n", "PEM inputs may have been switched", "cert_file: no certificate in it"),
    good("tls-file-beside-text", "tls_server_config: {TLS, cert: nonsense}\n"),
    good("tls-clients-none", "tls_server_config: {TLS, client_auth_type: NoClientCert}\n"),
    good("tls-clients-request", "tls_server_config: {TLS, client_auth_type: RequestClientCert}\n"),
    good("tls-clients-any", "tls_server_config: {TLS, client_auth_type: RequireAnyClientCert}\n"),
    good("tls-clients-any-old", "tls_server_config: {TLS, client_auth_type: RequireClientCert}\n"),
    good("tls-clients-if-given", "tls_server_config: {TLS, client_ca_file: cert.pem, client_auth_type: VerifyClientCertIfGiven}\n"),
    good("tls-clients-verified", "tls_server_config: {TLS, client_ca_file: cert.pem, client_auth_type: RequireAndVerifyClientCert}\n"),
    good("tls-clients-named", "tls_server_config: {TLS, client_ca_file: cert.pem, client_auth_type: RequireAndVerifyClientCert, client_allowed_sans: [a]}\n"),
    bad("tls-clients-unknown", "tls_server_config: {TLS, client_auth_type: Foo}\n", "invalid ClientAuth: Foo", "client_auth_type Foo is unknown"),
    bad("tls-clients-not-asked", "tls_server_config: {TLS, client_ca_file: cert.pem}\n", "client CA's have been configured without a Client Auth Policy", "client_ca_file: authorities for certificates that nobody is asked for"),
    bad("tls-clients-no-such-file", "tls_server_config: {TLS, client_ca_file: none.pem, client_auth_type: RequireAndVerifyClientCert}\n", "no such file or directory", "client_ca_file "),
    stricter("tls-clients-of-no-authority", "tls_server_config: {TLS, client_ca_file: text.pem, client_auth_type: RequireAndVerifyClientCert}\n", "client_ca_file: no certificate in it", Stricter::InVain),
    stricter("tls-clients-without-authority", "tls_server_config: {TLS, client_auth_type: RequireAndVerifyClientCert}\n", "there is no authority for them", Stricter::InVain),
    stricter("tls-names-of-nobody", "tls_server_config: {TLS, client_allowed_sans: [a]}\n", "client_allowed_sans where clients may come without a certificate", Stricter::InVain),
    stricter("tls-names-if-given", "tls_server_config: {TLS, client_ca_file: cert.pem, client_auth_type: VerifyClientCertIfGiven, client_allowed_sans: [a]}\n", "client_allowed_sans where clients may come without a certificate", Stricter::InVain),
    good("tls-lowest", "tls_server_config: {TLS, min_version: TLS13}\n"),
    good("tls-lowest-old", "tls_server_config: {TLS, min_version: TLS10}\n"),
    stricter("tls-highest-old", "tls_server_config: {TLS, max_version: TLS11}\n", "max_version TLS11 is not spoken here", Stricter::NotSpoken),
    stricter("tls-no-version", "tls_server_config: {TLS, min_version: TLS13, max_version: TLS12}\n", "min_version is above max_version", Stricter::InVain),
    bad("tls-unknown-version", "tls_server_config: {TLS, min_version: TLS14}\n", "unknown TLS version: TLS14", "min_version TLS14 is unknown"),
    bad("tls-version-by-number", "tls_server_config: {TLS, min_version: 1.2}\n", "unknown TLS version: 1.2", "min_version 1.2 is unknown"),
    good("tls-suite", "tls_server_config: {TLS, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]}\n"),
    good("tls-suite-of-13", "tls_server_config: {TLS, cipher_suites: [TLS_AES_128_GCM_SHA256]}\n"),
    good("tls-suite-not-here", "tls_server_config: {TLS, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]}\n"),
    bad("tls-suite-unknown", "tls_server_config: {TLS, cipher_suites: [TLS_FOO]}\n", "unknown cipher: TLS_FOO", "cipher_suites TLS_FOO is unknown"),
    bad("tls-suite-insecure", "tls_server_config: {TLS, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}\n", "unknown cipher: TLS_RSA_WITH_RC4_128_SHA", "cipher_suites TLS_RSA_WITH_RC4_128_SHA is unknown"),
    laxer("tls-suite-alone", "tls_server_config: {TLS, cipher_suites: TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}\n", "into []web.Cipher", Stricter::OneIsAList),
    good("tls-curves", "tls_server_config: {TLS, curve_preferences: [X25519, CurveP256]}\n"),
    stricter("tls-curve-not-here", "tls_server_config: {TLS, curve_preferences: [CurveP521]}\n", "curve_preferences leaves no curve that is spoken here", Stricter::NotSpoken),
    bad("tls-curve-unknown", "tls_server_config: {TLS, curve_preferences: [Foo]}\n", "unknown curve: Foo", "curve_preferences Foo is unknown"),
    good("tls-preference", "tls_server_config: {TLS, prefer_server_cipher_suites: false}\n"),
    bad("tls-preference-unknown", "tls_server_config: {TLS, prefer_server_cipher_suites: maybe}\n", "cannot unmarshal !!str `maybe` into bool", "prefer_server_cipher_suites is neither true nor false"),
    good("http2-off", "tls_server_config: {TLS}\nhttp_server_config: {http2: false}\n"),
    bad("http2-unknown", "http_server_config: {http2: maybe}\n", "cannot unmarshal !!str `maybe` into bool", ":1:29: http2 is neither true nor false"),
    good("headers", "http_server_config: {headers: {X-Frame-Options: deny, X-Content-Type-Options: nosniff, Strict-Transport-Security: max-age=1, X-XSS-Protection: x, Content-Security-Policy: y}}\n"),
    good("header-without-value", "http_server_config: {headers: {Content-Security-Policy: ''}}\n"),
    bad("header-of-others", "http_server_config: {headers: {X-Foo: y}}\n", "can not be configured", ":1:32: the header X-Foo cannot be set"),
    bad("header-in-lower-case", "http_server_config: {headers: {x-frame-options: deny}}\n", "can not be configured", "the header x-frame-options cannot be set"),
    bad("header-value", "http_server_config: {headers: {X-Frame-Options: allow}}\n", "invalid value for X-Frame-Options", "X-Frame-Options is 'allow'; write deny or sameorigin"),
    bad("header-value-empty", "http_server_config: {headers: {X-Content-Type-Options: ''}}\n", "invalid value for X-Content-Type-Options", "X-Content-Type-Options is ''; write nosniff"),
    stricter("header-of-two-lines", "http_server_config: {headers: {Content-Security-Policy: \"a\\nb\"}}\n", "a character that no header may have", Stricter::Unsendable),
    good("users", "basic_auth_users: {a: HASH}\n"),
    good("users-none", "basic_auth_users: {}\n"),
    bad("users-list", "basic_auth_users: [a]\n", "cannot unmarshal !!seq into map[string]config.Secret", "basic_auth_users must be a map, not a list"),
    bad("users-twice", "basic_auth_users: {a: HASH, a: HASH}\n", "already set in map", "the same key stands in line 1 already"),
    bad("users-plain-text", "basic_auth_users: {a: secret}\n", "hashedSecret too short to be a bcrypted password", ":1:23: the password of a user is not a bcrypt hash"),
    bad("users-no-hash", "basic_auth_users: {a: }\n", "hashedSecret too short to be a bcrypted password", "the password of a user must be text, not nothing"),
    bad("users-other-hash", "basic_auth_users: {a: '*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}\n", "bcrypt hashes must start with '$'", "not a bcrypt hash"),
    bad("users-other-version", "basic_auth_users: {a: $3y$10$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}\n", "requested is newer than current version", "not a bcrypt hash"),
    bad("users-cost", "basic_auth_users: {a: $2y$32$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}\n", "cost 32 is outside allowed inclusive range", "whose cost is not in 04 to 31"),
    stricter("users-no-base64", "basic_auth_users: {a: $2y$10$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!!}\n", "not a whole bcrypt hash", Stricter::NoHash),
    stricter("users-too-long", "basic_auth_users: {a: $2y$10$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}\n", "not a whole bcrypt hash", Stricter::NoHash),
    stricter("users-colon", "basic_auth_users: {'a:b': HASH}\n", "a user name with a colon", Stricter::Unsendable),
    good("rate", "rate_limit: {interval: 1s, burst: 20}\n"),
    good("rate-off", "rate_limit: {interval: 0, burst: 20}\n"),
    good("rate-of-nothing", "rate_limit: {}\n"),
    bad("rate-no-duration", "rate_limit: {interval: soon, burst: 20}\n", "into time.Duration", ":1:24: interval soon is no duration"),
    bad("rate-no-number", "rate_limit: {interval: 1s, burst: many}\n", "cannot unmarshal !!str `many` into int", ":1:35: burst many is no whole number"),
    stricter("rate-without-burst", "rate_limit: {interval: 1s}\n", "whose burst is 0 lets no request in", Stricter::InVain),
    stricter("rate-without-unit", "rate_limit: {interval: 5, burst: 20}\n", "interval 5 is no duration", Stricter::NoMeasure),
    stricter("rate-before-now", "rate_limit: {interval: -1s, burst: 20}\n", "interval -1s is no duration", Stricter::NoMeasure),
    stricter("rate-less-than-none", "rate_limit: {interval: 1s, burst: -1}\n", "burst -1 is no whole number", Stricter::NoMeasure),
];

/// A directory with the certificates that the files name.
pub(crate) struct Files(PathBuf);

impl Files {
    pub(crate) fn new() -> Self {
        let directory = kit::file("web", "").with_extension("files");
        std::fs::create_dir_all(&directory).unwrap();
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
        let half = &certificate[..certificate.len() / 2];
        for (name, content) in [
            ("cert.pem", &certificate[..]),
            ("key.pem", &key.serialize_pem()),
            ("other.pem", &other.serialize_pem()),
            ("half.pem", half),
            ("text.pem", "no certificate\n"),
            ("none.yml", "modules: {}\n"),
        ] {
            std::fs::write(directory.join(name), content).unwrap();
        }
        Self(directory)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("cargo's own folder").to_owned()
    }
}

impl WebCase {
    /// Panics where one of them takes it otherwise.
    pub(crate) fn is_as_expected(&self, blackbox: &Path, files: &Files) {
        let hash = "$2y$04$aaaaaaaaaaaaaaaaaaaaaOaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let yaml = self.yaml.replace("TLS}", "TLS, }").replace("{TLS,", "{cert_file: cert.pem, key_file: key.pem,");
        let file = files.path("web.yml");
        std::fs::write(&file, yaml.replace("HASH", hash)).unwrap();
        let theirs = refusal_of_theirs(blackbox, &file, &files.path("none.yml"));
        let ours = refusal_of_ours(&file);
        for (who, said, expected) in [("blackbox_exporter", theirs, self.theirs), ("the server", ours, self.ours)] {
            let as_expected = match (&said, expected) {
                (None, None) => true,
                (Some(said), Some(part)) => said.contains(part),
                _ => false,
            };
            assert!(as_expected, "{who}, of {yaml}: {said:?} instead of {expected:?}");
        }
    }
}

/// It ends, or it says whether it has TLS.
fn refusal_of_theirs(blackbox: &Path, web: &str, modules: &str) -> Option<String> {
    let mut child = Command::new(blackbox)
        .arg(format!("--web.config.file={web}"))
        .arg(format!("--config.file={modules}"))
        .arg("--web.listen-address=127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut log = String::new();
    let mut started = false;
    for line in lines {
        started = line.contains("TLS is ");
        log = log + &line + "\n";
        if started {
            break;
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    (!started).then_some(log)
}

fn refusal_of_ours(web: &str) -> Option<String> {
    let args = ["--target", "http://127.0.0.1:1/", "--config.check", "--web.config.file", web];
    let output = program().args(args).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    match output.status.code() {
        Some(0) => None,
        Some(2) => {
            assert!(said.starts_with(&format!("error: {web}:")) && said.lines().count() == 1, "{said}");
            Some(said)
        }
        other => panic!("{other:?}: {said}"),
    }
}
