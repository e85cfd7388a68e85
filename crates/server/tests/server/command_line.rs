//! The command line, for people: what it teaches, what it completes, and what it makes of a slip.

use std::process::{Command, Stdio};

use crate::bad_input::{harmless, refused};
use crate::exporter::{Exporter, program};

fn said(args: &[&str]) -> String {
    let output = program().args(args).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// All flags that `--help` shows.
fn flags() -> Vec<String> {
    let help = said(&["--help"]);
    let words = help.lines().filter_map(|line| line.strip_prefix("      --")?.split(' ').next());
    words.map(|word| format!("--{}", word.trim_end_matches("..."))).collect()
}

#[test]
fn help_has_all_flags_below_headings_and_examples() {
    let help = said(&["--help"]);
    for heading in ["What is asked:", "Web server:", "Limits of the web server:", "Log:", "Metrics:", "Examples:"] {
        assert!(help.lines().any(|line| line == heading), "{heading}\n{help}");
    }
    assert!(flags().len() > 30, "{:?}", flags());
    let version = said(&["--version"]);
    assert!(version.starts_with("actix-exporter 0.") && version.contains("revision "), "{version}");
}

#[test]
fn shells_complete_each_flag() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = said(&["completions", shell]);
        for flag in flags() {
            let name = flag.trim_start_matches("--");
            assert!(script.contains(name), "{shell} does not complete {flag}");
        }
    }
    let mut bash = Command::new("bash").args(["-n"]).stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut bash.stdin.take().unwrap(), said(&["completions", "bash"]).as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}

#[test]
fn the_manual_page_has_each_flag() {
    let page = said(&["manpage"]).replace("\\-", "-");
    assert!(page.contains(".TH actix-exporter 1"), "{page}");
    for flag in flags() {
        assert!(page.contains(&flag), "{flag}");
    }
}

#[test]
fn a_slip_is_answered_with_what_was_meant() {
    for (args, meant) in [
        (&["--web.listen-adress", ":1"][..], "--web.listen-address"),
        (&["--prob.interval", "5s"], "--probe.interval"),
        (&["--log.formt", "json"], "--log.format"),
        (&["--log.format", "jsn"], "json"),
        (&["helthcheck"], "healthcheck"),
        (&["completions", "bsh"], "bash"),
    ] {
        let (code, line) = refused(harmless().args(args));
        assert!(code == 2 && line.contains(meant) && line.ends_with("; see --help\n"), "{args:?}: {line}");
    }
}

#[test]
fn a_slip_in_the_environment_is_a_warning() {
    let slip = std::path::Path::new("debug");
    let exporter = Exporter::start_with(&["--target", "http://127.0.0.1:1/"], &[("ACTIX_EXPORTER_LOG_LEVLE", slip)]);
    let warning =
        "the environment variable ACTIX_EXPORTER_LOG_LEVLE is not known; did you mean ACTIX_EXPORTER_LOG_LEVEL?";
    assert!(exporter.log().contains(warning), "{}", exporter.log());
}

#[cfg(target_os = "linux")]
#[test]
fn what_nobody_reads_is_an_error_and_no_panic() {
    for args in [&["manpage"][..], &["completions", "fish"], &["--config.check", "--target", "http://127.0.0.1:1/"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = program().args(args).stdout(Stdio::from(full)).output().unwrap();
        let line = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.code() == Some(1) && line.contains("No space left") && line.lines().count() == 1,
            "{line}"
        );
    }
}
