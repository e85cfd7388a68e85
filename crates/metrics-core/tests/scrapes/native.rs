//! Native histograms, and how the protobuf format is split into messages.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics_core::prometheus::Registry;
use metrics_core::{Config, ExternalConfig, ExternalMetrics, HttpMetrics};

use crate::ask::{PROTOBUF, scrape};
use crate::protobuf::{exposed, histograms, messages};
use crate::subjects::{handler, outcome, requests, with_targets};

const NATIVE: &str = "external_access_run_duration_seconds";

/// The number of the bucket of a duration, by the definition of schema 3: bucket i is (2^((i-1)/8), 2^(i/8)] seconds. None
/// for what counts as 0; above 64 s it is the one that begins where finite numbers end.
#[allow(clippy::cast_possible_truncation)] // from -160 to 48
fn bucket(nanoseconds: u64) -> Option<i32> {
    let seconds = nanoseconds as f64 / 1e9;
    match (seconds.log2() * 8.0).ceil() as i32 {
        ..=-160 => None,
        index @ ..=48 => Some(index),
        _ => Some(1024 * 8 + 1),
    }
}

#[actix_web::test]
async fn native_buckets_are_those_that_were_recorded() {
    let registry = Registry::new();
    let external = ExternalMetrics::register_with(&registry, &ExternalConfig { native_histograms: true }).unwrap();
    let target = external.target("a", Duration::from_secs(1));
    let handler = handler(&registry);
    let mut expected: BTreeMap<Option<i32>, i64> = BTreeMap::new();
    // Nothing; then what is too small, what is too large, neighbours, gaps, and counts that rise and fall from one bucket
    // to the next.
    let neighbours = (0..40u64).map(|n| (1_000_000 + n * 20_000, 1 + n % 7));
    let doublings = (0..17u64).map(|n| (1_000 << n, n + 1));
    let ends = [(0, 3), (1, 1), (953, 2), (954, 1), (1_000_000_000, 2), (1_000_000_001, 5), (64_000_000_000, 1)];
    let above = [(64_000_000_001, 4), (1 << 60, 1)];
    let (mut count, mut sum) = (0, 0u128);
    for (nanoseconds, times) in [(0, 0)].into_iter().chain(neighbours).chain(doublings).chain(ends).chain(above) {
        for _ in 0..times {
            target.record(&outcome(Duration::from_nanos(nanoseconds)));
            *expected.entry(bucket(nanoseconds)).or_default() += 1;
        }
        (count, sum) = (count + times, sum + u128::from(nanoseconds * times));
        let body = scrape(&handler, PROTOBUF, &format!("?name[]={NATIVE}")).await.plain();
        let messages = messages(&body);
        let (_, histogram) = histograms(&messages, NATIVE).next().unwrap();
        assert!(histogram.is_native());
        let zeros = expected.get(&None).copied().unwrap_or_default();
        let native = histogram.native().into_iter().map(|(index, count)| (Some(index), count));
        let mut found: BTreeMap<_, _> = native.collect();
        found.extend((zeros > 0).then_some((None, histogram.zeros().cast_signed())));
        assert_eq!(found, expected);
        assert_eq!((histogram.zeros().cast_signed(), histogram.count()), (zeros, count));
        // The classic buckets are there too.
        let exposed = exposed(&messages);
        assert_eq!(exposed.family(NATIVE).unwrap().samples.len(), 14);
        assert_eq!(exposed.value(&format!("{NATIVE}_sum"), &[("target", "a")]), Some(sum as f64 / 1e9));
    }
}

/// Of histograms those alone that are configured to be.
#[actix_web::test]
async fn native_histograms_are_where_they_are_configured() {
    let of_requests = |zone: &str, native_histograms| {
        let const_labels = vec![("zone".to_owned(), zone.to_owned())];
        Config { const_labels, native_histograms, ..Config::default() }
    };
    let registry = with_targets(2, 1, false);
    for (zone, native) in [("a", true), ("b", false)] {
        requests(&HttpMetrics::register_with(&registry, &of_requests(zone, native)).unwrap()).await;
    }
    let handler = handler(&registry);
    let messages = messages(&scrape(&handler, PROTOBUF, "").await.plain());
    let durations: Vec<_> = histograms(&messages, "http_request_duration_seconds").collect();
    assert_eq!(durations.len(), 2 * 3);
    for (labels, histogram) in durations {
        assert_eq!(histogram.is_native(), labels["zone"] == "a");
        let requests = if labels["path"].starts_with("/bytes") { 3 } else { 1 };
        assert_eq!(histogram.count(), requests, "{labels:?}");
    }
    for name in ["http_request_size_bytes", NATIVE, "external_access_phase_duration_seconds"] {
        assert!(histograms(&messages, name).all(|(_, histogram)| !histogram.is_native()), "{name}");
    }
}

/// Scrapers take the parts of a family together; that the parts agree is checked as they are read.
#[actix_web::test]
async fn a_family_is_split_into_messages_of_64_kib() {
    const FULL: usize = 64 * 1024;
    for (targets, length) in [(300, 30), (10, 3000)] {
        let handler = handler(&with_targets(targets, length, true));
        let body = scrape(&handler, PROTOBUF, "").await.plain();
        let messages = messages(&body);
        assert!(messages.iter().all(|(length, _)| *length <= FULL));
        let exposed = exposed(&messages);
        assert_eq!(exposed.family(NATIVE).unwrap().samples.len(), targets * 14);
        // And into no more than there have to be: twice for each 64 KiB, since a message ends with its piece too.
        let most = exposed.families.len() + 2 * (body.len() / FULL + 1);
        assert!((exposed.families.len() + 2..=most).contains(&messages.len()), "{} of {most}", messages.len());
    }
}
