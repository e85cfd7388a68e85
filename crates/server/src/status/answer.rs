//! How a page is answered, in whichever form.

use actix_web::http::header::{self, EntityTag, Header, IfNoneMatch};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use ring::digest::{SHA256, digest};
use serde::Serialize;

use super::words;

/// The page and nothing else: no script, and no frame around it.
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// A page as it is sent.
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

impl Page {
    pub(super) fn new(content_type: &'static str, body: String) -> Self {
        Self { status: StatusCode::OK, content_type, body }
    }

    pub(super) fn html(body: String) -> Self {
        Self::new("text/html; charset=utf-8", body)
    }

    pub(super) fn text(body: String) -> Self {
        Self::new("text/plain; charset=utf-8", body)
    }

    pub(super) fn json(value: &impl Serialize) -> Self {
        let text = serde_json::to_string(value).expect("keys are texts, and writing to a String cannot fail");
        Self::new("application/json", text + "\n")
    }

    pub(super) fn with(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// 304 where the client has it already (RFC 9110, section 13.1.2).
    pub(super) fn answer(self, request: &HttpRequest) -> HttpResponse {
        let tag = EntityTag::new_weak(tag(&self.body));
        let reads = [Method::GET, Method::HEAD].contains(request.method());
        let known = match IfNoneMatch::parse(request) {
            Ok(IfNoneMatch::Any) => request.headers().contains_key(header::IF_NONE_MATCH),
            Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(&tag)),
            Err(_) => false,
        };
        let unchanged = known && reads && self.status == StatusCode::OK;
        let status = if unchanged { StatusCode::NOT_MODIFIED } else { self.status };
        let mut response = HttpResponse::build(status);
        response
            .insert_header((header::VARY, "Accept"))
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .insert_header(header::ETag(tag));
        if unchanged {
            return response.finish();
        }
        // What stands in it may be from anybody.
        response
            .content_type(self.content_type)
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .body(self.body)
    }
}

fn tag(body: &str) -> String {
    let digest = digest(&SHA256, body.as_bytes());
    words::hex(&digest.as_ref()[..12])
}
