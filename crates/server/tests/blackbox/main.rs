//! blackbox_exporter and the server ask the same peers with the same modules: what they say of them is the same, but for what
//! `difference.rs` names. And rules that are written for the one fire on what the other says. `cargo xtask test blackbox`.

mod asked;
mod cases;
mod difference;
mod flat;
mod go_program;
mod refusals;
mod rules;
mod shown;
mod web_configs;

#[path = "../server/exporter.rs"]
#[allow(dead_code)] // shared with the other tests
mod exporter;
#[path = "../../../probe/tests/kit/mod.rs"]
mod kit;
#[path = "../../../probe/tests/kit/body.rs"]
mod kit_body;
#[path = "../../../probe/tests/kit/http2.rs"]
mod kit_http2;

use std::collections::BTreeSet;
use std::env;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, ExitCode};

use asked::Asked;
use cases::{Case, Ready};
use difference::{Difference, Release};
use exporter::Exporter;
use go_program::GoProgram;
use socket2::{Domain, Socket, Type};
use web_configs::Stricter;

const DOCS: &str = include_str!("../../../../docs/blackbox.md");
const WEB_DOCS: &str = include_str!("../../../../docs/web.md");

/// Set by the suite: the programs of others.
const BLACKBOX: &str = "ACTIX_EXPORTER_TEST_BLACKBOX";
const PROMETHEUS: &str = "ACTIX_EXPORTER_TEST_PROMETHEUS";

fn main() -> ExitCode {
    let Some(blackbox) = env::var_os(BLACKBOX) else {
        println!("these tests need blackbox_exporter: cargo xtask test blackbox");
        return ExitCode::SUCCESS;
    };
    let mut results = Results::default();
    differential(Path::new(&blackbox), &mut results);
    web_configs(Path::new(&blackbox), &mut results);
    if let Some(prometheus) = env::var_os(PROMETHEUS) {
        results.test("rules_written_for_blackbox_exporter_fire", || rules::fire(Path::new(&prometheus)));
    } else {
        println!("test rules_written_for_blackbox_exporter_fire ... ignored: {PROMETHEUS} names no program");
        results.ignored += 1;
    }
    results.say()
}

/// Each case is a test, and so is each refusal; that no difference is named in vain is one more.
fn differential(blackbox: &Path, results: &mut Results) {
    let cases: Vec<Ready> = Case::all().map(Case::set_up).collect();
    let file = kit::file("blackbox.yml", cases::modules(&cases));
    let file = file.to_str().expect("cargo's own folder");
    let theirs = GoProgram::start(blackbox, &[&format!("--config.file={file}")]);
    let ours = Exporter::start(&["--config.file", file, "--probe.allow", "127.0.0.0/8,::1"]);
    let (theirs, ours) = (Asked::at(theirs.address, theirs), Asked::at(ours.address, ours));
    let (known, mut occurred) = (Difference::from(release(blackbox)), BTreeSet::new());
    for case in &cases {
        results.test(case.name, || occurred.extend(shown::the_same(case, &theirs, &ours, &known)));
    }
    for refusal in refusals::ALL {
        results.test(refusal.name, || occurred.extend(refusal.is_as_expected(&theirs, &ours)));
    }
    results.test("each_difference_occurs", || {
        let stale: Vec<_> = known.iter().filter(|name| !occurred.contains(*name)).collect();
        assert!(stale.is_empty(), "not seen in any case: {stale:?}");
    });
    results.test("each_difference_is_documented", || {
        // Of releases before all others.
        let all = Difference::from((0, 0)).into_iter();
        let missing: Vec<_> = all.filter(|name| !DOCS.contains(&format!("| `{name:?}` |"))).collect();
        assert!(missing.is_empty(), "not in docs/blackbox.md: {missing:?}");
    });
}

fn web_configs(blackbox: &Path, results: &mut Results) {
    // Before it, exporter-toolkit has no rate_limit.
    if release(blackbox) < (0, 28) {
        println!("test web_configs ... ignored: they are those of blackbox_exporter 0.28 and later");
        results.ignored += 1;
        return;
    }
    let files = web_configs::Files::new();
    for case in web_configs::ALL {
        results.test(case.name, || case.is_as_expected(blackbox, &files));
    }
    results.test("each_stricter_web_config_is_documented", || {
        let missing = Stricter::ALL.into_iter().filter(|name| !WEB_DOCS.contains(&format!("| `{name:?}` |")));
        let missing: Vec<_> = missing.collect();
        assert!(missing.is_empty(), "not in docs/web.md: {missing:?}");
        let unused =
            Stricter::ALL.into_iter().filter(|name| web_configs::ALL.iter().all(|case| case.differs != Some(*name)));
        assert_eq!(unused.collect::<Vec<_>>(), []);
    });
}

/// An address of loopback on which nobody listens, for as long as the socket lives.
fn taken_port() -> (SocketAddr, Socket) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    (socket.local_addr().unwrap().as_socket().unwrap(), socket)
}

/// Of `blackbox_exporter, version 0.28.0 (…)`, which older ones write to stderr.
fn release(blackbox: &Path) -> Release {
    let output = Command::new(blackbox).arg("--version").output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let mut numbers = said.split_once("version ").map_or("", |(_, version)| version).split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
        _ => panic!("{} --version names no version: {said}", blackbox.display()),
    }
}

/// How it went, told as other tests do.
#[derive(Default)]
struct Results {
    passed: u32,
    failed: u32,
    ignored: u32,
}

impl Results {
    fn test(&mut self, name: &str, test: impl FnOnce()) {
        let good = catch_unwind(AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {}", if good { "ok" } else { "FAILED" });
        *(if good { &mut self.passed } else { &mut self.failed }) += 1;
    }

    fn say(&self) -> ExitCode {
        let Self { passed, failed, ignored } = self;
        let result = if *failed == 0 { "ok" } else { "FAILED" };
        println!("test result: {result}. {passed} passed; {failed} failed; {ignored} ignored");
        if *failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
