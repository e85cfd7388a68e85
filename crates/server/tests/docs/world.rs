//! What is there when a reader begins: names that lead to peers on loopback, which have certificates, and files of his own.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use time::OffsetDateTime;

use crate::kit::{Action, Authority, Peer, ok, redirect, response};
use crate::kit_dns::{Answer, Dns};

/// Names of the pages, and where they lead here.
pub(crate) const SITES: [(&str, &str); 4] = [
    ("3-shake.com", "127.0.0.10"),
    ("example.com", "127.0.0.11"),
    ("example.org", "127.0.0.12"),
    ("www.example.com", "127.0.0.13"),
];

/// The one on which its certificate has expired.
const EXPIRED_ON: &str = "README.md";

/// What a user of blackbox_exporter has. Who is public is not on loopback, so what is here is opened besides.
const BLACKBOX: &str =
    "modules:\n  http_2xx: {prober: http, timeout: 5s}\n  icmp: {prober: icmp}\nprobe: {allow: [127.0.0.0/8]}\n";

/// The files that are there already.
pub(crate) const FILES: [(&str, &str); 1] = [("blackbox.yml", BLACKBOX)];

/// What has been built is not built again: the program itself, with the test's authority where a flag says whom to trust.
const CARGO: &str = r#"#!/bin/sh
case "$1 $2 $3 $4" in
"run -p server --example") program=examples/$5; shift 5;;
"run -p server "*) program=actix-exporter; shift 3;;
"run -p probe "*) program=probe; shift 3;;
*) echo "not in this test: cargo $*" >&2; exit 2;;
esac
if [ "$1" = -- ]; then shift; fi
if [ $program = probe ]; then set -- "$@" --ca-file "$ACTIX_EXPORTER_CA_FILE"; fi
exec "$BUILT/$program" "$@"
"#;

pub(crate) struct World {
    _dns: Dns,
    _peers: Vec<Peer>,
    www: Peer,
    authority: Authority,
    /// Signs all certificates.
    pub(crate) ca: PathBuf,
    /// The first folder in which a shell looks for programs.
    pub(crate) tools: PathBuf,
}

impl World {
    pub(crate) fn new() -> Self {
        let table = SITES.map(|(name, address)| (name, Answer::Addresses(vec![address.parse().unwrap()])));
        let dns = Dns::start(([127, 0, 0, 1], 53).into(), &table).unwrap();
        let root = Authority::new();
        let authority = root.below_with("Example Issuing 1", |params| params.not_after = in_days(40));
        let mut peers = Vec::new();
        for (name, address) in SITES {
            let identity = authority.signs_with(&[name], |_| {});
            peers.push(Peer::tls_at(&format!("{address}:443"), identity.server(), |_| slow(ok())));
        }
        let www = peers.pop().unwrap();
        www.answers(|path| if path == "/start" { slow(response("200 OK", "", vec![b'.'; 20_000])) } else { ok() });
        peers.push(example_com());
        Self { _dns: dns, _peers: peers, www, authority, ca: root.file("docs"), tools: tools() }
    }

    /// As it is for the readers of a page.
    pub(crate) fn of_page(&self, path: &str) {
        let end = if path == EXPIRED_ON { in_days(-1) } else { in_days(68) };
        let identity = self.authority.signs_with(&["www.example.com", "example.com"], |params| {
            params.not_after = end;
            params.distinguished_name.push(rcgen::DnType::CommonName, "www.example.com");
        });
        self.www.shows(identity.server());
    }
}

fn tools() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tools");
    std::fs::create_dir_all(&folder).unwrap();
    let cargo = folder.join("cargo");
    std::fs::write(&cargo, CARGO).unwrap();
    std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Over plain HTTP: one path leads to www.example.com, and of the others the first one fails.
fn example_com() -> Peer {
    let failed = AtomicBool::new(false);
    Peer::plain_at("127.0.0.11:80", move |path| match path {
        // The kit asks the script twice, the first time before there is a path.
        "" => ok(),
        "/?from=docs" => redirect("301 Moved Permanently", "https://www.example.com/start"),
        _ if !failed.swap(true, Ordering::SeqCst) => Action::Close,
        _ => ok(),
    })
}

/// So that there is a bar to be drawn.
fn slow(action: Action) -> Action {
    std::thread::sleep(Duration::from_millis(20));
    action
}

fn in_days(days: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() + time::Duration::days(days)
}
