//! Collectors of others in the registry: those that panic, that hang, and that say what no scraper can read.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use futures::future::join_all;
use metrics_core::prometheus::core::Collector;
use metrics_core::prometheus::proto::{MetricFamily, MetricType};
use metrics_core::prometheus::{IntGauge, Registry, TextEncoder};
use metrics_core::{ExternalMetrics, HandlerConfig, HttpMetrics, MetricsHandler, RegisterError};

use crate::ask::{FORMATS, OPEN_METRICS, PROTOBUF, TEXT, ask, ask_over, get, scrape, serve};
use crate::exposed::Exposed;
use crate::subjects::{at, collector, counter, family, gauge, handler, histogram, labelled, targets, with_targets};

const TIMEOUT: &str = "X-Prometheus-Scrape-Timeout-Seconds";

fn theirs(name: &str) -> Vec<MetricFamily> {
    vec![family(name, MetricType::GAUGE, vec![gauge(1.0)])]
}

/// Whether a scrape has all of ours.
fn has_ours(exposed: &Exposed) -> bool {
    exposed.family("external_access_up").is_some_and(|family| family.samples.len() == 3)
        && exposed.family("external_access_body_bytes").is_some()
}

/// The crate keeps its collectors in a hash map, so in which order they come is another one in each registry.
#[actix_web::test]
async fn s7_a_panic_loses_those_of_others_for_that_scrape_and_none_of_ours() {
    for _ in 0..20 {
        let registry = Registry::new();
        let panics = Arc::new(AtomicBool::new(true));
        let register_others = |from: usize| {
            for number in from..from + 5 {
                let name = format!("theirs_{number}");
                registry.register(Box::new(IntGauge::new(&name, "theirs").unwrap())).unwrap();
                let (panics, name) = (panics.clone(), format!("panicking_{number}"));
                let of_name = name.clone();
                let families = move || {
                    if panics.load(Ordering::Relaxed) {
                        // Unwinds as a panic does, and prints nothing.
                        resume_unwind(Box::new("on purpose"));
                    }
                    theirs(&of_name)
                };
                registry.register(collector(&name, families)).unwrap();
            }
        };
        register_others(0);
        targets(&ExternalMetrics::register(&registry).unwrap(), 3, 1);
        let handler = handler(&registry);
        register_others(5);
        // A set finds those that are there without asking them.
        HttpMetrics::register(&registry).unwrap();
        assert!(matches!(HttpMetrics::register(&registry), Err(RegisterError::AlreadyRegistered { .. })));

        let others = |exposed: &Exposed| {
            let is_theirs = |name: &str| name.starts_with("theirs_") || name.starts_with("panicking_");
            exposed.families.iter().filter(|family| is_theirs(&family.name)).count()
        };
        for scrapes in 1..=2 {
            let exposed = ask(&handler, get("")).await.exposed();
            assert!(has_ours(&exposed) && exposed.family("http_requests_in_flight").is_some());
            assert_eq!((others(&exposed), exposed.errors("panic")), (0, f64::from(scrapes)));
        }
        panics.store(false, Ordering::Relaxed);
        let exposed = ask(&handler, get("")).await.exposed();
        assert!(has_ours(&exposed));
        assert_eq!((others(&exposed), exposed.errors("panic")), (20, 2.0));
    }
}

/// A collector that hangs until what comes with it is dropped, and how many are waiting for it.
fn hanging() -> (Box<dyn Collector>, mpsc::Sender<()>, Arc<AtomicUsize>) {
    let (open, gate) = mpsc::channel::<()>();
    let (gate, asked) = (Mutex::new(gate), Arc::new(AtomicUsize::new(0)));
    let count = asked.clone();
    let families = move || {
        count.fetch_add(1, Ordering::Relaxed);
        // An error: it is open.
        let _ = gate.lock().unwrap().recv();
        count.fetch_sub(1, Ordering::Relaxed);
        theirs("hanging")
    };
    (collector("hanging", families), open, asked)
}

/// By the time that the scraper gives, whatever the handler's own.
#[actix_web::test]
async fn s7_whoever_hangs_is_left_out_when_nine_tenths_of_the_time_are_over() {
    let registry = with_targets(3, 1, true);
    registry.register(Box::new(IntGauge::new("theirs", "theirs").unwrap())).unwrap();
    let handler = with_timeout(&registry, 3600);
    let (collector, open, asked) = hanging();
    registry.register(collector).unwrap();
    // More than are let wait for collectors, one after the other and all at once.
    for scrapes in 1..=3 {
        let exposed = ask(&handler, get("").insert_header((TIMEOUT, "0.1"))).await.exposed();
        assert!(has_ours(&exposed) && exposed.family("theirs").is_none());
        assert_eq!(exposed.errors("timeout"), f64::from(scrapes));
    }
    let at_once = FORMATS
        .iter()
        .cycle()
        .take(6)
        .map(|format| ask(&handler, get("").insert_header((TIMEOUT, "0.1")).insert_header(("accept", *format))));
    for answer in join_all(at_once).await {
        assert!(has_ours(&answer.exposed()));
    }
    assert!((1..=4).contains(&asked.load(Ordering::Relaxed)), "threads that may never come back: {asked:?}");
    drop(open);
    let exposed = ask(&handler, get("")).await.exposed();
    assert!(has_ours(&exposed) && exposed.family("theirs").is_some() && exposed.family("hanging").is_some());
    assert_eq!((exposed.errors("timeout"), exposed.errors("panic"), exposed.in_flight()), (9.0, 0.0, 1.0));
}

/// Of a scraper that gives no time it is the handler's. There is one thread to block, and the collector has it.
#[actix_web::test]
async fn s7_ours_need_no_thread_that_others_may_hold() {
    let registry = with_targets(3, 1, false);
    let server = serve(&with_timeout(&registry, 1), 1);
    let (collector, open, _) = hanging();
    registry.register(collector).unwrap();
    for _ in 0..2 {
        let exposed = ask_over(server.address, "GET /metrics HTTP/1.1", &[]).await.exposed();
        assert!(has_ours(&exposed) && exposed.family("hanging").is_none());
    }
    drop(open);
    let exposed = ask_over(server.address, "GET /metrics HTTP/1.1", &[(TIMEOUT, "600")]).await.exposed();
    assert!(exposed.family("hanging").is_some());
}

fn with_timeout(registry: &Registry, seconds: u64) -> MetricsHandler {
    let config = HandlerConfig { timeout: Duration::from_secs(seconds), ..HandlerConfig::default() };
    MetricsHandler::register_with(registry, &config).unwrap()
}

/// Whoever gathers the registry himself sees ours, which a scrape does not gather but reads; also while scrapes do so.
#[actix_web::test]
async fn a_gather_of_the_registry_shows_ours_also_beside_scrapes() {
    let registry = with_targets(3, 1, true);
    registry.register(Box::new(IntGauge::new("theirs", "theirs").unwrap())).unwrap();
    let handler = handler(&registry);
    let done = Arc::new(AtomicBool::new(false));
    let gathering = {
        let done = done.clone();
        thread::spawn(move || {
            for _ in 0..100 {
                let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
                for line in ["theirs 0", "external_access_up{target=\"https://0.example\"} 1"] {
                    assert_eq!(text.lines().filter(|found| *found == line).count(), 1, "{line}\n{text}");
                }
                assert!(text.contains("\nmetrics_handler_requests_in_flight "));
            }
            done.store(true, Ordering::Relaxed);
        })
    };
    while !done.load(Ordering::Relaxed) && !gathering.is_finished() {
        let exposed = ask(&handler, get("")).await.exposed();
        assert!(has_ours(&exposed) && exposed.family("theirs").is_some());
        assert_eq!([exposed.errors("duplicate"), exposed.errors("clash")], [0.0, 0.0], "ours were gathered");
    }
    gathering.join().unwrap();
}

/// Time in nanoseconds where it should be milliseconds is a mistake; a number that no scraper reads as one loses the scrape.
#[actix_web::test]
async fn s10_timestamps_of_any_size_are_whole_milliseconds() {
    let registry = with_targets(0, 1, true);
    let times = [1, 1_700_000_000_123_456_789, i64::MAX];
    let timed = move || {
        let families = times.iter().enumerate();
        families
            .map(|(n, time)| family(&format!("timed_{n}"), MetricType::GAUGE, vec![at(gauge(1.0), *time)]))
            .collect()
    };
    registry.register(collector("timed", timed)).unwrap();
    let handler = handler(&registry);
    for format in FORMATS {
        let exposed = scrape(&handler, format, "").await.exposed();
        let found = exposed.samples().filter(|sample| sample.name.starts_with("timed_"));
        let found: Vec<_> = found.map(|sample| sample.milliseconds.unwrap()).collect();
        for (found, time) in found.iter().zip(times) {
            // OpenMetrics has seconds, of which a number has sixteen digits.
            let near = found.abs_diff(time) as f64 <= time.unsigned_abs() as f64 / 1e15;
            assert!(found == &time || format == OPEN_METRICS && near, "{found} for {time} in {format}");
        }
        assert_eq!(found.len(), times.len());
    }
}

/// What Prometheus refuses, with the whole scrape, or drops without a word.
#[actix_web::test]
async fn s10_what_prometheus_cannot_read_is_left_out_and_what_it_can_is_not() {
    let registry = with_targets(1, 1, true);
    let gauges = |name, metrics| family(name, MetricType::GAUGE, metrics);
    let all = vec![
        gauges("before_1970", vec![at(gauge(1.0), -1), at(labelled(gauge(2.0), &[("a", "b")]), i64::MIN)]),
        // An empty label is none, so these are one series.
        gauges("empty_labels", [&[][..], &[("a", "")], &[("b", "")]].map(|labels| labelled(gauge(3.0), labels)).into()),
        // Without its suffix it would have no name.
        family("_total", MetricType::COUNTER, vec![counter(4.0)]),
    ];
    registry.register(collector("odd", move || all.clone())).unwrap();
    let handler = handler(&registry);
    for (scrapes, format) in [(1.0, TEXT), (2.0, OPEN_METRICS), (3.0, PROTOBUF)] {
        let exposed = scrape(&handler, format, "").await.exposed();
        let values = |name: &str| -> Vec<f64> {
            let named = exposed.samples().filter(|sample| sample.name == name);
            named.map(|sample| sample.value.f64()).collect()
        };
        assert_eq!((values("before_1970"), values("empty_labels"), values("_total")), (vec![], vec![3.0], vec![4.0]));
        assert_eq!((exposed.errors("illegal"), exposed.errors("duplicate")), (scrapes, scrapes), "{format}");
    }
}

/// A histogram may say what is none, such as counts that fall. It is exposed as said: who wrote it sees it.
#[actix_web::test]
async fn s10_histograms_that_are_none_harm_nobody() {
    let registry = with_targets(1, 1, true);
    let falls = histogram(&[(1.0, 5), (2.0, 3)], 1, 1.0);
    let inf_amid = histogram(&[(1.0, 1), (f64::INFINITY, 9), (2.0, 4)], 9, 1.0);
    let (falls, inf_amid) = (
        family("falls", MetricType::HISTOGRAM, vec![falls]),
        family("inf_amid", MetricType::HISTOGRAM, vec![inf_amid]),
    );
    registry.register(collector("odd", move || vec![falls.clone(), inf_amid.clone()])).unwrap();
    let handler = handler(&registry);
    for format in [TEXT, OPEN_METRICS] {
        let text = scrape(&handler, format, "?name[]=falls&name[]=inf_amid").await.text();
        for line in [
            "falls_bucket{le=\"1.0\"} 5",
            "falls_bucket{le=\"2.0\"} 3",
            "falls_bucket{le=\"+Inf\"} 1",
            "falls_count 1",
            "inf_amid_bucket{le=\"1.0\"} 1",
            "inf_amid_bucket{le=\"2.0\"} 4",
            "inf_amid_bucket{le=\"+Inf\"} 9",
            "inf_amid_count 9",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}

/// What two collectors call one name, and one of them another type, the registry itself makes one family of.
#[actix_web::test]
async fn s10_families_of_one_name_from_several_collectors_are_one() {
    let registry = with_targets(1, 1, false);
    for number in 0..3 {
        let families = move || {
            let metric = crate::subjects::labelled(counter(f64::from(number)), &[("of", &number.to_string())]);
            vec![family("shared_total", MetricType::COUNTER, vec![metric])]
        };
        registry.register(collector(&format!("number_{number}"), families)).unwrap();
    }
    let handler = handler(&registry);
    let exposed = ask(&handler, get("")).await.exposed();
    let values = exposed.family("shared_total").unwrap().samples.iter().map(|sample| sample.value.f64());
    assert_eq!(values.collect::<Vec<_>>(), [0.0, 1.0, 2.0]);
}

/// What is in the registry when a scrape begins is what it shows, whoever was registered when.
#[actix_web::test]
async fn what_is_registered_after_the_handler_is_scraped_too() {
    let registry = Registry::new();
    let handler = MetricsHandler::register(&registry).unwrap();
    assert!(ask(&handler, get("")).await.exposed().family("theirs").is_none());
    targets(&ExternalMetrics::register(&registry).unwrap(), 3, 1);
    let theirs = Box::new(IntGauge::new("theirs", "theirs").unwrap());
    registry.register(theirs.clone()).unwrap();
    let exposed = ask(&handler, get("")).await.exposed();
    assert!(has_ours(&exposed) && exposed.family("theirs").is_some());
    registry.unregister(theirs).unwrap();
    assert!(ask(&handler, get("")).await.exposed().family("theirs").is_none());
}
