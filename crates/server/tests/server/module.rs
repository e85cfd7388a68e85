//! `--probe.module` and whom to trust: what a module says is what is asked and expected; what is wrong with it is one line.

use std::path::PathBuf;

use crate::bad_input::{harmless, refused};
use crate::exporter::Exporter;
use crate::kit::{Authority, Flaw, Peer, ok, response};

/// A file of modules, named after the test.
fn modules(test: &str, content: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}.yml", std::process::id()));
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn a_module_says_what_is_asked_and_expected() {
    let peer = Peer::plain(|_| response("418 Teapot", "", "short and stout"));
    let file = modules(
        "asked",
        "modules:\n  teapot:\n    prober: http\n    http:\n      method: POST\n      body: brew\n      \
         headers: {X-Pot: tea}\n      valid_status_codes: [4xx]\n      fail_if_body_not_matches_regexp: stout\n",
    );
    let target = peer.url("/");
    let reference = format!("{}:teapot", file.display());
    let exporter = Exporter::start(&["--target", &target, "--probe.interval", "200ms", "--probe.module", &reference]);
    exporter.page_that("/3-shake-status", |page| page.contains(" is up: "));
    let request = peer.requests().remove(0).to_ascii_lowercase();
    assert!(request.starts_with("post / ") && request.contains("\r\nx-pot: tea\r\n"), "{request}");
    peer.answers(|_| response("418 Teapot", "", "thin"));
    exporter.page_that("/3-shake-status", |page| page.contains("\nwhy: body: "));
}

#[test]
fn the_timeout_is_the_modules_where_no_flag_says_one() {
    let file = modules("slow", "modules:\n  slow: {prober: http, timeout: 2m}\n");
    let reference = format!("{}:slow", file.display());
    let (code, line) = refused(harmless().args(["--probe.module", &reference]));
    assert_eq!(code, 2, "{line}");
    let parts = ["the timeout of --probe.module", "slow, 2m is longer than --probe.interval 1m", "lower the timeout"];
    assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    // The flag wins.
    let peer = Peer::plain(|_| ok());
    let target = peer.url("/");
    let args = ["--target", &target, "--probe.module", &reference, "--probe.timeout", "5s"];
    Exporter::start(&args).page_that("/3-shake-status", |page| page.contains(" is up: "));
}

#[test]
fn what_is_wrong_with_a_module_is_said_in_one_line() {
    let file = modules("wrong", "modules:\n  ping: {prober: icmp}\n  http_2xx: {prober: http, http: {metod: GET}}\n");
    let file = file.display();
    let other = modules("other", "modules:\n  ping: {prober: icmp}\n  http_2xx: {prober: http}\n");
    let other = other.display();
    for (reference, what, todo) in [
        (format!("{file}:http_2xx"), format!("{file}:3:35: unknown option metod in http"), "did you mean method?"),
        (format!("{other}:ping"), format!("{other}:2:18: module ping: prober icmp"), "blackbox_exporter"),
        (format!("{other}:pong"), format!("{other}: no module pong"), "choose one of ping, http_2xx"),
        ("blackbox.yml".to_owned(), "blackbox.yml: no module is named".to_owned(), "FILE:NAME"),
        ("/no/such/file.yml:m".to_owned(), "/no/such/file.yml: No such file".to_owned(), "check that"),
    ] {
        let (code, line) = refused(harmless().args(["--probe.module", &reference]));
        assert_eq!(code, 2, "{line}");
        assert!(line.starts_with("error: --probe.module: ") && line.contains(&what) && line.contains(todo), "{line}");
        let (_, same) = refused(harmless().env("ACTIX_EXPORTER_PROBE_MODULE", &reference));
        assert_eq!(same, line);
    }
}

#[test]
fn certificates_of_a_module_are_named_where_they_cannot_be_used() {
    let authority = Authority::new();
    let certificate = authority.file("module-ca");
    let certificate = certificate.display();
    let key = modules("key", "no key, but a s3cret");
    let key = key.display();
    for (tls, what) in [
        ("ca_file: /no/such/ca.pem".to_owned(), "/no/such/ca.pem: No such file".to_owned()),
        ("ca: s3cret".to_owned(), "tls_config of the module: no certificate".to_owned()),
        (format!("{{cert_file: '{certificate}', key_file: /no/such/key}}"), "/no/such/key: No such file".to_owned()),
        (format!("{{cert_file: '{certificate}', key_file: '{key}'}}"), format!("{key}: the client key is not one")),
        (format!("{{cert_file: '{certificate}', key: s3cret}}"), "tls_config of the module: the client key".to_owned()),
        (format!("{{cert_file: '{certificate}', key_env: NO_SUCH}}"), "the environment variable NO_SUCH".to_owned()),
    ] {
        let tls = if tls.starts_with('{') { tls } else { format!("{{{tls}}}") };
        let file = modules("tls", &format!("modules: {{m: {{prober: http, http: {{tls_config: {tls}}}}}}}"));
        let (code, line) = refused(harmless().args(["--probe.module", &format!("{}:m", file.display())]));
        assert!(code == 1 && line.contains(&what) && !line.contains("s3cret"), "{line}");
    }
}

#[test]
fn one_set_of_roots_is_trusted() {
    let authority = Authority::new();
    let peer = Peer::tls(authority.server("3-shake.com", &Flaw::None), |_| ok());
    let ca = authority.file("roots");
    let (code, line) = refused(harmless().args(["--system-roots", "--ca-file", ca.to_str().unwrap()]));
    assert!(code == 2 && line.contains("--system-roots beside --ca-file") && line.contains("leave one out"), "{line}");
    let resolve = format!("3-shake.com:443:{}", peer.address);
    // The environment of the test names the system's roots.
    let exporter = Exporter::start_with(&["--system-roots", "--resolve", &resolve], &[("SSL_CERT_FILE", &ca)]);
    exporter.page_that("/3-shake-status", |page| page.contains(" is up: "));
    // Those of the module go before.
    let file = modules(
        "roots",
        &format!("modules: {{m: {{prober: http, http: {{tls_config: {{ca_file: '{}'}}}}}}}}", ca.display()),
    );
    let exporter = Exporter::start(&["--resolve", &resolve, "--probe.module", &format!("{}:m", file.display())]);
    exporter.page_that("/3-shake-status", |page| page.contains(" is up: "));
}
