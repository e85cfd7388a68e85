//! A module as it is shown: as it would have to be written, but for its secrets.

use crate::{file, module, read};

/// Reads what is shown as a file again.
fn shown(options: &str) -> (String, String) {
    let module = module(options);
    let text = module.to_string();
    let below = text.replace('\n', "\n    ");
    let again = read(format!("modules:\n  m:\n    {below}")).unwrap_or_else(|error| panic!("{error}\n{text}"));
    (format!("{module:?}"), format!("{:?}", again.module("m").unwrap()))
}

#[test]
fn it_can_be_read_again() {
    for options in [
        "",
        "method: POST\nbody: a\nheaders: {X-A: b, Host: c.test}\nhttp_headers: {X-B: {values: f}, X-C: {values: [d, e]}}",
        "compression: br\nfollow_redirects: false\nenable_http2: false\nip_protocol_fallback: false",
        "redirect_policy: public\nredirect_allow: [10.0.0.0/8, '::1']\npreferred_ip_protocol: ip6\nsource_ip_address: '::1'",
        "valid_status_codes: [2xx, 301, 400-404]\nvalid_http_versions: [HTTP/1.0, HTTP/2.0]\nfail_if_ssl: true",
        "fail_if_body_matches_regexp: [\"it's\", '\"a\"', ' b ', '#c: d', '{']\nbody_size_limit: 10MB\nfail_if_not_ssl: true",
        "fail_if_header_matches: [{header: A, regexp: \"a'b, c}\", allow_missing: true}]\n\
         fail_if_header_not_matches: [{header: B, regexp: '.*'}]\nfail_if_body_not_matches_regexp: \"a\\tb\"",
        "basic_auth: {username: a, password: b}",
        "authorization: {type: Token, credentials: a}",
        "tls_config: {ca_file: \"a b'.pem\", cert_file: c, key: d, server_name: e.test, insecure_skip_verify: true, \
         min_version: TLS12, max_version: TLS13}",
        "tls_config: {system_roots: true}",
    ] {
        let (once, again) = shown(options);
        assert_eq!(once, again, "{options}");
    }
}

#[test]
fn it_shows_where_a_secret_is_and_not_what_it_is() {
    let text = module(
        "basic_auth: {username: s3cret, password_file: /run/key}\nbody_env: BODY\nheaders: {X: s3cret}\n\
         tls_config: {ca: s3cret, cert: s3cret, key: s3cret}",
    )
    .to_string();
    assert!(!text.contains("s3cret"), "{text}");
    for part in
        ["username: '<secret>'", "password: '<secret in /run/key>'", "body: '<secret in $BODY>'", "ca: <certificates>"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let timed = read(file("").replace("    http:\n", "    timeout: 1m30s\n")).unwrap();
    assert_eq!(timed.module("m").unwrap().to_string(), "prober: http\ntimeout: 1m30s\n");
}
