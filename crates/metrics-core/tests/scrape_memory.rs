//! What a scrape holds in memory while it is read slowly. A binary of its own: the allocator is the whole program's.
#![cfg(feature = "actix-web")]

use std::alloc::System;
use std::time::{Duration, SystemTime};

use actix_web::{App, HttpServer};
use metrics_core::prometheus::Registry;
use metrics_core::{ExternalConfig, ExternalMetrics, MetricsHandler, Outcome, Phase};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MIB: usize = 1 << 20;

/// Bytes.
fn held() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

fn with_targets(count: usize) -> Registry {
    let registry = Registry::new();
    let external = ExternalMetrics::register_with(&registry, &ExternalConfig { native_histograms: true }).unwrap();
    for number in 0..count {
        let target = external.target(&format!("https://{number}.example"), Duration::from_secs(60));
        target.record(&Outcome {
            at: SystemTime::UNIX_EPOCH,
            total: Duration::from_millis(5),
            head: None,
            status: Some(200),
            reason: None,
            phases: [None; Phase::ALL.len()],
            redirects: 0,
            body_bytes: None,
            tls: None,
        });
    }
    registry
}

#[actix_web::test]
async fn a_scrape_of_2000_targets_holds_a_megabyte_at_most() {
    let handler = MetricsHandler::register(&with_targets(2000)).unwrap();
    let server = HttpServer::new(move || App::new().service(handler.clone())).workers(1).disable_signals();
    let server = server.bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_rt::spawn(server);
    for (format, encoding, least) in [
        ("text/plain", "identity", 10 * MIB),
        ("application/openmetrics-text", "identity", 10 * MIB),
        ("application/vnd.google.protobuf", "identity", 5 * MIB),
        ("text/plain", "gzip", MIB / 4),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: {format}\r\nAccept-Encoding: {encoding}\r\nConnection: close\r\n\r\n"
        );
        let mut buffer = vec![0; 16 * 1024];
        let (before, mut most, mut all) = (held(), 0, 0);
        stream.write_all(request.as_bytes()).await.unwrap();
        loop {
            let read =
                actix_rt::time::timeout(Duration::from_secs(20), stream.read(&mut buffer)).await.unwrap().unwrap();
            if read == 0 {
                break;
            }
            (most, all) = (most.max(held()), all + read);
        }
        assert!(all > least, "{format}, {encoding}: {all} bytes");
        let more = most.saturating_sub(before);
        assert!(more <= MIB, "{format}, {encoding}: {more} bytes more for a body of {all}");
    }
    handle.stop(false).await;
}
