//! The formats in which metrics come: every Prometheus takes each of them, and finds the same numbers in all. Then what only
//! protobuf can carry, native histograms: of durations that are known.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use super::{LIMIT, no_duplicates, no_scrape_error};
use crate::http;
use crate::prometheus::{self, Api, NATIVE_HISTOGRAMS, Prometheus};
use crate::test::Tally;
use crate::test::exporter::Exporter;
use crate::test::formats::{OPENMETRICS, PROTOBUF, TEXT};
use crate::test::forwarder::Forwarder;
use crate::test::setup::Binary;
use crate::wait;

/// Scrape jobs by what they ask for, if not for what this Prometheus asks by itself; and what they get.
const JOBS: [(&str, Option<&str>, &str); 4] = [
    ("text", Some(TEXT), TEXT),
    ("openmetrics", Some(OPENMETRICS), OPENMETRICS),
    ("protobuf", Some(PROTOBUF), PROTOBUF),
    ("unchanged", None, PROTOBUF),
];

/// Keeps the classic buckets beside native histograms: the name in Prometheus 3, and in 2.45 and later. 2.42 has none.
const CLASSIC_TOO: [&str; 2] = ["always_scrape_classic_histograms", "scrape_classic_histograms"];

const REQUESTS: u32 = 3;
const ROUTE: &str = r#"method="GET",path="/3-shake-status""#;
/// Histograms that are native ones too, and how much they have counted, before the first scrape and ever after.
const HISTOGRAMS: [(&str, &str, u32); 2] =
    [("http_request_duration_seconds", ROUTE, REQUESTS), ("external_access_run_duration_seconds", "", 1)];

pub(super) fn taken_by(
    binary: &Binary,
    sh: &Shell,
    [server, known_durations]: [&Path; 2],
    tally: &mut Tally,
) -> Result<()> {
    let name = |rule: &str| format!("prometheus {}: {rule}", binary.version);
    let dir = sh.create_temp_dir()?;
    let known = Exporter::example(known_durations, dir.path())?;
    let flags = ["--metrics.native-histograms", "--probe.interval", "1h"];
    let server = Exporter::server(server, dir.path(), &known.url("/metrics"), &flags)?;
    for _ in 0..REQUESTS {
        http::get(&server.url("/3-shake-status"))?;
    }
    probed_once(&server)?;

    let mut forwarders = Vec::new();
    let mut jobs = vec![job("direct", &server.address, None), job("known", &known.address, None)];
    for (name, accept, content_type) in JOBS {
        let forwarder = Forwarder::start(server.address, accept)?;
        jobs.push(job(name, &forwarder.address(), None));
        forwarders.push((name, content_type, forwarder));
    }
    let setting = CLASSIC_TOO.into_iter().find(|setting| has_setting(sh, binary, setting));
    jobs.extend(setting.map(|setting| job("both", &known.address, Some(setting))));

    let listen = prometheus::free_address()?;
    let mut prometheus =
        Prometheus::start_with(&binary.prometheus, dir.path(), &config(&jobs), listen, &[NATIVE_HISTOGRAMS])?;
    if !tally.check(&name("takes every format"), || prometheus.wait_scraped("", jobs.len(), LIMIT)) {
        return Ok(());
    }
    let api = &prometheus.api;
    for (job, content_type, forwarder) in &forwarders {
        tally.check(&name(&format!("job {job} gets {content_type}")), || only(forwarder, content_type));
    }
    tally.check(&name("finds the same in every format"), || {
        for job in ["text", "openmetrics", "protobuf", "unchanged", "direct"] {
            has_counts(api, job).with_context(|| format!("job {job}"))?;
        }
        same_sums(api)
    });
    tally.check(&name("takes native histograms that are empty, or beyond their buckets"), || {
        for (target, count) in [("empty", 0), ("long", 1), ("short", 1)] {
            is(api, &format!("histogram_count({})", known_run("known", target)), count)?;
        }
        Ok(())
    });
    for quantile in [0.5, 0.9, 0.99] {
        tally.check(&name(&format!("the {quantile} quantile of durations that are known")), || {
            has_quantile(api, &known, quantile)
        });
    }
    if let Some(setting) = setting {
        tally.check(&name(&format!("{setting}: classic buckets and native ones")), || {
            for target in ["empty", "long", "short"] {
                let native = value(api, &format!("histogram_count({})", known_run("both", target)))?;
                let labels = format!(r#"job="both",target="{target}""#);
                is(api, &format!("external_access_run_duration_seconds_count{{{labels}}}"), native)?;
                is(api, &format!("external_access_run_duration_seconds_bucket{{{labels},le=\"+Inf\"}}"), native)?;
            }
            Ok(())
        });
    } else {
        tally.check(&name("native histograms replace the classic ones"), || {
            let classic = api.value(r#"external_access_run_duration_seconds_bucket{job="known"}"#)?;
            ensure!(classic.is_none(), "there are classic buckets too: which setting has kept them?");
            Ok(())
        });
    }
    tally.check(&name("the target page shows no error in the end"), || no_scrape_error(api));
    tally.check(&name("no sample is said twice in any format"), || no_duplicates(api));
    Ok(())
}

fn job(name: &str, target: &impl ToString, setting: Option<&str>) -> Value {
    let mut job = json!({ "job_name": name, "static_configs": [{ "targets": [target.to_string()] }] });
    if let Some(setting) = setting {
        job[setting] = true.into();
    }
    job
}

/// JSON is YAML.
fn config(jobs: &[Value]) -> String {
    json!({ "global": { "scrape_interval": "1s", "scrape_timeout": "1s" }, "scrape_configs": jobs }).to_string()
}

fn has_setting(sh: &Shell, binary: &Binary, setting: &str) -> bool {
    let (promtool, config) = (&binary.promtool, config(&[job("any", &"127.0.0.1:1", Some(setting))]));
    let check = cmd!(sh, "{promtool} check config --syntax-only /dev/stdin").stdin(config);
    check.quiet().ignore_stdout().ignore_stderr().run().is_ok()
}

/// The numbers are to stand still when the first scrape comes.
fn probed_once(server: &Exporter) -> Result<()> {
    wait::until("the first probe is counted", LIMIT, |last| {
        let metrics = http::get(&server.url("/metrics"))?;
        *last = metrics.lines().filter(|line| line.starts_with("external_access_runs_total{")).collect();
        Ok(last.ends_with(" 1").then_some(()))
    })
}

/// Fails if another Content-Type came, even once.
pub(super) fn only(forwarder: &Forwarder, content_type: &str) -> Result<()> {
    let seen = forwarder.seen();
    ensure!(seen == [content_type.to_owned()].into(), "Content-Type: {seen:?}");
    Ok(())
}

fn has_counts(api: &Api, job: &str) -> Result<()> {
    is(api, &format!(r#"http_requests_total{{job="{job}",{ROUTE}}}"#), REQUESTS)?;
    is(api, &format!(r#"last_external_access_status_code{{job="{job}"}}"#), 200)?;
    HISTOGRAMS
        .into_iter()
        .try_for_each(|(metric, labels, count)| is(api, &of_histogram("count", metric, job, labels), count))
}

fn same_sums(api: &Api) -> Result<()> {
    for (metric, labels, _) in HISTOGRAMS {
        let sum = value(api, &of_histogram("sum", metric, "text", labels))?;
        for (job, ..) in JOBS {
            is(api, &of_histogram("sum", metric, job, labels), sum)?;
        }
    }
    Ok(())
}

/// `count` or `sum`: a series of its own in the text formats, and a part of a native histogram's sample.
fn of_histogram(part: &str, metric: &str, job: &str, labels: &str) -> String {
    if matches!(job, "text" | "openmetrics") {
        format!(r#"{metric}_{part}{{job="{job}",{labels}}}"#)
    } else {
        format!(r#"histogram_{part}({metric}{{job="{job}",{labels}}})"#)
    }
}

fn known_run(job: &str, target: &str) -> String {
    format!(r#"external_access_run_duration_seconds{{job="{job}",target="{target}"}}"#)
}

/// The durations are 1, 2, … 1000 ms. Half a bucket from the truth, of eight per doubling: with the number of its neighbour, a
/// bucket would be a whole one off.
fn has_quantile(api: &Api, known: &Exporter, quantile: f64) -> Result<()> {
    let expr = format!("histogram_quantile({quantile}, rate({}[1m]))", known_run("known", "uniform"));
    let estimate = wait::until(&format!("{expr} has a value"), LIMIT, |last| {
        http::get(&known.url("/record"))?;
        let value = api.value(&expr)?;
        *last = format!("{value:?}");
        Ok(value.filter(|value| !value.is_nan()))
    })?;
    let buckets_off = 8.0 * (estimate / quantile).log2();
    ensure!(buckets_off.abs() < 0.5, "{expr} is {estimate}: {buckets_off} buckets off");
    Ok(())
}

fn value(api: &Api, expr: &str) -> Result<f64> {
    api.value(expr)?.with_context(|| format!("{expr} has no value"))
}

fn is(api: &Api, expr: &str, wanted: impl Into<f64>) -> Result<()> {
    let (seen, wanted) = (value(api, expr)?, wanted.into());
    ensure!(seen.total_cmp(&wanted).is_eq(), "{expr} is {seen}, not {wanted}");
    Ok(())
}
