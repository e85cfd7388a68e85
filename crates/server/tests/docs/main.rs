//! The transcripts of the docs are what happens: each section is run as a reader would run it, in a directory of its own, and what is said
//! must be what stands there. In a network that has nothing but loopback, so the ports and names are those of the pages.
//! `cargo xtask test docs`.

#[path = "../server/exporter.rs"]
#[allow(dead_code)] // shared with the other tests
mod exporter;
#[path = "../../../probe/tests/kit/mod.rs"]
mod kit;
#[path = "../../../probe/tests/kit/dns.rs"]
mod kit_dns;
mod measured;
mod nobody;
mod repeated;
mod section;
mod transcript;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use section::Section;
use world::World;

/// Set by the suite, which has seen to it that network and commands are there.
const HERE: &str = "ACTIX_EXPORTER_TEST_NETWORK";

/// Pages that are made of them.
const TRANSCRIPTS: [&str; 2] = ["docs/web.md", "docs/logs.md"];

fn main() -> ExitCode {
    if std::env::var_os(HERE).is_none() {
        println!("these tests need a network of their own, curl and openssl: cargo xtask test docs");
        return ExitCode::SUCCESS;
    }
    let (mut passed, mut failed) = (0, 0);
    let mut test = |name: &str, test: &dyn Fn()| {
        let good = catch_unwind(AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {}", if good { "ok" } else { "FAILED" });
        *(if good { &mut passed } else { &mut failed }) += 1;
    };
    let world = World::new();
    for (path, sections) in pages() {
        let has_some = !TRANSCRIPTS.contains(&path.as_str()) || sections.len() > 1;
        assert!(has_some, "{path} has no transcripts");
        world.of_page(&path);
        for section in sections {
            test(&section.name, &|| transcript::run(&section, &world));
        }
    }
    test("s29_a_port_for_root_alone", &nobody::s29_a_port_for_root_alone);
    test("s28_too_few_threads", &nobody::s28_too_few_threads);
    test("the_command_of_a_failed_run_repeats_it", &repeated::the_command_of_a_failed_run_repeats_it);
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {result}. {passed} passed; {failed} failed; 0 ignored");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The README and all pages of docs/ with something to be done in them.
fn pages() -> Vec<(String, Vec<Section>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut paths: Vec<_> = pages.map(|path| format!("docs/{}", path.file_name().unwrap().display())).collect();
    paths.push("README.md".to_owned());
    paths.sort();
    let read = |path: String| {
        let page = std::fs::read_to_string(root.join(&path)).unwrap();
        let sections = section::read(&path, &page);
        (path, sections)
    };
    paths.into_iter().map(read).collect()
}
