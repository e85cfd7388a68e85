//! What a run waits for, on standard error while it waits: one line that is updated in its place and taken away again.

use std::cell::{Cell, RefCell};
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use metrics_core::Phase;
use probe::Url;

use super::terminal::{is_dumb, is_utf8, printable, width};

/// A step that is shorter goes unmentioned: a line that flashes up tells nothing.
const PATIENCE: Duration = Duration::from_millis(200);
const TICK: Duration = Duration::from_millis(100);

pub(crate) struct Progress {
    /// Somebody looks on, and lines can be taken away.
    is_seen: bool,
    unicode: bool,
    step: RefCell<Option<(String, Instant)>>,
    is_shown: Cell<bool>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let is_seen = stderr().is_terminal() && !is_dumb();
        Self { is_seen, unicode: is_utf8(), step: RefCell::default(), is_shown: Cell::default() }
    }

    /// A step begins.
    pub(crate) fn step(&self, url: &Url, phase: Phase) {
        if self.is_seen {
            self.erase();
            *self.step.borrow_mut() = Some((words(url, phase), Instant::now()));
        }
    }

    /// Shows the step that is under way, for as long as it is polled.
    pub(crate) async fn show(&self) {
        if !self.is_seen {
            return std::future::pending().await;
        }
        loop {
            if let Some((words, start)) = &*self.step.borrow()
                && start.elapsed() >= PATIENCE
            {
                let line = line(words, start.elapsed(), self.unicode, width(&stderr()));
                let _ = write!(stderr(), "\r\x1b[K{line}");
                self.is_shown.set(true);
            }
            actix_rt::time::sleep(TICK).await;
        }
    }

    /// Nothing is waited for any more.
    pub(crate) fn end(&self) {
        self.erase();
        *self.step.borrow_mut() = None;
    }

    fn erase(&self) {
        if self.is_shown.take() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

fn words(url: &Url, phase: Phase) -> String {
    let host = url.host_str().unwrap_or_default();
    let peer = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
    match phase {
        Phase::Resolve => format!("resolve {host}"),
        Phase::Connect => format!("connect to {peer}"),
        Phase::Tls => format!("TLS handshake with {peer}"),
        Phase::Processing => format!("wait for {peer} to answer"),
        Phase::Transfer => format!("read the answer of {peer}"),
    }
}

/// No wider than the terminal: what has run over into the next line could not be taken away.
fn line(words: &str, waited: Duration, unicode: bool, width: usize) -> String {
    let dots = if unicode { "…" } else { "..." };
    let time = format!(" {dots} {:.1} s", waited.as_secs_f64());
    let room = width.saturating_sub(time.chars().count() + 1);
    let words: String = printable(words, unicode).chars().take(room).collect();
    words + &time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_words() {
        let url = probe::parse_url("https://example.com/a?secret").unwrap();
        let line = |phase| line(&words(&url, phase), Duration::from_millis(1_234), true, 80);
        assert_eq!(line(Phase::Resolve), "resolve example.com … 1.2 s");
        assert_eq!(line(Phase::Connect), "connect to example.com:443 … 1.2 s");
        for phase in Phase::ALL {
            assert!(line(*phase).contains("example.com") && !line(*phase).contains("secret"), "{phase}");
        }
    }

    #[test]
    fn a_line_is_no_wider_than_the_terminal() {
        let line = line(&"x".repeat(100), Duration::from_secs(1_000), true, 40);
        assert!(line.chars().count() < 40 && line.ends_with(" … 1000.0 s"), "{line}");
    }
}
