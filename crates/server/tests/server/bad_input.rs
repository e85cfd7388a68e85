//! Bad input: one clear line that says what, where and what to do; exit code 2 for the user's mistakes, 1 for the machine's.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::exporter::{PATIENCE, program};
use crate::kit::Authority;

/// Exit code and the one line on standard error.
pub(crate) fn refused(command: &mut Command) -> (i32, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().unwrap(); // it started after all
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!((stderr.lines().count(), stdout.len()), (1, 0), "{stderr}");
    (status.code().unwrap(), stderr)
}

/// Should it start, it asks nobody.
pub(crate) fn harmless() -> Command {
    let mut program = program();
    program.env("ACTIX_EXPORTER_TARGET", "http://127.0.0.1:1/").env("ACTIX_EXPORTER_WEB_LISTEN_ADDRESS", "127.0.0.1:0");
    program
}

#[test]
fn mistakes_of_the_user_are_2() {
    for (args, what, todo) in [
        (&["--target", "3-shake.com"][..], "--target", "https://HOST"),
        (&["--target", "ftp://127.0.0.1/"], "scheme ftp", "http:// or https://"),
        (&["--target", "https://a:secret@127.0.0.1/"], "password in the URL", "remove it"),
        (&["--target", "http://127.0.0.1:99999/"], "invalid port", "https://HOST"),
        (&["--probe.interval", "0s"], "--probe.interval", "more than 0"),
        (&["--probe.interval", "5"], "unit needed", "15s"),
        (&["--probe.interval", "900y"], "--probe.interval", "at most a year"),
        (&["--probe.interval", "99999999999999999999s"], "--probe.interval", "number"),
        (&["--probe.timeout", "0s"], "--probe.timeout", "more than 0"),
        (&["--probe.timeout", "2m"], "longer than --probe.interval 1m", "lower the timeout"),
        (&["--web.listen-address", "2121"], "--web.listen-address", ":2121"),
        (&["--web.listen-address", "::1:80"], "--web.listen-address", "brackets"),
        (&["--resolve", "3-shake.com:443"], "address is missing", "HOST:PORT:ADDRESS"),
        (&["--log.level", "loud"], "--log.level", "error, warn, info, debug"),
        (&["--web.listen-adress", ":1"], "--web.listen-adress", "similar argument exists: '--web.listen-address'"),
        (&["serve"], "serve", "--help"),
        (&["--target"], "--target", "value is required"),
    ] {
        let (code, line) = refused(harmless().args(args));
        assert_eq!(code, 2, "{args:?}: {line}");
        assert!(line.starts_with("error: ") && line.contains(what) && line.contains(todo), "{args:?}: {line}");
        assert!(!line.contains("secret@"), "{line}");
    }
}

#[test]
fn mistakes_in_the_environment_name_the_variable() {
    for (variable, value) in [
        ("ACTIX_EXPORTER_TARGET", "gopher://127.0.0.1"),
        ("ACTIX_EXPORTER_PROBE_INTERVAL", "soon"),
        ("ACTIX_EXPORTER_PROBE_TIMEOUT", "-1s"),
        ("ACTIX_EXPORTER_RESOLVE", "a:443:127.0.0.1,b"),
        ("ACTIX_EXPORTER_LOG_LEVEL", "9"),
    ] {
        let (code, line) = refused(harmless().env(variable, value));
        assert_eq!(code, 2, "{line}");
        assert!(line.contains(&format!("environment variable {variable}")), "{line}");
    }
}

#[test]
fn an_empty_variable_is_none() {
    let mut program = harmless();
    program.env("ACTIX_EXPORTER_PROBE_TIMEOUT", "").env("ACTIX_EXPORTER_CA_FILE", "").arg("--no-such-flag");
    let (_, line) = refused(&mut program);
    assert!(line.contains("--no-such-flag"), "{line}");
}

#[test]
fn s28_faults_of_the_machine_are_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let broken = Authority::new().file("broken-ca");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n").unwrap();
    let broken = broken.to_str().unwrap();
    for (args, what, todo) in [
        (&["--web.listen-address", &port][..], "Address already in use", "choose another port"),
        (&["--ca-file", "/no/such/file.pem"], "/no/such/file.pem: No such file", "check that"),
        (&["--ca-file", "/"], "/: a directory", "name a file in it"),
        (&["--ca-file", "/dev/zero"], "/dev/zero: a pipe, a socket or a device", "name that"),
        (&["--ca-file", broken], broken, "PEM file"),
    ] {
        let (code, line) = refused(harmless().args(args));
        assert_eq!(code, 1, "{args:?}: {line}");
        assert!(line.starts_with("error: ") && line.contains(what) && line.contains(todo), "{args:?}: {line}");
    }
}

#[test]
fn help_and_version_are_told_on_standard_output() {
    for (arg, part) in [("--help", "ACTIX_EXPORTER_TARGET"), ("--version", "actix-exporter 0.1.0 (revision ")] {
        let output = program().arg(arg).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty() && text.contains(part), "{text}");
    }
}
