//! One probe under blackbox_exporter's names.

use std::time::Duration;

use actix_web::body::to_bytes;
use actix_web::http::{Method, header};
use actix_web::test::TestRequest;
use metrics_core::{BlackboxLeaf, BlackboxProbe, BlackboxTls, Phase};

use crate::ask::{OPEN_METRICS, TEXT};

const MILLI: Duration = Duration::from_millis(1);

/// What a probe over TLS found.
fn over_tls() -> BlackboxProbe {
    BlackboxProbe {
        success: true,
        duration: 5 * MILLI,
        timeout: 9500 * MILLI,
        lookup: MILLI / 2,
        address: Some("127.0.0.1".parse().unwrap()),
        phases: [Some(MILLI); Phase::ALL.len()],
        content_length: Some(12),
        body_length: 34,
        redirects: 1,
        ssl: true,
        status: Some(204),
        version: Some(1.1),
        failed_due_to_regex: false,
        last_modified: Some(1_700_000_000),
        tls: Some(BlackboxTls {
            earliest_expiry: Some(1_800_000_000),
            last_chain_expiry: Some(1_900_000_000),
            version: Some("TLS 1.3"),
            cipher: Some("TLS_AES_128_GCM_SHA256"),
            leaf: Some(BlackboxLeaf {
                fingerprint: "ab".to_owned(),
                issuer: "CN=\"a\\\nb".to_owned(),
                serial: "01".to_owned(),
                subject: "CN=c".to_owned(),
                names: "c.test,d.test".to_owned(),
            }),
        }),
    }
}

/// What a probe found that was refused.
fn refused() -> BlackboxProbe {
    let mut phases = [None; Phase::ALL.len()];
    phases[Phase::Connect as usize] = Some(MILLI);
    BlackboxProbe {
        success: false,
        address: None,
        phases,
        content_length: None,
        body_length: 0,
        redirects: 0,
        ssl: false,
        status: None,
        version: None,
        failed_due_to_regex: true,
        last_modified: None,
        tls: None,
        ..over_tls()
    }
}

/// Its samples; each family has the type gauge and at least one of them.
fn samples(text: &str) -> Vec<&str> {
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        assert_eq!(kind, "gauge", "{name}");
        assert!(samples.iter().any(|sample| sample.split(['{', ' ']).next() == Some(name)), "{name} has no series");
    }
    samples
}

#[test]
fn all_that_was_measured_is_there_under_its_name() {
    let expected = [
        "probe_dns_lookup_time_seconds 0.0005",
        "probe_duration_seconds 0.005",
        "probe_failed_due_to_regex 0",
        "probe_http_content_length 12",
        "probe_http_duration_seconds{phase=\"resolve\"} 0.001",
        "probe_http_duration_seconds{phase=\"connect\"} 0.001",
        "probe_http_duration_seconds{phase=\"tls\"} 0.001",
        "probe_http_duration_seconds{phase=\"processing\"} 0.001",
        "probe_http_duration_seconds{phase=\"transfer\"} 0.001",
        "probe_http_last_modified_timestamp_seconds 1700000000",
        "probe_http_redirects 1",
        "probe_http_ssl 1",
        "probe_http_status_code 204",
        "probe_http_uncompressed_body_length 34",
        "probe_http_version 1.1",
        "probe_ip_addr_hash 3668918509",
        "probe_ip_protocol 4",
        "probe_ssl_earliest_cert_expiry 1800000000",
        "probe_ssl_last_chain_expiry_timestamp_seconds 1900000000",
        "probe_ssl_last_chain_info{fingerprint_sha256=\"ab\",issuer=\"CN=\\\"a\\\\\\nb\",serialnumber=\"01\",subject=\"CN=c\",\
         subjectalternative=\"c.test,d.test\"} 1",
        "probe_success 1",
        "probe_timeout_seconds 9.5",
        "probe_tls_cipher_info{cipher=\"TLS_AES_128_GCM_SHA256\"} 1",
        "probe_tls_version_info{version=\"TLS 1.3\"} 1",
    ];
    assert_eq!(samples(&over_tls().to_text()), expected);
}

/// But for what rules compare.
#[test]
fn what_was_not_measured_is_absent() {
    let expected = [
        "probe_dns_lookup_time_seconds 0.0005",
        "probe_duration_seconds 0.005",
        "probe_failed_due_to_regex 1",
        "probe_http_duration_seconds{phase=\"connect\"} 0.001",
        "probe_http_redirects 0",
        "probe_http_ssl 0",
        "probe_http_status_code 0",
        "probe_http_uncompressed_body_length 0",
        "probe_http_version 0",
        "probe_ip_addr_hash 0",
        "probe_ip_protocol 0",
        "probe_success 0",
        "probe_timeout_seconds 9.5",
    ];
    assert_eq!(samples(&refused().to_text()), expected);
    // A handshake that did not end.
    let tls = Some(BlackboxTls { earliest_expiry: Some(1), ..BlackboxTls::default() });
    let text = BlackboxProbe { tls, ..refused() }.to_text();
    assert!(text.contains("\nprobe_ssl_earliest_cert_expiry 1\n") && !text.contains("probe_tls_"), "{text}");
}

/// The hashes are those that blackbox_exporter has of these addresses.
#[test]
fn an_address_is_hashed_in_its_shortest_form() {
    for (address, hash, protocol) in
        [("127.0.0.1", 3_668_918_509_u32, 4), ("::ffff:127.0.0.1", 3_668_918_509, 4), ("::1", 1_751_717_746, 6)]
    {
        let text = BlackboxProbe { address: Some(address.parse().unwrap()), ..refused() }.to_text();
        assert!(text.contains(&format!("\nprobe_ip_addr_hash {hash}\n")), "{address}: {text}");
        assert!(text.contains(&format!("\nprobe_ip_protocol {protocol}\n")), "{address}: {text}");
    }
}

/// The answer to a request with these headers: what its head says of the format and the encoding, and its body.
async fn answer(method: Method, accept: &str, encoding: &str) -> (String, String, Vec<u8>) {
    let request = TestRequest::default()
        .method(method)
        .insert_header((header::ACCEPT, accept))
        .insert_header((header::ACCEPT_ENCODING, encoding))
        .to_http_request();
    let response = over_tls().respond(&request);
    let of = |name| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let (format, encoding) = (of(header::CONTENT_TYPE), of(header::CONTENT_ENCODING));
    (format, encoding, to_bytes(response.into_body()).await.unwrap().to_vec())
}

#[actix_web::test]
async fn it_is_answered_as_metrics_are() {
    let (format, encoding, body) = answer(Method::GET, "*/*", "identity").await;
    assert_eq!((format.as_str(), encoding.as_str()), (TEXT, ""));
    assert_eq!(String::from_utf8(body).unwrap(), over_tls().to_text());
    let (format, _, body) = answer(Method::GET, OPEN_METRICS, "identity").await;
    assert_eq!(format, OPEN_METRICS);
    assert!(String::from_utf8(body).unwrap().ends_with("# EOF\n"));
    let (_, encoding, body) = answer(Method::GET, "*/*", "gzip").await;
    assert!(encoding == "gzip" && body.starts_with(&[0x1f, 0x8b]));
    for accept in ["*/*", OPEN_METRICS] {
        let (format, _, body) = answer(Method::HEAD, accept, "identity").await;
        assert_eq!((format.as_str(), body.len()), (if accept == "*/*" { TEXT } else { OPEN_METRICS }, 0));
    }
}
