//! Runs a section: its server on a port that the system chose, and its commands in a shell that finds it there.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::exporter::{Exporter, PATIENCE, program, without_variables};
use crate::section::{Section, Step};

/// Where the pages say that the server is.
const THERE: &str = "localhost:2121";
/// As many characters as one likes, or in a line of its own as many lines.
const ANY: &str = "…";

/// Panics where a command says something else.
pub(crate) fn run(section: &Section) {
    let directory = directory(section);
    let mut server: Option<Exporter> = None;
    for step in &section.steps {
        match step {
            Step::File { name, content } => {
                let new = directory.join("new");
                std::fs::write(&new, content).unwrap();
                std::fs::rename(new, directory.join(name)).unwrap();
            }
            Step::Command { place, command, said } => {
                if let Some(command) = command.strip_suffix(" &") {
                    // The program takes the place of the shell, so that signals reach it.
                    let command = shell(place, &format!("exec {command}"), &directory, None);
                    server = Some(Exporter::of(command));
                    continue;
                }
                let address = server.as_ref().map(|server| server.address);
                let command = format!("exec 2>&1; {command}");
                until_it_says(place, said, || output(shell(place, &command, &directory, address), address));
            }
        }
    }
}

fn directory(section: &Section) -> PathBuf {
    let name: String = section.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// Nothing of what is run here leaves the machine: there is one address that may be named, and that is the server's.
fn shell(place: &str, command: &str, directory: &Path, server: Option<SocketAddr>) -> Command {
    for (at, _) in command.match_indices("://") {
        assert!(command[at + 3..].starts_with(THERE), "{place}: only {THERE} is asked in a transcript");
    }
    let program = program();
    let binary = Path::new(program.get_program());
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = without_variables(Command::new("bash"));
    let address = server.map_or_else(|| "127.0.0.1:0".to_owned(), |address| address.to_string());
    let command = command.replace(THERE, &address);
    shell.args(["-c", &command]).current_dir(directory).stdin(Stdio::null());
    shell.env("PATH", format!("{}:{path}", binary.parent().unwrap().display()));
    shell.env("ACTIX_EXPORTER_WEB_LISTEN_ADDRESS", &address);
    shell.env("NO_COLOR", "1").env("LC_ALL", "C");
    shell
}

fn output(mut shell: Command, server: Option<SocketAddr>) -> Vec<String> {
    let output = shell.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = server.map_or(said.clone(), |address| said.replace(&address.to_string(), THERE));
    said.lines().map(|line| line.trim_end().to_owned()).collect()
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
        ([any, rest @ ..], _) if any == ANY => (0..=said.len()).any(|skipped| matches(rest, &said[skipped..])),
        ([line, rest @ ..], [this, others @ ..]) => is_like(line.trim_end(), this) && matches(rest, others),
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
