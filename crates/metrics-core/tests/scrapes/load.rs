//! Scrapes while others record.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use actix_rt::System;
use metrics_core::prometheus::Registry;
use metrics_core::{Config, ExternalConfig, ExternalMetrics, HttpMetrics};

use crate::ask::{FORMATS, scrape};
use crate::exposed::Exposed;
use crate::kit::Labels;
use crate::subjects::{handler, outcome, requests};

type Counts = HashMap<(String, Labels), f64>;

/// All that must not fall. Of one format: another one may have counted an observation that is just being recorded.
fn counts(exposed: Exposed) -> Counts {
    let counted = exposed.families.into_iter().filter(|family| family.kind != "gauge");
    let samples = counted.flat_map(|family| family.samples);
    samples.map(|sample| ((sample.name, sample.labels), sample.value.f64())).collect()
}

/// That each scrape is whole in itself (`+Inf` is `_count`, buckets are cumulative, and a native histogram has as many
/// observations as its buckets) is checked as it is read.
#[actix_web::test]
async fn v11_a_scrape_is_whole_and_never_behind_the_one_before() {
    const ROUNDS: u32 = 500;
    const THREADS: u32 = 3;
    let registry = Registry::new();
    let config = Config { native_histograms: true, ..Config::default() };
    let http = HttpMetrics::register_with(&registry, &config).unwrap();
    let external = ExternalMetrics::register_with(&registry, &ExternalConfig { native_histograms: true }).unwrap();
    let handler = handler(&registry);
    let recorders: Vec<_> = (0..THREADS)
        .map(|_| {
            let (http, external) = (http.clone(), external.clone());
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    // Each round is by a worker of its own, which ends with it.
                    System::new().block_on(requests(&http));
                    let target = external.target(&(round / 10).to_string(), Duration::from_secs(1));
                    (0..50).for_each(|n| target.record(&outcome(Duration::from_micros(1 << (n % 26)))));
                }
            })
        })
        .collect();
    let (mut before, mut scrapes) = (FORMATS.map(|_| Counts::new()), 0);
    loop {
        let last = recorders.iter().all(thread::JoinHandle::is_finished);
        for (format, before) in FORMATS.into_iter().zip(&mut before) {
            let now = counts(scrape(&handler, format, "").await.exposed());
            for (series, value) in std::mem::take(before) {
                let found = now.get(&series);
                assert!(found >= Some(&value), "V11: {series:?} fell from {value} to {found:?} in {format}");
            }
            *before = now;
        }
        scrapes += 1;
        if last {
            break;
        }
    }
    assert!(scrapes > 3, "{scrapes}");
    for recorder in recorders {
        recorder.join().unwrap();
    }
    let rounds = f64::from(ROUNDS * THREADS);
    for counts in before {
        let sum = |name: &str| counts.iter().filter(|((of, _), _)| of == name).map(|(_, value)| value).sum::<f64>();
        for name in ["http_requests_total", "http_responses_total", "http_request_duration_seconds_count"] {
            assert_eq!(sum(name), 5.0 * rounds, "{name}");
        }
        for name in ["external_access_runs_total", "external_access_run_duration_seconds_count"] {
            assert_eq!(sum(name), 50.0 * rounds, "{name}");
        }
    }
}
