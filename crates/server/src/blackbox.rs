//! `/probe`: blackbox_exporter's language. A request says whom to ask and by which module; the answer is what one run found,
//! under that program's names. What is not the target's fault is no verdict on it: 400 for what is wrong with the request, 403
//! for what is not allowed, 503 where there is too much of it. Prometheus then has `up` at 0, and no `probe_success`.

mod debug;
mod gate;
mod query;

use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, Resource};
use metrics_core::Reason;
use probe::{Engine, OnDemand, RunReport};
use tokio::sync::watch;

pub(crate) use self::gate::Gate;
use self::query::Query;
pub(crate) use self::query::TimeoutOffset;

/// What may be asked, as it is configured now.
pub(crate) type Demands = watch::Receiver<Arc<OnDemand>>;

/// Answers `/probe`. Clones share it.
#[derive(Clone)]
pub(crate) struct Blackbox {
    pub(crate) engine: Arc<Engine>,
    pub(crate) demands: Demands,
    pub(crate) gate: Arc<Gate>,
    pub(crate) offset: TimeoutOffset,
}

impl Blackbox {
    pub(crate) fn route(self) -> Resource {
        metrics_core::get_only("/probe", move |request: HttpRequest| {
            let blackbox = self.clone();
            async move { blackbox.answer(&request).await.unwrap_or_else(Refused::respond) }
        })
    }

    async fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, Refused> {
        let demands = open(&self.demands)?;
        let bad = |line| Refused::new(StatusCode::BAD_REQUEST, line);
        let Query { spec, module, debug } = Query::read(request, &demands, self.offset).map_err(bad)?;
        let _turn = self.gate.enter().map_err(|line| Refused::new(StatusCode::SERVICE_UNAVAILABLE, line))?;
        let report = self.engine.ask_once(spec.clone(), demands.allow().clone()).await;
        let report = report.ok_or_else(|| Refused::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping"))?;
        if let Some(detail) = not_allowed(&report) {
            return Err(Refused::new(StatusCode::FORBIDDEN, detail));
        }
        let probe = report.to_blackbox(spec.timeout);
        if debug {
            return Ok(text(StatusCode::OK, debug::text(&module, &spec, &report, probe)));
        }
        Ok(probe.respond(request))
    }
}

/// What may be asked now; an error where that is nothing.
pub(crate) fn open(demands: &Demands) -> Result<Arc<OnDemand>, Refused> {
    let demands = demands.borrow().clone();
    if !demands.is_open() {
        let line =
            "nothing is asked on demand: open it with --probe.allow, or with probe: allow: in the configuration file";
        return Err(Refused::new(StatusCode::FORBIDDEN, line));
    }
    Ok(demands)
}

/// Why the target itself was not asked. A redirect that leads where runs may not go is the target's own fault.
fn not_allowed(report: &RunReport) -> Option<&str> {
    let failure = report.failure.as_ref().filter(|failure| failure.reason == Reason::Blocked)?;
    (report.hops.len() == 1).then_some(&failure.detail)
}

/// Why there is no verdict.
pub(crate) struct Refused {
    status: StatusCode,
    line: String,
}

impl Refused {
    fn new(status: StatusCode, line: impl Into<String>) -> Self {
        Self { status, line: line.into() }
    }

    pub(crate) fn respond(self) -> HttpResponse {
        let mut response = text(self.status, self.line + "\n");
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        response
    }
}

/// What stands in it may be from anybody: nobody is to take it for something else than text.
fn text(status: StatusCode, text: String) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(text)
}
