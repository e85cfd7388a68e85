//! Reloads: by a signal, by a request and by the clock; all or nothing.

use std::io::Write;
use std::path::PathBuf;

use rustix::process::Signal;

use crate::config::exporter;
use crate::exporter::Exporter;
use crate::kit::{self, Action, Peer, ok, response};

const BROKEN: &str = "targets:\n- {url: 'http://127.0.0.1:1/', intervall: 1m}\n";
const WHAT: &str = ":2:32: ";

/// A configuration file: replaced as a whole, as who writes while others read should do it.
pub(crate) struct File(pub(crate) PathBuf);

impl File {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self(kit::file(name, text))
    }

    pub(crate) fn write(&self, text: &str) {
        let new = self.0.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, &self.0).unwrap();
    }
}

/// Targets with these names, each asking for its own path.
pub(crate) fn targets(peer: &Peer, names: &[&str], options: &str) -> String {
    let target = |name: &&str| format!("- {{name: {name}, url: '{}'{options}}}\n", peer.url(&format!("/{name}")));
    format!("targets:\n{}", names.iter().map(target).collect::<String>())
}

fn good(exporter: &Exporter) -> f64 {
    exporter.metric("actix_exporter_config_last_reload_successful").unwrap()
}

fn when(exporter: &Exporter) -> f64 {
    exporter.metric("actix_exporter_config_last_reload_success_timestamp_seconds").unwrap()
}

fn asked(exporter: &Exporter) -> Vec<String> {
    let series = exporter.metrics_of("external_access_interval_seconds{target=\"").into_keys();
    series.map(|series| series.trim_end_matches("\"}").to_owned()).collect()
}

fn is_1(value: f64) -> bool {
    value > 0.5
}

#[test]
fn s12_sighup_takes_a_good_file_and_keeps_what_runs_for_a_bad_one() {
    let peer = Peer::plain(|_| ok());
    let file = File::new("s12.yml", &targets(&peer, &["a"], ""));
    let exporter = exporter(&file.0, &[]);
    assert!(is_1(good(&exporter)));
    let started = when(&exporter);
    file.write(&targets(&peer, &["a", "b"], ""));
    exporter.signal(Signal::HUP);
    exporter.logged("SIGHUP: 2 targets: 1 new, 1 kept, 0 gone");
    assert_eq!(asked(&exporter), ["a", "b"]);
    let reloaded = when(&exporter);
    assert!(is_1(good(&exporter)) && reloaded > started);
    file.write(BROKEN);
    exporter.signal(Signal::HUP);
    exporter.logged(&format!("SIGHUP: {}{WHAT}", file.0.display()));
    assert_eq!(asked(&exporter), ["a", "b"]);
    assert!(!is_1(good(&exporter)) && when(&exporter).to_bits() == reloaded.to_bits());
    file.write(&targets(&peer, &["b"], ""));
    exporter.signal(Signal::HUP);
    exporter.logged("SIGHUP: 1 target: 0 new, 1 kept, 1 gone");
    assert_eq!(asked(&exporter), ["b"]);
    assert!(is_1(good(&exporter)) && when(&exporter) > reloaded);
}

#[test]
fn a_request_is_told_what_its_reload_has_done() {
    let peer = Peer::plain(|_| ok());
    let file = File::new("post.yml", &targets(&peer, &["a", "b"], ""));
    let exporter = exporter(&file.0, &[]);
    file.write(&targets(&peer, &["b", "c"], ""));
    assert_eq!(exporter.reload(), (200, "2 targets: 1 new, 1 kept, 1 gone\n".to_owned()));
    assert_eq!(asked(&exporter), ["b", "c"]);
    file.write(BROKEN);
    let (status, line) = exporter.reload();
    assert!(status == 500 && line.starts_with(&format!("{}{WHAT}", file.0.display())), "{line}");
    assert!(line.ends_with('\n') && line.lines().count() == 1 && line.contains("did you mean interval?"), "{line}");
    exporter.logged(&format!("level=ERROR msg=\"POST /-/reload: {}", line.trim_end()));
    assert!(!is_1(good(&exporter)));
    std::fs::remove_file(&file.0).unwrap();
    assert!(matches!(exporter.reload(), (500, line) if line.contains("post.yml: No such file")));
    assert_eq!(asked(&exporter), ["b", "c"]);
    file.write("targets: []\n");
    assert_eq!(exporter.reload(), (200, "0 targets: 0 new, 0 kept, 2 gone\n".to_owned()));
    assert!(exporter.ask("GET", "/3-shake-status").1.contains("no target is configured"));
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let (head, _) = exporter.ask(method, "/-/reload");
        assert!(head.starts_with("http/1.1 405") && head.contains("\r\nallow: post\r\n"), "{method}: {head}");
    }
    // A body is nobody's, and not waited for.
    let mut stream = exporter.connect();
    stream.write_all(b"POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\nx").unwrap();
    let mut answer = [0; 12];
    std::io::Read::read_exact(&mut stream, &mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[test]
fn many_requests_at_once_are_each_told_the_truth() {
    let peer = Peer::plain(|_| ok());
    let file = File::new("many.yml", &targets(&peer, &["a"], ""));
    let exporter = exporter(&file.0, &[]);
    for n in 0..5 {
        // Whoever asks after the file was written is told of what is in it, and of nothing before.
        let text = if n % 2 == 0 { BROKEN.to_owned() } else { targets(&peer, &["a", "b", "c"][..=n % 3], "") };
        file.write(&text);
        std::thread::scope(|scope| {
            let asking: Vec<_> = (0..32).map(|_| scope.spawn(|| exporter.reload())).collect();
            for answer in asking {
                let (status, line) = answer.join().unwrap();
                let expected = if n % 2 == 0 { (500, WHAT.to_owned()) } else { (200, format!("{} target", 1 + n % 3)) };
                assert!(status == expected.0 && line.contains(&expected.1), "{status} {line}");
            }
        });
    }
}

#[test]
fn the_clock_sees_a_change_and_nothing_else() {
    let peer = Peer::plain(|_| ok());
    let file = File::new("auto.yml", &targets(&peer, &["a"], ""));
    let exporter = exporter(&file.0, &["--config.enable-auto-reload", "--config.auto-reload-interval", "20ms"]);
    file.write(&targets(&peer, &["a", "b"], ""));
    exporter.logged("change of a file: 2 targets: 1 new, 1 kept, 0 gone");
    file.write(BROKEN);
    exporter.logged(&format!("change of a file: {}{WHAT}", file.0.display()));
    assert!(!is_1(good(&exporter)));
    file.write(&targets(&peer, &["c"], ""));
    exporter.logged("change of a file: 1 target: 1 new, 0 kept, 2 gone");
    assert!(is_1(good(&exporter)));
    assert_eq!(exporter.log().matches("change of a file: ").count(), 3, "{}", exporter.log());
}

#[test]
fn who_stays_keeps_his_counts_and_who_goes_leaves_nothing() {
    let peer = Peer::plain(|_| ok());
    let short = ", interval: 100ms";
    let file = File::new("stays.yml", &targets(&peer, &["stays", "goes"], short));
    let exporter = exporter(&file.0, &[]);
    let runs = |target: &str| exporter.metric(&format!("external_access_runs_total{{target=\"{target}\"}}"));
    exporter.wait_until("both have three runs", || runs("stays") >= Some(3.0) && runs("goes") >= Some(3.0));
    let before = runs("stays");
    file.write(&targets(&peer, &["stays", "new"], short));
    assert_eq!(exporter.reload(), (200, "2 targets: 1 new, 1 kept, 1 gone\n".to_owned()));
    let metrics = exporter.metrics();
    assert!(!metrics.contains("target=\"goes\""), "{metrics}");
    assert!(runs("stays") >= before);
    exporter.wait_until("the new one is asked", || runs("new") >= Some(1.0));
    // Nobody asks who has gone, and one who comes back begins anew.
    let seen = |path: &str| peer.requests().iter().filter(|head| head.starts_with(&format!("GET /{path} "))).count();
    let (gone, stays) = (seen("goes"), seen("stays"));
    exporter.wait_until("the other goes on", || seen("stays") > stays + 3);
    assert_eq!(seen("goes"), gone);
    peer.answers(|_| Action::Hang);
    file.write(&targets(&peer, &["stays", "goes"], short));
    assert_eq!(exporter.reload().0, 200);
    assert_eq!(runs("goes"), Some(0.0));
}

#[test]
fn another_primary_starts_the_two_metrics_without_a_label_anew() {
    let peer = Peer::plain(|path| if path == "/teapot" { response("418 Teapot", "", "") } else { ok() });
    let file = File::new("primary.yml", &targets(&peer, &["first", "teapot"], ", interval: 100ms"));
    let exporter = exporter(&file.0, &[]);
    let answered = || exporter.metric("external_access_duration_seconds_count").unwrap();
    exporter.wait_until("the first one has three runs", || answered() > 2.5);
    let runs = || exporter.metric("external_access_runs_total{target=\"teapot\"}");
    exporter.wait_until("the other one was asked", || runs() >= Some(1.0));
    // An hour: the counts of the next runs are not in it.
    file.write(&targets(&peer, &["teapot", "first"], ", interval: 1h"));
    let kept = runs();
    assert_eq!(exporter.reload().0, 200);
    assert!(answered() < 1.5, "only what came after the reload");
    assert!(runs() >= kept);
    assert_eq!(exporter.metrics_of("external_access_primary").into_keys().collect::<Vec<_>>(), ["{target=\"teapot\"}"]);
    let page = exporter.page_that("/3-shake-status", |page| {
        page.contains("\nteapot is down since ") && page.contains("\nwhy: status: ")
    });
    assert!(page.starts_with("Last 3-shake.com access status: 418\n"), "{page}");
}

#[test]
fn after_a_signal_to_stop_nothing_is_reloaded() {
    let peer = Peer::plain(|_| ok());
    let file = File::new("stopping.yml", &targets(&peer, &["a"], ""));
    let mut exporter = exporter(&file.0, &["--config.enable-auto-reload", "--config.auto-reload-interval", "10ms"]);
    // It keeps the server until the drain ends.
    let mut waiting = exporter.connect();
    waiting.write_all(b"POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n").unwrap();
    exporter.signal(Signal::TERM);
    exporter.logged("SIGTERM: ");
    file.write(&targets(&peer, &["a", "b"], ""));
    exporter.signal(Signal::HUP);
    assert_eq!(exporter.wait().code(), Some(0), "{}", exporter.log());
    assert!(!exporter.log().contains(" 1 new, "), "{}", exporter.log());
}
