//! What targets are and were: `/3-shake-status` is the primary one, `/status` lists all, `/status/NAME` is each, `/runs/ID` one failed
//! run; `/badge/NAME.svg` and `/incidents.atom` are for other pages and readers. Each is written as the client wants it: a
//! page, text or JSON.

mod accept;
mod answer;
mod certificate;
mod chart;
mod feed;
mod graph;
mod html;
mod json;
mod run;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod view;
mod words;

use std::sync::Arc;
use std::time::SystemTime;

use actix_web::http::StatusCode;
use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse, web};
use probe::{Engine, State, Watched};
use tokio::sync::Semaphore;

use self::accept::{Form, Wanted};
pub(crate) use self::answer::POLICY;
use self::answer::Page;
use self::feed::Told;
pub(crate) use self::graph::{GraphFlags, GraphUrl};
use self::html::{Frame, Listed, ROWS};
use self::run::Run;
use self::summary::{Summary, title};
use self::text::Opening;
use self::view::View;
use crate::web::paths::Paths;

/// Answers all of them. Clones share it.
#[derive(Clone)]
pub(crate) struct Status {
    engine: Arc<Engine>,
    prefix: String,
    /// Where others find the routes, for links out of the feed: with a slash at its end, or nothing.
    base: String,
    graph: Option<GraphUrl>,
    turns: Arc<Semaphore>,
}

/// Pages that are made at the same time: each is a thread while it reads the history.
const TURNS: usize = 4;

/// What is asked for.
enum Subject {
    Primary,
    List,
    Named(String),
    Run(String),
    Badge(String),
    Feed,
}

impl Status {
    /// `external` is the URL at which others find the server, `graph` that of graphs of a target.
    pub(crate) fn new(engine: Arc<Engine>, paths: &Paths, external: Option<&str>, graph: Option<GraphUrl>) -> Self {
        let base = external.map(|url| format!("{}/", url.trim_end_matches('/'))).unwrap_or_default();
        let turns = Arc::new(Semaphore::new(TURNS));
        Self { engine, prefix: paths.prefix().to_owned(), base, graph, turns }
    }

    pub(crate) fn route(&self, config: &mut ServiceConfig) {
        let named = |path: &str, subject: fn(String) -> Subject| {
            let status = self.clone();
            metrics_core::get_only(path, move |request: HttpRequest, name: web::Path<String>| {
                status.clone().respond(request, subject(name.into_inner()))
            })
        };
        let fixed = |path: &str, subject: fn() -> Subject| {
            let status = self.clone();
            metrics_core::get_only(path, move |request: HttpRequest| status.clone().respond(request, subject()))
        };
        config
            .service(fixed("/3-shake-status", || Subject::Primary))
            .service(fixed("/status", || Subject::List))
            // Names may have slashes in them.
            .service(named("/status/{name:.+}", Subject::Named))
            .service(named("/runs/{id}", Subject::Run))
            .service(named("/badge/{name:.+}.svg", Subject::Badge))
            .service(fixed("/incidents.atom", || Subject::Feed));
    }

    async fn respond(self, request: HttpRequest, subject: Subject) -> HttpResponse {
        let now = SystemTime::now();
        let wanted = match Wanted::of(&request) {
            Ok(wanted) => wanted,
            Err(line) => return Page::text(line + "\n").with(StatusCode::BAD_REQUEST).answer(&request),
        };
        let frame = Frame::new(&request, &wanted, &self.prefix, now).with(self.graph.clone());
        let _turn = self.turns.clone().acquire_owned().await;
        // The history may be on a disk.
        let page = web::block(move || self.page(&subject, &wanted, &frame, now)).await;
        let failed = |what: &str| Page::text(format!("{what}\n")).with(StatusCode::INTERNAL_SERVER_ERROR);
        let page = match page {
            Ok(Ok(page)) => page,
            Ok(Err(error)) => {
                log::error!("a page cannot be written: {error}");
                failed("the page cannot be written; the log says why")
            }
            Err(_) => failed("the page was not made"),
        };
        page.answer(&request)
    }

    fn page(&self, subject: &Subject, wanted: &Wanted, frame: &Frame, now: SystemTime) -> askama::Result<Page> {
        let targets = self.engine.targets();
        match subject {
            Subject::Primary => match targets.first() {
                Some(primary) => target(primary, &Opening::Primary, wanted, frame, now),
                None => nobody(wanted, frame),
            },
            Subject::Named(name) => match find(&targets, name) {
                Some(watched) => target(watched, &Opening::Named, wanted, frame, now),
                None => Ok(missing("no target has this name; /status lists all")),
            },
            Subject::List => list(&targets, wanted, frame, now),
            Subject::Run(id) => self.run(id, wanted, frame),
            Subject::Badge(name) => match find(&targets, name) {
                Some(watched) => badge(watched, wanted, now),
                None => Ok(missing("no target has this name; /status lists all")),
            },
            Subject::Feed => self.feed(&targets, wanted.target.as_deref()),
        }
    }

    fn run(&self, id: &str, wanted: &Wanted, frame: &Frame) -> askama::Result<Page> {
        let json = self.engine.history().run(id);
        let Some((json, run)) = json.and_then(|json| Run::of(&json).map(|run| (json, run))) else {
            return Ok(missing("no failed run has this id, or it is kept no more"));
        };
        Ok(match wanted.form {
            Form::Html => Page::html(html::run(&run, id, frame)?),
            Form::Text => Page::text(run.text()),
            Form::Json => Page::json(&json),
        })
    }

    fn feed(&self, targets: &[Arc<Watched>], only: Option<&str>) -> askama::Result<Page> {
        let of: Vec<_> = match only {
            None => targets.iter().collect(),
            Some(name) => match find(targets, name) {
                Some(watched) => vec![watched],
                None => return Ok(missing("target: no target has this name; /status lists all")),
            },
        };
        let incidents = of.iter().flat_map(|watched| {
            let told = |(start, incident)| Told { target: watched.name().to_owned(), start, incident };
            watched.past().incidents().into_iter().map(told)
        });
        let feed = feed::feed(incidents.collect(), &self.base, only)?;
        Ok(Page::new("application/atom+xml; charset=utf-8", feed))
    }
}

/// By its name, or by what people call it.
fn find<'t>(targets: &'t [Arc<Watched>], name: &str) -> Option<&'t Arc<Watched>> {
    let by = |known: fn(&str) -> &str| targets.iter().find(|watched| known(watched.name()) == name);
    by(|name| name).or_else(|| by(title))
}

fn missing(line: &str) -> Page {
    Page::text(format!("{line}\n")).with(StatusCode::NOT_FOUND)
}

fn unless_down(page: Page, is_down: bool, wanted: &Wanted) -> Page {
    if is_down && wanted.fail { page.with(StatusCode::SERVICE_UNAVAILABLE) } else { page }
}

fn target(
    watched: &Watched,
    opening: &Opening,
    wanted: &Wanted,
    frame: &Frame,
    now: SystemTime,
) -> askama::Result<Page> {
    let view = View::of(watched, now);
    let page = match wanted.form {
        Form::Html => Page::html(html::target(&view, frame)?),
        Form::Text => Page::text(text::text(&view, opening)),
        Form::Json => Page::json(&json::target(&view)),
    };
    Ok(unless_down(page, view.summary.is_down(), wanted))
}

fn nobody(wanted: &Wanted, frame: &Frame) -> askama::Result<Page> {
    Ok(match wanted.form {
        Form::Html => Page::html(html::list(&[], &[], 0, (1, 1), wanted, frame)?),
        Form::Text => Page::text(text::nobody()),
        Form::Json => Page::json(&json::nobody()),
    })
}

fn list(targets: &[Arc<Watched>], wanted: &Wanted, frame: &Frame, now: SystemTime) -> askama::Result<Page> {
    let search = wanted.search.to_lowercase();
    let found = targets.iter().filter(|watched| search.is_empty() || watched.name().to_lowercase().contains(&search));
    let mut found: Vec<_> = found.map(|watched| (Summary::of(watched, now), watched)).collect();
    found.sort_by_cached_key(|(summary, _)| (badness(summary.state), std::cmp::Reverse(summary.since)));
    let (found, watched): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let is_down = found.first().is_some_and(Summary::is_down);
    let pages = found.len().div_ceil(ROWS).max(1);
    let page = wanted.page.min(pages);
    let rows = found.iter().zip(watched).skip((page - 1) * ROWS).take(ROWS);
    let page = match wanted.form {
        Form::Html => {
            let rows: Vec<_> = rows
                .map(|(summary, watched)| Listed { summary, uptime: view::uptime(&watched.past(), 30, now) })
                .collect();
            Page::html(html::list(&found, &rows, targets.len(), (page, pages), wanted, frame)?)
        }
        Form::Text => Page::text(text::list(&found, targets.len())),
        Form::Json => Page::json(&json::list(&found, targets.len())),
    };
    Ok(unless_down(page, is_down, wanted))
}

/// The worst first.
const fn badness(state: State) -> u8 {
    match state {
        State::Down => 0,
        State::Unknown => 1,
        State::Slow => 2,
        State::Pending => 3,
        State::Up => 4,
    }
}

fn badge(watched: &Watched, wanted: &Wanted, now: SystemTime) -> askama::Result<Page> {
    let summary = Summary::of(watched, now);
    let message = match &wanted.uptime {
        None => summary.word().to_owned(),
        Some(window) => {
            let view = View::of(watched, now);
            let found = view.windows.iter().find(|known| known.word() == *window);
            let Some(found) = found else {
                return Ok(Page::text("uptime: not known; write 24h, 7d, 30d or 90d\n".to_owned())
                    .with(StatusCode::BAD_REQUEST));
            };
            words::uptime(&found.counts)
        }
    };
    Ok(Page::new("image/svg+xml", html::badge(summary.title(), &message, summary.state)?))
}
