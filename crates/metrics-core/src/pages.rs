//! For actix-web: routes that are read and nothing else.

use actix_web::http::header;
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, web};
use std::future::ready;

/// A route that answers GET, HEAD likewise (which actix-web does not do by itself), and 405 to all else.
///
/// ```
/// use actix_web::{App, HttpResponse};
/// use metrics_core::get_only;
///
/// let app = App::new().service(get_only("/healthz", || async { HttpResponse::Ok().body("healthy") }));
/// # let _ = app;
/// ```
pub fn get_only<F, Args>(path: &str, answer: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(answer.clone()))
        .route(web::head().to(answer))
        .default_service(web::to(|| ready(method_not_allowed())))
}

pub(crate) fn method_not_allowed() -> HttpResponse {
    HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, "GET, HEAD")).finish()
}
