//! Tells the program which build it is: the revision and the compiler, for `--version` and `actix_exporter_build_info`.

use std::process::Command;

fn main() {
    // An image is built without the repository; its build passes the revision.
    println!("cargo:rerun-if-env-changed=ACTIX_EXPORTER_REVISION");
    let given = std::env::var("ACTIX_EXPORTER_REVISION").ok().filter(|revision| !revision.is_empty());
    let revision = given.or_else(|| first_line("git", &["rev-parse", "--short=12", "HEAD"]));
    println!("cargo:rustc-env=REVISION={}", revision.as_deref().unwrap_or("unknown"));

    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = first_line(&rustc, &["--version"]);
    let version = version.as_deref().and_then(|line| line.split(' ').nth(1)).unwrap_or("unknown");
    println!("cargo:rustc-env=RUSTC_VERSION={version}");

    // Moves with every commit, where there is a repository.
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.git/logs/HEAD");
    if std::path::Path::new(log).exists() {
        println!("cargo:rerun-if-changed={log}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}

fn first_line(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
}
