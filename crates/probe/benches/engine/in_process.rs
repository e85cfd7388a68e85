//! The engine in this process: how its healthy targets fare while others hang, and how much one thread can do.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_rt::time::sleep;
use metrics_core::prometheus::Registry;
use metrics_core::{ExternalMetrics, Outcome};
use probe::{Engine, EngineConfig, Env, History, HistoryConfig, Watched};

use crate::clock::cpu_time;
use crate::ledger::Ledger;
use crate::peer::Peer;
use crate::targets::{Size, targets};

/// After the list is another one, until those that hang are as many as ever, and those that did are through.
const SETTLED: f64 = 1.5;

/// Windows of one interval, alternately of all healthy and of some hanging: a shared machine drifts, and of each kind the
/// quieter window says more of the engine.
pub(crate) fn beside_hanging(peer: &Peer, size: &Size, pairs: usize) {
    let (engine, registry) = engine(EngineConfig::default());
    actix_rt::System::new().block_on(async {
        let apply = |hanging| engine.apply(targets(peer, size, hanging)).expect("names differ");
        apply(0);
        sleep(size.interval).await;
        println!("resident {} engine {}", size.targets, crate::resident::resident("self"));
        for _ in 0..pairs {
            for (case, hanging) in [("healthy", 0), ("hanging", size.hanging)] {
                apply(hanging);
                sleep(size.timeout.mul_f64(SETTLED)).await;
                window(&engine, &registry, size, case, hanging > 0).await;
            }
        }
        engine.stop();
    });
}

async fn window(engine: &Engine, registry: &Registry, size: &Size, case: &str, hanging: bool) {
    let before = Ledger::gather(registry);
    let (start, cpu) = (SystemTime::now(), cpu_time());
    sleep(size.interval).await;
    let cpu = cpu_time() - cpu;
    let seen = Ledger::gather(registry).since(&before);
    // The healthy ones are the same in both cases.
    let targets = engine.targets();
    let (always, others) = targets.split_at(size.targets - size.hanging);
    let outcomes = |targets: &[Arc<Watched>]| {
        let outcomes = targets.iter().filter_map(|target| Some(target.last()?.outcome.clone()));
        outcomes.filter(|outcome| outcome.at >= start).collect::<Vec<_>>()
    };
    let (healthy, others) = (outcomes(always), outcomes(others));
    // One that fails would be left out of what it makes slow.
    assert!(healthy.iter().all(|outcome| outcome.reason.is_none()), "{case}: a healthy one failed: {seen:?}");
    assert!(healthy.len() >= always.len() * 99 / 100, "{case}: {} of {} were asked", healthy.len(), always.len());
    let as_meant = |outcome: &Outcome| outcome.reason.is_some() == hanging;
    assert!(others.iter().all(as_meant), "{case}: the others did not do what they were meant to: {seen:?}");

    let mut totals: Vec<Duration> = healthy.iter().map(|outcome| outcome.total).collect();
    totals.sort();
    for (figure, value) in [
        ("p50", totals[totals.len() / 2].as_nanos() as f64),
        ("p99", totals[totals.len() * 99 / 100].as_nanos() as f64),
        ("cpu", 100.0 * cpu as f64 / size.interval.as_nanos() as f64),
        ("runs", seen.runs),
        ("missed", seen.missed),
        ("lag", seen.lag_p99()),
    ] {
        println!("{figure} {case} engine {value}");
    }
}

/// Runs a second of one thread that never waits for its next one.
pub(crate) fn throughput(peer: &Peer, count: usize, time: Duration) {
    let (engine, registry) = engine(EngineConfig { threads: 1, most_runs: 64 });
    let interval = Duration::from_millis(100);
    let size = Size { targets: count, hanging: 0, interval, timeout: Duration::from_secs(10) };
    actix_rt::System::new().block_on(async {
        engine.apply(targets(peer, &size, 0)).expect("names differ");
        sleep(time / 5).await;
        let before = Ledger::gather(&registry);
        sleep(time).await;
        let seen = Ledger::gather(&registry).since(&before);
        engine.stop();
        assert!(seen.runs > 0.0 && seen.failed == 0.0, "{seen:?}");
        println!("throughput {count} engine {:.0}", seen.runs / time.as_secs_f64());
    });
}

fn engine(config: EngineConfig) -> (Engine, Registry) {
    let registry = Registry::new();
    let metrics = ExternalMetrics::register(&registry).expect("a new registry has all names free");
    (Engine::new(config, Env::default(), metrics, History::in_memory(HistoryConfig::default()).into()), registry)
}
