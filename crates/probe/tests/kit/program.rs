//! The program `probe`, held against the table of reasons.
#![allow(unreachable_pub)] // as the rest of the kit

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use metrics_core::Phase;
use serde_json::Value;

use crate::kit::reasons::{Case, Place};

/// Runs the program for each case: what it prints is the reason and the step of the table.
pub fn tells_each_reason(place: Place) {
    for case in Case::all(place) {
        let ready = case.set_up();
        let mut command = Command::new(env!("CARGO_BIN_EXE_probe"));
        command.args([&ready.url, "--json"]).args(ready.flags("--module", "--timeout")).stdin(Stdio::null());
        let start = Instant::now();
        let output = command.output().unwrap();
        let (name, took) = (case.name, start.elapsed());
        let said = String::from_utf8_lossy(&output.stdout);
        let whole = format!("{name}: {said}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{whole}");
        let report: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {whole}"));
        assert_eq!(report["reason"], case.reason.as_str(), "{whole}");
        assert_eq!(report["phase"].as_str(), case.phase.map(Phase::as_str), "{whole}");
        assert_eq!(report["up"], false, "{whole}");
        // It waits for nothing that its run has given up, a look-up of eight seconds for one.
        let total = Duration::from_secs_f64(report["total_seconds"].as_f64().unwrap());
        assert!(took < total + Duration::from_secs(5), "{took:?}: {whole}");
    }
}
