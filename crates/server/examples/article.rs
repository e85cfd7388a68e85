//! The article's program, made of the two libraries: request metrics, a probe once a minute, `/3-shake-status`, `/metrics`. The walk from
//! the Go program to this one is docs/walk.ja.md. The server itself does the same with flags, files, TLS, a history and pages:
//!
//! ```console
//! $ cargo run -p server --example article
//! $ curl http://localhost:2121/3-shake-status http://localhost:2121/metrics
//! ```

use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpServer, web};
use metrics_core::{ExternalMetrics, HttpMetrics, MetricsHandler, prometheus::Registry};
use probe::{
    Client, Detail, Engine, EngineConfig, Env, History, HistoryConfig, Module, Roots, Spec, Target, parse_url,
};

#[actix_rt::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "https://3-shake.com".to_owned());
    let address = args.next().unwrap_or_else(|| "0.0.0.0:2121".to_owned());

    let registry = Registry::new();
    let http = HttpMetrics::register(&registry)?;
    let external = ExternalMetrics::register(&registry)?;
    let metrics = MetricsHandler::register(&registry)?;

    let target = Target {
        name: url.clone(),
        spec: Spec {
            url: parse_url(&url)?,
            timeout: Duration::from_secs(10),
            client: Arc::new(Client::new(Module::default(), &Roots::System)?),
        },
        module: "http_2xx".to_owned(),
        interval: Duration::from_secs(60),
        slow_after: None,
        labels: Vec::new(),
        metrics: Detail::Phases,
    };
    let history = Arc::new(History::in_memory(HistoryConfig::default()));
    let engine = Arc::new(Engine::new(EngineConfig::default(), Env::default(), external, history));
    engine.apply(vec![target])?;

    let app = move || {
        App::new()
            .app_data(web::Data::from(engine.clone()))
            .route("/3-shake-status", web::get().to(status))
            .service(metrics.clone())
            .wrap(http.clone())
    };
    let server = HttpServer::new(app).bind(address)?;
    eprintln!("listening on http://{}", server.addrs()[0]);
    server.run().await?;
    Ok(())
}

async fn status(engine: web::Data<Engine>) -> String {
    let last = engine.targets()[0].last();
    let said = last.map_or("none yet".to_owned(), |report| match (report.outcome.status, report.outcome.reason) {
        (Some(status), _) => status.to_string(),
        (None, reason) => format!("none ({})", reason.map_or("no reason", |reason| reason.as_str())),
    });
    format!("Last 3-shake.com access status: {said}\n")
}
