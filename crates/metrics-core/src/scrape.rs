//! For actix-web: the route that answers scrapes.

use std::future::{Ready, ready};

use actix_web::http::header;
use actix_web::{HttpResponse, Resource, web};
use prometheus::{Registry, TextEncoder};

/// The route `/metrics` over everything in `registry`, in the Prometheus text format 0.0.4. GET and HEAD; 405 to all else.
///
/// ```
/// use actix_web::App;
/// use metrics_core::{prometheus::Registry, scrape};
///
/// let app = App::new().service(scrape(&Registry::new()));
/// # let _ = app;
/// ```
pub fn scrape(registry: &Registry) -> Resource {
    let registry = registry.clone();
    get_only("/metrics", move || ready(exposition(&registry)))
}

/// A route that answers GET, HEAD likewise (which actix-web does not do by itself), and 405 to all else.
///
/// ```
/// use std::future::ready;
/// use actix_web::{App, HttpResponse};
/// use metrics_core::get_only;
///
/// let app = App::new().service(get_only("/healthz", || ready(HttpResponse::Ok().body("healthy"))));
/// # let _ = app;
/// ```
pub fn get_only<F>(path: &str, answer: F) -> Resource
where
    F: Fn() -> Ready<HttpResponse> + Clone + 'static,
{
    let refuse = || ready(HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, "GET, HEAD")).finish());
    web::resource(path)
        .route(web::get().to(answer.clone()))
        .route(web::head().to(answer))
        .default_service(web::to(refuse))
}

fn exposition(registry: &Registry) -> HttpResponse {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text),
        Err(error) => HttpResponse::InternalServerError()
            .content_type("text/plain; charset=utf-8")
            .body(format!("a metric in the registry cannot be exposed: {error}\n")),
    }
}
