//! What holds in any order of things.

use std::time::Duration;

use metrics_core::MissCause;
use proptest::prelude::*;
use tokio::time::{advance, sleep};

use super::{Fixture, ask, lock, since_begin, target};
use crate::schedule::phase;

/// What happens while a target is asked.
#[derive(Debug, Clone)]
enum Event {
    /// Time passes.
    Wait(Duration),
    /// Time passes, and nobody is polled: a suspend, or a machine that is too busy.
    Pause(Duration),
    /// All turns are taken by others.
    Busy(Duration),
}

fn event() -> impl Strategy<Value = Event> {
    let time = |most: u64| (0..most).prop_map(Duration::from_millis);
    prop_oneof![
        3 => time(30_000).prop_map(Event::Wait),
        1 => time(40_000).prop_map(Event::Pause),
        1 => time(20_000).prop_map(Event::Busy),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Under any sequence of durations, pauses and waits for a turn: each point of the grid is one run that starts at it or
    /// within the second after it, or one that is missed and counted.
    #[test]
    fn no_run_is_lost_or_doubled(
        interval in 100..20_000u64,
        first in 0..20_000u64,
        durations in prop::collection::vec(0..40_000u64, 0..10),
        events in prop::collection::vec(event(), 1..15),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (interval, first) = (Duration::from_millis(interval), Duration::from_millis(first));
            let fixture = Fixture::new(1);
            lock(&fixture.runs).durations = durations.into_iter().map(Duration::from_millis).collect();
            let watched = fixture.watch(target("a", interval, interval), first);
            let shared = fixture.shared.clone();
            let world = async {
                for event in events {
                    match event {
                        Event::Wait(time) => sleep(time).await,
                        Event::Pause(time) => advance(time).await,
                        Event::Busy(time) => {
                            let _turn = shared.turns.acquire().await.unwrap();
                            sleep(time).await;
                        }
                    }
                }
                // Until what is under way has ended and all that is over has been counted, and no longer.
                lock(&fixture.runs).durations = vec![Duration::ZERO];
                sleep(Duration::from_millis(1)).await;
                while lock(&fixture.runs).under_way > 0 {
                    sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::select! { biased; () = ask(watched) => {}, () = world => {} }
            let end = since_begin();
            let latest = interval.min(Duration::from_secs(1));
            let mut taken = Vec::new();
            for start in &lock(&fixture.runs).starts {
                // The clock of the test has milliseconds, as its timers have.
                let lag = (start.as_millis() - first.as_millis()) % interval.as_millis();
                prop_assert!(lag <= latest.as_millis() + 1, "started {lag} ms late, at {start:?}");
                taken.push((start.as_millis() - first.as_millis()) / interval.as_millis());
            }
            prop_assert!(taken.is_sorted_by(|a, b| a < b), "two runs for one point: {taken:?}");
            let due = end.checked_sub(first).map_or(0, |time| time.as_millis() / interval.as_millis() + 1);
            let missed = fixture.missed(MissCause::Overlap) + fixture.missed(MissCause::Late);
            let counted = taken.len() as u128 + u128::from(missed);
            // The points of the last second may still be waited for.
            let pending = latest.as_millis() / interval.as_millis() + 2;
            prop_assert!(counted <= due && counted + pending >= due, "{due} due, {counted} counted");
            Ok(())
        })?;
    }

    /// A target's first run is due within what a start may take times the targets, and within its interval.
    #[test]
    fn phases_are_within_their_window(name in ".*", interval in 1..100_000u64, targets in 0..1_000_000usize) {
        let interval = Duration::from_millis(interval);
        let phase = phase(&name, interval, targets);
        prop_assert!(phase < interval && phase.as_millis() <= 6 * targets as u128);
        prop_assert_eq!(phase, crate::schedule::phase(&name, interval, targets));
    }
}
