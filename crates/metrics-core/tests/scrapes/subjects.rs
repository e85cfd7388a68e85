//! What is scraped: sets of metrics that have counted something, and collectors of others.

// The vecs of the prometheus crate are what other code in a registry has.
#![allow(clippy::disallowed_types)]

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use actix_web::body::to_bytes;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, HttpResponse, web};
use metrics_core::prometheus::core::{Collector, Desc};
use metrics_core::prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType, Quantile, Summary,
};
use metrics_core::prometheus::{CounterVec, GaugeVec, HistogramOpts, HistogramVec, IntCounter, Opts, Registry};
use metrics_core::{
    BuildInfo, Config, ExternalConfig, ExternalMetrics, HandlerConfig, HttpMetrics, MetricsHandler, MissCause, Outcome,
    Phase, ProcessMetrics, Reason, TargetConfig, TlsOutcome,
};

pub(crate) fn handler(registry: &Registry) -> MetricsHandler {
    MetricsHandler::register(registry).unwrap()
}

/// One that serves so many scrapes at a time, and whose own timeout comes too late for a test.
pub(crate) fn limited(registry: &Registry, max_requests: usize) -> MetricsHandler {
    let config = HandlerConfig { max_requests, timeout: Duration::from_secs(3600), ..HandlerConfig::default() };
    MetricsHandler::register_with(registry, &config).unwrap()
}

/// A run that succeeded.
pub(crate) fn outcome(total: Duration) -> Outcome {
    Outcome {
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        total,
        head: Some(total / 2),
        status: Some(200),
        reason: None,
        phases: [Some(total / 5); Phase::ALL.len()],
        redirects: 1,
        body_bytes: Some(1 << 20),
        tls: Some(TLS),
    }
}

/// Of a handshake that came to its end; an authority in the chain ends before the leaf.
pub(crate) const TLS: TlsOutcome = TlsOutcome {
    version: Some("TLS 1.3"),
    cipher: Some("TLS_AES_128_GCM_SHA256"),
    not_after: Some(1_800_000_000),
    chain_not_after: Some(1_790_000_000),
};

/// So many targets with names of this length or a little more, each of which has been asked.
pub(crate) fn targets(external: &ExternalMetrics, count: usize, length: usize) {
    for number in 0..count {
        let target = external.target(&format!("https://{number:0>length$}.example"), Duration::from_secs(60));
        target.record(&outcome(Duration::from_micros(1 + 977 * number as u64)));
    }
}

/// A registry with so many targets in it, and native histograms if so.
pub(crate) fn with_targets(count: usize, length: usize, native_histograms: bool) -> Registry {
    let registry = Registry::new();
    let external = ExternalMetrics::register_with(&registry, &ExternalConfig { native_histograms }).unwrap();
    targets(&external, count, length);
    registry
}

/// Requests of several ends and sizes, counted by `http`.
pub(crate) async fn requests(http: &HttpMetrics) {
    let body = |bytes: web::Path<usize>| async move { HttpResponse::Ok().body(vec![b'x'; *bytes]) };
    let app = App::new()
        .route("/bytes/{bytes}", web::get().to(body))
        .route("/odd/\"q\"\\{x}", web::get().to(|| async { "" }));
    let app = init_service(app.wrap(http.clone())).await;
    for path in ["/bytes/1", "/bytes/1000", "/bytes/100000", "/odd/%22q%22%5C1", "/nothing"] {
        let response = call_service(&app, TestRequest::get().uri(path).to_request()).await;
        to_bytes(response.into_body()).await.map_err(drop).unwrap();
    }
}

/// A registry with everything in it that a registry can have.
pub(crate) async fn everything() -> Registry {
    let registry = Registry::new();
    foreign(&registry);
    for (zone, native_histograms) in [("a", true), ("b", false)] {
        let const_labels = vec![("zone".to_owned(), zone.to_owned())];
        let config = Config { const_labels, native_histograms, ..Config::default() };
        requests(&HttpMetrics::register_with(&registry, &config).unwrap()).await;
    }
    ProcessMetrics::register(&registry).unwrap();
    BuildInfo::register(&registry, "test_build_info", "1.2.3", "0123abc", "1.89.0").unwrap();
    let external = ExternalMetrics::register_with(&registry, &ExternalConfig { native_histograms: true }).unwrap();
    let slow = TargetConfig {
        name: "slow".to_owned(),
        interval: Duration::from_secs(60),
        slow_after: Some(Duration::from_millis(1500)),
        labels: vec![("team".to_owned(), "a \"b\"".to_owned())],
        phases: true,
    };
    external.apply(&[slow]).unwrap()[0].record(&outcome(Duration::from_secs(2)));
    targets(&external, 30, 20);
    for odd in ["", "\"q\" \\ \n \r \t {le=\"1\"} # EOF", "日本語 \u{1f980}", " "] {
        let target = external.target(odd, Duration::from_millis(1500));
        target.missed(MissCause::Late, 3);
        target.record(&Outcome { reason: Some(Reason::BodyTimeout), body_bytes: None, ..outcome(Duration::ZERO) });
        target.record(&outcome(Duration::from_secs(1000)));
    }
    registry
}

/// What other code may have registered, mistakes included. Those have to be left out: [`ILLEGAL`] and [`DUPLICATES`] say
/// how many families lack something.
fn foreign(registry: &Registry) {
    let opts = |name: &str| Opts::new(name, "HELP with \"quotes\", a \\ and a\nline feed");
    let counters = CounterVec::new(opts("app_work_seconds_total"), &["kind"]).unwrap();
    counters.with_label_values(&["one"]).inc_by(0.1);
    counters.with_label_values(&["\"two\"\n\\"]).inc_by(1e300);
    let gauges = GaugeVec::new(opts("app_temperature_celsius"), &["place", "shelf"]).unwrap();
    for (place, value) in [("inf", f64::INFINITY), ("-inf", f64::NEG_INFINITY), ("nan", f64::NAN), ("tiny", 5e-324)] {
        gauges.with_label_values(&[place, "1"]).set(value);
        gauges.with_label_values(&[place, "2"]).set(-value);
    }
    let buckets = vec![-1.0, 0.0, 1e-9, 0.005, 1.0, 123_456.0, 1e6, 1e21];
    let opts = HistogramOpts::new("app_sizes_bytes", "of things").buckets(buckets).const_label("const", "1");
    let histograms = HistogramVec::new(opts, &["of"]).unwrap();
    for size in [-5.0, 0.0, 0.001, 1e5, 1e30] {
        histograms.with_label_values(&["a"]).observe(size);
    }
    histograms.with_label_values(&["b"]);
    for vec in [Box::new(counters) as Box<dyn Collector>, Box::new(gauges), Box::new(histograms)] {
        registry.register(vec).unwrap();
    }
    registry.register(Box::new(IntCounter::new("app_plain", "a counter without _total").unwrap())).unwrap();
    let le = |metric: Metric| labelled(metric, &[("le", "1")]);
    let odd = vec![
        family("app_summary", MetricType::SUMMARY, vec![summary(&[(0.5, 1.5), (0.99, f64::NAN)], u64::MAX, 2.5)]),
        family("app_summary_empty", MetricType::SUMMARY, vec![summary(&[], 0, 0.0)]),
        // Counts above 2^53, and buckets with and without one that says +Inf.
        family(
            "app_counts",
            MetricType::HISTOGRAM,
            vec![
                labelled(histogram(&[(1.0, (1 << 53) + 1), (2.0, u64::MAX - 1)], u64::MAX, 1.0), &[("inf", "unsaid")]),
                labelled(histogram(&[(1.0, 5), (f64::INFINITY, 9)], 9, 1.0), &[("inf", "said")]),
                labelled(histogram(&[], 7, 1.0), &[("inf", "alone")]),
            ],
        ),
        family(
            "app_timed",
            MetricType::GAUGE,
            vec![at(gauge(1.0), 1_700_000_000_123), labelled(at(gauge(2.0), 5), &[("x", "y")])],
        ),
        family("app_le", MetricType::GAUGE, vec![le(gauge(1.0))]),
        // What cannot be exposed, beside something that can.
        family("app_untyped", MetricType::UNTYPED, vec![gauge(1.0)]),
        family("1app", MetricType::GAUGE, vec![gauge(1.0)]),
        family("app-gauge", MetricType::GAUGE, vec![gauge(1.0)]),
        family(
            "app_histogram",
            MetricType::HISTOGRAM,
            vec![le(histogram(&[(1.0, 1)], 1, 1.0)), histogram(&[(1.0, 1)], 1, 1.0)],
        ),
        family("app_falling", MetricType::HISTOGRAM, vec![histogram(&[(2.0, 1), (1.0, 1)], 1, 1.0)]),
        family("app_no_number", MetricType::HISTOGRAM, vec![histogram(&[(f64::NAN, 1)], 1, 1.0)]),
        family("app_same", MetricType::SUMMARY, vec![summary(&[(0.5, 1.0), (0.5, 2.0)], 1, 1.0)]),
        family("app_name", MetricType::GAUGE, vec![labelled(gauge(1.0), &[("__name__", "other")]), gauge(2.0)]),
        family("app_label", MetricType::GAUGE, vec![labelled(gauge(1.0), &[("a", "1"), ("a", "2")]), gauge(2.0)]),
        family("app_colon", MetricType::GAUGE, vec![labelled(gauge(1.0), &[("a:b", "1")]), gauge(2.0)]),
        // Duplicates.
        family("app_twice", MetricType::GAUGE, vec![gauge(1.0), gauge(2.0)]),
        family(
            "app_turned",
            MetricType::GAUGE,
            vec![labelled(gauge(1.0), &[("a", "1"), ("b", "2")]), labelled(gauge(2.0), &[("b", "2"), ("a", "1")])],
        ),
        family(
            "external_access_primary",
            MetricType::GAUGE,
            vec![gauge(1.0), labelled(gauge(2.0), &[("team", "a \"b\""), ("target", "slow")])],
        ),
    ];
    registry.register(collector("app_odd", move || odd.clone())).unwrap();
    // As the registry allows it: the name, HELP and labels of ours, with other constant labels.
    let zone = HashMap::from([("zone".to_owned(), "theirs".to_owned())]);
    let help = "Number of HTTP requests being processed".to_owned();
    let theirs = Desc::new("http_requests_in_flight".to_owned(), help, vec![], zone).unwrap();
    let in_flight =
        family("http_requests_in_flight", MetricType::GAUGE, vec![labelled(gauge(7.0), &[("zone", "theirs")])]);
    registry.register(Box::new(Foreign { desc: theirs, families: move || vec![in_flight.clone()] })).unwrap();
}

/// Families of [`everything`] that lack all or some of their series because no scraper could read them.
pub(crate) const ILLEGAL: [&str; 10] = [
    "app_untyped",
    "1app",
    "app-gauge",
    "app_histogram",
    "app_falling",
    "app_no_number",
    "app_same",
    "app_name",
    "app_label",
    "app_colon",
];
/// Those that lack a series since it is there already.
pub(crate) const DUPLICATES: [&str; 3] = ["app_twice", "app_turned", "external_access_primary"];

/// A collector of others.
struct Foreign<F> {
    desc: Desc,
    families: F,
}

impl<F: Fn() -> Vec<MetricFamily> + Send + Sync> Collector for Foreign<F> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        (self.families)()
    }
}

/// A collector that is registered under `name` and answers whatever it likes.
pub(crate) fn collector(
    name: &str,
    families: impl Fn() -> Vec<MetricFamily> + Send + Sync + 'static,
) -> Box<dyn Collector> {
    let desc = Desc::new(name.to_owned(), "of others".to_owned(), vec![], HashMap::new()).unwrap();
    Box::new(Foreign { desc, families })
}

pub(crate) fn family(name: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help("of others".to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

pub(crate) fn gauge(value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    Metric::from_gauge(gauge)
}

pub(crate) fn counter(value: f64) -> Metric {
    let (mut metric, mut counter) = (Metric::default(), Counter::default());
    counter.set_value(value);
    metric.set_counter(counter);
    metric
}

/// By upper bounds, cumulated.
pub(crate) fn histogram(buckets: &[(f64, u64)], count: u64, sum: f64) -> Metric {
    let bucket = |(bound, count): &(f64, u64)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(*count);
        bucket
    };
    let (mut metric, mut histogram) = (Metric::default(), Histogram::default());
    histogram.set_bucket(buckets.iter().map(bucket).collect());
    histogram.set_sample_count(count);
    histogram.set_sample_sum(sum);
    metric.set_histogram(histogram);
    metric
}

pub(crate) fn summary(quantiles: &[(f64, f64)], count: u64, sum: f64) -> Metric {
    let quantile = |(of, value): &(f64, f64)| {
        let mut quantile = Quantile::default();
        quantile.set_quantile(*of);
        quantile.set_value(*value);
        quantile
    };
    let (mut metric, mut summary) = (Metric::default(), Summary::default());
    summary.set_quantile(quantiles.iter().map(quantile).collect());
    summary.set_sample_count(count);
    summary.set_sample_sum(sum);
    metric.set_summary(summary);
    metric
}

pub(crate) fn labelled(mut metric: Metric, labels: &[(&str, &str)]) -> Metric {
    let label = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    metric.set_label(labels.iter().map(label).collect());
    metric
}

pub(crate) fn at(mut metric: Metric, milliseconds: i64) -> Metric {
    metric.set_timestamp_ms(milliseconds);
    metric
}
