//! A line per request, when it has ended, with what the article's program logs of it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use pin_project_lite::pin_project;

/// Characters of what a client sends.
const LONGEST: usize = 1024;

/// Logs what becomes of `request`.
pub(crate) async fn logged<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<LoggedBody<B>>> {
    let mut line = log::log_enabled!(log::Level::Info).then(|| Line::new(&request));
    let answered = next.call(request).await;
    let response = answered.inspect_err(|error| {
        if let Some(line) = &mut line {
            line.answered(error.as_response_error().status_code(), BodySize::None);
        }
    })?;
    if let Some(line) = &mut line {
        line.answered(response.status(), response.response().body().size());
    }
    Ok(response.map_body(|_, body| LoggedBody { body, line }))
}

/// What is known of a request. It is logged when this is dropped.
struct Line {
    start: Instant,
    remote_ip: Option<String>,
    host: String,
    method: Method,
    uri: String,
    user_agent: String,
    /// As it is announced; nothing where it is not.
    bytes_in: Option<u64>,
    status: Option<StatusCode>,
    bytes_out: u64,
    /// What the body will be.
    size: BodySize,
    /// Why it is not whole.
    aborted: Option<&'static str>,
}

impl Line {
    fn new(request: &ServiceRequest) -> Self {
        let header =
            |name| request.headers().get(name).map(|value| bounded(&String::from_utf8_lossy(value.as_bytes())));
        let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        Self {
            start: Instant::now(),
            remote_ip: request.peer_addr().map(|peer| peer.ip().to_string()),
            host: header(header::HOST).unwrap_or_default(),
            method: request.method().clone(),
            uri: bounded(&request.uri().to_string()),
            user_agent: header(header::USER_AGENT).unwrap_or_default(),
            bytes_in: length.or((!chunked).then_some(0)),
            status: None,
            bytes_out: 0,
            size: BodySize::None,
            aborted: Some("dropped"),
        }
    }

    fn answered(&mut self, status: StatusCode, size: BodySize) {
        self.status = Some(status);
        let bodiless = self.method == Method::HEAD
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || matches!(size, BodySize::None | BodySize::Sized(0));
        self.size = if bodiless { BodySize::None } else { size };
        self.aborted = (!bodiless).then_some("incomplete");
    }

    fn sent(&mut self, bytes: usize) {
        // That of an answer to HEAD is made, and not sent.
        if self.size != BodySize::None {
            self.bytes_out += bytes as u64;
            if self.size == BodySize::Sized(self.bytes_out) {
                self.aborted = None;
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let aborted = if std::thread::panicking() { Some("panic") } else { self.aborted };
        log::info!(
            remote_ip = self.remote_ip.as_deref(),
            host = self.host.as_str(),
            method = bounded(self.method.as_str()).as_str(),
            uri = self.uri.as_str(),
            status = self.status.map(|status| status.as_u16()),
            latency = self.start.elapsed().as_secs_f64(),
            bytes_in = self.bytes_in,
            bytes_out = self.bytes_out,
            user_agent = self.user_agent.as_str(),
            aborted = aborted;
            "request"
        );
    }
}

fn bounded(text: &str) -> String {
    let mut bounded: String = text.chars().take(LONGEST).collect();
    if bounded.len() < text.len() {
        bounded.push('…');
    }
    bounded
}

pin_project! {
    /// A body of which it is known how much was sent.
    pub(crate) struct LoggedBody<B> {
        #[pin]
        body: B,
        line: Option<Line>,
    }
}

impl<B: MessageBody> MessageBody for LoggedBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.project();
        let next = ready!(this.body.poll_next(context));
        if let Some(line) = this.line {
            match &next {
                Some(Ok(bytes)) => line.sent(bytes.len()),
                Some(Err(_)) => line.aborted = Some("body_error"),
                None => line.aborted = line.aborted.filter(|aborted| *aborted != "incomplete"),
            }
        }
        Poll::Ready(next)
    }
}
