//! Writes metrics with arbitrary names of targets, label values, help texts and numbers in each format of `/metrics`, and
//! what was put in, for `cargo xtask test parsers`: there, parsers by others read them back.
//!
//! ```console
//! $ cargo run -p metrics-core --features actix-web --example arbitrary -- DIR COUNT SEED
//! ```
//!
//! Of each of COUNT registries there is a file per format, named as in `FORMATS`, and `N.json`: an array of families, each
//! with `kind`, `name`, `help` and `series`, an array of name, labels and value. Values are strings, as JSON has neither NaN
//! nor all whole numbers. The metrics that the handler has of itself, `metrics_handler_…`, are not in it.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use actix_web::{App, test};
use metrics_core::prometheus::core::{Collector, Desc};
use metrics_core::prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType, Quantile, Summary,
};
use metrics_core::prometheus::{self, Registry};
use metrics_core::{ExternalConfig, ExternalMetrics, MetricsHandler, MissCause, Outcome, Phase, Reason};
use serde_json::{Value, json};

/// Ends of file names, and the Content-Type to ask for and to get.
const FORMATS: [(&str, &str); 3] = [
    ("text", "text/plain; version=0.0.4; charset=utf-8"),
    ("openmetrics", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ("protobuf", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"),
];

/// What is hard for one parser or another: its delimiters, escapes, white space, line ends, the ends of ranges of UTF-8, …
const CHARACTERS: &str = "\"\\\n\r\0\t {},=#'a0é日\u{1}\u{b}\u{c}\u{1c}\u{7f}\u{80}\u{85}\u{a0}\u{ff}\u{7ff}\u{800}\u{200b}\
    \u{2028}\u{2029}\u{202e}\u{d7ff}\u{e000}\u{feff}\u{fffd}\u{fffe}\u{ffff}\u{10000}\u{1f980}\u{10ffff}";
/// … and what looks like an escape, or like the format itself.
const WORDS: [&str; 14] = [
    "\\n",
    "\\\\n",
    "\\\"",
    "\\x",
    "$1",
    "%s",
    "NaN",
    "\r\n",
    "e\u{301}",
    "\",x=\"",
    "\"} 1\n",
    " # {",
    "\n# EOF\n",
    "\n# TYPE x counter\n",
];

const GAUGES: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.1,
    1.5e-7,
    123_456_789.0,
    1e21,
    1e300,
    -1e300,
    1e-300,
    5e-324,
    f64::MAX,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];
/// No counter is negative or NaN.
const COUNTERS: [f64; 8] = [0.0, 1.0, 0.5, 1e21, 1e300, 1e-300, f64::MAX, 9_007_199_254_740_993.0];
const COUNTS: [u64; 6] = [0, 1, 42, (1 << 53) + 1, u64::MAX / 8, 1 << 32];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, dir, count, seed] = &args[..] else { return Err("usage: arbitrary DIR COUNT SEED".into()) };
    let mut random = Random { state: seed.parse()?, pieces: pieces() };
    let count = count.parse()?;
    actix_web::rt::System::new().block_on(async {
        for n in 0..count {
            write(n, Path::new(dir), &mut random).await?;
        }
        Ok(())
    })
}

async fn write(n: usize, dir: &Path, random: &mut Random) -> Result<(), Box<dyn Error>> {
    let registry = Registry::new();
    // Protobuf is offered for the native histograms alone.
    let external = ExternalMetrics::register_with(&registry, &ExternalConfig { native_histograms: true })?;
    // The first one has each piece alone.
    let names: Vec<String> = if n == 0 { pieces() } else { (0..3).map(|_| random.text()).collect() };
    for name in &names {
        let target = external.target(name, random.duration());
        for _ in 0..random.below(3) {
            target.record(&random.outcome());
        }
        target.missed(MissCause::ALL[random.below(MissCause::ALL.len())], random.one_of(&COUNTS));
    }
    registry.register(Box::new(Foreign::new(n, random)?))?;

    // The crate's own model of the metrics, which the handler does not go through for ours.
    let expected: Vec<Value> = registry.gather().iter().filter_map(family_json).collect();
    fs::write(dir.join(format!("{n}.json")), serde_json::to_vec(&expected)?)?;

    let app = test::init_service(App::new().service(MetricsHandler::register(&registry)?)).await;
    for (format, content_type) in FORMATS {
        let request = test::TestRequest::get().uri("/metrics").insert_header((ACCEPT, content_type));
        let response = test::call_service(&app, request.to_request()).await;
        let head = (response.status().as_u16(), response.headers().get(CONTENT_TYPE).cloned());
        let body = test::read_body(response).await;
        match head {
            (200, Some(got)) if got == content_type => fs::write(dir.join(format!("{n}.{format}")), body)?,
            other => return Err(format!("{format}: {other:?}: {}", String::from_utf8_lossy(&body)).into()),
        }
    }
    Ok(())
}

fn pieces() -> Vec<String> {
    let words = WORDS.map(str::to_owned);
    CHARACTERS.chars().map(String::from).chain(words).chain([String::new()]).collect()
}

/// Splitmix64: a seed gives the same metrics on every machine.
struct Random {
    state: u64,
    pieces: Vec<String>,
}

impl Random {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or_default() % end
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// Arbitrary Unicode; now and then none, or 10 KB.
    fn text(&mut self) -> String {
        let parts = if self.below(20) == 0 { 3000 } else { self.below(8) };
        let mut text = String::new();
        for _ in 0..parts {
            match self.below(4) {
                // What falls between the ranges is no character.
                0 => text.extend(char::from_u32(u32::try_from(self.below(0x11_0000)).unwrap_or_default())),
                1 => text.extend(char::from_u32(u32::try_from(self.below(0x100)).unwrap_or_default())),
                _ => {
                    let piece = self.below(self.pieces.len());
                    text.push_str(&self.pieces[piece]);
                }
            }
        }
        text
    }

    fn duration(&mut self) -> Duration {
        Duration::from_nanos(self.next() >> self.below(64))
    }

    fn outcome(&mut self) -> Outcome {
        let mut phases = [None; Phase::ALL.len()];
        phases.fill_with(|| (self.below(2) == 0).then(|| self.duration()));
        Outcome {
            at: SystemTime::UNIX_EPOCH + Duration::from_nanos(self.next() >> 3),
            total: self.duration(),
            head: (self.below(2) == 0).then(|| self.duration()),
            status: (self.below(2) == 0).then_some(204),
            reason: (self.below(2) == 0).then(|| self.one_of(Reason::ALL)),
            phases,
            redirects: 1,
            body_bytes: (self.below(2) == 0).then(|| self.next()),
            tls: None,
        }
    }

    /// Label sets of one family: the same names, and no set twice.
    fn label_sets(&mut self, first: Vec<String>) -> Vec<Vec<LabelPair>> {
        const NAMES: [&str; 4] = ["zone", "_x", "Path", "a1"];
        let names = &NAMES[..self.below(NAMES.len() + 1)];
        let mut sets: Vec<Vec<String>> = Vec::new();
        if !names.is_empty() {
            sets.extend(first.into_iter().map(|value| vec![value; names.len()]));
        }
        sets.extend((0..=self.below(4)).map(|_| names.iter().map(|_| self.text()).collect()));
        sets.sort();
        sets.dedup();
        let pair = |(name, value): (&&str, String)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value(value);
            pair
        };
        sets.into_iter().map(|values| names.iter().zip(values).map(pair).collect()).collect()
    }
}

/// Somebody else's collector, with families of all kinds. Their names pass promtool's lint, but for a counter that lacks
/// `_total`.
struct Foreign {
    desc: Desc,
    families: Vec<MetricFamily>,
}

impl Foreign {
    fn new(n: usize, random: &mut Random) -> prometheus::Result<Self> {
        const KINDS: [(&str, MetricType); 6] = [
            ("shop_orders_total", MetricType::COUNTER),
            ("shop_visits", MetricType::COUNTER),
            ("shop_stock", MetricType::GAUGE),
            ("shop_price_euros", MetricType::HISTOGRAM),
            ("shop_weight_grams", MetricType::SUMMARY),
            ("shop_mood", MetricType::UNTYPED),
        ];
        let desc = Desc::new("shop".to_owned(), "A shop".to_owned(), Vec::new(), HashMap::new())?;
        let families = KINDS.map(|(name, kind)| {
            let mut family = MetricFamily::default();
            family.set_name(name.to_owned());
            family.set_help(random.text());
            family.set_field_type(kind);
            let sets = random.label_sets(if n == 0 { pieces() } else { Vec::new() });
            family.set_metric(sets.into_iter().map(|labels| metric(kind, labels, random)).collect());
            family
        });
        Ok(Self { desc, families: families.into() })
    }
}

impl Collector for Foreign {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.families.clone()
    }
}

fn metric(kind: MetricType, labels: Vec<LabelPair>, random: &mut Random) -> Metric {
    let mut metric = Metric::from_label(labels);
    match kind {
        MetricType::COUNTER => {
            let mut counter = Counter::default();
            counter.set_value(random.one_of(&COUNTERS));
            metric.set_counter(counter);
        }
        MetricType::GAUGE => {
            let mut gauge = Gauge::default();
            gauge.set_value(random.one_of(&GAUGES));
            metric.set_gauge(gauge);
        }
        // The handler leaves them out, whatever their value.
        MetricType::UNTYPED => {}
        MetricType::HISTOGRAM => metric.set_histogram(histogram(random)),
        MetricType::SUMMARY => metric.set_summary(summary(random)),
    }
    metric
}

fn histogram(random: &mut Random) -> Histogram {
    // With a bound for all the rest, and without.
    const BOUNDS: [f64; 7] = [0.0, 1e-300, 0.1, 1.0, 1e21, f64::MAX, f64::INFINITY];
    let mut count = 0;
    let mut buckets = Vec::new();
    for bound in &BOUNDS[random.below(BOUNDS.len())..BOUNDS.len() - random.below(2)] {
        count += random.one_of(&COUNTS);
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(count);
        buckets.push(bucket);
    }
    if buckets.last().is_none_or(|last| last.upper_bound() < f64::INFINITY) {
        count += random.one_of(&COUNTS);
    }
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets);
    histogram.set_sample_count(count);
    histogram.set_sample_sum(random.one_of(&COUNTERS));
    histogram
}

fn summary(random: &mut Random) -> Summary {
    // NaN: nothing was observed of late.
    const VALUES: [f64; 5] = [0.0, 0.1, 1e300, f64::INFINITY, f64::NAN];
    let mut summary = Summary::default();
    let quantile = |of: &f64| {
        let mut quantile = Quantile::default();
        quantile.set_quantile(*of);
        quantile.set_value(random.one_of(&VALUES));
        quantile
    };
    summary.set_quantile([0.0, 0.5, 0.999, 1.0].iter().map(quantile).collect());
    summary.set_sample_count(random.one_of(&COUNTS));
    summary.set_sample_sum(random.one_of(&COUNTERS));
    summary
}

/// The series that a family has to become; none, if it has no type.
fn family_json(family: &MetricFamily) -> Option<Value> {
    let kind = match family.get_field_type() {
        MetricType::COUNTER => "counter",
        MetricType::GAUGE => "gauge",
        MetricType::HISTOGRAM => "histogram",
        MetricType::SUMMARY => "summary",
        MetricType::UNTYPED => return None,
    };
    let series: Vec<Value> = family.get_metric().iter().flat_map(|metric| series(family, metric)).collect();
    Some(json!({ "kind": kind, "name": family.name(), "help": family.help(), "series": series }))
}

fn series(family: &MetricFamily, metric: &Metric) -> Vec<Value> {
    let mut all = Vec::new();
    let mut add = |suffix: &str, extra: Option<(&str, f64)>, value: String| {
        let labels = metric.get_label().iter().map(|label| (label.name().to_owned(), label.value().to_owned()));
        let extra = extra.map(|(name, value)| (name.to_owned(), value.to_string()));
        let labels: HashMap<String, String> = labels.chain(extra).collect();
        all.push(json!([format!("{}{suffix}", family.name()), labels, value]));
    };
    match family.get_field_type() {
        MetricType::COUNTER => add("", None, metric.get_counter().get_value().to_string()),
        MetricType::GAUGE => add("", None, metric.get_gauge().get_value().to_string()),
        MetricType::HISTOGRAM => {
            let histogram = metric.get_histogram();
            let count = histogram.get_sample_count().to_string();
            for bucket in histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound() < f64::INFINITY) {
                add("_bucket", Some(("le", bucket.upper_bound())), bucket.cumulative_count().to_string());
            }
            add("_bucket", Some(("le", f64::INFINITY)), count.clone());
            add("_sum", None, histogram.get_sample_sum().to_string());
            add("_count", None, count);
        }
        MetricType::SUMMARY => {
            let summary = metric.get_summary();
            for quantile in summary.get_quantile() {
                add("", Some(("quantile", quantile.quantile())), quantile.value().to_string());
            }
            add("_sum", None, summary.sample_sum().to_string());
            add("_count", None, summary.sample_count().to_string());
        }
        MetricType::UNTYPED => {}
    }
    all
}
