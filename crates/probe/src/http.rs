//! HTTP by awc, over a stream that is ready. awc is given no name to resolve, nothing to connect to, no redirect to
//! follow and no time limit of its own: all of that is ours.
#![expect(clippy::disallowed_types, reason = "here a client is given its stream, so it never dials by itself")]

use std::cell::RefCell;
use std::future::{Ready, ready};
use std::io;
use std::rc::Rc;
use std::time::UNIX_EPOCH;

use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::header::{self, HeaderMap};
use awc::http::{Method, StatusCode, Uri, Version};
use awc::{Client, ClientResponse, Connector};
use futures::StreamExt;
use metrics_core::Reason;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::body::BodyReader;
use crate::failure::{self, Failed};
use crate::module::StatusCodes;
use crate::request::Request;
use crate::wire::{Protocol, Seen, Stream, Wire, bodiless};

/// What leads elsewhere, where a Location says so.
const REDIRECTS: [StatusCode; 5] = [
    StatusCode::MOVED_PERMANENTLY,
    StatusCode::FOUND,
    StatusCode::SEE_OTHER,
    StatusCode::TEMPORARY_REDIRECT,
    StatusCode::PERMANENT_REDIRECT,
];

/// The response to one request, as far as its head.
pub(crate) struct Answer {
    response: ClientResponse,
    /// The request was a HEAD.
    to_head: bool,
    seen: Rc<Seen>,
    _over: Over,
    /// Holds the connection of HTTP/2 until the body is read.
    _client: Client,
}

/// Sends `request` for `url` over `stream` and waits for the head of the response.
pub(crate) async fn ask(
    stream: Stream,
    protocol: Protocol,
    seen: Rc<Seen>,
    url: &Url,
    request: &Request,
    deadline: Instant,
) -> Result<Answer, Failed> {
    let to_head = request.method == Method::HEAD;
    let wire = Wire::new(stream, protocol, to_head, seen.clone());
    let client = Client::builder()
        .connector(Connector::new().connector(Slot(Rc::new(RefCell::new(Some(wire))))))
        .disable_timeout()
        .disable_redirects()
        .no_default_headers()
        .finish();
    let over = Over(seen.clone());
    let authority = request.authority(url);
    let mut asking = client
        .request(request.method.clone(), uri(url, &authority, protocol)?)
        .insert_header((header::HOST, authority))
        // What a body is encoded in is decoded within our own limits (body.rs).
        .no_decompress()
        .force_close();
    for header in request.headers(url) {
        asking = asking.append_header(header);
    }
    let sending = match &request.body {
        Some(body) => asking.send_body(body.clone()),
        // RFC 9110, section 8.6: only where a body would be expected is it said that there is none.
        None if [Method::POST, Method::PUT, Method::PATCH].contains(&request.method) => asking.send(),
        None => asking.send_body(actix_http::body::None::new()),
    };
    match timeout_at(deadline, sending).await {
        Ok(Ok(response)) => {
            if protocol == Protocol::Http2 {
                seen.first_byte.set(Some(std::time::Instant::now()));
            }
            Ok(Answer { response, to_head, seen, _over: over, _client: client })
        }
        Ok(Err(error)) => Err(failure::head(&error, seen.goaway.get())),
        Err(_) => Err(Failed::new(Reason::ResponseTimeout, "the head of the response did not end in time")),
    }
}

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn version(&self) -> Version {
        self.seen.version.get().unwrap_or(self.response.version())
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Where a redirect leads; `None` for a response that is no redirect, and for one that names no place where its status is
    /// one of those that `expected` names.
    pub(crate) fn redirect(&self, from: &Url, expected: &StatusCodes) -> Option<Result<Url, Failed>> {
        let final_here = !self.headers().contains_key(header::LOCATION) && expected.contain(self.status().as_u16());
        (REDIRECTS.contains(&self.status()) && !final_here).then(|| {
            let location = self.headers().get(header::LOCATION);
            let location = location.ok_or_else(|| Failed::new(Reason::Redirect, "a redirect without a Location"))?;
            let location = String::from_utf8_lossy(location.as_bytes());
            let to = from.join(&location);
            let mut to = to.map_err(|error| {
                // Sites put keys into queries.
                let shown = location.split(['?', '#']).next().unwrap_or_default();
                Failed::new(Reason::Redirect, format!("Location {shown:?}: {error}"))
            })?;
            if matches!(to.scheme(), "http" | "https") {
                // They are not sent, and must not be shown. It can only fail for URLs without a host, which these two have.
                let _ = (to.set_username(""), to.set_password(None));
                Ok(to)
            } else {
                Err(Failed::new(Reason::Redirect, format!("to scheme {}, which is not followed", to.scheme())))
            }
        })
    }

    /// Whether it names another place, be it gone to or not.
    pub(crate) fn redirects(&self) -> bool {
        REDIRECTS.contains(&self.status()) && self.headers().contains_key(header::LOCATION)
    }

    /// Bytes of the body, where the head says it.
    pub(crate) fn content_length(&self) -> Option<u64> {
        if !self.to_head && bodiless(self.status().as_u16()) { Some(0) } else { self.announced_length() }
    }

    /// In Unix time.
    pub(crate) fn last_modified(&self) -> Option<i64> {
        let date = self.headers().get(header::LAST_MODIFIED)?.to_str().ok()?;
        let since = httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_secs()).ok()
    }

    /// Hands the body to `reader`, to its end.
    pub(crate) async fn read_body(&mut self, reader: &mut BodyReader, deadline: Instant) -> Result<(), Failed> {
        // awc would wait for one that is announced.
        if self.to_head || bodiless(self.status().as_u16()) {
            return Ok(());
        }
        let announced = self.announced_length();
        loop {
            let piece = timeout_at(deadline, self.response.next()).await;
            let bytes = reader.sizes().bytes;
            match piece {
                Ok(Some(Ok(piece))) => reader.read(&piece)?,
                // RFC 9113, section 8.1: so a peer says that it has no use for the rest of the request.
                Ok(Some(Err(error))) if self.seen.ended.get() && failure::is_no_error(&error) => break,
                Ok(Some(Err(error))) => {
                    let short = announced.is_some_and(|all| self.seen.data.get() < all);
                    return Err(failure::body(&error, short));
                }
                Ok(None) => break,
                Err(_) => return Err(Failed::new(Reason::BodyTimeout, format!("{bytes} bytes in time, and no end"))),
            }
        }
        // awc takes a connection that ends early for the end of the body.
        let bytes = reader.sizes().bytes;
        let detail = match announced {
            Some(announced) if announced != bytes => format!("{bytes} of {announced} bytes"),
            None if self.seen.eof.get() && self.seen.chunked.get() => {
                "the connection ended before the last chunk".to_owned()
            }
            _ => return reader.end(),
        };
        Err(Failed::new(Reason::BodyTruncated, detail))
    }

    /// What Content-Length says, where it says how long the body is.
    fn announced_length(&self) -> Option<u64> {
        if self.seen.chunked.get() {
            return None;
        }
        self.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
    }
}

/// Ends what awc may still want to send when it goes.
struct Over(Rc<Seen>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.over.set(true);
    }
}

/// awc chooses protocol and TLS by the scheme: for `https` it speaks HTTP/2 over the stream as it is, for `http` HTTP/1.1.
/// The scheme goes over the wire only in HTTP/2, which is spoken only where the URL's scheme is `https`.
fn uri(url: &Url, authority: &str, protocol: Protocol) -> Result<Uri, Failed> {
    let scheme = if protocol == Protocol::Http2 { "https" } else { "http" };
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let uri = format!("{scheme}://{authority}{}{query}", url.path());
    uri.parse().map_err(|error| Failed::new(Reason::Internal, format!("{uri:?} cannot be asked for: {error}")))
}

/// A connector for awc that hands out the one stream there is.
#[derive(Clone)]
struct Slot(Rc<RefCell<Option<Wire>>>);

impl Service<ConnectInfo<Uri>> for Slot {
    type Response = Connection<Uri, Wire>;
    type Error = ConnectError;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    actix_service::always_ready!();

    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let wire = self.0.borrow_mut().take();
        let none_left = || ConnectError::Io(io::Error::other("awc asked for a second connection"));
        ready(wire.map(|wire| Connection::new(info.request().clone(), wire)).ok_or_else(none_left))
    }
}
