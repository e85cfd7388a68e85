//! HTTP by awc, over a stream that is ready. awc is given no name to resolve, nothing to connect to, no redirect to
//! follow and no time limit of its own: all of that is ours.

use std::cell::RefCell;
use std::future::{Ready, ready};
use std::io;
use std::rc::Rc;

use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::{Method, StatusCode, Uri, header};
use awc::{Client, ClientResponse, Connector};
use futures::StreamExt;
use metrics_core::Reason;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::failure::Failure;
use crate::wire::{Seen, Stream, Wire, bodiless};

const USER_AGENT: &str = concat!("actix-exporter/", env!("CARGO_PKG_VERSION"));

/// The response to one request, as far as its head.
pub(crate) struct Answer {
    response: ClientResponse,
    seen: Rc<Seen>,
}

/// Sends a GET for `url` over `stream` and waits for the head of the response.
pub(crate) async fn request(stream: Stream, seen: Rc<Seen>, url: &Url, deadline: Instant) -> Result<Answer, Failure> {
    let wire = Wire::new(stream, seen.clone());
    let client = Client::builder()
        .connector(Connector::new().connector(Slot(Rc::new(RefCell::new(Some(wire))))))
        .disable_timeout()
        .disable_redirects()
        .no_default_headers()
        .finish();
    let request = client
        .request(Method::GET, uri(url)?)
        .insert_header((header::HOST, authority(url)))
        .insert_header((header::USER_AGENT, USER_AGENT))
        .insert_header((header::ACCEPT, "*/*"))
        // What a decoder makes of a body is nothing a run needs to know, and a bomb would be a way to hurt it.
        .no_decompress()
        .force_close();
    match timeout_at(deadline, request.send()).await {
        Ok(Ok(response)) => Ok(Answer { response, seen }),
        Ok(Err(error)) => Err(Failure::head(&error)),
        Err(_) => Err(Failure::new(Reason::ResponseTimeout, "the head of the response did not end in time")),
    }
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// Where a redirect leads; `None` for a response that is no redirect.
    pub(crate) fn redirect(&self, from: &Url) -> Option<Result<Url, Failure>> {
        use StatusCode as S;
        let redirects = [S::MOVED_PERMANENTLY, S::FOUND, S::SEE_OTHER, S::TEMPORARY_REDIRECT, S::PERMANENT_REDIRECT];
        redirects.contains(&self.response.status()).then(|| {
            let location = self.response.headers().get(header::LOCATION);
            let location = location.ok_or_else(|| Failure::new(Reason::Redirect, "a redirect without a Location"))?;
            let location = String::from_utf8_lossy(location.as_bytes());
            let to = from.join(&location);
            let mut to =
                to.map_err(|error| Failure::new(Reason::Redirect, format!("Location {location:?}: {error}")))?;
            if matches!(to.scheme(), "http" | "https") {
                // They are not sent, and must not be shown. It can only fail for URLs without a host, which these two have.
                let _ = (to.set_username(""), to.set_password(None));
                Ok(to)
            } else {
                Err(Failure::new(Reason::Redirect, format!("to scheme {}, which is not followed", to.scheme())))
            }
        })
    }

    /// Reads the body to its end and forgets it. `bytes` counts what came, also when it fails.
    pub(crate) async fn discard_body(mut self, bytes: &mut u64, deadline: Instant) -> Result<(), Failure> {
        // awc would wait for one that is announced.
        if bodiless(self.status()) {
            return Ok(());
        }
        let announced = self.announced_length();
        loop {
            match timeout_at(deadline, self.response.next()).await {
                Err(_) => return Err(Failure::new(Reason::BodyTimeout, format!("{bytes} bytes in time, and no end"))),
                Ok(Some(Ok(piece))) => *bytes += piece.len() as u64,
                Ok(Some(Err(error))) => return Err(Failure::body(&error)),
                Ok(None) => break,
            }
        }
        // awc takes a connection that ends early for the end of the body.
        let detail = match announced {
            Some(announced) if announced != *bytes => format!("{bytes} of {announced} bytes"),
            None if self.seen.eof.get() && !self.seen.until_eof.get() => {
                "the connection ended before the last chunk".to_owned()
            }
            _ => return Ok(()),
        };
        Err(Failure::new(Reason::BodyTruncated, detail))
    }

    /// What Content-Length says, where it says how long the body is.
    fn announced_length(&self) -> Option<u64> {
        let headers = self.response.headers();
        if headers.contains_key(header::TRANSFER_ENCODING) {
            return None;
        }
        headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
    }
}

/// awc chooses protocol and TLS by the scheme. The stream is ready and speaks HTTP/1.1, so the scheme is always http;
/// only path and query go over the wire.
fn uri(url: &Url) -> Result<Uri, Failure> {
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let uri = format!("http://{}{}{query}", authority(url), url.path());
    uri.parse().map_err(|error| Failure::new(Reason::Internal, format!("{url} cannot be asked for: {error}")))
}

/// Host and port as in the Host header: the port only where it is not the scheme's own.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
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
