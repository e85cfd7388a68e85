//! How many files the process may have open, sockets among them: as many as the system lets it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For scrapers, listeners, the log and whatever a run reads beside its socket.
const RESERVE: u64 = 256;

/// Raises the limit to what may be had, and says what it is; `None` where there is none.
pub(crate) fn raise_open_files() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => {
            log::debug!("open files: at most {} instead of {}", said(maximum), said(current));
            maximum
        }
        Err(error) => {
            log::warn!("open files: the limit stays {} instead of {}: {error}", said(current), said(maximum));
            current
        }
    }
}

/// As many of the `wanted` runs at a time as the limit has room for, each having a socket.
pub(crate) fn runs(wanted: usize, open_files: Option<u64>) -> usize {
    let Some(limit) = open_files else { return wanted };
    let room = limit - RESERVE.min(limit / 2);
    let runs = usize::try_from(room).map_or(wanted, |room| room.min(wanted)).max(1);
    if runs < wanted {
        log::info!("at most {runs} probes at the same time, not {wanted}: {limit} files may be open (ulimit -n)");
    }
    runs
}

fn said(limit: Option<u64>) -> String {
    limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_leave_room_for_the_web_server() {
        for (limit, runs_of_4096) in [(None, 4096), (Some(1 << 20), 4096), (Some(4352), 4096), (Some(1024), 768)] {
            assert_eq!(runs(4096, limit), runs_of_4096, "{limit:?}");
        }
        assert_eq!((runs(4096, Some(64)), runs(4096, Some(1)), runs(4096, Some(0))), (32, 1, 1));
        assert_eq!(runs(5, Some(64)), 5);
    }
}
