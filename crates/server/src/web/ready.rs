//! `/-/ready`: whether to send requests here. 503 before the configuration is loaded, and from the moment the server is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::header;
use actix_web::{HttpResponse, Resource};

/// Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Ready(Arc<AtomicBool>);

impl Ready {
    pub(crate) fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    pub(crate) fn route(&self) -> Resource {
        let ready = self.clone();
        metrics_core::get_only("/-/ready", move || {
            let (mut response, text) = if ready.0.load(Ordering::Relaxed) {
                (HttpResponse::Ok(), "actix-exporter is ready.\n")
            } else {
                (HttpResponse::ServiceUnavailable(), "actix-exporter is starting or stopping: ask another one.\n")
            };
            response.insert_header((header::CACHE_CONTROL, "no-cache"));
            std::future::ready(response.content_type("text/plain; charset=utf-8").body(text))
        })
    }
}
