//! The command that a page shows to repeat a failed run: it asks the same of the same.

use std::process::Command;

use serde_json::Value;

use crate::exporter::Exporter;
use crate::kit::{self, Peer, redirect, response};

fn json(exporter: &Exporter, path: &str) -> Value {
    serde_json::from_str(&exporter.ask("GET", &format!("{path}?format=json")).1).unwrap()
}

pub(crate) fn the_command_of_a_failed_run_repeats_it() {
    let peer =
        Peer::plain(
            |path| if path == "/it's" { redirect("302 Found", "/there") } else { response("500 Oops", "", "") },
        );
    let port = peer.address.port();
    // A name that leads nowhere but in the run, and a path with what a shell would take for its own.
    let file = kit::file(
        "repeated.yml",
        format!(
            "modules:\n  m: {{prober: http, http: {{headers: {{X-Env: canary}}}}}}\n\
             targets:\n- {{name: it, url: \"http://repeated.test:{port}/it's\", module: m, interval: 1h}}\n"
        ),
    );
    let resolve = format!("repeated.test:{port}:127.0.0.1:{port}");
    let exporter = Exporter::start(&["--config.file", file.to_str().unwrap(), "--resolve", &resolve]);
    exporter.page_that("/3-shake-status", |page| page.contains("\nit is down since "));
    let id = json(&exporter, "/3-shake-status")["failed_runs"][0]["id"].as_str().unwrap().to_owned();
    let command = json(&exporter, &format!("/runs/{id}"))["curl"].as_str().unwrap().to_owned();
    let before = peer.requests();
    let output = Command::new("sh").args(["-c", &command]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("500 Oops"), "{command}\n{said}");
    let after = peer.requests();
    let lines = |requests: &[String]| {
        requests.iter().map(|request| request.lines().next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(lines(&after[before.len()..]), lines(&before), "{command}");
    // The user fills in what is secret.
    assert!(command.contains(" --header 'x-env: …' ") && !command.contains("canary"), "{command}");
}
