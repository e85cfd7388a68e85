//! OpenMetrics, the names that clash in it, and that all formats say the same of everything.

use metrics_core::prometheus::Registry;
use metrics_core::prometheus::proto::{MetricFamily, MetricType};
use metrics_core::{ExternalConfig, ExternalMetrics};

use crate::ask::{FORMATS, OPEN_METRICS, PROTOBUF, TEXT, scrape};
use crate::exposed::{Exposed, Number};
use crate::subjects::{
    DUPLICATES, ILLEGAL, collector, counter, everything, family, gauge, handler, histogram, labelled, summary, targets,
    with_targets,
};

#[actix_web::test]
async fn s3_open_metrics_is_as_its_specification_has_it() {
    let handler = handler(&everything().await);
    let text = scrape(&handler, OPEN_METRICS, "").await.text();
    assert!(text.ends_with("\n# EOF\n"));
    assert_eq!(text.lines().filter(|line| line.starts_with("# EOF")).count(), 1);
    for line in [
        "# TYPE external_access_runs counter",
        "# TYPE http_metrics_overflow counter",
        "# TYPE app_work_seconds counter",
        // A counter that is not named as one.
        "# TYPE app_plain unknown",
        "app_plain 0",
        "# TYPE app_summary summary",
        "# TYPE app_counts histogram",
        "# HELP app_work_seconds HELP with \\\"quotes\\\", a \\\\ and a\\nline feed",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}");
    }
    let units: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# UNIT ")).collect();
    let units: Vec<&str> = units.into_iter().filter(|unit| !unit.starts_with("process_")).collect();
    assert_eq!(
        units,
        [
            "app_sizes_bytes bytes",
            "app_temperature_celsius celsius",
            "app_work_seconds seconds",
            "external_access_body_bytes bytes",
            "external_access_duration_seconds seconds",
            "external_access_interval_seconds seconds",
            "external_access_last_run_timestamp_seconds seconds",
            "external_access_last_success_timestamp_seconds seconds",
            "external_access_phase_duration_seconds seconds",
            "external_access_run_duration_seconds seconds",
            "external_access_slow_after_seconds seconds",
            "external_access_start_lag_seconds seconds",
            "external_access_tls_chain_not_after_timestamp_seconds seconds",
            "external_access_tls_not_after_timestamp_seconds seconds",
            "http_request_duration_seconds seconds",
            "http_request_size_bytes bytes",
            "http_response_size_bytes bytes",
            "http_response_time_seconds seconds",
        ]
    );
    let plain = scrape(&handler, TEXT, "").await.text();
    for line in ["# TYPE external_access_runs_total counter", "# TYPE app_plain counter"] {
        assert!(plain.lines().any(|found| found == line), "{line}");
    }
    assert!(!plain.contains("# UNIT") && !plain.lines().any(|line| line == "# EOF"));
    assert!(plain.contains("# HELP app_work_seconds_total HELP with \"quotes\", a \\\\ and a\\nline feed\n"));
}

/// Spelled otherwise, it would be another series. The spelling itself has a test beside its source.
#[actix_web::test]
async fn s3_bounds_are_spelled_alike_in_text_and_open_metrics() {
    let handler = handler(&everything().await);
    for format in [TEXT, OPEN_METRICS] {
        let exposed = scrape(&handler, format, "").await.exposed();
        let bounds = |name: &str, bound: &str| -> Vec<String> {
            let samples = exposed.family(name).unwrap().samples.iter();
            let first = samples.take_while(|sample| sample.labels.contains_key(bound));
            first.map(|sample| sample.label(bound).to_owned()).collect()
        };
        let sizes = ["-1.0", "0.0", "1e-09", "0.005", "1.0", "123456.0", "1e+06", "1e+21", "+Inf"];
        assert_eq!(bounds("app_sizes_bytes", "le"), sizes);
        assert_eq!(bounds("app_summary", "quantile"), ["0.5", "0.99"]);
        let durations = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf"];
        assert_eq!(bounds("external_access_run_duration_seconds", "le"), durations);
    }
}

/// Families of these names, and which of them is left out, if one is, in the text format and in OpenMetrics. In protobuf it
/// is as in the text format, which is what a scraper makes of it.
fn clashes() -> Vec<([MetricFamily; 2], Option<&'static str>, Option<&'static str>)> {
    let a_gauge = |name| family(name, MetricType::GAUGE, vec![gauge(1.0)]);
    let a_counter = |name| family(name, MetricType::COUNTER, vec![counter(1.0)]);
    let a_histogram = |name| family(name, MetricType::HISTOGRAM, vec![histogram(&[(1.0, 1)], 1, 1.0)]);
    let a_summary = |name| family(name, MetricType::SUMMARY, vec![summary(&[(0.5, 1.0)], 1, 1.0)]);
    let mut clashes = vec![
        ([a_gauge("foo"), a_counter("foo_total")], None, Some("foo_total")),
        ([a_counter("foo"), a_counter("foo_total")], None, Some("foo_total")),
        ([a_histogram("foo"), a_counter("foo_total")], None, Some("foo_total")),
        ([a_gauge("foo_created"), a_counter("foo_total")], None, Some("foo_total")),
        ([a_histogram("foo"), a_gauge("foo_created")], None, Some("foo_created")),
        ([a_summary("foo"), a_gauge("foo_created")], None, Some("foo_created")),
        ([a_summary("foo"), a_gauge("foo_bucket")], None, None),
        ([a_gauge("foo"), a_gauge("foo_created")], None, None),
        ([a_gauge("foo"), a_gauge("foo_count")], None, None),
        ([a_counter("foo_total"), a_gauge("foo_total_created")], None, None),
    ];
    for (first, suffixes) in [
        (a_histogram("foo"), &["foo_bucket", "foo_sum", "foo_count"][..]),
        (a_summary("foo"), &["foo_sum", "foo_count"]),
    ] {
        for &suffix in suffixes {
            clashes.push(([first.clone(), a_gauge(suffix)], Some(suffix), Some(suffix)));
            clashes.push(([first.clone(), a_counter(suffix)], Some(suffix), Some(suffix)));
        }
    }
    clashes
}

#[actix_web::test]
async fn s3_of_two_metrics_that_clash_the_later_is_left_out_and_counted() {
    for (families, of_text, of_open_metrics) in clashes() {
        let names = families.each_ref().map(|family| family.name().to_owned());
        let registry = with_targets(0, 1, true);
        registry.register(collector("others", move || families.to_vec())).unwrap();
        let handler = handler(&registry);
        let mut clashed = 0.0;
        for (format, left_out) in [(TEXT, of_text), (OPEN_METRICS, of_open_metrics), (PROTOBUF, of_text)] {
            let exposed = scrape(&handler, format, "").await.exposed();
            for name in &names {
                let there = exposed.family(name).is_some();
                assert_eq!(there, left_out != Some(name), "{name} of {names:?} in {format}");
            }
            clashed += f64::from(left_out.is_some());
            assert_eq!(exposed.errors("clash"), clashed, "{names:?} in {format}");
        }
    }
}

/// Whoever was there first, and whatever comes first by name.
#[actix_web::test]
async fn s3_ours_is_never_left_out_for_that_of_others() {
    let a_gauge = |name| family(name, MetricType::GAUGE, vec![gauge(1.0)]);
    let theirs_in_open_metrics = vec![
        a_gauge("external_access_runs"),
        a_gauge("external_access_failures_created"),
        family("external_access_up_total", MetricType::COUNTER, vec![counter(1.0)]),
    ];
    let theirs = vec![
        a_gauge("external_access_run_duration_seconds_count"),
        a_gauge("external_access_run_duration_seconds_bucket"),
        // Of the same name and another type.
        family("external_access_redirects", MetricType::COUNTER, vec![labelled(counter(1.0), &[("target", "theirs")])]),
    ];
    let alone = handler(&with_targets(2, 1, true));
    for others_first in [true, false] {
        let all = [theirs_in_open_metrics.clone(), theirs.clone()].concat();
        let registry = Registry::new();
        let mut others = Some(collector("others", move || all.clone()));
        if others_first {
            registry.register(others.take().unwrap()).unwrap();
        }
        let config = ExternalConfig { native_histograms: true };
        targets(&ExternalMetrics::register_with(&registry, &config).unwrap(), 2, 1);
        if let Some(others) = others {
            registry.register(others).unwrap();
        }
        let handler = handler(&registry);
        let mut clashed = 0.0;
        for (format, clashes) in [(TEXT, 3.0), (OPEN_METRICS, 6.0), (PROTOBUF, 3.0)] {
            let exposed = scrape(&handler, format, "").await.exposed();
            clashed += clashes;
            assert_eq!(exposed.errors("clash"), clashed, "{format}");
            let mut exposed = exposed.at_rest();
            let is_theirs = |name: &str| theirs_in_open_metrics.iter().any(|family| family.name() == name);
            exposed.families.retain(|family| format == OPEN_METRICS || !is_theirs(&family.name));
            exposed.assert_same(&scrape(&alone, format, "").await.exposed().at_rest());
        }
    }
}

/// Everything, in all formats, twice: the same series with the same numbers in the same order.
#[actix_web::test]
async fn s10_all_formats_say_the_same_of_everything_each_time() {
    let handler = handler(&everything().await);
    let mut scrapes: Vec<Vec<Exposed>> = vec![];
    for _ in 0..2 {
        let mut formats = vec![];
        for format in FORMATS {
            formats.push(scrape(&handler, format, "").await.exposed());
        }
        scrapes.push(formats);
    }
    let names = |exposed: &Exposed| -> Vec<String> { exposed.families.iter().map(|f| f.name.clone()).collect() };
    for exposed in scrapes.iter().flatten() {
        assert_eq!(names(exposed), names(&scrapes[0][0]), "those too whose numbers change");
    }
    let [first, second] = scrapes.try_into().unwrap();
    let last = second[2].clone();
    let at_rest = |scrapes: Vec<Exposed>| scrapes.into_iter().map(Exposed::at_rest).collect::<Vec<_>>();
    let (first, second) = (at_rest(first), at_rest(second));
    first.iter().zip(&second).for_each(|(first, second)| first.assert_same(second));
    let [text, open_metrics, protobuf] = first.try_into().unwrap();
    assert!(text.samples().count() > 1500);
    open_metrics.clone().with_plain_bounds().assert_same(&protobuf);
    open_metrics.without_units().assert_same(&text);

    for name in ["app_timed", "http_requests_total", "external_access_up", "test_build_info"] {
        assert!(text.family(name).is_some(), "{name}");
    }
    for (cause, families) in [("illegal", ILLEGAL.len()), ("duplicate", DUPLICATES.len()), ("clash", 0), ("panic", 0)] {
        assert_eq!(last.errors(cause), (6 * families) as f64, "{cause}");
    }
}

#[actix_web::test]
async fn s10_what_others_say_is_exposed_as_they_say_it() {
    let handler = handler(&everything().await);
    for format in FORMATS {
        let exposed = scrape(&handler, format, "").await.exposed();
        let one = |name: &str, labels: &[(&str, &str)]| exposed.value(name, labels).unwrap();
        // Left out whole, or but for what can be exposed.
        for (family, series) in ILLEGAL.iter().zip([0, 0, 0, 4, 0, 0, 0, 1, 1, 1]) {
            assert_eq!(exposed.family(family).map_or(0, |family| family.samples.len()), series, "{family}");
        }
        assert_eq!(one("app_name", &[]), 2.0);
        // The first of two.
        assert_eq!(exposed.family("app_twice").unwrap().samples.len(), 1);
        assert_eq!(exposed.family("app_turned").unwrap().samples.len(), 1);
        let primary = exposed.family("external_access_primary").unwrap();
        assert_eq!(primary.samples.iter().map(|sample| sample.value.f64()).collect::<Vec<_>>(), [1.0, 1.0]);
        // Ours, then theirs.
        let in_flight = exposed.family("http_requests_in_flight").unwrap().samples.iter();
        let in_flight: Vec<_> = in_flight.map(|sample| (sample.label("zone"), sample.value.f64())).collect();
        assert_eq!(in_flight, [("a", 0.0), ("b", 0.0), ("theirs", 7.0)]);

        let temperature = |place, shelf| one("app_temperature_celsius", &[("place", place), ("shelf", shelf)]);
        assert_eq!([temperature("inf", "1"), temperature("inf", "2")], [f64::INFINITY, f64::NEG_INFINITY]);
        assert!(temperature("nan", "1").is_nan());
        assert_eq!(temperature("tiny", "2"), -5e-324);
        assert_eq!(one("app_work_seconds_total", &[("kind", "\"two\"\n\\")]), 1e300);
        assert_eq!(one("app_le", &[("le", "1")]), 1.0);
        assert_eq!(exposed.family("app_summary_empty").unwrap().samples.len(), 2);

        let exact = |family: &str, at: usize| exposed.family(family).unwrap().samples[at].value;
        assert_eq!(exact("app_counts", 0), Number::Whole(7), "without buckets, +Inf alone");
        let said = [5, 9].map(Number::Whole);
        assert_eq!([exact("app_counts", 3), exact("app_counts", 4)], said);
        let unsaid = [(1 << 53) + 1, i128::from(u64::MAX) - 1, i128::from(u64::MAX)].map(Number::Whole);
        assert_eq!([7, 8, 9].map(|at| exact("app_counts", at)), unsaid);
        assert_eq!(exact("app_summary", 3), Number::Whole(u64::MAX.into()));

        let times = exposed.family("app_timed").unwrap().samples.iter().map(|sample| sample.milliseconds);
        assert_eq!(times.collect::<Vec<_>>(), [Some(1_700_000_000_123), Some(5)]);
        assert_eq!(exposed.samples().filter(|sample| sample.milliseconds.is_some()).count(), 2);
    }
}
