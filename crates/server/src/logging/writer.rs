//! Writes lines to standard error on a thread of its own: who serves waits for no reader.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use metrics_core::ProgramCounter;

/// Orders that wait for the reader, and bytes in them.
const WAITING: usize = 4096;
const BYTES: usize = 4 << 20;
/// For the reader, at the end.
const PATIENCE: Duration = Duration::from_millis(500);

enum Order {
    Write(Vec<u8>),
    /// What came before has been written.
    Tell(Sender<()>),
}

/// Clones write to the same thread. What it is given at a time must be whole lines.
#[derive(Clone)]
pub(super) struct Writer {
    orders: SyncSender<Order>,
    /// Bytes that wait.
    bytes: Arc<AtomicUsize>,
    dropped: ProgramCounter,
}

impl Writer {
    /// # Errors
    /// The system has no thread.
    pub(super) fn start(dropped: ProgramCounter) -> io::Result<Self> {
        let (orders, waiting) = sync_channel(WAITING);
        let bytes = Arc::new(AtomicUsize::new(0));
        let (lost, written) = (dropped.clone(), bytes.clone());
        std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&waiting, &written, &lost))?;
        Ok(Self { orders, bytes, dropped })
    }

    /// Waits until what came before is written, but not for long.
    pub(super) fn flush(&self) {
        let (told, done) = channel();
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.orders.try_send(Order::Tell(told.clone())).is_ok() {
                let _ = done.recv_timeout(PATIENCE);
                return;
            }
            // The queue is full, which its reader may change.
            std::thread::sleep(PATIENCE / 50);
        }
    }
}

impl Write for Writer {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let before = self.bytes.fetch_add(lines.len(), Ordering::Relaxed);
        let finds_place = before + lines.len() <= BYTES && self.orders.try_send(Order::Write(lines.to_vec())).is_ok();
        if !finds_place {
            self.bytes.fetch_sub(lines.len(), Ordering::Relaxed);
            self.dropped.add(count(lines));
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(waiting: &Receiver<Order>, bytes: &AtomicUsize, dropped: &ProgramCounter) {
    let mut stderr = io::stderr();
    let mut cut = false;
    for order in waiting {
        match order {
            Order::Write(lines) => {
                // A line that was cut off must not run into the next one.
                let begun = if cut { stderr.write_all(b"\n") } else { Ok(()) };
                cut = begun.and_then(|()| stderr.write_all(&lines)).is_err();
                if cut {
                    dropped.add(count(&lines));
                }
                bytes.fetch_sub(lines.len(), Ordering::Relaxed);
            }
            Order::Tell(told) => _ = told.send(()),
        }
    }
}

fn count(lines: &[u8]) -> u64 {
    // What is after the last line feed is no line.
    lines.split(|byte| *byte == b'\n').skip(1).count() as u64
}
