//! Two servers in one process: one for everybody, and one for operators, which shows the metrics of both. They share a
//! registry, and a label says whose a series is:
//!
//! ```console
//! $ cargo run -p metrics-core --features actix-web --example two_servers
//! $ curl http://127.0.0.1:8080/
//! $ curl http://127.0.0.1:8081/metrics
//! ```

use actix_web::{App, HttpServer, web};
use metrics_core::{Config, HttpMetrics, MetricsHandler, RegisterError, prometheus::Registry};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut addresses = std::env::args().skip(1);
    let registry = Registry::new();
    let (public_http, admin_http) = (metrics_of("public", &registry)?, metrics_of("admin", &registry)?);
    let metrics = MetricsHandler::register(&registry)?;

    let app = move || App::new().route("/", web::get().to(|| async { "Hello!" })).wrap(public_http.clone());
    let public = HttpServer::new(app).bind(addresses.next().as_deref().unwrap_or("127.0.0.1:8080"))?;
    let app = move || App::new().service(metrics.clone()).wrap(admin_http.clone());
    let admin = HttpServer::new(app).workers(1).bind(addresses.next().as_deref().unwrap_or("127.0.0.1:8081"))?;

    println!("http://{}/", public.addrs()[0]);
    println!("http://{}/metrics", admin.addrs()[0]);
    futures::future::try_join(public.run(), admin.run()).await?;
    Ok(())
}

/// One set for both servers, from clones, would do as well; then nothing tells them apart.
fn metrics_of(server: &str, registry: &Registry) -> Result<HttpMetrics, RegisterError> {
    let config = Config { const_labels: vec![("server".to_owned(), server.to_owned())], ..Config::default() };
    HttpMetrics::register_with(registry, &config)
}
