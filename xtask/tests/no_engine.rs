//! `up` on a machine that has no container engine.

use std::process::Command;

/// The stack needs one, and the first command of the README has to say what to do instead.
#[test]
fn k5_without_an_engine_up_fails_with_advice() {
    let nothing = env!("CARGO_TARGET_TMPDIR");
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("up").env("PATH", nothing).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in ["error: found none of docker compose", "install Docker", "cargo xtask up --native"] {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
    assert_eq!(said.lines().count(), 1, "{said}");
}
