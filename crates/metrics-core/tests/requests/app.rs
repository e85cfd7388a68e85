//! The app under test: a handler for each way in which an exchange can end, and a route for each way to find it.

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use actix_web::body::{BoxBody, MessageBody, SizedStream};
use actix_web::dev::{
    AppService, HttpServiceFactory, ResourceDef, Service, ServiceFactory, ServiceRequest, ServiceResponse, fn_service,
};
use actix_web::error::{ErrorBadGateway, ErrorForbidden};
use actix_web::http::header;
use actix_web::middleware::{Compress, Condition, Next, NormalizePath, from_fn};
use actix_web::web::{self, Bytes};
use actix_web::{App, Error, HttpResponse, guard};
use futures::channel::oneshot;
use futures::{Stream, StreamExt};
use metrics_core::HttpMetrics;

/// What stands around the routes, beside the middleware under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layout {
    Plain,
    /// A `default_service` of the app, which answers 200.
    Default,
    NormalizeInside,
    NormalizeOutside,
    CompressOutside,
}

pub(crate) const LAYOUTS: [Layout; 5] =
    [Layout::Plain, Layout::Default, Layout::NormalizeInside, Layout::NormalizeOutside, Layout::CompressOutside];

/// The pattern of a route has a quote, a backslash and a line break in it, and so has the label.
pub(crate) const ODD_PATTERN: &str = "/odd/\"q\"/{n:\\d+}/{rest:(?s)[\n-z]*}";

pub(crate) fn app(
    layout: Layout,
    http: HttpMetrics,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let app = App::new().configure(routes);
    let app = if layout == Layout::Default { app.default_service(web::to(|| async { "default" })) } else { app };
    app.wrap(from_fn(refuse_some))
        .wrap(Condition::new(layout == Layout::NormalizeInside, NormalizePath::trim()))
        .wrap_fn(|request, service| {
            if request.headers().contains_key("x-panic") {
                panic_on_purpose();
            }
            service.call(request)
        })
        .wrap(http)
        .wrap(Condition::new(layout == Layout::CompressOutside, Compress::default()))
        .wrap(Condition::new(layout == Layout::NormalizeOutside, NormalizePath::trim()))
}

/// Answers before routing, as one that asks for a password does.
async fn refuse_some(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    if request.headers().contains_key("x-refuse") {
        return Ok(request.into_response(HttpResponse::Unauthorized().body("who are you")));
    }
    next.call(request).await
}

/// An error instead of a response.
async fn forbid(_: ServiceRequest, _: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    Err(ErrorForbidden("not you"))
}

/// An extractor of middleware that finds nothing.
async fn demand(
    _: web::ReqData<u8>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    next.call(request).await
}

fn routes(config: &mut web::ServiceConfig) {
    config.configure(endings).configure(bodies).configure(patterns);
}

/// Unwinds as a panic does, and prints nothing: the panics here are meant.
fn panic_on_purpose() {
    resume_unwind(Box::new("on purpose"));
}

fn endings(config: &mut web::ServiceConfig) {
    async fn fails() -> Result<HttpResponse, Error> {
        Err(ErrorBadGateway("upstream"))
    }
    async fn number(number: web::Path<u32>) -> String {
        number.to_string()
    }
    async fn panics() -> HttpResponse {
        tokio::task::yield_now().await;
        panic_on_purpose();
        HttpResponse::Ok().finish()
    }
    async fn slow(number: web::Path<u64>) -> &'static str {
        let gate = GATES.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        if let Some((enter, open)) = gate {
            let _ = enter.send(());
            let _ = open.await;
        }
        "slow"
    }
    async fn upgrades() -> HttpResponse {
        HttpResponse::SwitchingProtocols().upgrade("websocket").streaming(pieces(["one", "two"]))
    }
    config
        .route("/hello", web::get().to(|| async { "hello" }))
        .route("/hello", web::head().to(|| async { "hello" }))
        .route("/fails", web::route().to(fails))
        .route("/number/{n}", web::get().to(number))
        .route("/panics", web::get().to(panics))
        .route("/slow/{n}", web::get().to(slow))
        .route("/empty", web::get().to(|| async { HttpResponse::Ok().finish() }))
        .route("/204", web::get().to(|| async { HttpResponse::NoContent().finish() }))
        .route("/204-with-body", web::get().to(|| async { HttpResponse::NoContent().body("body") }))
        .route("/304", web::get().to(|| async { HttpResponse::NotModified().finish() }))
        .route("/upgrades", web::get().to(upgrades))
        .service(web::scope("/forbidden").wrap(from_fn(forbid)).route("/{id}", web::get().to(HttpResponse::Ok)))
        .service(web::scope("/demanding").wrap(from_fn(demand)).route("/{id}", web::get().to(HttpResponse::Ok)));
}

fn bodies(config: &mut web::ServiceConfig) {
    async fn stream() -> HttpResponse {
        let pieces = futures::stream::iter(0..4).map(|_| Ok::<_, Error>(Bytes::from(vec![b'x'; 1000])));
        HttpResponse::Ok().streaming(pieces)
    }
    async fn endless() -> HttpResponse {
        let pieces = futures::stream::repeat_with(|| Ok::<_, Error>(Bytes::from(vec![b'x'; 1000])));
        HttpResponse::Ok().streaming(pieces)
    }
    async fn breaks() -> HttpResponse {
        HttpResponse::Ok().streaming(pieces(["one"]).chain(futures::stream::iter([Err(ErrorForbidden("broken"))])))
    }
    async fn panics() -> HttpResponse {
        let panics = futures::stream::poll_fn(|_| {
            panic_on_purpose();
            Poll::Ready(None)
        });
        HttpResponse::Ok().streaming(pieces(["one"]).chain(panics))
    }
    async fn events() -> HttpResponse {
        let events = pieces(["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"]);
        HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "text/event-stream")).streaming(events)
    }
    async fn sized() -> HttpResponse {
        HttpResponse::Ok().body(SizedStream::new(8, pieces(["four", "more"])))
    }
    async fn text() -> HttpResponse {
        HttpResponse::Ok().content_type("text/plain").body("z".repeat(5000))
    }
    config
        .route("/stream", web::get().to(stream))
        .route("/stream", web::head().to(stream))
        .route("/endless", web::get().to(endless))
        .route("/breaks", web::get().to(breaks))
        .route("/panics-in-body", web::get().to(panics))
        .route("/events", web::get().to(events))
        .route("/sized", web::get().to(sized))
        .route("/echo", web::post().to(|body: Bytes| async { body }))
        .route("/ignores", web::post().to(|| async { "ignored" }))
        .route("/text", web::get().to(text))
        .service(web::scope("/zip").wrap(Compress::default()).route("/text", web::get().to(text)));
}

fn patterns(config: &mut web::ServiceConfig) {
    async fn ok() -> &'static str {
        "ok"
    }
    let api = web::scope("/api").service(
        web::scope("/v1")
            .service(web::resource("").route(web::get().to(ok)))
            .service(web::scope("/user/{id}").route("/{tail:.*}", web::get().to(ok))),
    );
    let inner = || web::resource("/{id}/x").route(web::get().to(ok));
    config
        .route("/items/{id}", web::get().to(ok))
        .service(web::resource("/only-post").route(web::post().to(ok)))
        .service(
            web::scope("/s")
                // By path alone, /s/act would be this one.
                .route("/{id}", web::get().to(ok))
                .route("/act", web::post().to(ok))
                .service(web::resource("").route(web::get().to(ok))),
        )
        .service(api)
        .service(web::scope("/a").service(inner()))
        .service(web::scope("/b").service(inner()))
        .service(
            web::scope("/fallback")
                .route("/known", web::get().to(ok))
                .default_service(web::to(|| async { HttpResponse::ImATeapot().body("teapot") })),
        )
        .service(web::resource("/g/{get}").guard(guard::Get()).to(ok))
        .service(web::resource("/g/{post}").guard(guard::Post()).to(ok))
        .service(web::resource("/same").guard(guard::Get()).to(ok))
        .service(web::resource("/same").guard(guard::Post()).to(ok))
        .service(web::resource(["/multi/a", "/multi/b"]).to(ok))
        .route("/r/{x:[0-9]+}", web::get().to(ok))
        .route("/r/{x:[a-z]+}", web::get().to(ok))
        .route("/tail/{tail:.*}", web::get().to(ok))
        .route(ODD_PATTERN, web::get().to(ok))
        .route("/any", web::route().to(ok))
        .service(web::scope("/empty-scope").service(web::scope("").service(web::resource("/x").to(ok))))
        .service(Prefix("/files"));
}

fn pieces<const N: usize>(pieces: [&'static str; N]) -> impl Stream<Item = Result<Bytes, Error>> {
    futures::stream::iter(pieces).map(|piece| Ok(Bytes::from_static(piece.as_bytes())))
}

/// A service for all paths below one, as a file server is.
struct Prefix(&'static str);

impl HttpServiceFactory for Prefix {
    fn register(self, config: &mut AppService) {
        fn answer(request: ServiceRequest) -> Ready<Result<ServiceResponse, Error>> {
            let missing = request.path().ends_with("/missing");
            let response = if missing { HttpResponse::NotFound().finish() } else { HttpResponse::Ok().body("file") };
            ready(Ok(request.into_response(response)))
        }
        let pattern = if config.is_root() { ResourceDef::root_prefix(self.0) } else { ResourceDef::prefix(self.0) };
        config.register_service(pattern, None, fn_service(answer), None);
    }
}

/// The handler's side of a gate: what tells that it has come, and what it waits for.
type Stop = (oneshot::Sender<()>, oneshot::Receiver<()>);

/// By number, the gates that no handler has come to yet.
static GATES: Mutex<BTreeMap<u64, Stop>> = Mutex::new(BTreeMap::new());

/// The test's side of a gate that the handler of `/slow/{n}` stops at.
pub(crate) struct Gate {
    /// The handler has come to it.
    pub(crate) entered: oneshot::Receiver<()>,
    /// Dropping it lets the handler go on.
    pub(crate) open: oneshot::Sender<()>,
}

pub(crate) fn gate(n: u64) -> Gate {
    let ((enter, entered), (open, opened)) = (oneshot::channel(), oneshot::channel());
    GATES.lock().unwrap_or_else(PoisonError::into_inner).insert(n, (enter, opened));
    Gate { entered, open }
}

/// A number that no other exchange of this process has.
pub(crate) fn next_number() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}
