//! Locks of which nobody's panic takes the use away from the others.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Also where somebody panicked while holding it: the others go on.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
