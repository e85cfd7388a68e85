//! How many files the process may have open, sockets among them: as many as the system lets it.

use std::num::NonZeroUsize;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For scrapers, listeners, the log and whatever a run reads beside its socket.
const RESERVE: u64 = 256;

/// Below it nobody could be served.
const LEAST: u64 = 64;

/// What to do where there is too little of them.
pub(crate) const ENOUGH: &str = "allow it 64 open files (ulimit -n) and 64 threads (ulimit -u, pids_limit)";

/// The limit, raised to what may be had; `None` where there is none.
///
/// # Errors
/// It is too low.
pub(crate) fn open_files() -> anyhow::Result<Option<u64>> {
    let limit = raised();
    let enough = limit.is_none_or(|limit| limit >= LEAST);
    anyhow::ensure!(enough, "only {} files may be open; {ENOUGH}", said(limit));
    Ok(limit)
}

fn raised() -> Option<u64> {
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

/// As many of the `wanted` connections at a time as leave the runs their room.
pub(crate) fn connections(wanted: NonZeroUsize, open_files: Option<u64>) -> usize {
    part(wanted, open_files, 4, "connections").get()
}

/// As many of the `wanted` requests to /probe at a time as leave the targets their room: each has two sockets, that of the request
/// and that of the run.
pub(crate) fn probes(wanted: NonZeroUsize, open_files: Option<u64>) -> NonZeroUsize {
    part(wanted, open_files, 8, "requests to /probe")
}

/// As many of the `wanted` as the `nth` part of the limit has room for.
fn part(wanted: NonZeroUsize, open_files: Option<u64>, nth: u64, what: &str) -> NonZeroUsize {
    let most = open_files.and_then(|limit| usize::try_from(limit / nth).ok());
    let most = most.map_or(wanted, |most| wanted.min(NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN)));
    if let Some(limit) = open_files.filter(|_| most < wanted) {
        log::info!("at most {most} {what} at the same time, not {wanted}: {limit} files may be open (ulimit -n)");
    }
    most
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

    #[test]
    fn requests_to_probe_leave_room_for_the_targets() {
        let of_500 = |limit| probes(NonZeroUsize::new(500).unwrap(), limit).get();
        let limits = [None, Some(1 << 20), Some(4000), Some(1024), Some(64), Some(7), Some(0)];
        assert_eq!(limits.map(of_500), [500, 500, 500, 128, 8, 1, 1]);
    }
}
