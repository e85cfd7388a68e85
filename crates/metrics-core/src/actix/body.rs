//! The bodies that count what goes through them: the response's, with which the record of its request ends, and the
//! request's.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Payload, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::Bytes;
use futures::Stream;

use crate::http::Record;

pin_project_lite::pin_project! {
    /// The body of a response of a [`CountedService`](crate::CountedService): the body that it would have been, and the
    /// record of the request, which ends with it.
    pub struct CountedBody<B> {
        record: Option<Record>,
        #[pin]
        body: B,
    }
}

impl<B> CountedBody<B> {
    pub(super) fn new(body: B, record: Option<Record>) -> Self {
        Self { record, body }
    }
}

/// Tells the record of a response that has begun, and ends it where no body will be read.
pub(super) fn respond<B: MessageBody>(record: Record, response: &ServiceResponse<B>) -> Option<Record> {
    let size = response.response().body().size();
    let sends = record.responding(response.status(), size);
    record.routed(response.request(), is_long_lived(response, size));
    if !sends {
        record.complete();
        return None;
    }
    Some(record)
}

/// Whether an exchange lasts as long as somebody listens; see [`LongLived`](crate::LongLived).
fn is_long_lived<B>(response: &ServiceResponse<B>, size: BodySize) -> bool {
    if size != BodySize::Stream {
        return false;
    }
    let headers = response.headers();
    let events =
        headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    events || !headers.contains_key(header::CONTENT_ENCODING)
}

impl<B: MessageBody> MessageBody for CountedBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    // try_into_bytes() is not forwarded: a body that is taken that way would never be polled, and so not be counted.
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.project();
        let polled = ready!(this.body.poll_next(cx));
        let ended = match (&polled, &*this.record) {
            (_, None) => false,
            // Nobody needs to poll a body of known size once more to know that it has ended.
            (Some(Ok(bytes)), Some(record)) => record.sent(bytes.len()),
            _ => true,
        };
        if ended && let Some(record) = this.record.take() {
            match &polled {
                Some(Err(_)) => record.body_error(),
                _ => record.complete(),
            }
        }
        Poll::Ready(polled)
    }
}

/// A request body without an announced length.
pub(super) struct CountedPayload {
    payload: Payload,
    bytes: Rc<Cell<u64>>,
}

impl CountedPayload {
    pub(super) fn new(payload: Payload, bytes: Rc<Cell<u64>>) -> Self {
        Self { payload, bytes }
    }
}

impl Stream for CountedPayload {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.payload).poll_next(cx);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            self.bytes.set(self.bytes.get() + bytes.len() as u64);
        }
        polled
    }
}
