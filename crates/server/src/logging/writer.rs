//! Writes lines to standard error on a thread of its own: who serves waits for no reader.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::time::Duration;

use metrics_core::ProgramCounter;

/// Lines that wait for the reader.
const WAITING: usize = 4096;
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
    dropped: ProgramCounter,
}

impl Writer {
    /// # Errors
    /// The system has no thread.
    pub(super) fn start(dropped: ProgramCounter) -> io::Result<Self> {
        let (orders, waiting) = sync_channel(WAITING);
        let lost = dropped.clone();
        std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&waiting, &lost))?;
        Ok(Self { orders, dropped })
    }

    pub(super) fn flush(&self) {
        let (told, done) = channel();
        if self.orders.try_send(Order::Tell(told)).is_ok() {
            let _ = done.recv_timeout(PATIENCE);
        }
    }
}

impl Write for Writer {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.orders.try_send(Order::Write(lines.to_vec())) {
            self.dropped.add(count(lines));
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(waiting: &Receiver<Order>, dropped: &ProgramCounter) {
    let mut stderr = io::stderr();
    for order in waiting {
        match order {
            Order::Write(lines) => {
                if stderr.write_all(&lines).is_err() {
                    dropped.add(count(&lines));
                }
            }
            Order::Tell(told) => _ = told.send(()),
        }
    }
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}
