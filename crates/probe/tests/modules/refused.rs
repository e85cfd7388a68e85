//! What is wrong is said in one line: where, what, and what to do.

use probe::{ModuleFile, load_module};

use crate::{Scratch, file, read, refused};

/// The place, a part of what is wrong, and a part of what to do.
type Case<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Those that are not said as expected.
fn unexpected<'a>(cases: &[Case<'a>], content: impl Fn(&str) -> String) -> Vec<String> {
    let told = |case: &Case<'a>| {
        let (text, place, what, todo) = *case;
        let error = refused(content(text));
        let position = error.position().map(|position| position.to_string()).unwrap_or_default();
        let (said, advice) = error.message().split_once("; ").unwrap_or((error.message(), ""));
        let as_expected = position == place && said.contains(what) && advice.contains(todo) && !advice.is_empty();
        (!as_expected).then(|| format!("{error}, not {case:?}"))
    };
    cases.iter().filter_map(told).collect()
}

const FILES: &[Case<'_>] = &[
    ("", "1:1", "nothing in the file", "write modules:"),
    ("# only a comment\n", "1:1", "nothing in the file", "write modules:"),
    ("---\n...\n", "1:1", "nothing in the file", ""),
    ("hello", "1:1", "the file must be a map, not text", "indent"),
    ("- a\n- b\n", "1:1", "the file must be a map, not a list", ""),
    ("modules: [a]\n", "1:10", "modules must be a map, not a list", ""),
    ("modules: text\n", "1:10", "modules must be a map, not text", ""),
    ("modules:\n  m: text\n", "2:6", "the module must be a map, not text", ""),
    ("modules:\n  m: []\n", "2:6", "the module must be a map, not a list", ""),
    ("module:\n  m: {}\n", "1:1", "unknown option module in the file", "did you mean modules?"),
    (
        "modules: {}\nscrape_configs: []\n",
        "2:1",
        "unknown option scrape_configs",
        "known are targets, target_files, modules",
    ),
    ("modules: {}\n---\nmodules: {}\n", "2:1", "a second document", "put all into one"),
    ("modules:\n  m:\n    prober: htpp\n", "3:13", "prober htpp: not known", "write http"),
    ("modules:\n  m:\n    prober: [http]\n", "3:13", "prober must be text, not a list", "quotes"),
    ("modules:\n  m:\n    probe: http\n", "3:5", "unknown option probe in the module", "did you mean prober?"),
    ("modules:\n  m:\n    prober: http\n    https: {}\n", "4:5", "unknown option https", "did you mean http?"),
    ("modules:\n  m: {prober: http, http: yes}\n", "2:27", "http must be a map", ""),
    (
        "modules:\n  m: {prober: http}\n  n: {prober: http}\n  m: {prober: http}\n",
        "4:3",
        "the same key stands in line 2",
        "leave one",
    ),
    ("modules: {}\nmodules: {}\n", "2:1", "the same key stands in line 1", "leave one"),
    ("modules:\n\tm:\n", "2:1", "a tab", "spaces"),
    ("modules:\n  m:\n    prober: http\n\ttimeout: 5s\n", "4:1", "a tab", "spaces"),
    ("modules:\n  m: {prober: http\n", "2:6", "not YAML: unclosed bracket", "brackets"),
    ("modules:\n  m: \"http\n", "2:6", "not YAML", "quotes"),
    ("modules:\n  m:\n    prober: http\n   timeout: 5s\n", "4:4", "not YAML", "indentation"),
    ("modules:\n  m:\n    prober: http\n      timeout: 5s\n", "4:14", "not YAML", "indentation"),
    ("modules:\n  m: @http\n", "2:6", "cannot begin with this character", "quotes"),
    ("modules:\n  m: *missing\n", "2:6", "an alias of what is nowhere before", "quote the *"),
    ("modules: &all\n  m: *all\n", "2:6", "an alias within what it stands for", "write it out"),
    ("modules:\n  m: !vault {prober: http}\n", "2:13", "a tag", "leave it out"),
    ("modules:\n  [m]: {prober: http}\n", "2:3", "a key must be text, not a list", "quotes"),
    ("modules:\n  ? {a: b}\n  : {prober: http}\n", "2:5", "a key must be text, not a map", "quotes"),
    ("modules:\n  ~: {prober: http}\n", "2:3", "a key must be text, not nothing", "quotes"),
    ("modules:\n  m:\n    <<: text\n    prober: http\n", "3:5", "<< needs a map, not text", "alias"),
    ("modules:\n  m:\n    <<: [text]\n    prober: http\n", "3:5", "<< needs a map, not text", "alias"),
    ("modules:\n  m:\n", "2:3", "no prober is given", "prober: http"),
    ("modules:\n  m: {timeout: 5s}\n", "2:3", "no prober is given", "prober: http"),
];

#[test]
fn files_that_are_no_modules_are_refused() {
    assert_eq!(unexpected(FILES, str::to_owned), [""; 0]);
}

const OPTIONS: &[Case<'_>] = &[
    ("metod: GET", "5:7", "unknown option metod in http", "did you mean method?"),
    ("fail_if_body_not_matches_regex: [a]", "5:7", "unknown option", "did you mean fail_if_body_not_matches_regexp?"),
    ("colour: red", "5:7", "unknown option colour", "known are authorization,"),
    ("method:GET: x", "5:7", "unknown option in http", "a space after the colon"),
    ("method: [GET]", "5:15", "method must be text, not a list", "quotes"),
    ("method: G ET", "5:15", "method G ET: not a method", "GET or POST"),
    ("method: \"\\n\"", "5:15", "method \\n: not a method", "GET or POST"),
    ("method: CONNECT", "5:15", "module m: method CONNECT", "another method"),
    ("method: GET\nmethod: POST", "6:7", "the same key stands in line 5", "leave one"),
    ("follow_redirects: 1", "5:25", "follow_redirects is neither true nor false", ""),
    ("fail_if_ssl: maybe", "5:20", "fail_if_ssl is neither true nor false", ""),
    ("enable_http2: {}", "5:21", "enable_http2 must be text, not a map", ""),
    ("valid_status_codes: [99]", "5:28", "valid_status_codes 99: not a status code", "2xx or 200-299"),
    ("valid_status_codes: [1000]", "5:28", "1000: not a status code", ""),
    ("valid_status_codes: [200, 2x]", "5:33", "2x: not a status code", ""),
    ("valid_status_codes: [299-200]", "5:28", "299-200: not a status code", ""),
    ("valid_status_codes: [-200]", "5:28", "-200: not a status code", ""),
    ("valid_status_codes: [[200]]", "5:28", "valid_status_codes must be text, not a list", ""),
    ("valid_status_codes:\n- 200\n- ~", "7:9", "valid_status_codes must be text, not nothing", ""),
    ("valid_http_versions: [HTTP/4]", "5:29", "valid_http_versions HTTP/4: not known", "HTTP/1.1"),
    ("valid_http_versions: [HTTP/3.0]", "5:29", "does not speak HTTP/3", "write HTTP/1.1"),
    (
        "fail_if_body_matches_regexp: ['(']",
        "5:37",
        "fail_if_body_matches_regexp (: not an expression: unclosed group",
        "RE2",
    ),
    (
        "fail_if_body_not_matches_regexp:\n- ok\n- '[z-a]'",
        "7:9",
        "[z-a]: not an expression: invalid character class range",
        "",
    ),
    ("fail_if_body_matches_regexp: '\\C'", "5:36", "unrecognized escape sequence", ""),
    ("fail_if_body_matches_regexp: '{2}'", "5:36", "repetition operator missing expression", "RE2's syntax"),
    ("fail_if_body_matches_regexp: '(?=a)'", "5:36", "look-around", ""),
    (
        "fail_if_body_matches_regexp: '(((\\w{1000}){1000}){1000}){1000}'",
        "5:36",
        "too large an expression",
        "lower its counts",
    ),
    ("fail_if_header_matches: [{header: A}]", "5:32", "fail_if_header_matches without regexp", "a header and a regexp"),
    ("fail_if_header_matches: [{regexp: A}]", "5:32", "fail_if_header_matches without header", ""),
    ("fail_if_header_matches: [{header: A, regexp: ''}]", "5:32", "without regexp", ""),
    ("fail_if_header_not_matches: [{header: 'A B', regexp: A}]", "5:45", "header A B: not the name of a header", ""),
    ("fail_if_header_not_matches: [{header: A, regexp: '*'}]", "5:56", "regexp *: not an expression", ""),
    ("fail_if_header_not_matches: [{header: A, regex: '*'}]", "5:48", "unknown option regex", "did you mean regexp?"),
    (
        "fail_if_header_not_matches: [{header: A, regexp: a, allow_missing: 3}]",
        "5:74",
        "allow_missing is neither true nor false",
        "",
    ),
    ("fail_if_header_matches: [A]", "5:32", "fail_if_header_matches must be a map, not text", ""),
    ("body_size_limit: 10", "5:24", "body_size_limit 10: not a size", "10MB"),
    ("body_size_limit: 10kB", "5:24", "10kB: not a size", "512KB"),
    ("body_size_limit: -1B", "5:24", "-1B: not a size", ""),
    ("body_size_limit: infB", "5:24", "infB: not a size", ""),
    ("body_size_limit: 1XB", "5:24", "1XB: not a size", ""),
    ("body_size_limit: 10 MB", "5:24", "10 MB: not a size", ""),
    ("body_size_limit: 1iB", "5:24", "1iB: not a size", ""),
    ("body_size_limit: MB", "5:24", "MB: not a size", ""),
    ("body_size_limit: 1..5MB", "5:24", "1..5MB: not a size", ""),
    ("body: a\nbody_file: b", "6:7", "body_file beside body in line 5", "leave one out"),
    ("body_env: a b", "5:17", "body_env is not the name of an environment variable", ""),
    ("body: [a]", "5:13", "body must be text, not a list", ""),
    ("compression: lzma", "5:20", "compression lzma: not known", "gzip, deflate"),
    (
        "compression: gzip\nheaders: {Accept-Encoding: br}",
        "6:17",
        "does not allow the compression of line 5",
        "leave one",
    ),
    ("compression: gzip\nheaders: {Accept-Encoding: 'gzip;q=0, br'}", "6:17", "does not allow", ""),
    ("preferred_ip_protocol: ipv4", "5:30", "preferred_ip_protocol ipv4: not known", "ip4 or ip6"),
    ("ip_protocol_fallback: perhaps", "5:29", "is neither true nor false", ""),
    ("source_ip_address: localhost", "5:26", "source_ip_address localhost: not an address", "this machine"),
    ("redirect_policy: some", "5:24", "redirect_policy some: not known", "any or public"),
    ("redirect_allow: [10.0.0.0/8]", "5:7", "redirect_allow without redirect_policy: public", "leave this out"),
    (
        "redirect_policy: public\nredirect_allow: [10.0.0.0/33]",
        "6:24",
        "redirect_allow 10.0.0.0/33: not an address",
        "10.0.0.0/8",
    ),
    ("headers: [a]", "5:16", "headers must be a map, not a list", ""),
    ("headers: {'a b': c}", "5:17", "not the name of a header", "a space after the colon"),
    ("headers: {a: \"b\\nc\"}", "5:20", "headers: a line break or control character", "one line"),
    ("headers: {a: [b]}", "5:20", "headers must be text, not a list", ""),
    ("headers: {A: b, a: c}", "5:23", "this one is there already", "leave one"),
    ("headers: {Content-Length: 3}", "5:17", "module m: header content-length", "leave it out"),
    ("headers: {Host: a}\nhttp_headers: {host: {values: [b]}}", "6:7", "more than one Host", "all but one"),
    ("http_headers: {A: b}", "5:25", "http_headers must be a map, not text", ""),
    ("http_headers: {A: {value: b}}", "5:26", "unknown option in http_headers", "did you mean values?"),
    ("http_headers: {A: {env: [1a]}}", "5:32", "env is not the name of an environment variable", ""),
    ("basic_auth: {}\nbearer_token: a", "6:7", "bearer_token beside basic_auth in line 5", "leave one out"),
    ("authorization: {credentials: a}\nbasic_auth: {}", "6:7", "basic_auth beside authorization in line 5", ""),
    ("bearer_token: a\nbearer_token_file: b", "6:7", "bearer_token_file beside bearer_token", ""),
    ("basic_auth: {password: a, password_file: b}", "5:33", "password_file beside password", ""),
    ("basic_auth: {username_env: a, username: b}", "5:37", "username beside username_env", ""),
    ("basic_auth: text", "5:19", "basic_auth must be a map, not text", ""),
    ("basic_auth: {user: a}", "5:20", "unknown option in basic_auth", "known are username,"),
    ("authorization: {type: Basic, credentials: a}", "5:29", "of type Basic", "use basic_auth"),
    ("authorization: {type: 'Two Words', credentials: a}", "5:29", "type must be one word", ""),
    ("authorization: {type: Digest}", "5:22", "authorization without credentials", "credentials_file"),
    ("authorization: {credentials: \"a\\nb\"}", "5:36", "a line break or control character", ""),
    ("authorization: {credentials: a, credentials_env: b}", "5:39", "credentials_env beside credentials", ""),
    ("tls_config: {ca: a, ca_file: b}", "5:27", "ca_file beside ca", ""),
    ("tls_config: {cert_file: a}", "5:19", "cert without key", "both or none"),
    ("tls_config: {key_file: a}", "5:19", "key without cert", "both or none"),
    ("tls_config: {server_name: 'https://a'}", "5:33", "server_name https://a: not a host name", "without scheme"),
    ("tls_config: {min_version: TLS14}", "5:33", "min_version TLS14: not known", "TLS13"),
    ("tls_config: {min_version: TLS13, max_version: TLS12}", "5:40", "max_version is below min_version", ""),
    ("tls_config: {system_roots: true, ca_file: a}", "5:20", "system_roots beside a CA", ""),
    ("tls_config: {insecure: true}", "5:20", "unknown option insecure in tls_config", ""),
    ("tls_config: true", "5:19", "tls_config must be a map, not text", ""),
];

#[test]
fn options_that_are_wrong_are_refused() {
    assert!(OPTIONS.len() > 60, "{}", OPTIONS.len());
    assert_eq!(unexpected(OPTIONS, file), [""; 0]);
}

#[test]
fn timeouts_are_refused_where_they_are_none() {
    for (timeout, what) in [
        ("0s", "too short; write more"),
        ("5", "not a duration; write a number and a unit, e.g. 10s"),
        ("soon", "not a duration"),
        ("-1s", "not a duration"),
        ("9999d", "too long"),
        ("99999999999999999999s", "not a duration"),
        ("[5s]", "must be text, not a list"),
    ] {
        let error = refused(format!("modules:\n  m:\n    prober: http\n    timeout: {timeout}\n"));
        assert_eq!(error.position().unwrap().to_string(), "4:14");
        assert!(error.message().starts_with("timeout") && error.message().contains(what), "{error}");
    }
}

#[test]
fn what_blackbox_exporter_can_and_we_cannot_is_a_fault_of_the_module_alone() {
    for (options, place, what, todo) in [
        ("proxy_url: http://127.0.0.1:3128", "5:7", "proxy_url: the probe asks without a proxy", "leave it out"),
        ("no_proxy: a", "5:7", "no_proxy: the probe asks without a proxy", ""),
        ("proxy_from_environment: true", "5:7", "proxy_from_environment", "leave it out"),
        ("proxy_connect_header: {A: [b]}", "5:7", "proxy_connect_header", ""),
        ("skip_resolve_phase_with_proxy: true", "5:7", "skip_resolve_phase_with_proxy", ""),
        ("oauth2: {client_id: a}", "5:7", "oauth2: the probe fetches no tokens", "credentials_file"),
        ("enable_http3: true", "5:7", "enable_http3: the probe speaks HTTP/1.1 and HTTP/2", ""),
        ("fail_if_body_json_matches_cel: body.a == 1", "5:7", "fail_if_body_json_matches_cel", "regexp"),
        ("fail_if_body_json_not_matches_cel: body.a == 1", "5:7", "fail_if_body_json_not_matches_cel", "regexp"),
        ("compression: zstd", "5:20", "compression zstd", "gzip"),
        ("basic_auth: {password_ref: a}", "5:20", "password_ref: the probe knows no secret manager", "password_file"),
        ("basic_auth: {username_ref: a}", "5:20", "username_ref", "username_env"),
        ("authorization: {credentials_ref: a}", "5:23", "credentials_ref", "credentials_file"),
        ("tls_config: {ca_ref: a}", "5:20", "ca_ref", "ca_file"),
        ("tls_config: {cert_ref: a, key_ref: b}", "5:20", "cert_ref", "cert_file"),
        ("tls_config: {next_protos: [a]}", "5:20", "next_protos", "leave it out"),
        ("tls_config: {max_version: TLS11}", "5:33", "max_version: the probe speaks TLS 1.2 and 1.3", ""),
        ("headers: {Upgrade: websocket}", "5:17", "header upgrade", "leave it out"),
        ("http_headers: {Transfer-Encoding: {values: [chunked]}}", "5:22", "header transfer-encoding", ""),
        // The first in the file is told.
        ("enable_http3: true\nproxy_url: http://127.0.0.1:1", "5:7", "enable_http3", ""),
    ] {
        let content = file(options) + "  other:\n    prober: http\n";
        let modules = read(&content).unwrap_or_else(|error| panic!("{error}: {options}"));
        assert!(modules.module("other").is_ok(), "{options}");
        let error = modules.module("m").unwrap_err();
        let message = error.message();
        assert_eq!(error.position().unwrap().to_string(), place, "{error}");
        assert!(message.starts_with("module m: ") && message.contains(what) && message.contains(todo), "{error}");
        assert!(message.contains("; "), "{error} does not say what to do");
        let unusable: Vec<_> = modules.entries().iter().map(|entry| (&*entry.name, entry.module.is_err())).collect();
        assert_eq!(unusable, [("m", true), ("other", false)], "{options}");
    }
}

#[test]
fn other_probers_load_and_cannot_be_used() {
    for prober in ["tcp", "icmp", "dns", "grpc", "unix", "websocket"] {
        let content = format!("modules:\n  m:\n    prober: {prober}\n    {prober}: {{anything: [goes]}}\n");
        let error = read(content).unwrap().module("m").unwrap_err();
        assert_eq!(error.position().unwrap().to_string(), "3:13");
        assert!(error.message().contains(&format!("prober {prober}: only http is asked")), "{error}");
    }
}

/// A module that cannot be used must not hide a slip further down.
#[test]
fn a_slip_is_found_behind_what_is_not_supported() {
    let error = read(file("proxy_url: http://127.0.0.1:1\nmetod: GET")).unwrap_err();
    assert_eq!(error.position().unwrap().to_string(), "6:7", "{error}");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let missing = ModuleFile::read("no/such/file.yml").unwrap_err().to_string();
    assert!(
        missing.starts_with("no/such/file.yml: No such file or directory") && missing.contains("check that"),
        "{missing}"
    );
    let directory = ModuleFile::read(env!("CARGO_TARGET_TMPDIR")).unwrap_err().to_string();
    assert!(directory.contains(": a directory; name a file in it"), "{directory}");
    let odd = ModuleFile::read("no\nsuch\u{1b}file").unwrap_err().to_string();
    assert_eq!((odd.lines().count(), odd.chars().any(char::is_control)), (1, false), "{odd:?}");
}

#[test]
fn what_is_not_utf8_is_named_with_its_place() {
    let mut content = b"modules:\n  # \xc3\xa4\xc3\xb6 ".to_vec();
    content.push(0xff);
    let error = refused(&content);
    assert_eq!(error.position().unwrap().to_string(), "2:8", "{error}");
    assert!(error.message().contains("not UTF-8"), "{error}");
    // What some editors write.
    let wide: Vec<u8> = "modules: {}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&[0xff, 0xfe], wide.as_slice()].concat();
    assert!(refused(marked).message().contains("not UTF-8"));
}

#[test]
fn references_that_lead_nowhere_say_what_there_is() {
    let modules = Scratch::new("modules:\n  http_2xx: {prober: http}\n  ping: {prober: icmp}\n");
    let path = modules.0.display();
    let refused = |reference: String| load_module(&reference).unwrap_err().to_string();
    assert!(load_module(&format!("{path}:http_2xx")).is_ok());
    let error = refused(format!("{path}:http_2x"));
    assert!(error.ends_with("no module http_2x; choose one of http_2xx, ping"), "{error}");
    assert!(refused(format!("{path}:")).contains("no module ; choose one of"), "{}", refused(format!("{path}:")));
    assert!(refused(format!("{path}:ping")).contains(":3:18: module ping: prober icmp"));
    for reference in ["http_2xx", ":http_2xx", ""] {
        assert!(refused(reference.to_owned()).contains("no module is named; write FILE:NAME"), "{reference}");
    }
    let many = (0..99).fold("modules:\n".to_owned(), |file, n| file + &format!("  number_{n}: {{prober: http}}\n"));
    let many = read(many).unwrap();
    let error = many.module("nmber_7").unwrap_err().to_string();
    assert!(error.ends_with("no module nmber_7; did you mean number_7?"), "{error}");
    let error = many.module("other").unwrap_err().to_string();
    assert!(error.contains("number_19 and 79 more"), "{error}");
    let error = read("modules:\n").unwrap().module("m").unwrap_err().to_string();
    assert!(error.contains("there is none in it"), "{error}");
}

/// What a file says is shown in one line of some length.
#[test]
fn names_are_shown_in_one_line() {
    let long = "x".repeat(1000);
    for (content, part) in [
        (format!("modules:\n  \"a\\nb\": {{prober: http, http: {{proxy_url: {long}}}}}\n"), "module a\\nb: proxy_url"),
        (format!("modules:\n  m: {{prober: {long}}}\n"), "xxx…: not known"),
        (format!("modules:\n  m: {{{long}: 1}}\n"), "unknown option in the module"),
        ("modules:\n  m: {prober: \"\\e[31mred\"}\n".to_owned(), "prober \\u{1b}[31mred"),
    ] {
        let error = match read(&content) {
            Ok(file) => file.entries()[0].module.clone().unwrap_err(),
            Err(error) => error,
        };
        assert!(error.message().contains(part), "{error}");
        assert!(error.message().len() < 300 && error.message().lines().count() == 1, "{error}");
    }
}
