//! No route reads a body, so none is waited for: who sends one is answered at once, and his connection ends, at the latest when the time
//! for the head of a request has passed once more. actix-http by itself reads on for as long as a chunked body goes on.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Waker;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, header};
use actix_web::middleware::Next;

/// What the app tells the connection that a request came by: its body has begun.
#[derive(Default)]
pub(super) struct Body {
    has_begun: Cell<bool>,
    /// Of who waits for more to read.
    reader: Cell<Option<Waker>>,
}

impl Body {
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.get()
    }

    pub(super) fn awaited_by(&self, reader: &Waker) {
        self.reader.set(Some(reader.clone()));
    }

    fn begin(&self) {
        self.has_begun.set(true);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// Answers a request with a body as one without, and ends its connection.
pub(crate) async fn unread<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<B>> {
    let headers = request.headers();
    let has_length = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    let has_body = has_length || headers.contains_key(header::TRANSFER_ENCODING);
    if let Some(body) = request.conn_data::<Rc<Body>>().filter(|_| has_body) {
        body.begin();
    }
    let mut response = next.call(request).await?;
    if has_body {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}
