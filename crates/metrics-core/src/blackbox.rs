//! What one probe found, under the names of blackbox_exporter's http prober: names, labels and meanings are those of its release 0.28,
//! so that dashboards and rules that were written for it work.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::family::{Family, LabelValue, Value, families};
use crate::source::{Snapshot, Source};
use crate::vocab::Phase;

/// What one probe found. All of it are gauges; HELP is that of blackbox_exporter.
///
/// Where nothing was measured, a series is absent, but for those that rules compare: `probe_http_status_code`, `probe_http_version`,
/// `probe_ip_protocol` and `probe_ip_addr_hash` are 0 then, as they are there.
#[derive(Debug, Clone, PartialEq)]
pub struct BlackboxProbe {
    /// `probe_success`: 1 or 0.
    pub success: bool,
    /// `probe_duration_seconds`: the whole probe.
    pub duration: Duration,
    /// `probe_timeout_seconds`: what it might have taken.
    pub timeout: Duration,
    /// `probe_dns_lookup_time_seconds`: the look-up of the target.
    pub lookup: Duration,
    /// `probe_ip_protocol`: 4 or 6; `probe_ip_addr_hash`: 32-bit FNV-1a of its bytes. The target's, not that of a redirect.
    pub address: Option<IpAddr>,
    /// `probe_http_duration_seconds`, by `phase`: summed over redirects; absent when it was not reached.
    pub phases: [Option<Duration>; Phase::ALL.len()],
    /// `probe_http_content_length`, in bytes: absent when the response does not say it.
    pub content_length: Option<u64>,
    /// `probe_http_uncompressed_body_length`, in bytes.
    pub body_length: u64,
    /// `probe_http_redirects`: followed or not.
    pub redirects: u32,
    /// `probe_http_ssl`: 1 if the last response came over TLS.
    pub ssl: bool,
    /// `probe_http_status_code`
    pub status: Option<u16>,
    /// `probe_http_version`: 1, 1.1, 2.
    pub version: Option<f64>,
    /// `probe_failed_due_to_regex`: 1 if an expression for the body or a header decided.
    pub failed_due_to_regex: bool,
    /// `probe_http_last_modified_timestamp_seconds`: Unix time, where the response says it.
    pub last_modified: Option<i64>,
    /// Of the last request; also when it was rejected.
    pub tls: Option<BlackboxTls>,
}

/// What TLS showed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlackboxTls {
    /// `probe_ssl_earliest_cert_expiry`: Unix time, of the certificates as presented.
    pub earliest_expiry: Option<i64>,
    /// `probe_ssl_last_chain_expiry_timestamp_seconds`: Unix time, of the chain that was verified.
    pub last_chain_expiry: Option<i64>,
    /// `probe_tls_version_info`, label `version`: `TLS 1.3`, for one.
    pub version: Option<&'static str>,
    /// `probe_tls_cipher_info`, label `cipher`: the IANA name.
    pub cipher: Option<&'static str>,
    /// `probe_ssl_last_chain_info`
    pub leaf: Option<BlackboxLeaf>,
}

/// The certificate of the peer: the labels of `probe_ssl_last_chain_info`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlackboxLeaf {
    /// `fingerprint_sha256`: hexadecimal, lower case.
    pub fingerprint: String,
    /// `issuer`: RFC 4514.
    pub issuer: String,
    /// `serialnumber`: hexadecimal, lower case.
    pub serial: String,
    /// `subject`: RFC 4514.
    pub subject: String,
    /// `subjectalternative`: DNS names, with commas between them.
    pub names: String,
}

families! {
    SUCCESS: gauge("probe_success", "Displays whether or not the probe was a success", &[]),
    DURATION: gauge("probe_duration_seconds", "Returns how long the probe took to complete in seconds", &[]),
    TIMEOUT: gauge("probe_timeout_seconds", "Returns how long the probe timeout is in seconds", &[]),
    LOOKUP: gauge("probe_dns_lookup_time_seconds", "Returns the time taken for probe dns lookup in seconds", &[]),
    IP_PROTOCOL: gauge("probe_ip_protocol", "Specifies whether probe ip protocol is IP4 or IP6", &[]),
    IP_HASH: gauge(
        "probe_ip_addr_hash",
        "Specifies the hash of IP address. It's useful to detect if the IP address changes.",
        &[]
    ),
    PHASES: gauge(
        "probe_http_duration_seconds",
        "Duration of http request by phase, summed over all redirects",
        &["phase"]
    ),
    CONTENT_LENGTH: gauge("probe_http_content_length", "Length of http content response", &[]),
    BODY_LENGTH: gauge("probe_http_uncompressed_body_length", "Length of uncompressed response body", &[]),
    REDIRECTS: gauge("probe_http_redirects", "The number of redirects", &[]),
    SSL: gauge("probe_http_ssl", "Indicates if SSL was used for the final redirect", &[]),
    STATUS: gauge("probe_http_status_code", "Response HTTP status code", &[]),
    VERSION: gauge("probe_http_version", "Returns the version of HTTP of the probe response", &[]),
    REGEX: gauge("probe_failed_due_to_regex", "Indicates if probe failed due to regex", &[]),
    LAST_MODIFIED: gauge(
        "probe_http_last_modified_timestamp_seconds",
        "Returns the Last-Modified HTTP response header in unixtime",
        &[]
    ),
    EARLIEST: gauge("probe_ssl_earliest_cert_expiry", "Returns earliest SSL cert expiry in unixtime", &[]),
    LAST_CHAIN: gauge(
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        "Returns last SSL chain expiry in timestamp",
        &[]
    ),
    LEAF: gauge(
        "probe_ssl_last_chain_info",
        "Contains SSL leaf certificate information",
        &["fingerprint_sha256", "issuer", "serialnumber", "subject", "subjectalternative"]
    ),
    TLS_VERSION: gauge("probe_tls_version_info", "Returns the TLS version used", &["version"]),
    TLS_CIPHER: gauge("probe_tls_cipher_info", "Returns the TLS cipher negotiated during handshake", &["cipher"]),
}

impl Source for BlackboxProbe {
    fn families(&self) -> &[Family] {
        &FAMILIES
    }

    fn snapshot(self: Arc<Self>) -> Arc<dyn Snapshot> {
        self
    }
}

impl Snapshot for BlackboxProbe {
    fn children(&self, _: usize) -> usize {
        1
    }

    fn read(&self, family: usize, _: usize, series: &mut dyn FnMut(&[LabelValue<'_>], Value<'_>)) {
        if family == PHASES {
            for (phase, time) in Phase::ALL.iter().zip(self.phases) {
                if let Some(time) = time {
                    series(&[phase.label()], Value::Gauge(time.as_secs_f64()));
                }
            }
        } else if let Some(value) = self.value(family) {
            series(&[], Value::Gauge(value));
        } else if let Some(labels) = self.tls.as_ref().and_then(|tls| tls.labels(family)) {
            series(&labels, Value::Gauge(1.0));
        }
    }
}

impl BlackboxProbe {
    /// Of a family without labels; `None` where nothing was measured.
    fn value(&self, family: usize) -> Option<f64> {
        let tls = self.tls.as_ref();
        let time = |time: i64| time as f64;
        Some(match family {
            SUCCESS => one_if(self.success),
            DURATION => self.duration.as_secs_f64(),
            TIMEOUT => self.timeout.as_secs_f64(),
            LOOKUP => self.lookup.as_secs_f64(),
            IP_PROTOCOL => self.address.map_or(0.0, |address| if address.to_canonical().is_ipv4() { 4.0 } else { 6.0 }),
            IP_HASH => self.address.map_or(0.0, |address| f64::from(hash(address))),
            CONTENT_LENGTH => self.content_length? as f64,
            BODY_LENGTH => self.body_length as f64,
            REDIRECTS => f64::from(self.redirects),
            SSL => one_if(self.ssl),
            STATUS => self.status.map_or(0.0, f64::from),
            VERSION => self.version.unwrap_or_default(),
            REGEX => one_if(self.failed_due_to_regex),
            LAST_MODIFIED => time(self.last_modified?),
            EARLIEST => time(tls?.earliest_expiry?),
            LAST_CHAIN => time(tls?.last_chain_expiry?),
            _ => return None,
        })
    }
}

impl BlackboxTls {
    /// Of a family that says it in labels.
    fn labels(&self, family: usize) -> Option<Vec<LabelValue<'_>>> {
        Some(match family {
            LEAF => {
                let BlackboxLeaf { fingerprint, issuer, serial, subject, names } = self.leaf.as_ref()?;
                [fingerprint, issuer, serial, subject, names].map(|text| LabelValue::any(text)).into()
            }
            TLS_VERSION => vec![LabelValue::any(self.version?)],
            TLS_CIPHER => vec![LabelValue::any(self.cipher?)],
            _ => return None,
        })
    }
}

fn one_if(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}

/// 32-bit FNV-1a (Fowler, Noll, Vo) of the address in its shortest form.
fn hash(address: IpAddr) -> u32 {
    let add = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    match address.to_canonical() {
        IpAddr::V4(ip) => ip.octets().iter().fold(0x811c_9dc5, add),
        IpAddr::V6(ip) => ip.octets().iter().fold(0x811c_9dc5, add),
    }
}

#[cfg(feature = "actix-web")]
mod exposed {
    use actix_web::http::Method;
    use actix_web::{HttpRequest, HttpResponse};

    use super::{Arc, BlackboxProbe};
    use crate::answer;
    use crate::exposition::{Exposition, Format, Plan, accepted_format};

    impl BlackboxProbe {
        /// In the text format.
        pub fn to_text(self) -> String {
            let mut exposition = Exposition::new(Plan::of(Arc::new(self), Format::Text), Format::Text);
            let mut text = Vec::new();
            while exposition.fill(&mut text) {}
            String::from_utf8_lossy(&text).into_owned()
        }

        /// The answer to a scraper, in the format and encoding that it asks for: as `/metrics` is answered, with nothing in it but
        /// this probe.
        pub fn respond(self, request: &HttpRequest) -> HttpResponse {
            let format = accepted_format(request.headers(), false);
            if request.method() == Method::HEAD {
                return answer::head_alone(request, format);
            }
            answer::whole(request, Plan::of(Arc::new(self), format), format, ())
        }
    }
}
