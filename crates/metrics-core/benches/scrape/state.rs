//! What is scraped: the external-access metrics of many targets, with what a day of runs leaves in them.

use std::time::{Duration, UNIX_EPOCH};

use metrics_core::prometheus::Registry;
use metrics_core::{ExternalMetrics, MissCause, Outcome, Phase, Reason};

/// Numbers of targets, each of about 120 series.
pub(crate) const TARGETS: [usize; 2] = [1_000, 10_000];

/// Per target: enough for several buckets of each histogram to differ.
const RUNS: u64 = 40;
const INTERVAL: Duration = Duration::from_secs(60);

/// The same numbers each time, so that processes can be compared.
pub(crate) fn registry(targets: usize) -> Registry {
    let registry = Registry::new();
    let external = ExternalMetrics::register(&registry).expect("a new registry has all names free");
    let mut random = Random(1);
    for number in 0..targets {
        let target = external.target(&format!("https://service-{number:05}.example.com/health"), INTERVAL);
        for run in 0..RUNS {
            target.record(&outcome(run, &mut random));
        }
        target.missed(MissCause::Late, random.below(3));
    }
    registry
}

/// One run in twenty fails, at the connection, before the response or by its status.
fn outcome(run: u64, random: &mut Random) -> Outcome {
    let (reason, reached, status) = match random.below(60) {
        0 => (Some(Reason::ConnectRefused), Phase::Connect, None),
        1 => (Some(Reason::ResponseTimeout), Phase::Processing, None),
        2 => (Some(Reason::Status), Phase::Transfer, Some(503)),
        _ => (None, Phase::Transfer, Some(200)),
    };
    let phases = std::array::from_fn(|phase| (phase <= reached as usize).then(|| random.duration()));
    let total: Duration = phases.iter().flatten().sum();
    Outcome {
        at: UNIX_EPOCH
            + Duration::from_secs(1_790_000_000)
            + INTERVAL * u32::try_from(run).unwrap_or(0)
            + random.duration(),
        total,
        head: status.and(total.checked_sub(phases[Phase::Transfer as usize].unwrap_or_default())),
        status,
        reason,
        phases,
        redirects: u32::from(random.below(10) == 0),
        body_bytes: status.map(|_| random.below(100_000)),
        tls: None,
    }
}

/// Knuth's linear congruential generator: repeatable, and no dependency.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// From 0.1 ms to 0.8 s, as many short as long ones.
    fn duration(&mut self) -> Duration {
        Duration::from_nanos(self.below(100_000) + 100_000) * (1 << self.below(13))
    }
}
