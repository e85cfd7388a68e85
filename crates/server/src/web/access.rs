//! Who may come in, as the web configuration says: the rate limit, user names and passwords, and the headers of every answer.

use std::sync::Arc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse};
use tokio::sync::watch;

use super::credentials::basic;
use super::passwords::{Passwords, Verdict};
use super::paths::Paths;
use crate::rate::Rate;
use crate::web_config::WebConfig;

/// The web configuration that counts now, with what belongs to it.
pub(crate) struct Access {
    pub(crate) config: WebConfig,
    pub(super) rate: Option<Arc<Rate>>,
}

/// That of each moment.
pub(crate) type Accesses = watch::Receiver<Arc<Access>>;

impl Access {
    pub(crate) fn new(config: WebConfig) -> Self {
        let rate = config.rate_limit.as_ref().map(|limit| Rate::new(limit.interval, limit.burst).into());
        Self { config, rate }
    }

    /// As [`Self::new`], but who has used up his share has not got another one because some other line of the file is new.
    pub(super) fn after(config: WebConfig, before: &Self) -> Self {
        let same = config.rate_limit == before.config.rate_limit;
        if same { Self { config, rate: before.rate.clone() } } else { Self::new(config) }
    }
}

/// Clones share what is known of passwords.
#[derive(Clone)]
pub(crate) struct Guard {
    accesses: Accesses,
    passwords: Arc<Passwords>,
    /// Where no one is asked who he is: orchestrators have no passwords, and learn one word.
    open: [String; 2],
}

impl Guard {
    /// # Errors
    /// The system has no thread, or no random numbers.
    pub(crate) fn new(accesses: Accesses, paths: &Paths) -> anyhow::Result<Self> {
        let open = ["/-/healthy", "/-/ready"].map(|path| paths.of(path));
        Ok(Self { accesses, passwords: Passwords::start()?.into(), open })
    }

    /// Lets a request through to `next`, or answers 401 or 429 in its place.
    pub(crate) async fn pass<B: MessageBody>(
        self,
        request: ServiceRequest,
        next: Next<B>,
    ) -> actix_web::Result<ServiceResponse<EitherBody<B>>> {
        let access = self.accesses.borrow().clone();
        let mut response = match self.refusal(request.request(), &access).await {
            Some(refusal) => request.into_response(refusal).map_into_right_body(),
            None => next.call(request).await?.map_into_left_body(),
        };
        for (name, value) in &access.config.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        Ok(response)
    }

    async fn refusal(&self, request: &HttpRequest, access: &Access) -> Option<HttpResponse> {
        let reads = [Method::GET, Method::HEAD].contains(request.method());
        if reads && self.open.iter().any(|path| path == request.path()) {
            return None;
        }
        if access.rate.as_ref().is_some_and(|rate| !rate.takes(std::time::Instant::now())) {
            return Some(too_many("more requests than rate_limit of the web configuration allows"));
        }
        let users = &access.config.users;
        if users.is_empty() {
            return None;
        }
        let Some((user, password)) = credentials(request) else { return Some(unauthorized()) };
        match self.passwords.check(&user, password, users).await {
            Verdict::Right => None,
            Verdict::Wrong => Some(unauthorized()),
            Verdict::Busy => Some(too_many("more passwords to check than can be checked")),
        }
    }
}

/// User name and password of the one header that there is.
fn credentials(request: &HttpRequest) -> Option<(String, Vec<u8>)> {
    let mut given = request.headers().get_all(header::AUTHORIZATION);
    let (header, None) = (given.next()?, given.next()) else { return None };
    basic(header.as_bytes())
}

fn unauthorized() -> HttpResponse {
    let mut response = said(StatusCode::UNAUTHORIZED, "user name and password, please: they are wrong, or not there");
    let challenge = header::HeaderValue::from_static("Basic realm=\"actix-exporter\", charset=\"UTF-8\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

fn too_many(why: &str) -> HttpResponse {
    let mut response = said(StatusCode::TOO_MANY_REQUESTS, &format!("{why}; try again"));
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    response
}

fn said(status: StatusCode, line: &str) -> HttpResponse {
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(format!("{line}\n"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn forms_of_the_header() {
        let of = |header: &str| {
            credentials(&TestRequest::default().insert_header((header::AUTHORIZATION, header)).to_http_request())
        };
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.as_bytes().to_vec()));
        assert_eq!(of("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), pair("Aladdin", "open sesame"));
        assert_eq!(of("bAsIc QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), pair("Aladdin", "open sesame"));
        assert_eq!(of("Basic YTpiOmM="), pair("a", "b:c"));
        assert_eq!(of("Basic Og=="), pair("", ""));
        for wrong in
            ["", "Basic", "Basic ", "Basic YQ==", "Basic Y", "Basic //46YQ==", "Bearer YTpi", "Basic YTpi YTpi"]
        {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        let twice = TestRequest::default()
            .append_header((header::AUTHORIZATION, "Basic YTpi"))
            .append_header((header::AUTHORIZATION, "Basic YTpj"))
            .to_http_request();
        assert_eq!(credentials(&twice), None);
    }
}
