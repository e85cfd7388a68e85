//! A service with metrics of its own beside those of its requests, in a registry that it owns, and with a few things
//! configured:
//!
//! ```console
//! $ cargo run -p metrics-core --features actix-web --example own_metrics
//! $ curl -X POST http://127.0.0.1:8080/orders
//! $ curl http://127.0.0.1:8080/metrics
//! ```

use actix_web::{App, HttpResponse, HttpServer, web};
// The prometheus crate by way of metrics-core: another version of it would have another kind of registry.
use metrics_core::prometheus::{IntCounter, Registry};
use metrics_core::{Config, HttpMetrics, MetricsHandler, ProcessMetrics, StatusLabel};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::new();
    // Everything is registered here, once, and cloned into the closure that each worker calls.
    let orders = IntCounter::new("shop_orders_total", "Number of orders taken")?;
    registry.register(Box::new(orders.clone()))?;
    ProcessMetrics::register(&registry)?;
    let config = Config {
        namespace: "shop".to_owned(),
        duration_buckets: vec![0.001, 0.01, 0.1, 1.0],
        // Asked every second by a load balancer, and nobody wants to know.
        excluded_routes: vec!["/healthz".to_owned()],
        // There at 0 before the first order, so that an alert sees the first one that fails.
        known_routes: vec![("POST".to_owned(), "/orders".to_owned())],
        status: StatusLabel::Class,
        ..Config::default()
    };
    let http = HttpMetrics::register_with(&registry, &config)?;
    let metrics = MetricsHandler::register(&registry)?;

    let app = move || {
        App::new()
            .app_data(web::Data::new(orders.clone()))
            .route("/orders", web::post().to(order))
            .route("/healthz", web::get().to(HttpResponse::Ok))
            .service(metrics.clone())
            .wrap(http.clone())
    };
    let server = HttpServer::new(app).bind(std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8080"))?;
    println!("http://{}/metrics", server.addrs()[0]);
    server.run().await?;
    Ok(())
}

async fn order(orders: web::Data<IntCounter>) -> HttpResponse {
    orders.inc();
    HttpResponse::Created().finish()
}
