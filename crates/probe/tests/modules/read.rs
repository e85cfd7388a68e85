//! What the options of a file become.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use probe::{Compression, IpProtocol, Module, Pem, RedirectPolicy, Secret, TlsVersion, load_module};

use crate::{Scratch, file, module, read};

fn value(text: &str) -> Secret {
    Secret::Value(text.to_owned())
}

fn headers(module: &Module) -> Vec<(&str, Secret)> {
    module.headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
}

#[test]
fn what_is_not_given_is_the_default() {
    let default = format!("{:?}", Module::default());
    for content in [
        "modules: {m: {prober: http}}",
        "modules:\n  m:\n    prober: http\n    http:\n    timeout:\n",
        "\u{feff}modules: {m: {prober: http, http: {}}}",
        "# A comment.\r\n---\r\nmodules:\r\n  m:\r\n    prober: http\r\n...\r\n",
        "{\"modules\": {\"m\": {\"prober\": \"http\", \"http\": null}}}",
    ] {
        assert_eq!(format!("{:?}", read(content).unwrap().module("m").unwrap()), default, "{content}");
    }
    // Said, and as good as not said.
    let said = "method: ''\nheaders: {}\nhttp_headers:\nbody: ''\ncompression: ''\nvalid_status_codes: []\n\
                valid_http_versions: []\nfail_if_ssl: false\nproxy_url: ''\nno_proxy: ''\nproxy_from_environment: false\n\
                proxy_connect_header: {}\nskip_resolve_phase_with_proxy: no\nenable_http3: false\noauth2:\n\
                fail_if_body_json_matches_cel:\nbody_size_limit: 0\npreferred_ip_protocol: ''\nbasic_auth:\n\
                authorization: ~\nbearer_token: ''\nbearer_token_file: ''\nredirect_policy: any\n\
                tls_config: {ca: '', ca_file: '', ca_ref: '', key: '', server_name: '', next_protos: []}";
    assert_eq!(format!("{:?}", module(said)), default);
}

#[test]
fn a_module_is_read_whole() {
    let content = file(
        "method: POST\n\
         headers: {Host: example.org, X-Number: 007, X-Empty: }\n\
         http_headers: {X-Many: {values: [a, b], secrets: [c], files: [d.txt], env: [E]}}\n\
         body: '{\"a\": 1}'\n\
         compression: br\n\
         follow_redirects: off\n\
         redirect_policy: public\n\
         redirect_allow: [10.0.0.0/8, '::1']\n\
         enable_http2: false\n\
         valid_status_codes: [200, 3xx, '400-404']\n\
         valid_http_versions: [HTTP/1.1, HTTP/2, HTTP/3.0]\n\
         fail_if_ssl: true\n\
         fail_if_not_ssl: True\n\
         fail_if_header_matches: [{header: A, regexp: b, allow_missing: true}]\n\
         fail_if_header_not_matches: [{header: C, regexp: d}]\n\
         fail_if_body_matches_regexp: [e, '(?i)f']\n\
         fail_if_body_not_matches_regexp: g\n\
         body_size_limit: 10MB\n\
         preferred_ip_protocol: ip4\n\
         ip_protocol_fallback: false\n\
         source_ip_address: 127.0.0.2\n\
         basic_auth: {username: u, password_file: p.txt}\n\
         tls_config:\n  ca_file: ca.pem\n  cert: PEM\n  key_file: key.pem\n  server_name: example.org\n  \
         insecure_skip_verify: true\n  min_version: TLS10\n  max_version: TLS13",
    ) + "    timeout: 1m30s\n";
    let module = read(content).unwrap().module("m").unwrap().clone();
    assert_eq!(module.timeout, Some(Duration::from_secs(90)));
    assert_eq!(module.method.as_str(), "POST");
    let expected = [
        ("host", value("example.org")),
        ("x-number", value("007")),
        ("x-empty", value("")),
        ("x-many", value("a")),
        ("x-many", value("b")),
        ("x-many", value("c")),
        ("x-many", Secret::File("d.txt".into())),
        ("x-many", Secret::Env("E".to_owned())),
    ];
    assert_eq!(headers(&module), expected);
    assert_eq!(module.body, Some(value("{\"a\": 1}")));
    assert_eq!(module.compression, Some(Compression::Brotli));
    assert!(!module.follow_redirects && !module.enable_http2 && module.fail_if_ssl && module.fail_if_not_ssl);
    let allowed = ["10.0.0.0/8", "::1/128"].map(|network| network.parse().unwrap());
    assert_eq!(module.redirect_policy, RedirectPolicy::Public(allowed.to_vec()));
    assert_eq!(module.valid_status_codes.to_string(), "200, 3xx, 400-404");
    assert_eq!(format!("{:?}", module.valid_http_versions), "[HTTP/1.1, HTTP/2.0]");
    let matches = &module.fail_if_header_matches[0];
    assert_eq!((matches.header.as_str(), matches.regexp.as_str(), matches.allow_missing), ("a", "b", true));
    let matches = &module.fail_if_header_not_matches[0];
    assert_eq!((matches.header.as_str(), matches.regexp.as_str(), matches.allow_missing), ("c", "d", false));
    let expressions = |all: &[regex::bytes::Regex]| all.iter().map(|one| one.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(expressions(&module.fail_if_body_matches_regexp), ["e", "(?i)f"]);
    assert_eq!(expressions(&module.fail_if_body_not_matches_regexp), ["g"]);
    assert_eq!(module.body_size_limit, Some(10 << 20));
    assert_eq!(module.preferred_ip_protocol, Some(IpProtocol::Ip4));
    assert!(!module.ip_protocol_fallback);
    assert_eq!(module.source_ip_address, Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))));
    let basic = module.basic_auth.unwrap();
    assert_eq!((basic.username, basic.password), (value("u"), Secret::File("p.txt".into())));
    let tls = module.tls_config;
    assert_eq!((tls.ca, tls.cert), (Some(Pem::File("ca.pem".into())), Some(Pem::Text("PEM".to_owned()))));
    assert_eq!((tls.key, tls.server_name), (Some(Secret::File("key.pem".into())), Some("example.org".to_owned())));
    assert!(tls.insecure_skip_verify && !tls.system_roots);
    // TLS 1.2 is the lowest that there is.
    assert_eq!((tls.min_version, tls.max_version), (Some(TlsVersion::Tls12), Some(TlsVersion::Tls13)));
}

#[test]
fn times_are_written_as_prometheus_or_go_writes_them() {
    for (text, expected) in [
        ("5s", Duration::from_secs(5)),
        ("500ms", Duration::from_millis(500)),
        ("1m30s", Duration::from_secs(90)),
        ("1h", Duration::from_secs(3600)),
        ("1d", Duration::from_secs(86400)),
        ("1w", Duration::from_secs(7 * 86400)),
        ("1.5s", Duration::from_millis(1500)),
        ("250us", Duration::from_micros(250)),
        ("\"10s\"", Duration::from_secs(10)),
    ] {
        let content = format!("modules: {{m: {{prober: http, timeout: {text}}}}}");
        assert_eq!(read(content).unwrap().module("m").unwrap().timeout, Some(expected), "{text}");
    }
}

/// KB and KiB are the same, as in the library that blackbox_exporter uses.
#[test]
fn sizes_are_powers_of_two() {
    for (text, expected) in [
        ("0", None),
        ("0B", None),
        ("1B", Some(1)),
        ("512KB", Some(512 << 10)),
        ("512KiB", Some(512 << 10)),
        ("10MB", Some(10 << 20)),
        ("1.5GiB", Some(3 << 29)),
        ("1MB512KB", Some((1 << 20) + (512 << 10))),
        ("2TB", Some(2 << 40)),
        ("1PiB", Some(1 << 50)),
        ("1EB", Some(1 << 60)),
        ("99999EB", Some(u64::MAX)),
    ] {
        assert_eq!(module(&format!("body_size_limit: {text}")).body_size_limit, expected, "{text}");
    }
}

#[test]
fn status_codes_are_codes_classes_and_ranges() {
    for (text, expected) in [
        ("[]", "2xx"),
        ("[200]", "200"),
        ("204", "204"),
        ("[2xx, 3XX]", "2xx, 3xx"),
        ("[200-299]", "2xx"),
        ("\n- 301\n- 302", "301, 302"),
        ("[999, 100]", "999, 100"),
        ("['200 - 204']", "200-204"),
    ] {
        assert_eq!(module(&format!("valid_status_codes: {text}")).valid_status_codes.to_string(), expected, "{text}");
    }
}

#[test]
fn secrets_come_from_three_places() {
    for (option, expected) in [("password: 12345", value("12345")), ("password: 'null'", value("null"))] {
        assert_eq!(module(&format!("basic_auth: {{{option}}}")).basic_auth.unwrap().password, expected);
    }
    let basic = module("basic_auth: {username_env: USER_NAME, password_env: PASS_WORD}").basic_auth.unwrap();
    let env = |name: &str| Secret::Env(name.to_owned());
    assert_eq!((basic.username, basic.password), (env("USER_NAME"), env("PASS_WORD")));
    for (options, scheme, expected) in [
        ("bearer_token: abc", "Bearer", value("abc")),
        ("bearer_token_file: token", "Bearer", Secret::File("token".into())),
        ("authorization: {credentials: abc}", "Bearer", value("abc")),
        ("authorization: {type: ' Token ', credentials_file: f}", "Token", Secret::File("f".into())),
        ("authorization: {credentials_env: TOKEN}", "Bearer", env("TOKEN")),
    ] {
        let authorization = module(options).authorization.unwrap();
        assert_eq!((authorization.scheme.as_str(), authorization.credentials), (scheme, expected), "{options}");
    }
    assert_eq!(module("body_file: b").body, Some(Secret::File("b".into())));
    assert_eq!(module("body_env: B").body, Some(env("B")));
    let tls = module("tls_config: {cert_file: c, key_env: K}").tls_config;
    assert_eq!(tls.key, Some(env("K")));
}

#[test]
fn the_old_name_of_follow_redirects_wins() {
    for (options, expected) in [
        ("no_follow_redirects: true", false),
        ("no_follow_redirects: false", true),
        ("follow_redirects: true\nno_follow_redirects: true", false),
        ("follow_redirects: false\nno_follow_redirects: false", true),
    ] {
        assert_eq!(module(options).follow_redirects, expected, "{options}");
    }
}

/// What is sent is one header, as there.
#[test]
fn a_header_by_name_goes_before_credentials() {
    for options in [
        "headers: {Authorization: a}\nbasic_auth: {username: b}",
        "http_headers: {authorization: {secrets: [a]}}\nauthorization: {credentials: b}",
    ] {
        let module = module(options);
        assert!(module.basic_auth.is_none() && module.authorization.is_none(), "{options}");
        assert_eq!(headers(&module), [("authorization", value("a"))]);
    }
}

#[test]
fn an_encoding_that_is_wanted_may_be_asked_for_with_others() {
    for accepted in ["gzip", "br, gzip;q=0.5", "*", "*;q=0.1, identity", "''", "deflate;q=0, gzip"] {
        let module =
            module(&format!("compression: gzip\nheaders:\n  Accept-Encoding: '{}'", accepted.replace('\'', "")));
        assert_eq!(module.compression, Some(Compression::Gzip), "{accepted}");
    }
    assert_eq!(module("headers: {Accept-Encoding: br}").compression, None);
}

#[test]
fn anchors_and_merges_are_followed() {
    let content = "\
modules:
  base: &base
    prober: http
    timeout: 5s
    http: &http
      method: HEAD
      valid_status_codes: &codes [200, 204]
  again: *base
  slower:
    <<: *base
    timeout: 9s
  m:
    prober: http
    http:
      <<: [{method: PUT}, *http]
      fail_if_ssl: true
";
    let modules = read(content).unwrap();
    let module = |name| modules.module(name).unwrap();
    let facts = |name| {
        let module = module(name);
        (
            module.method.to_string(),
            module.timeout.map(|timeout| timeout.as_secs()),
            module.valid_status_codes.to_string(),
        )
    };
    assert_eq!(facts("again"), ("HEAD".to_owned(), Some(5), "200, 204".to_owned()));
    assert_eq!(facts("slower"), ("HEAD".to_owned(), Some(9), "200, 204".to_owned()));
    assert_eq!(facts("m"), ("PUT".to_owned(), None, "200, 204".to_owned()));
    let places: Vec<_> = modules.entries().iter().map(|entry| format!("{} {}", entry.name, entry.position)).collect();
    assert_eq!(places, ["base 2:3", "again 8:3", "slower 9:3", "m 12:3"]);
}

/// A name may hold what it likes but what ends the file's name.
#[test]
fn the_last_colon_ends_the_name_of_the_file() {
    let modules = Scratch::new("modules: {404: {prober: http, http: {method: PUT}}}");
    let odd = modules.0.with_extension("a:b");
    std::fs::rename(&modules.0, &odd).unwrap();
    let module = load_module(&format!("{}:404", odd.display()));
    std::fs::remove_file(&odd).unwrap();
    assert_eq!(module.unwrap().method.as_str(), "PUT");
}

/// The shapes of the files that come with blackbox_exporter.
#[test]
fn a_file_of_all_probers_is_read() {
    let content = "\
modules:
  http_2xx: {prober: http, http: {preferred_ip_protocol: ip4}}
  http_post_2xx: {prober: http, timeout: 5s, http: {method: POST, headers: {Content-Type: application/json}, body: '{}'}}
  http_basic: {prober: http, http: {method: POST, headers: {Host: a.example.org}, basic_auth: {username: u, password: p}}}
  http_custom_ca: {prober: http, http: {method: GET, tls_config: {ca_file: /certs/my_cert.crt}}}
  http_gzip: {prober: http, http: {method: GET, compression: gzip}}
  http_gzip_with_accept_encoding:
    prober: http
    http:
      compression: gzip
      headers:
        Accept-Encoding: gzip
  http_json: {prober: http, http: {fail_if_body_json_not_matches_cel: 'body.ok == true'}}
  http_proxy: {prober: http, http: {proxy_url: 'http://127.0.0.1:3128', skip_resolve_phase_with_proxy: true}}
  http_headers: {prober: http, http: {http_headers: {X-A: {values: [a]}, X-B: {secrets: [b]}, X-C: {files: [c]}}}}
  tcp_connect: {prober: tcp, timeout: 5s}
  irc_banner:
    prober: tcp
    timeout: 5s
    tcp:
      query_response:
        - send: \"NICK prober\"
        - expect: \"PING :([^ ]+)\"
          send: \"PONG ${1}\"
  icmp: {prober: icmp, timeout: 5s, icmp: {preferred_ip_protocol: ip4, source_ip_address: 127.0.0.1}}
  dns_udp: {prober: dns, dns: {query_name: example.org, validate_answer_rrs: {fail_if_matches_regexp: ['.*127.0.0.1']}}}
  grpc: {prober: grpc, grpc: {tls: true, tls_config: {insecure_skip_verify: false}}}
";
    let modules = read(content).unwrap();
    let usable = modules.entries().iter().filter(|entry| entry.module.is_ok()).map(|entry| entry.name.as_str());
    let expected = [
        "http_2xx",
        "http_post_2xx",
        "http_basic",
        "http_custom_ca",
        "http_gzip",
        "http_gzip_with_accept_encoding",
        "http_headers",
    ];
    assert_eq!(usable.collect::<Vec<_>>(), expected);
    assert_eq!(modules.entries().len(), 14);
}
