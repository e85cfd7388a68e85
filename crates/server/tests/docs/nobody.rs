//! What takes root to try: to be somebody who is nobody.

use std::process::{Command, Stdio};

use crate::exporter::program;

/// Nobody's, and no process is his.
const UID: &str = "61234";

/// With these words before the program: its exit code, and what it says.
fn by_nobody(before: &[&str], address: &str) -> (Option<i32>, String) {
    // Where nobody may look into the builder's directory.
    let copy = std::env::temp_dir().join(format!("actix-exporter-{}", std::process::id()));
    std::fs::copy(program().get_program(), &copy).unwrap();
    let output = Command::new("timeout")
        .args(["60", "setpriv", "--reuid", UID, "--clear-groups", "--bounding-set=-all"])
        .args(before)
        .arg(&copy)
        .args(["--target", "http://127.0.0.1:1/", "--web.listen-address", address])
        .stdin(Stdio::null())
        .output();
    let _ = std::fs::remove_file(copy);
    let output = output.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

pub(crate) fn s29_a_port_for_root_alone() {
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    let port = first.trim().parse::<u16>().unwrap_or(1024).checked_sub(1);
    let port = port.expect("here anybody may listen on any port: raise net.ipv4.ip_unprivileged_port_start");
    let (code, said) = by_nobody(&[], &format!("127.0.0.1:{port}"));
    let line = said.lines().last().unwrap_or_default();
    assert_eq!(code, Some(1), "{said}");
    assert!(line.starts_with("error: cannot listen on 127.0.0.1:") && line.contains("need a privilege"), "{said}");
}

pub(crate) fn s28_too_few_threads() {
    for threads in 1..6 {
        let (code, said) = by_nobody(&["prlimit", &format!("--nproc={threads}")], "127.0.0.1:0");
        assert_eq!(code, Some(1), "{threads}: {said}");
        assert!(said.lines().last().unwrap_or_default().starts_with("error: "), "{threads}: {said}");
    }
}
