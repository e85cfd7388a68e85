//! Native histograms of durations that are known, for `cargo xtask test prometheus`, which compares what Prometheus makes of
//! them. Target `uniform` took 1, 2, … 1000 ms, and as much again with each `GET /record`; `empty` took no run; `long` took
//! one that is above all buckets, `short` one below them.
//!
//! ```console
//! $ cargo run -p metrics-core --features actix-web --example known_durations
//! $ curl http://127.0.0.1:8080/record http://127.0.0.1:8080/metrics
//! ```

use std::time::{Duration, SystemTime};

use actix_web::{App, HttpResponse, HttpServer, web};
use metrics_core::{ExternalConfig, ExternalMetrics, MetricsHandler, Outcome, Phase, Target, prometheus::Registry};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::new();
    let external = ExternalMetrics::register_with(&registry, &ExternalConfig { native_histograms: true })?;
    let handler = MetricsHandler::register(&registry)?;
    let target = |name| external.target(name, Duration::from_secs(60));
    target("empty");
    target("long").record(&run_of(Duration::from_secs(100)));
    target("short").record(&run_of(Duration::from_nanos(100)));
    let uniform = target("uniform");
    record(&uniform);

    let app = move || {
        App::new()
            .app_data(web::Data::from(uniform.clone()))
            .route("/record", web::get().to(more))
            .service(handler.clone())
    };
    let server =
        HttpServer::new(app).workers(1).bind(std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8080"))?;
    println!("http://{}/metrics", server.addrs()[0]);
    server.run().await?;
    Ok(())
}

async fn more(uniform: web::Data<Target>) -> HttpResponse {
    record(&uniform);
    HttpResponse::Ok().finish()
}

fn record(uniform: &Target) {
    for milliseconds in 1..=1000 {
        uniform.record(&run_of(Duration::from_millis(milliseconds)));
    }
}

fn run_of(total: Duration) -> Outcome {
    Outcome {
        at: SystemTime::now(),
        total,
        head: None,
        status: None,
        reason: None,
        phases: [None; Phase::ALL.len()],
        redirects: 0,
        body_bytes: None,
        tls: None,
    }
}
