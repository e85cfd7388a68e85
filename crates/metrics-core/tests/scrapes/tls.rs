//! Of TLS, a scrape says what the last run saw, and nothing of a run before it.

use std::time::Duration;

use metrics_core::prometheus::Registry;
use metrics_core::{ExternalConfig, ExternalMetrics, Outcome, Reason, TlsOutcome};

use crate::ask::{FORMATS, scrape};
use crate::subjects::{TLS, handler, outcome};

const NOT_AFTER: &str = "external_access_tls_not_after_timestamp_seconds";
const CHAIN_NOT_AFTER: &str = "external_access_tls_chain_not_after_timestamp_seconds";
const INFO: &str = "external_access_tls_info";

#[actix_web::test]
async fn what_was_not_seen_of_tls_is_absent() {
    let registry = Registry::new();
    let external = ExternalMetrics::register_with(&registry, &ExternalConfig { native_histograms: true }).unwrap();
    let target = external.target("a", Duration::from_secs(60));
    let handler = handler(&registry);
    let unfinished = TlsOutcome { version: None, cipher: None, ..TLS };
    let nothing = TlsOutcome { not_after: None, chain_not_after: None, ..unfinished };
    let expired = TlsOutcome { not_after: Some(-1), chain_not_after: Some(-2), ..TLS };
    let unnamed = TlsOutcome { cipher: None, ..TLS };
    let before_the_first_run = None;
    let run = |tls, reason| Some(Outcome { tls, reason, ..outcome(Duration::ZERO) });
    for (last, expected) in [
        (before_the_first_run, [None; 3]),
        (run(Some(TLS), None), [Some(1.8e9), Some(1.79e9), Some(1.0)]),
        (run(Some(unfinished), Some(Reason::TlsHandshake)), [Some(1.8e9), Some(1.79e9), None]),
        (run(Some(expired), Some(Reason::TlsExpired)), [Some(-1.0), Some(-2.0), Some(1.0)]),
        (run(Some(nothing), Some(Reason::TlsTimeout)), [None; 3]),
        (run(Some(unnamed), None), [Some(1.8e9), Some(1.79e9), None]),
        (run(None, None), [None; 3]),
    ] {
        if let Some(outcome) = &last {
            target.record(outcome);
        }
        for format in FORMATS {
            let exposed = scrape(&handler, format, "").await.exposed();
            let handshake = [("target", "a"), ("version", "TLS 1.3"), ("cipher", "TLS_AES_128_GCM_SHA256")];
            let found = [
                exposed.value(NOT_AFTER, &handshake[..1]),
                exposed.value(CHAIN_NOT_AFTER, &handshake[..1]),
                exposed.value(INFO, &handshake),
            ];
            assert_eq!(found, expected, "{last:?} in {format}");
            let series = exposed.samples().filter(|sample| sample.name.starts_with("external_access_tls_")).count();
            assert_eq!(series, expected.iter().flatten().count(), "{last:?} in {format}");
        }
    }
}
