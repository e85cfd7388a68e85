//! What takes root to try: to be somebody who is nobody.

use std::process::{Command, Stdio};

use crate::exporter::program;

/// Run by `nobody`, without any capability.
pub(crate) fn s29_a_port_for_root_alone() {
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    let port = first.trim().parse::<u16>().unwrap_or(1024).checked_sub(1);
    let port = port.expect("here anybody may listen on any port: raise net.ipv4.ip_unprivileged_port_start");
    // Where nobody may look into the builder's directory.
    let copy = std::env::temp_dir().join(format!("actix-exporter-{}", std::process::id()));
    std::fs::copy(program().get_program(), &copy).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid", "65534", "--clear-groups", "--bounding-set=-all"])
        .arg(&copy)
        .args(["--target", "http://127.0.0.1:1/", "--web.listen-address", &format!("127.0.0.1:{port}")])
        .stdin(Stdio::null())
        .output();
    let _ = std::fs::remove_file(copy);
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let line = said.lines().last().unwrap_or_default();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(line.starts_with("error: cannot listen on 127.0.0.1:") && line.contains("need a privilege"), "{said}");
}
