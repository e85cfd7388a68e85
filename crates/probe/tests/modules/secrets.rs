//! No secret is in an error, whatever is wrong with the file, nor in what is shown of a module.

use crate::{file, read};

const CANARY: &str = "c4n4ry";

/// Every option that holds a secret; `@` is the value.
const PLACES: [&str; 14] = [
    "basic_auth: {username: u, password: @}",
    "basic_auth: {username: @, password: p}",
    "authorization: {credentials: @}",
    "authorization: {type: T, credentials: @}",
    "bearer_token: @",
    "headers: {Authorization: @}",
    "headers: {X-Token: @}",
    "http_headers: {X-Token: {values: [@]}}",
    "http_headers: {X-Token: {secrets: [@]}}",
    "http_headers: {X-Token: {secrets: @}}",
    "body: @",
    "tls_config: {cert: c, key: @}",
    "oauth2: {client_id: i, client_secret: @}",
    "proxy_url: http://127.0.0.1:1\nproxy_connect_header: {X-Token: [@]}",
];

/// What may be there instead of the value, right or wrong.
const VALUES: [&str; 24] = [
    "@",
    "'@'",
    "[@]",
    "[[@]]",
    "{@: a}",
    "{a: @}",
    "{@}",
    "\"@\\n@\"",
    "\"@\\q\"",
    "\"@",
    "'@",
    "*@",
    "!@ a",
    "!!int @",
    "!!binary @",
    "&@ a",
    "%@",
    "`@",
    "@: b",
    "[@",
    "{@",
    "@ #",
    "? @",
    "\"\\u{7f}@\"",
];

/// What may be wrong beside it, where everything else is right.
const FAULTS: [&str; 14] = [
    "",
    "unknown: 1",
    "metod: 1",
    "fail_if_ssl: 7",
    "valid_status_codes: [1]",
    "fail_if_body_matches_regexp: ['(']",
    "basic_auth: {password: other, password_file: f}",
    "bearer_token: other",
    "body_file: f",
    "compression: gzip",
    "tls_config: {key: other}",
    "enable_http3: true",
    "\ta: b",
    "  a: b",
];

fn check(content: &str) {
    let shown = match read(content) {
        Err(error) => vec![format!("{error} {error:?}")],
        Ok(file) => {
            let told = file.entries().iter().map(|entry| match &entry.module {
                Ok(module) => format!("{module:?}"),
                Err(error) => format!("{error} {error:?}"),
            });
            told.chain([format!("{:?}", file.module("none"))]).collect()
        }
    };
    for text in shown {
        // The name of a file or variable is none.
        assert!(!text.contains(CANARY), "{text}\n{content}");
    }
}

#[test]
fn no_error_shows_a_secret() {
    for place in PLACES {
        for value in VALUES {
            let option = place.replace('@', &value.replace('@', CANARY));
            for fault in FAULTS {
                check(&file(&format!("{option}\n{fault}")));
                check(&file(&format!("{fault}\n{option}")));
            }
        }
    }
}

/// The slips of people: a space or a level of indentation too few.
#[test]
fn no_slip_shows_a_secret() {
    for options in [
        "basic_auth:\n  password:c4n4ry",
        "basic_auth:\n  username: u\n  password:c4n4ry",
        "basic_auth: {password:c4n4ry}",
        "basic_auth: {password:c4n4ry: a}",
        "basic_auth: {username: u, c4n4ry}",
        "basic_auth: c4n4ry",
        "basic_auth: u:c4n4ry",
        "basic_auth:\npassword: c4n4ry",
        "basic_auth:\n- c4n4ry",
        "basic_auth: {passwrd: c4n4ry}",
        "basic_auth: {password_env: c4n4ry!}",
        "basic_auth: {username: a, c4n4ry: b, c4n4ry: b}",
        "authorization: Bearer c4n4ry",
        "authorization: {type: Bearer c4n4ry}",
        "authorization: {type: Bearer, credentials:c4n4ry}",
        "authorization: {token: c4n4ry}",
        "bearer_token:c4n4ry",
        "bearer_token:c4n4ry: x",
        "{bearer_token:c4n4ry}",
        "headers: {Authorization:c4n4ry}",
        "headers: {Authorization:c4n4ry: x}",
        "headers: {Authorization: c4n4ry, authorization: c4n4ry}",
        "headers:\n  X-Token: |\n    c4n4ry\n    c4n4ry",
        "headers: {X-Token: \"c4n4ry\\r\\nX: y\"}",
        "headers: [X-Token, c4n4ry]",
        "headers: {X-Token: c4n4ry, Content-Length: c4n4ry}",
        "http_headers: {X-Token: c4n4ry}",
        "http_headers: {X-Token: {c4n4ry: a}}",
        "http_headers: {X-Token: {secret: c4n4ry}}",
        "http_headers: {X-Token: {env: [c4n4ry-x]}}",
        "http_headers: {Host: {secrets: [c4n4ry]}, host: {values: [c4n4ry]}}",
        "tls_config: {key: c4n4ry}",
        "tls_config: {cert: a, key: c4n4ry, key_file: b}",
        "tls_config: {key:c4n4ry}",
        "compression: gzip\nhttp_headers: {Accept-Encoding: {secrets: [c4n4ry]}}",
    ] {
        check(&file(options));
    }
}
