//! `--storage.path`: what is remembered when the server starts again.

use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::exporter::{Exporter, program};
use crate::kit::{self, Peer, ok, response};
use crate::status::json;

/// A folder of this test's own, with nothing in it.
fn folder(test: &str) -> PathBuf {
    let path =
        kit::file(&format!("storage-{test}"), "").with_file_name(format!("storage-{test}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn start(peer: &Peer, folder: &Path, interval: &str) -> Exporter {
    let url = peer.url("/");
    Exporter::start(&[
        "--target",
        &url,
        "--probe.interval",
        interval,
        "--probe.timeout",
        "50ms",
        "--storage.path",
        folder.to_str().unwrap(),
    ])
}

fn failed(exporter: &Exporter) -> u64 {
    json(exporter, "/3-shake-status")["uptime"][0]["failed"].as_u64().unwrap()
}

#[test]
fn what_happened_is_known_after_a_start_and_an_incident_goes_on() {
    let peer = Peer::plain(|_| response("500 Oops", "", ""));
    let folder = folder("restart");
    let mut exporter = start(&peer, &folder, "50ms");
    exporter.wait_until("some runs", || failed(&exporter) >= 3);
    let before = json(&exporter, "/3-shake-status");
    exporter.signal(Signal::TERM);
    assert!(exporter.wait().success());

    let exporter = start(&peer, &folder, "1h");
    exporter.wait_until("a run", || json(&exporter, "/3-shake-status")["state"] == "down");
    let after = json(&exporter, "/3-shake-status");
    assert!(failed(&exporter) > before["uptime"][0]["failed"].as_u64().unwrap(), "{after:#}");
    assert_eq!(after["since"], before["since"]);
    let (run, start_of) = (&after["incidents"][0]["run"], &after["incidents"][0]["start"]);
    assert_eq!((run, start_of), (&before["incidents"][0]["run"], &before["incidents"][0]["start"]));
    assert_eq!(json(&exporter, &format!("/runs/{}", run.as_str().unwrap()))["status"], 500);
    drop(exporter);

    // Up again while nobody looked: it ends with the first run.
    peer.answers(|_| ok());
    let exporter = start(&peer, &folder, "1h");
    exporter.wait_until("a run", || json(&exporter, "/3-shake-status")["state"] == "up");
    let incidents = &json(&exporter, "/3-shake-status")["incidents"];
    assert!(incidents[0]["end"].is_string() && incidents.as_array().unwrap().len() == 1, "{incidents:#}");
}

#[test]
fn a_server_that_is_killed_leaves_a_whole_file() {
    let peer = Peer::plain(|_| ok());
    let folder = folder("killed");
    for _ in 0..5 {
        let exporter = start(&peer, &folder, "50ms");
        exporter.page_that("/3-shake-status", |page| page.contains(" is up: "));
        assert!(!exporter.log().contains("set-aside"), "{}", exporter.log());
        // As the value goes, it is killed.
    }
}

#[test]
fn a_file_that_is_none_is_set_aside_with_a_word_and_the_server_serves() {
    let peer = Peer::plain(|_| ok());
    let folder = folder("damaged");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("history.redb"), "mine\n").unwrap();
    let exporter = start(&peer, &folder, "1h");
    exporter.logged("it is now ");
    exporter.page_that("/3-shake-status", |page| page.contains(" is up: "));
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let aside = names.iter().find(|path| path.to_string_lossy().contains(".set-aside-")).unwrap();
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "mine\n");
}

#[test]
fn where_nothing_can_be_kept_the_server_does_not_start_and_says_why() {
    let peer = Peer::plain(|_| ok());
    let busy = folder("busy");
    let _other = start(&peer, &busy, "1h");
    let file = kit::file("storage-file", "x");
    let url = peer.url("/");
    for (path, parts) in [
        (busy.as_path(), ["in use by another process", "give each its own folder"]),
        (&file, ["cannot be made a folder", "that this user can write to"]),
        (Path::new("/proc/nowhere"), ["cannot be made a folder", "that this user can write to"]),
    ] {
        let mut command = program();
        command.args(["--web.listen-address", "127.0.0.1:0", "--target", &url, "--storage.path"]).arg(path);
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let last = said.lines().last().unwrap();
        assert!(last.starts_with("error: ") && parts.iter().all(|part| last.contains(part)), "{said}");
    }
}

#[test]
fn bad_values_of_the_flags_are_refused() {
    for (flag, value, part) in [
        ("--history.targets", "-1", "--history.targets"),
        ("--history.targets", "many", "--history.targets"),
        ("--history.body-sample", "4097", "from 0 to 4096"),
        ("--history.body-sample", "1k", "from 0 to 4096"),
    ] {
        let output = program().args([&format!("{flag}={value}"), "--config.check"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains(part), "{flag} {value}: {said}");
    }
}
