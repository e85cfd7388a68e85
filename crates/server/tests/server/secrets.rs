//! Canaries: each secret that there can be is given to one server and its peer, and then looked for in everything that the server says. What is
//! said of files that are wrong is tried in probe/tests/modules/secrets.rs.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::exporter::{Exporter, program};
use crate::kit::{self, Peer, response};

/// In each secret, and in what the peer answers.
const CANARY: &str = "canary";

/// Bodies that say all that was sent, in the ways in which a server that debugs does.
const ECHOES: [&str; 2] = [
    "canary-password Y2FuYXJ5LXVzZXI6Y2FuYXJ5LXBhc3N3b3Jk canary-header canary-body key=canary-query",
    "Bearer canary-token key=canary-query",
];

fn basic(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// Whole answers, head and all.
fn ask(exporter: &Exporter, method: &str, path: &str, headers: &str) -> String {
    exporter.send(&format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{headers}Connection: close\r\n\r\n"))
}

#[test]
fn no_secret_is_in_anything_that_is_said() {
    let peer = Peer::plain(|path| {
        let echo = ECHOES[usize::from(path.starts_with("/two"))];
        let headers = format!("Set-Cookie: id=canary-cookie\r\nX-Echo: {echo}\r\n");
        response("502 Bad Gateway", &headers, echo)
    });
    let token = kit::file("token-of-two", "canary-token\n");
    let urls = ["one", "two"].map(|name| peer.url(&format!("/{name}")));
    let config = kit::file(
        "secrets.yml",
        format!(
            "modules:\n\
             \x20 one: {{prober: http, http: {{method: POST, body: canary-body, headers: {{X-Key: canary-header}},\n\
             \x20   basic_auth: {{username: canary-user, password: canary-password}}}}}}\n\
             \x20 two: {{prober: http, http: {{authorization: {{credentials_file: {}}}}}}}\n\
             targets:\n\
             - {{name: one, url: '{}?key=canary-query', module: one, interval: 1h}}\n\
             - {{name: two, url: '{}?key=canary-query', module: two, interval: 1h}}\n",
            token.display(),
            urls[0],
            urls[1],
        ),
    );
    let hash = bcrypt::hash("canary-web", 4).unwrap();
    let web = kit::file("secrets-web.yml", format!("basic_auth_users: {{reader: '{hash}'}}\n"));
    let (config, web) = (config.to_str().unwrap(), web.to_str().unwrap());
    let flags =
        ["--config.file", config, "--web.config.file", web, "--log.level", "debug", "--probe.allow", "127.0.0.0/8"];
    let exporter = Exporter::start(&flags);
    let right = basic("reader", "canary-web");
    exporter.wait_until("both have failed", || exporter.log().matches("state=down").count() == 2);

    let mut said = Vec::new();
    for headers in
        [&basic("reader", "canary-wrong"), &basic("canary-nobody", "canary-wrong"), "Authorization: Bearer canary\r\n"]
    {
        said.push(ask(&exporter, "GET", "/metrics", &format!("{headers}Cookie: id=canary-client\r\n")));
    }
    let log = exporter.log();
    let runs: Vec<&str> = log.split(" run=").skip(1).filter_map(|rest| rest.split_whitespace().next()).collect();
    // Not /sd, which has whole URLs, as it is by them that targets are asked then: docs/blackbox.md says so.
    let mut paths: Vec<String> =
        ["/", "/config", "/metrics", "/incidents.atom", "/badge/one.svg"].map(str::to_owned).to_vec();
    let pages = ["/3-shake-status", "/status", "/status/one", "/status/two"].map(str::to_owned);
    for page in pages.into_iter().chain(runs.iter().map(|id| format!("/runs/{id}"))) {
        paths.extend(["text", "json", "html"].map(|format| format!("{page}?format={format}")));
    }
    paths.extend(
        ["one", "two"].iter().zip(&urls).map(|(module, url)| format!("/probe?target={url}&module={module}&debug=true")),
    );
    assert!(runs.len() >= 2, "{log}");
    for path in &paths {
        let page = ask(&exporter, "GET", path, &right);
        assert!(page.starts_with("HTTP/1.1 200 "), "{path}: {page}");
        said.push(page);
    }
    said.push(ask(&exporter, "POST", "/-/reload", &right));
    let check = program().args(&flags[..4]).arg("--config.check").output().unwrap();
    said.push(String::from_utf8([check.stdout, check.stderr].concat()).unwrap());
    said.push(exporter.log());
    assert!(String::from_utf8_lossy(&peer.received()).contains("canary-header"), "the peer was told secrets");
    for text in said {
        // The hash is none, but what it takes to guess at home.
        assert!(!text.contains(CANARY) && !text.contains("Y2FuYXJ5") && !text.contains(&hash), "{text}");
    }
}
