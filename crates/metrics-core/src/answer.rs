//! For actix-web: the answer to a scraper, in the format and encoding that it asks for.

use actix_web::body::BodyStream;
use actix_web::http::{ConnectionType, Version, header};
use actix_web::web::Bytes;
use actix_web::{Error, HttpRequest, HttpResponse, HttpResponseBuilder};
use futures::stream;

use crate::exposition::{Exposition, Format, Plan, Stream, accepts_gzip};

/// Everything that is planned. Holds `held` until it is written, or nobody reads it any more.
pub(crate) fn whole<T: Unpin + 'static>(request: &HttpRequest, plan: Plan, format: Format, held: T) -> HttpResponse {
    let stream = Stream::new(Exposition::new(plan, format), accepts_gzip(request.headers()), held);
    readable(request, head(request, format).body(stream))
}

/// The head of it.
pub(crate) fn head_alone(request: &HttpRequest, format: Format) -> HttpResponse {
    let nothing = BodyStream::new(stream::empty::<Result<Bytes, Error>>());
    readable(request, head(request, format).body(nothing))
}

fn head(request: &HttpRequest, format: Format) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.content_type(format.content_type());
    response.insert_header((header::VARY, "Accept, Accept-Encoding"));
    if accepts_gzip(request.headers()) {
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
    }
    response
}

/// Who knows no chunks, which actix-web sends all the same, finds the end of a body in that of the connection.
fn readable(request: &HttpRequest, mut response: HttpResponse) -> HttpResponse {
    if request.version() < Version::HTTP_11 {
        response.head_mut().no_chunking(true);
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    response
}
