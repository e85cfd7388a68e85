//! What becomes of the series of targets when others are applied, and what is of a target's configuration.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use metrics_core::prometheus::Registry;
use metrics_core::{
    ExternalConfig, ExternalMetrics, MetricsHandler, MissCause, Outcome, Phase, Reason, TargetConfig, TargetError,
};

use crate::ask::{FORMATS, TEXT, scrape};
use crate::exposed::Exposed;
use crate::subjects::{handler, outcome};

const MINUTE: Duration = Duration::from_secs(60);

fn setup() -> (ExternalMetrics, MetricsHandler) {
    setup_in(&Registry::new())
}

/// In every format: protobuf is there for native histograms alone.
fn setup_in(registry: &Registry) -> (ExternalMetrics, MetricsHandler) {
    let config = ExternalConfig { native_histograms: true };
    (ExternalMetrics::register_with(registry, &config).unwrap(), handler(registry))
}

fn config(name: &str) -> TargetConfig {
    TargetConfig { name: name.to_owned(), interval: MINUTE, slow_after: None, labels: vec![], phases: true }
}

fn labelled(name: &str, labels: &[(&str, &str)]) -> TargetConfig {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    TargetConfig { labels, ..config(name) }
}

fn ok() -> Outcome {
    outcome(Duration::from_millis(30))
}

async fn text(handler: &MetricsHandler) -> Exposed {
    scrape(handler, TEXT, "").await.exposed()
}

/// The targets that have series in some family.
fn names(exposed: &Exposed) -> BTreeSet<String> {
    exposed.samples().filter_map(|sample| sample.labels.get("target").cloned()).collect()
}

/// Whatever else of it changes, and also of a run that had begun.
#[actix_web::test]
async fn who_keeps_its_name_keeps_its_counts() {
    let (external, handler) = setup();
    let before = external.apply(&["a", "b", "c"].map(config)).unwrap();
    before.iter().for_each(|target| target.record(&ok()));
    before[1].missed(MissCause::Late, 3);
    let changed =
        TargetConfig { interval: 2 * MINUTE, slow_after: Some(MINUTE / 4), ..labelled("b", &[("team", "x")]) };
    let after = external.apply(&[labelled("d", &[("team", "y")]), changed]).unwrap();
    assert!(Arc::ptr_eq(&before[1], &after[1]));
    before[1].record(&ok());
    // Nobody sees it.
    before[0].record(&ok());
    let exposed = text(&handler).await;
    assert_eq!(names(&exposed), ["b", "d"].map(str::to_owned).into());
    let value =
        |name: &str, more: &[(&str, &str)]| exposed.value(name, &[&[("target", "b"), ("team", "x")], more].concat());
    assert_eq!(value("external_access_runs_total", &[]), Some(2.0));
    assert_eq!(value("external_access_run_duration_seconds_count", &[]), Some(2.0));
    assert_eq!(value("external_access_phase_duration_seconds_count", &[("phase", "tls")]), Some(2.0));
    assert_eq!(value("external_access_missed_runs_total", &[("cause", "late")]), Some(3.0));
    assert_eq!(value("external_access_interval_seconds", &[]), Some(120.0));
    assert_eq!(value("external_access_slow_after_seconds", &[]), Some(15.0));
    let runs = |name| exposed.value("external_access_runs_total", &[("target", name), ("team", "y")]);
    assert_eq!(runs("d"), Some(0.0));
    // Who comes back begins anew.
    external.apply(&[config("a")]).unwrap();
    assert_eq!(text(&handler).await.value("external_access_runs_total", &[("target", "a")]), Some(0.0));
}

#[actix_web::test]
async fn what_is_refused_changes_nothing() {
    let (external, handler) = setup();
    let before = external.apply(&[labelled("a", &[("team", "x")]), labelled("b", &[("team", "y")])]).unwrap();
    before.iter().for_each(|target| target.record(&ok()));
    let exposed = text(&handler).await.at_rest();
    for refused in [
        vec![config("c"), config("d"), config("c")],
        vec![config("a"), labelled("b", &[("team", "y")])],
        vec![labelled("b", &[("reason", "x")])],
        vec![labelled("b", &[("__team", "x")])],
        vec![labelled("b", &[("te-am", "x")])],
        vec![labelled("b", &[("team", "x"), ("team", "y")])],
    ] {
        let error: TargetError = external.apply(&refused).map(drop).unwrap_err();
        assert_eq!(ExternalMetrics::cost(&refused), Err(error));
        text(&handler).await.at_rest().assert_same(&exposed);
    }
}

/// A histogram from zero and no status, until its next run; also when it was the primary once.
#[actix_web::test]
async fn another_primary_starts_its_two_metrics_anew() {
    let (external, handler) = setup();
    let primary = async |name: Option<&str>, count: f64, status: f64| {
        let exposed = text(&handler).await;
        let is = |metric: &str| exposed.value(metric, &[]);
        assert_eq!(is("external_access_duration_seconds_count"), name.map(|_| count), "{name:?}");
        assert_eq!(is("last_external_access_status_code"), name.map(|_| status), "{name:?}");
        let labels: Vec<_> = exposed.family("external_access_primary").into_iter().flat_map(|f| &f.samples).collect();
        assert_eq!(labels.iter().map(|sample| sample.label("target")).collect::<Vec<_>>(), Vec::from_iter(name));
    };
    primary(None, 0.0, 0.0).await;
    let [a, b] = external.apply(&["a", "b"].map(config)).unwrap().try_into().ok().unwrap();
    [&a, &b].iter().for_each(|target| target.record(&ok()));
    primary(Some("a"), 1.0, 200.0).await;
    external.apply(&["a", "c", "b"].map(config)).unwrap();
    primary(Some("a"), 1.0, 200.0).await;
    external.apply(&["b", "a"].map(config)).unwrap();
    primary(Some("b"), 0.0, 0.0).await;
    a.record(&ok());
    b.record(&Outcome { status: None, head: None, ..ok() });
    primary(Some("b"), 0.0, 0.0).await;
    b.record(&ok());
    primary(Some("b"), 1.0, 200.0).await;
    external.apply(&["a", "b"].map(config)).unwrap();
    primary(Some("a"), 0.0, 0.0).await;
    external.apply(&[]).unwrap();
    primary(None, 0.0, 0.0).await;
    external.target("d", MINUTE).record(&ok());
    primary(Some("d"), 1.0, 200.0).await;
}

#[actix_web::test]
async fn labels_stand_on_all_series_of_a_target_in_every_format() {
    const ODD: &str = "\"q\" \\ \n";
    let registry = Registry::new();
    let (external, handler) = setup_in(&registry);
    let targets = [labelled("a", &[("team", "x"), ("env", ODD)]), labelled("b", &[("env", ""), ("team", "y")])];
    let targets = targets.map(|target| TargetConfig { slow_after: Some(MINUTE), ..target });
    external.apply(&targets).unwrap().iter().for_each(|target| target.record(&ok()));
    for format in FORMATS {
        let exposed = scrape(&handler, format, "").await.exposed();
        let of_targets = |name: &str| name.starts_with("external_access") || name.starts_with("last_external");
        let (mut with, mut without) = (0, BTreeSet::new());
        for sample in exposed.samples().filter(|sample| of_targets(&sample.name)) {
            let labels = match sample.label("target") {
                "a" => ("x", ODD),
                "b" => ("y", ""),
                _ => {
                    let family = sample.name.trim_end_matches("_bucket").trim_end_matches("_count");
                    without.insert(family.trim_end_matches("_sum").to_owned());
                    continue;
                }
            };
            assert_eq!((sample.label("team"), sample.label("env")), labels, "{} in {format}", sample.name);
            assert!(sample.labels.contains_key("env"), "{format}");
            with += 1;
        }
        assert!(with > 200, "{with} in {format}");
        let unlabelled = [
            "external_access_duration_seconds",
            "external_access_prober_isolated",
            "external_access_start_lag_seconds",
            "external_access_task_restarts_total",
            "last_external_access_status_code",
        ];
        assert_eq!(without, unlabelled.map(str::to_owned).into(), "{format}");
    }
    let gathered = registry.gather();
    let primary = gathered.iter().find(|family| family.name() == "external_access_primary").unwrap();
    let labels = primary.get_metric()[0].get_label().iter();
    let labels: BTreeSet<_> = labels.map(|label| (label.name(), label.value())).collect();
    assert_eq!(labels, [("target", "a"), ("team", "x"), ("env", ODD)].into());
}

#[actix_web::test]
async fn totals_have_no_phases() {
    let (external, handler) = setup();
    let totals = |name| TargetConfig { phases: false, ..config(name) };
    let phases = |exposed: &Exposed| {
        let family = exposed.family("external_access_phase_duration_seconds");
        let counts = family.into_iter().flat_map(|family| &family.samples).filter(|s| s.name.ends_with("_count"));
        counts.map(|sample| (sample.label("target").to_owned(), sample.value.f64())).collect::<Vec<_>>()
    };
    let targets = external.apply(&[totals("a"), config("b")]).unwrap();
    targets.iter().for_each(|target| target.record(&ok()));
    assert_eq!(phases(&text(&handler).await), vec![("b".to_owned(), 1.0); Phase::ALL.len()]);
    // From then on.
    external.apply(&[config("a"), totals("b")]).unwrap();
    targets.iter().for_each(|target| target.record(&ok()));
    let exposed = text(&handler).await;
    assert_eq!(phases(&exposed), vec![("a".to_owned(), 1.0); Phase::ALL.len()]);
    assert_eq!(exposed.value("external_access_runs_total", &[("target", "b")]), Some(2.0));
}

#[actix_web::test]
async fn what_is_of_the_prober_is_there_from_the_start() {
    let (external, handler) = setup();
    let of_prober = |exposed: &Exposed| {
        ["start_lag_seconds_count", "start_lag_seconds_sum", "task_restarts_total", "prober_isolated"]
            .map(|name| exposed.value(&format!("external_access_{name}"), &[]).unwrap())
    };
    assert_eq!(of_prober(&text(&handler).await), [0.0; 4]);
    external.start_lag(Duration::from_millis(7));
    external.task_restarted();
    external.isolated(true);
    assert_eq!(of_prober(&text(&handler).await), [1.0, 0.007, 1.0, 1.0]);
    external.isolated(false);
    assert_eq!(of_prober(&text(&handler).await)[3], 0.0);
}

/// What it says before there is a target is what a scrape shows of them after their runs.
#[actix_web::test]
async fn the_cost_of_targets_is_that_of_their_exposition() {
    let name = |number: usize| format!("https://{number:03}.example");
    let all = |count: usize, phases: &dyn Fn(usize) -> bool, slow_after| {
        let config = |number| {
            let target = labelled(&name(number), &[("team", "\"x\"\n"), ("env", "")]);
            TargetConfig { slow_after, phases: phases(number), ..target }
        };
        (0..count).map(config).collect::<Vec<_>>()
    };
    for (targets, series_per_target) in [
        (vec![], 0),
        (all(1, &|_| true, Some(MINUTE)), 124),
        (all(1, &|_| false, None), 53),
        (all(30, &|_| true, None), 123),
        (all(30, &|number| number % 2 == 0, Some(MINUTE)), 89),
    ] {
        let (external, handler) = setup();
        external.apply(&targets).unwrap().iter().for_each(|target| target.record(&ok()));
        let text = scrape(&handler, TEXT, "").await.text();
        let of_targets = |line: &&str| {
            let line = line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ");
            ["external_access_", "last_external_access_"].iter().any(|start| line.starts_with(start))
        };
        let lines: Vec<&str> = text.lines().filter(of_targets).collect();
        let series = lines.iter().filter(|line| !line.starts_with('#')).count();
        let bytes = lines.iter().map(|line| line.len() + 1).sum::<usize>() as f64;
        let cost = ExternalMetrics::cost(&targets).unwrap();
        assert_eq!((cost.series, cost.series_per_target), (series, series_per_target), "{} targets", targets.len());
        // The numbers have other digits.
        let ratio = cost.bytes as f64 / bytes;
        assert!((1.0..1.1).contains(&ratio), "{} bytes of {bytes}", cost.bytes);
        assert!(cost.bytes_per_target * targets.len() <= cost.bytes);
        assert_eq!(cost.bytes_per_target > 5000, !targets.is_empty(), "{cost:?}");
    }
}

/// The targets change between two lists, which have some in common, while all of them are recorded and scraped.
#[actix_web::test]
async fn s34_each_scrape_has_one_list_whole_and_no_count_falls() {
    const ROUNDS: u64 = 400;
    let (external, handler) = setup();
    let names = |of: &str| (0..20).map(|number| format!("{of}{number}")).collect::<Vec<_>>();
    let list = |of: &str, phases| -> Vec<_> {
        let first = labelled(&format!("primary-{of}"), &[("list", of)]);
        let others = names("kept-").into_iter().chain(names(&format!("{of}-")));
        let others = others.map(|name| TargetConfig { phases, ..labelled(&name, &[("list", of)]) });
        [first].into_iter().chain(others).collect()
    };
    let lists = [list("one", true), list("two", false)];
    let kept = external.apply(&lists[0]).unwrap()[1..21].to_vec();
    let changes = thread::spawn(move || {
        for round in 0..ROUNDS {
            for target in external.apply(&lists[usize::from(round % 2 == 0)]).unwrap() {
                target.record(&Outcome { reason: Some(Reason::Status), ..ok() });
            }
        }
        external.apply(&lists[0]).unwrap()
    });
    let recorder = thread::spawn(move || {
        (0..ROUNDS).for_each(|_| kept.iter().for_each(|target| target.record(&ok())));
    });
    let (mut before, mut scrapes) = (FORMATS.map(|_| vec![0.0; 20]), 0);
    loop {
        let last = changes.is_finished() && recorder.is_finished();
        for (format, before) in FORMATS.into_iter().zip(&mut before) {
            let exposed = scrape(&handler, format, "").await.exposed();
            let of = exposed.family("external_access_primary").unwrap().samples[0].label("list");
            let mut counts = vec![];
            for (name, count) in [
                ("external_access_runs_total", 41),
                ("external_access_interval_seconds", 41),
                ("external_access_failures_total", 41 * Reason::ALL.len()),
                ("external_access_run_duration_seconds", 41 * 14),
                ("external_access_phase_duration_seconds", if of == "one" { 41 } else { 1 } * 14 * Phase::ALL.len()),
            ] {
                let samples = &exposed.family(name).unwrap().samples;
                assert_eq!(samples.len(), count, "{name} of {of} in {format}");
                for sample in samples {
                    let target = sample.label("target");
                    let ours = target.starts_with("kept-") || target.trim_start_matches("primary-").starts_with(of);
                    assert!(ours && sample.label("list") == of, "{target} of {:?} among {of}", sample.label("list"));
                }
            }
            for name in names("kept-") {
                let labels = [("target", name.as_str()), ("list", of)];
                counts.push(exposed.value("external_access_runs_total", &labels).unwrap());
            }
            assert!(counts.iter().zip(&*before).all(|(now, before)| now >= before), "{before:?}, then {counts:?}");
            *before = counts;
        }
        scrapes += 1;
        if last {
            break;
        }
    }
    assert!(scrapes > 1, "{scrapes}");
    recorder.join().unwrap();
    changes.join().unwrap();
    // Each of both threads, each round.
    assert_eq!(before, FORMATS.map(|_| vec![2.0 * ROUNDS as f64; 20]));
}
