//! Runs a section: its files, its server, and its commands in a shell, as they stand there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::exporter::{Exporter, PATIENCE, program, without_variables};
use crate::measured::without;
use crate::section::{Section, Step};
use crate::world::{FILES, SITES, World};

/// Where the pages say that the server is: where it is by default, or where blackbox_exporter was.
const PLACES: [&str; 3] = ["localhost:2121", "127.0.0.1:2121", "localhost:9115"];
/// As many characters as one likes, or in a line of its own as many lines.
const ANY: &str = "…";

/// Panics where a command says something else.
pub(crate) fn run(section: &Section, world: &World) {
    let directory = directory(section);
    for (name, content) in FILES {
        std::fs::write(directory.join(name), content).unwrap();
    }
    let mut server: Option<Exporter> = None;
    for step in &section.steps {
        match step {
            Step::File { name, content } => {
                let new = directory.join("new");
                std::fs::create_dir_all(directory.join(name).parent().unwrap()).unwrap();
                std::fs::write(&new, content).unwrap();
                std::fs::rename(new, directory.join(name)).unwrap();
            }
            Step::Command { place, command, said } => {
                if let Some(command) = serves(command) {
                    // Its port is needed anew.
                    drop(server.take());
                    server = Some(start(place, command, &directory, world));
                    continue;
                }
                // A page about what a running server says does not start it each time.
                if server.is_none() && command.starts_with("curl ") {
                    server = Some(start(place, "actix-exporter", &directory, world));
                }
                let command = format!("exec 2>&1; {command}");
                until_it_says(place, said, || output(shell(place, &command, &directory, world)));
            }
        }
    }
}

/// The command that starts a server: in the background, or in the foreground of a terminal of its own.
fn serves(command: &str) -> Option<&str> {
    let background = command.strip_suffix(" &");
    background.or_else(|| Some(command.split_once(" # serves ")?.0.trim_end()))
}

/// The program takes the place of the shell, so that signals reach it.
fn start(place: &str, command: &str, directory: &Path, world: &World) -> Exporter {
    Exporter::of(shell(place, &format!("exec {command}"), directory, world))
}

fn directory(section: &Section) -> PathBuf {
    let name: String = section.name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// Nothing of what is run here leaves the machine: what may be named is the server, and what leads to a peer of the test.
fn shell(place: &str, command: &str, directory: &Path, world: &World) -> Command {
    for (at, _) in command.match_indices("://") {
        let asked = &command[at + 3..];
        let known = PLACES.into_iter().chain(SITES.map(|(name, _)| name)).any(|known| asked.starts_with(known));
        assert!(known, "{place}: only {PLACES:?} and {SITES:?} are asked in a transcript");
    }
    let built = PathBuf::from(program().get_program()).parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = without_variables(Command::new("bash"));
    shell.args(["-c", command]).current_dir(directory).stdin(Stdio::null());
    shell.env("PATH", format!("{}:{}:{path}", world.tools.display(), built.display())).env("BUILT", &built);
    shell.env("ACTIX_EXPORTER_CA_FILE", &world.ca).env("SSL_CERT_FILE", &world.ca);
    shell.env("NO_COLOR", "1").env("LC_ALL", "C.UTF-8");
    shell
}

fn output(mut shell: Command) -> Vec<String> {
    let output = shell.output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().map(|line| line.trim_end().to_owned()).collect()
}

/// What a file changes takes a moment, and a reader who is too early asks again.
fn until_it_says(place: &str, expected: &[String], say: impl Fn() -> Vec<String>) {
    let start = Instant::now();
    loop {
        let said = say();
        if matches(expected, &said) {
            return;
        }
        assert!(
            start.elapsed() < PATIENCE / 6,
            "{place}: it should say\n{}\nand says\n{}",
            expected.join("\n"),
            said.join("\n")
        );
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

fn matches(expected: &[String], said: &[String]) -> bool {
    match (expected, said) {
        ([], []) => true,
        ([any, rest @ ..], _) if any.trim() == ANY => (0..=said.len()).any(|skipped| matches(rest, &said[skipped..])),
        ([line, rest @ ..], [this, others @ ..]) => {
            (is_like(line.trim_end(), this) || is_like(&without(line), &without(this))) && matches(rest, others)
        }
        _ => false,
    }
}

fn is_like(pattern: &str, line: &str) -> bool {
    match pattern.split_once(ANY) {
        None => pattern == line,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
            ends.into_iter().any(|at| is_like(rest, &line[at..]))
        }),
    }
}
