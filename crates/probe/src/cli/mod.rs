//! The program: asks once or many times, and prints what was found.

pub(crate) mod args;
mod progress;
mod repeat;
mod report;
mod terminal;
mod waterfall;

use std::future::Future;
use std::io::{self, ErrorKind, Write};
use std::pin::{Pin, pin};

use probe::RunReport;

use args::{Asked, Repeat};
use progress::Progress;
use repeat::Summary;
use terminal::{Terminal, printable_json};

const UP: i32 = 0;
const DOWN: i32 = 1;
/// As shells have it: 128 and the number of SIGINT.
const INTERRUPTED: i32 = 130;

/// Asks and prints; the exit code.
pub(crate) async fn run(asked: &Asked) -> i32 {
    let program = Program { asked, progress: Progress::new(), terminal: Terminal::of_stdout(asked.no_color) };
    let interrupt = pin!(interrupt());
    match asked.repeat {
        None => program.once(interrupt).await,
        Some(repeat) => program.repeat(repeat, interrupt).await,
    }
}

struct Program<'a> {
    asked: &'a Asked,
    progress: Progress,
    terminal: Terminal,
}

impl Program<'_> {
    async fn once(&self, interrupt: Pin<&mut impl Future<Output = ()>>) -> i32 {
        let Some(report) = self.ask(interrupt).await else { return INTERRUPTED };
        let text = if self.asked.json {
            printable_json(&probe::to_json(&report)) + "\n"
        } else {
            report::text(&report, self.terminal)
        };
        match print(&text) {
            Printed::Broken => DOWN,
            Printed::Read | Printed::Unread => {
                if report.failure.is_none() {
                    UP
                } else {
                    DOWN
                }
            }
        }
    }

    async fn repeat(&self, repeat: Repeat, mut interrupt: Pin<&mut impl Future<Output = ()>>) -> i32 {
        let (url, json) = (&self.asked.spec.url, self.asked.json);
        let mut summary = Summary::default();
        let mut printed = if json { Printed::Read } else { print(&repeat::heading(url, repeat, self.terminal)) };
        let mut interrupted = false;
        // After a run that took longer than the interval, the next one begins at once and sets the pace anew.
        let mut starts = actix_rt::time::interval(repeat.interval);
        starts.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for n in 1..=repeat.runs {
            // For a reader that has gone nobody needs to be asked.
            if !matches!(printed, Printed::Read) {
                break;
            }
            let report = tokio::select! {
                _ = starts.tick() => self.ask(interrupt.as_mut()).await,
                () = interrupt.as_mut() => None,
            };
            let Some(report) = report else {
                interrupted = true;
                break;
            };
            summary.add(&report);
            printed = print(&if json {
                printable_json(&probe::to_json(&report)) + "\n"
            } else {
                repeat::line(n, &report, self.terminal)
            });
        }
        if matches!(printed, Printed::Read) {
            printed = print(&if json {
                printable_json(&summary.json(url, repeat.runs)) + "\n"
            } else {
                summary.text(repeat.runs, self.terminal)
            });
        }
        match printed {
            Printed::Broken => DOWN,
            _ if interrupted => INTERRUPTED,
            _ => {
                if summary.down() == 0 {
                    UP
                } else {
                    DOWN
                }
            }
        }
    }

    /// One run; `None` if the user ended it.
    async fn ask(&self, interrupt: Pin<&mut impl Future<Output = ()>>) -> Option<RunReport> {
        let Asked { spec, env, .. } = self.asked;
        let step = |url: &probe::Url, phase| self.progress.step(url, phase);
        let report = tokio::select! {
            report = probe::run_with(spec, env, &step) => Some(report),
            () = interrupt => None,
            () = self.progress.show() => None, // it never ends
        };
        self.progress.end();
        report
    }
}

/// Ends at Ctrl-C.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        // The system's way of ending a program remains.
        std::future::pending::<()>().await;
    }
}

/// What became of what was printed.
enum Printed {
    Read,
    /// Whoever read has had enough, as `head` does.
    Unread,
    /// It could not be written; the user has been told.
    Broken,
}

/// Not by print!, which panics when nobody can read it.
fn print(text: &str) -> Printed {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Printed::Read,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Printed::Unread,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: standard output: {error}");
            Printed::Broken
        }
    }
}
