//! A service that counts its requests and shows the counts:
//!
//! ```console
//! $ cargo run -p metrics-core --features actix-web --example service
//! $ curl http://127.0.0.1:8080/hello/you http://127.0.0.1:8080/metrics
//! ```

use actix_web::{App, HttpServer, web};
use metrics_core::{HttpMetrics, MetricsHandler, prometheus::Registry};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let registry = Registry::new();
    let http = HttpMetrics::register(&registry).expect("a new registry has all names free");
    let metrics = MetricsHandler::register(&registry).expect("a new registry has all names free");
    let app =
        move || App::new().route("/hello/{name}", web::get().to(hello)).service(metrics.clone()).wrap(http.clone());
    let server = HttpServer::new(app).bind(std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8080"))?;
    println!("http://{}/metrics", server.addrs()[0]);
    server.run().await
}

async fn hello(name: web::Path<String>) -> String {
    format!("Hello, {name}!")
}
