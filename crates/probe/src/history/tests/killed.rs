//! A process that writes without a pause is killed, again and again: what it said that it had written is there.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

/// The folder of the process that is going to be killed.
const FOLDER: &str = "ACTIX_EXPORTER_TEST_KILLED";
const MOMENTS: u64 = 200;

/// Tells runs, writes them, and says how many are written: for ever, where it is started for that.
#[test]
fn what_is_started_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (history, said) = History::open(Path::new(&folder), HistoryConfig::default()).unwrap();
    assert_eq!(said, None, "what was killed has left a whole file");
    let told = Told::new(history);
    let mut runs = told.sum(Span::Day, nine()).scheduled();
    let mut stdout = std::io::stdout();
    loop {
        writeln!(stdout, "\nwritten {runs}").unwrap();
        stdout.flush().unwrap();
        told.run(nine() + Duration::from_secs(runs % HOUR), runs.is_multiple_of(3).then_some(Reason::Status));
        told.history.commit();
        runs += 1;
    }
}

#[test]
fn two_hundred_kills_at_any_moment_lose_nothing_that_was_written() {
    let folder = Folder::new();
    let mut written = 0;
    for moment in 0..MOMENTS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["history::tests::killed::what_is_started_writes_until_it_is_killed", "--exact", "--nocapture"])
            .env(FOLDER, &folder.0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // A moment that no one chooses: so many writes later, and a part of one. Mixed as in SplitMix64, of which any part will do.
        let mixed = (moment + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut acknowledged = |line: std::io::Result<String>| {
            let line = line.unwrap();
            let found = line.strip_prefix("written ").map(|runs| runs.parse::<u64>().unwrap());
            if let Some(runs) = found {
                assert!(runs >= written, "{runs} of {written} are there after {moment} kills");
                written = runs;
            }
            found.is_some()
        };
        let mut left = 1 + mixed % 8;
        while left > 0 {
            let line = lines.next().unwrap_or_else(|| panic!("the process ended after {moment} kills"));
            left -= u64::from(acknowledged(line));
        }
        let part = Duration::from_micros((mixed >> 32) % 3000);
        let start = std::time::Instant::now();
        while start.elapsed() < part {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had said before it died.
        lines.filter(|line| line.as_ref().is_ok_and(|line| line.starts_with("written "))).for_each(|line| {
            acknowledged(line);
        });
    }
    let (history, said) = folder.open();
    assert_eq!(said, None);
    let there = Told::new(history).sum(Span::Day, nine()).scheduled();
    assert!((written..=written + 1).contains(&there), "{there} of {written}");
    assert!(written >= MOMENTS, "{written}");
}
