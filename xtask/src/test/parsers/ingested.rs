//! Prometheus scrapes the files of arbitrary metrics, and its series are compared with what was put in.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use xshell::Shell;

use super::CASES;
use crate::prometheus::{self, Api, NATIVE_HISTOGRAMS, Prometheus};
use crate::test::Tally;
use crate::test::formats;
use crate::test::loopback::Loopback;
use crate::test::setup::Binary;

const LIMIT: Duration = Duration::from_secs(20);

/// By the ends of the files' names, which are also the names of the jobs.
const FORMATS: [(&str, &str); 3] =
    [("text", formats::TEXT), ("openmetrics", formats::OPENMETRICS), ("protobuf", formats::PROTOBUF)];

/// In protobuf, it is a native histogram, and Prometheus takes that alone.
const NATIVE: &str = "external_access_run_duration_seconds";

/// By name and labels; a native histogram by its count.
type Series = BTreeMap<(String, BTreeMap<String, String>), f64>;

pub(super) fn run(sh: &Shell, binary: &Binary, dir: &Path, tally: &mut Tally) -> Result<()> {
    let name = |rule: &str| format!("prometheus {}: {rule}", binary.version);
    let root = dir.to_owned();
    let server = Loopback::start(move |head| file(&root, head))?;
    let data = sh.create_temp_dir()?;
    let listen = prometheus::free_address()?;
    let config = config(&server.address.to_string());
    let mut prometheus =
        Prometheus::start_with(&binary.prometheus, data.path(), &config, listen, &[NATIVE_HISTOGRAMS])?;
    for (format, _) in FORMATS {
        tally.check(&name(&format!("scrapes arbitrary metrics as {format}")), || {
            prometheus.wait_scraped(&format!("job=\"{format}\""), CASES, LIMIT)?;
            (0..CASES).try_for_each(|case| {
                same(&prometheus.api, dir, format, case).with_context(|| format!("{case}.{format}"))
            })
        });
    }
    Ok(())
}

/// A file as the answer to a request for it.
fn file(root: &Path, head: &[String]) -> io::Result<Vec<u8>> {
    let path = head.first().and_then(|line| line.split([' ', '/']).nth(2)).unwrap_or_default();
    let format = FORMATS.into_iter().find(|(format, _)| Path::new(path).extension().is_some_and(|end| end == *format));
    let (_, content_type) = format.ok_or(io::ErrorKind::NotFound)?;
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nConnection: close\r\n\r\n").into_bytes();
    answer.extend(fs::read(root.join(path))?);
    Ok(answer)
}

/// A job for each format, a target for each file.
fn config(address: &str) -> String {
    let job = |(format, _)| {
        let target = |case| {
            let labels = json!({ "case": format!("{case}"), "__metrics_path__": format!("/{case}.{format}") });
            json!({ "targets": [address], "labels": labels })
        };
        json!({ "job_name": format, "static_configs": (0..CASES).map(target).collect::<Vec<_>>() })
    };
    json!({ "global": { "scrape_interval": "2s", "scrape_timeout": "2s" }, "scrape_configs": FORMATS.map(job) })
        .to_string()
}

fn same(api: &Api, dir: &Path, format: &str, case: usize) -> Result<()> {
    let families: Value = serde_json::from_slice(&fs::read(dir.join(format!("{case}.json")))?)?;
    let mut wanted = Series::new();
    for family in families.as_array().context("no families")? {
        for series in family["series"].as_array().context("no series")? {
            let mut name = text(&series[0])?;
            if format == "protobuf" && family["name"] == NATIVE {
                let Some(histogram) = name.strip_suffix("_count") else { continue };
                name.truncate(histogram.len());
            }
            wanted.insert((name, labels(&series[1])?), text(&series[2])?.parse()?);
        }
    }
    // But for what Prometheus says of the scrape, and the handler of itself.
    let expr = format!(r#"{{job="{format}",case="{case}",__name__!~"up|scrape_.*|metrics_handler_.*"}}"#);
    let answer = api.get("query", &[("query", &expr)])?;
    let mut seen = Series::new();
    for series in answer["result"].as_array().context("no result")? {
        let mut labels = labels(&series["metric"])?;
        labels.retain(|name, _| !["__name__", "job", "instance", "case"].contains(&name.as_str()));
        let value = series.pointer("/value/1").or(series.pointer("/histogram/1/count")).context("no value")?;
        seen.insert((text(&series["metric"]["__name__"])?, labels), text(value)?.parse()?);
    }
    for (series, value) in &wanted {
        let seen = seen.remove(series).with_context(|| format!("missing: {series:?}"))?;
        // -0 is 0: the text formats write it so.
        let same = seen.partial_cmp(value).is_some_and(Ordering::is_eq) || seen.is_nan() && value.is_nan();
        ensure!(same, "{series:?} is {seen}, not {value}");
    }
    ensure!(seen.is_empty(), "not put in: {:?}", seen.first_key_value());
    Ok(())
}

fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().with_context(|| format!("no text: {value}"))?.to_owned())
}

/// An empty label is no label to Prometheus, and bounds are numbers.
fn labels(value: &Value) -> Result<BTreeMap<String, String>> {
    let labels = value.as_object().context("no labels")?.iter();
    let labels = labels.map(|(name, value)| {
        let value = text(value)?;
        let number = ["le", "quantile"].contains(&name.as_str()).then(|| value.parse::<f64>()).transpose()?;
        Ok((name.clone(), number.map_or(value, |number| number.to_string())))
    });
    labels.filter(|label| label.as_ref().map_or(true, |(_, value)| !value.is_empty())).collect()
}
