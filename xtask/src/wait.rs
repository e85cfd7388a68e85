//! Bounded waiting: for a condition, never for a time, and never past Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGINT, SIGTERM};

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From here on SIGINT and SIGTERM are noted instead of killing us, so that the guards get to stop what was started.
pub(crate) fn catch_interrupts() -> Result<()> {
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&INTERRUPTED)).context("cannot catch signals")?;
    }
    Ok(())
}

pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Asks `probe` until it gives a value. A `probe` that fails ends the wait at once: it knows that waiting is in vain.
/// `last` says what was seen last, for the message when the time is over.
pub(crate) fn until<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut(&mut String) -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    let mut last = String::new();
    loop {
        if interrupted() {
            bail!("interrupted while waiting until {what}");
        }
        if let Some(value) = probe(&mut last)? {
            return Ok(value);
        }
        if start.elapsed() > limit {
            bail!("waited {} s in vain until {what}; last seen: {last}", limit.as_secs());
        }
        thread::sleep(Duration::from_millis(100));
    }
}
