//! What is compared: the handler of this crate, and what a handler does with the prometheus crate alone. Each as what
//! [`actix_web::App::configure`] takes.

use std::future::ready;

use actix_web::web::ServiceConfig;
use actix_web::{HttpResponse, web};
use metrics_core::MetricsHandler;
use metrics_core::prometheus::{Registry, TextEncoder};

pub(crate) fn ours(registry: &Registry) -> impl FnOnce(&mut ServiceConfig) + Clone + Send + 'static {
    let handler = MetricsHandler::register(registry).expect("its names are free");
    move |config| {
        config.service(handler);
    }
}

pub(crate) fn theirs(registry: &Registry) -> impl FnOnce(&mut ServiceConfig) + Clone + Send + 'static {
    let registry = registry.clone();
    move |config| {
        config.route("/metrics", web::get().to(move || ready(exposition(&registry))));
    }
}

fn exposition(registry: &Registry) -> HttpResponse {
    let text = TextEncoder::new().encode_to_string(&registry.gather()).expect("all metrics can be encoded");
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text)
}
