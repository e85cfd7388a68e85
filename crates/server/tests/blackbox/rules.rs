//! Rules that are written for blackbox_exporter fire on what the server says, and on no target but those that they are for:
//! where Prometheus is told the targets, and where it is told them by the server.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use ureq::Agent;

use crate::exporter::{Exporter, PATIENCE};
use crate::go_program::GoProgram;
use crate::kit::{self, Authority, Flaw, Identity, Peer, ok, response};

/// Two ways to tell Prometheus what to ask.
const JOBS: [&str; 2] = ["told", "discovered"];

/// What people watch with blackbox_exporter, and the peers on which it fires.
#[rustfmt::skip] // a table
const RULES: [(&str, &str, &[&str]); 7] = [
    ("ProbeFailed", "probe_success == 0", &["404", "503", "refused", "expired"]),
    ("BadStatus", "probe_http_status_code <= 199 or probe_http_status_code >= 400", &["404", "503", "refused", "expired"]),
    ("CertificateExpiresSoon", "probe_ssl_earliest_cert_expiry - time() < 86400 * 21", &["soon", "expired"]),
    ("CertificateExpired", "last_over_time(probe_ssl_earliest_cert_expiry[1m]) - time() < 0", &["expired"]),
    ("ChainExpiresSoon", "probe_ssl_last_chain_expiry_timestamp_seconds - time() < 86400 * 21", &["soon"]),
    ("SlowProbe", "avg_over_time(probe_duration_seconds[1m]) > 0.5", &["slow"]),
    ("SlowHttp", "sum by (job, instance) (probe_http_duration_seconds) > 0.5", &["slow"]),
];

const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn fire(prometheus: &Path) {
    let authority = Authority::new();
    let (refusing, _taken) = crate::taken_port();
    let mut peers = peers(&authority);
    peers.push(Asked { name: "refused", url: format!("http://{refusing}/") });
    let file = kit::file("targets.yml", targets(&peers, &authority));
    let ours = Exporter::start(&["--config.file", file.to_str().unwrap(), "--probe.allow", "127.0.0.0/8"]);
    let rules = kit::file("rules.yml", rules());
    let config = kit::file("prometheus.yml", config(&peers, ours.address, &rules));
    let data = config.with_extension("data");
    let flags = [format!("--config.file={}", config.display()), format!("--storage.tsdb.path={}", data.display())];
    let prometheus = GoProgram::start(prometheus, &flags.each_ref().map(String::as_str));
    let api = Api::at(prometheus.address);

    // Nothing can fire on what has not been scraped.
    let scraped = format!("count(probe_success{{job=~\"{}\"}})", JOBS.join("|"));
    let all = (peers.len() * JOBS.len()).to_string();
    until("all targets have been scraped", &Some(all), || api.value(&scraped));
    until("the alerts are those that they should be", &expected(&peers), || api.alerts());
    drop(prometheus);
    let _ = std::fs::remove_dir_all(data);
}

/// What is asked, by its name. Peers go on for as long as the process.
struct Asked {
    name: &'static str,
    url: String,
}

fn peers(authority: &Authority) -> Vec<Asked> {
    let plain = |name, status: &'static str, delay: Duration| {
        let peer = Peer::plain(move |_| {
            std::thread::sleep(delay);
            response(status, "", "body")
        });
        Asked { name, url: peer.url("/") }
    };
    let tls = |name, identity: &Identity| {
        let peer = Peer::tls(identity.server(), |_| ok());
        Asked { name, url: peer.https("/") }
    };
    let here = ["127.0.0.1"];
    let soon = authority.signs_with(&here, |params| {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_1970 + 10 * DAY;
    });
    vec![
        plain("healthy", "200 OK", Duration::ZERO),
        tls("healthy-tls", &authority.signs(&here, &Flaw::None)),
        plain("404", "404 Not Found", Duration::ZERO),
        plain("503", "503 Service Unavailable", Duration::ZERO),
        // What it is about is the time that it takes.
        plain("slow", "200 OK", Duration::from_millis(700)),
        tls("soon", &soon),
        tls("expired", &authority.signs(&here, &Flaw::Expired)),
    ]
}

/// The server's own file: it asks nobody by itself for the length of the test, and tells Prometheus to.
fn targets(asked: &[Asked], authority: &Authority) -> String {
    let mut file = "targets:\n".to_owned();
    for Asked { name, url } in asked {
        writeln!(file, "  - {{name: {name}, url: '{url}', module: watch, interval: 1h}}").unwrap();
    }
    let ca = authority.file("rules");
    let http = format!("{{preferred_ip_protocol: ip4, tls_config: {{ca_file: '{}'}}}}", ca.display());
    file + &format!("modules:\n  watch: {{prober: http, http: {http}}}\n")
}

fn rules() -> String {
    let rule = |(name, expr, _)| format!("      - {{alert: {name}, expr: '{expr}'}}\n");
    format!("groups:\n  - name: blackbox\n    interval: 1s\n    rules:\n{}", RULES.map(rule).concat())
}

/// As the documentation of blackbox_exporter has it.
fn config(asked: &[Asked], ours: SocketAddr, rules: &Path) -> String {
    let urls = asked.iter().map(|Asked { url, .. }| format!("'{url}'")).collect::<Vec<_>>().join(", ");
    let static_configs = format!("params: {{module: [watch]}}\n    static_configs: [{{targets: [{urls}]}}]");
    let http_sd_configs = format!("http_sd_configs: [{{url: 'http://{ours}/sd', refresh_interval: 1s}}]");
    let job = |(name, targets): (&str, String)| {
        format!(
            "  - job_name: {name}
    metrics_path: /probe
    {targets}
    relabel_configs:
      - {{source_labels: [__address__], target_label: __param_target}}
      - {{source_labels: [__param_target], target_label: instance}}
      - {{target_label: __address__, replacement: '{ours}'}}
"
        )
    };
    let jobs = JOBS.into_iter().zip([static_configs, http_sd_configs]).map(job).collect::<String>();
    let global = "global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s}";
    format!("{global}\nrule_files: ['{}']\nscrape_configs:\n{jobs}", rules.display())
}

/// Name, job and instance of an alert.
type Alert = [String; 3];

fn expected(asked: &[Asked]) -> BTreeSet<Alert> {
    let mut alerts = BTreeSet::new();
    for (rule, _, names) in RULES {
        for Asked { url, .. } in asked.iter().filter(|asked| names.contains(&asked.name)) {
            alerts.extend(JOBS.map(|job| [rule.to_owned(), job.to_owned(), url.clone()]));
        }
    }
    alerts
}

fn until<T: PartialEq + std::fmt::Debug>(what: &str, wanted: &T, look: impl Fn() -> T) {
    let start = Instant::now();
    loop {
        let seen = look();
        if seen == *wanted {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "never: {what}: {wanted:#?}, but {seen:#?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What Prometheus answers over HTTP.
struct Api {
    url: String,
    agent: Agent,
}

impl Api {
    fn at(address: SocketAddr) -> Self {
        let agent = Agent::config_builder().proxy(None).http_status_as_error(false);
        let agent = agent.timeout_global(Some(Duration::from_secs(5))).build().into();
        Self { url: format!("http://{address}/api/v1"), agent }
    }

    /// The `data` of an answer; null while it does not serve yet.
    fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let request = self.agent.get(format!("{}/{path}", self.url)).query_pairs(query.iter().copied());
        let text = request.call().unwrap().body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).map_or(Value::Null, |mut answer: Value| answer["data"].take())
    }

    /// Of the first series that is found.
    fn value(&self, expr: &str) -> Option<String> {
        let data = self.get("query", &[("query", expr)]);
        data["result"][0]["value"][1].as_str().map(str::to_owned)
    }

    fn alerts(&self) -> BTreeSet<Alert> {
        let data = self.get("alerts", &[]);
        let alerts = data["alerts"].as_array().cloned().unwrap_or_default();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing").map(|alert| &alert["labels"]);
        let text = |label: &Value| label.as_str().unwrap_or_default().to_owned();
        firing.map(|labels| ["alertname", "job", "instance"].map(|label| text(&labels[label]))).collect()
    }
}
