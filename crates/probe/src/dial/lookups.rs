//! Look-ups of names: on a few threads, for all runs of the process.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics_core::Reason;
use tokio::sync::oneshot::{Sender, channel};
use tokio::time::timeout_at;

use super::resolve::look_up;
use crate::failure::Failed;
use crate::lock::lock;

/// So many look-ups are under way at most. One that hangs cannot be ended, and counts until the system gives up on it.
const THREADS: usize = 32;

/// So many of them at most may be of suspect names.
const SUSPECTS: usize = THREADS / 2;

/// Suspect names that are remembered. It takes as many to be forgotten, which is no more than to be trusted once more.
const REMEMBERED: usize = 16_384;

/// An answer that took longer is none to wait for: a resolver that is silent is given up by the system after some seconds.
const SLOW: Duration = Duration::from_secs(2);

/// A thread without work ends.
const LINGERS: Duration = Duration::from_secs(10);

pub(super) type Found = Result<Vec<IpAddr>, Failed>;

/// Asks the system for the addresses of names.
///
/// - At most [`THREADS`] look-ups are under way, others wait for their turn, those of runs that have ended are left out.
/// - A name is looked up once at a time: runs that ask for it meanwhile get the same answer. None is kept for later ones.
/// - A name is suspect when a run has given up on its look-up, or the look-up was slow, until the next one is answered in time.
///   Suspect names hold at most [`SUSPECTS`] threads (but for look-ups that began when they were not suspect), so that names whose
///   servers are silent leave room for the others.
#[derive(Clone)]
pub(crate) struct Lookups(Arc<Pool>);

struct Pool {
    look_up: Box<dyn Fn(&str) -> Found + Send + Sync>,
    /// An answer that took longer makes a name suspect.
    slow: Duration,
    state: Mutex<State>,
    /// There is work for a thread that has none.
    work: Condvar,
}

#[derive(Default)]
struct State {
    /// Those under way, and those that wait for their turn.
    lookups: HashMap<String, Lookup>,
    /// Names that wait for their turn, by whether they are suspect.
    queues: [VecDeque<String>; 2],
    suspects: HashSet<String>,
    threads: usize,
    /// Of the threads, those without work.
    idle: usize,
    /// Look-ups under way of suspect names.
    suspects_under_way: usize,
}

#[derive(Default)]
struct Lookup {
    /// The runs that wait for it.
    runs: Vec<Sender<Found>>,
    /// When its turn came.
    began: Option<Instant>,
    /// It counts as one of a suspect name.
    suspect: bool,
}

impl Lookup {
    fn is_wanted(&self) -> bool {
        !self.runs.iter().all(Sender::is_closed)
    }
}

impl Lookups {
    /// `look_up` may take as long as it likes; longer than `slow` is slow.
    fn new(slow: Duration, look_up: impl Fn(&str) -> Found + Send + Sync + 'static) -> Self {
        Self(Arc::new(Pool { look_up: Box::new(look_up), slow, state: Mutex::default(), work: Condvar::new() }))
    }

    /// What is found for `name` by a look-up that ends after now.
    pub(super) async fn find(&self, name: &str, deadline: tokio::time::Instant) -> Found {
        let (run, answer) = channel();
        self.0.add(name, run)?;
        let answer = timeout_at(deadline, answer).await;
        match answer {
            Ok(answer) => answer.unwrap_or_else(|_| Err(Failed::new(Reason::Internal, "the look-up was lost"))),
            Err(_) => Err(self.0.give_up(name)),
        }
    }
}

impl Default for Lookups {
    fn default() -> Self {
        Self::new(SLOW, look_up)
    }
}

impl std::fmt::Debug for Lookups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lookups")
    }
}

impl Pool {
    fn add(self: &Arc<Self>, name: &str, run: Sender<Found>) -> Result<(), Failed> {
        let mut state = self.state();
        if let Some(lookup) = state.lookups.get_mut(name) {
            lookup.runs.retain(|run| !run.is_closed());
            lookup.runs.push(run);
            return Ok(());
        }
        let suspect = state.suspects.contains(name);
        state.lookups.insert(name.to_owned(), Lookup { runs: vec![run], suspect, began: None });
        state.queues[usize::from(suspect)].push_back(name.to_owned());
        if state.ready() <= state.idle {
            self.work.notify_one();
        } else if state.threads < THREADS {
            let pool = self.clone();
            let thread = std::thread::Builder::new().name("resolver".to_owned());
            if let Err(error) = thread.spawn(move || pool.serve()) {
                // One of the threads that there are will come by. Where there are none, nobody would.
                if state.threads == 0 {
                    *state = State::default();
                    return Err(Failed::new(Reason::Internal, format!("no thread for a look-up: {error}")));
                }
            } else {
                state.threads += 1;
            }
        }
        Ok(())
    }

    /// The deadline of a run has passed.
    fn give_up(&self, name: &str) -> Failed {
        let mut state = self.state();
        let had_its_turn = state.lookups.get(name).is_none_or(|lookup| lookup.began.is_some());
        if had_its_turn {
            state.slow(name);
        } else {
            state.leave_out(name);
        }
        let what = if had_its_turn { "answer for" } else { "thread free to look up" };
        Failed::new(Reason::DnsTimeout, format!("no {what} {name} in time"))
    }

    /// What a thread does.
    fn serve(&self) {
        while let Some(name) = self.next() {
            let panicked = |_| Err(Failed::new(Reason::Internal, format!("the look-up of {name} panicked")));
            let found = catch_unwind(AssertUnwindSafe(|| (self.look_up)(&name))).unwrap_or_else(panicked);
            let runs = self.state().end(name, self.slow);
            for run in runs {
                // A run that has ended meanwhile has no use for it.
                let _ = run.send(found.clone());
            }
        }
    }

    fn next(&self) -> Option<String> {
        let mut state = self.state();
        let mut waited = false;
        loop {
            if let Some(name) = state.begin() {
                return Some(name);
            }
            if waited {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            let woken = self.work.wait_timeout(state, LINGERS).unwrap_or_else(PoisonError::into_inner);
            waited = woken.1.timed_out();
            state = woken.0;
            state.idle -= 1;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// How many look-ups wait for nothing but a thread.
    fn ready(&self) -> usize {
        let [others, suspects] = &self.queues;
        others.len() + suspects.len().min(SUSPECTS.saturating_sub(self.suspects_under_way))
    }

    /// The next look-up for a thread. Those that nobody waits for any more are left out.
    fn begin(&mut self) -> Option<String> {
        loop {
            let [others, suspects] = &mut self.queues;
            let suspects = (self.suspects_under_way < SUSPECTS).then_some(suspects);
            let name = others.pop_front().or_else(|| suspects?.pop_front())?;
            if let Some(lookup) = self.lookups.get_mut(&name).filter(|lookup| lookup.is_wanted()) {
                lookup.began = Some(Instant::now());
                self.suspects_under_way += usize::from(lookup.suspect);
                return Some(name);
            }
            self.lookups.remove(&name);
        }
    }

    /// A run has given up on a look-up whose turn has not come.
    fn leave_out(&mut self, name: &str) {
        if let Some(lookup) = self.lookups.get(name).filter(|lookup| !lookup.is_wanted()) {
            self.queues[usize::from(lookup.suspect)].retain(|queued| queued != name);
            self.lookups.remove(name);
        }
    }

    /// A run has given up on a look-up that is under way.
    fn slow(&mut self, name: &str) {
        if let Some(lookup) = self.lookups.get_mut(name) {
            self.suspects_under_way += usize::from(!lookup.suspect);
            lookup.suspect = true;
            self.suspect(name.to_owned());
        }
    }

    /// The look-up has an answer, whatever it is. The runs that get it.
    fn end(&mut self, name: String, slow: Duration) -> Vec<Sender<Found>> {
        let Some(lookup) = self.lookups.remove(&name) else { return Vec::new() };
        self.suspects_under_way -= usize::from(lookup.suspect);
        if lookup.began.is_some_and(|began| began.elapsed() > slow) {
            self.suspect(name);
        } else {
            self.suspects.remove(&name);
        }
        lookup.runs
    }

    fn suspect(&mut self, name: String) {
        if self.suspects.len() >= REMEMBERED
            && let Some(any) = self.suspects.iter().next().cloned()
        {
            self.suspects.remove(&any);
        }
        self.suspects.insert(name);
    }
}
