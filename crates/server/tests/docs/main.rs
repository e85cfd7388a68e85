//! The transcripts of the docs are what happens: each section is run as a reader would run it, in a directory of its own, and what is said
//! must be what stands there. `cargo xtask test doors`.

#[path = "../server/exporter.rs"]
#[allow(dead_code)] // shared with the other tests
mod exporter;
#[path = "../../../probe/tests/kit/mod.rs"]
mod kit;
mod nobody;
mod repeated;
mod section;
mod transcript;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// Set by the suite, which has seen to it that the commands are there.
const COMMANDS: &str = "ACTIX_EXPORTER_TEST_COMMANDS";

const PAGES: [(&str, &str); 2] = [
    ("docs/web.md", include_str!("../../../../docs/web.md")),
    ("docs/logs.md", include_str!("../../../../docs/logs.md")),
];

fn main() -> ExitCode {
    if std::env::var_os(COMMANDS).is_none() {
        println!("these tests need curl and openssl: cargo xtask test doors");
        return ExitCode::SUCCESS;
    }
    let (mut passed, mut failed) = (0, 0);
    let mut test = |name: &str, test: &dyn Fn()| {
        let good = catch_unwind(AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {}", if good { "ok" } else { "FAILED" });
        *(if good { &mut passed } else { &mut failed }) += 1;
    };
    for (path, page) in PAGES {
        let sections = section::read(path, page);
        assert!(sections.len() > 1, "{path} has no transcripts");
        for section in sections {
            test(&section.name, &|| transcript::run(&section));
        }
    }
    test("s29_a_port_for_root_alone", &nobody::s29_a_port_for_root_alone);
    test("s28_too_few_threads", &nobody::s28_too_few_threads);
    test("the_command_of_a_failed_run_repeats_it", &repeated::the_command_of_a_failed_run_repeats_it);
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {result}. {passed} passed; {failed} failed; 0 ignored");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
