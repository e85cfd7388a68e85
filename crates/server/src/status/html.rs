//! The pages for browsers. They need no JavaScript and nothing of any other host; what is in colour has a shape, and pictures
//! have their values in words.

use std::time::SystemTime;

use actix_web::HttpRequest;
use askama::Template;
use probe::{Counts, Incident, State};

use super::accept::Wanted;
use super::certificate::{Good, Leaf};
use super::chart::{self, Bar, Latency, Waterfall};
use super::graph::GraphUrl;
use super::run::Run;
use super::summary::{Summary, title};
use super::view::{View, Window};
use super::words;
use crate::version::VERSION;

/// Incidents that a page shows.
const INCIDENTS: usize = 25;
/// Targets on a page of the list.
pub(super) const ROWS: usize = 100;

/// What all pages have.
pub(super) struct Frame {
    /// Of all links: the way up to where the routes are.
    root: String,
    refresh: Option<u32>,
    /// Where it does not ask again.
    stop: String,
    /// When and by whom it was made.
    asked: String,
    graph: Option<GraphUrl>,
}

impl Frame {
    /// Links of a page are relative, so that they hold behind any proxy; `prefix` is what all routes begin with.
    pub(super) fn new(request: &HttpRequest, wanted: &Wanted, prefix: &str, now: SystemTime) -> Self {
        let path = request.uri().path();
        // As often as there is a slash behind the first.
        let depth = path.strip_prefix(prefix).unwrap_or(path).matches('/').count().saturating_sub(1);
        let mut query = vec![("refresh", "0".to_owned())];
        if wanted.page > 1 {
            query.push(("page", wanted.page.to_string()));
        }
        if !wanted.search.is_empty() {
            query.push(("search", wanted.search.clone()));
        }
        let query = query.iter().map(|(name, value)| format!("{name}={}", url_encoded(value))).collect::<Vec<_>>();
        let at = words::rfc3339(probe::unix_ms(now)).replace('T', " ").replace('Z', "");
        Self {
            root: "../".repeat(depth),
            refresh: wanted.refresh,
            stop: format!("?{}", query.join("&")),
            asked: format!("Made at {at} by actix-exporter {VERSION}"),
            graph: None,
        }
    }

    /// The same, with links to graphs.
    pub(super) fn with(self, graph: Option<GraphUrl>) -> Self {
        Self { graph, ..self }
    }

    fn graph(&self, target: &str) -> Option<String> {
        self.graph.as_ref().map(|graph| graph.of(target))
    }

    /// Of a page that stays as it is.
    fn still(&self) -> Self {
        Self { root: self.root.clone(), refresh: None, stop: String::new(), asked: self.asked.clone(), graph: None }
    }
}

/// A shape for each state.
pub(super) const fn mark(state: State) -> &'static str {
    match state {
        State::Pending => "…",
        State::Up => "✓",
        State::Slow => "▲",
        State::Down => "✕",
        State::Unknown => "?",
    }
}

/// For the icon and the badge: one on which white is readable.
pub(super) const fn color(state: State) -> &'static str {
    match state {
        State::Pending | State::Unknown => "6b7280",
        State::Up => "1a7f37",
        State::Slow => "8a5a00",
        State::Down => "b42318",
    }
}

#[derive(Template)]
#[template(path = "target.html")]
struct TargetPage<'a> {
    frame: &'a Frame,
    summary: &'a Summary,
    mark: &'static str,
    icon: &'static str,
    short: &'a str,
    sentence: String,
    detail: Option<String>,
    /// The id of the last run, where it failed and is kept.
    failing: Option<&'a str>,
    standing: Option<String>,
    url: Option<String>,
    interval: Option<String>,
    windows: Vec<Share>,
    bars: Vec<Bar>,
    bars_words: String,
    bars_width: usize,
    bar_height: f64,
    chart: Option<Latency>,
    width: f64,
    height: f64,
    times: String,
    run: Option<Run>,
    waterfall: Waterfall,
    leaf: Option<Leaf<'a>>,
    leaf_mark: &'static str,
    leaf_class: &'static str,
    detailed: bool,
    incidents: Vec<Row<'a>>,
    hidden: usize,
}

/// The uptime of a window.
struct Share {
    name: &'static str,
    percent: String,
    runs: String,
}

impl Share {
    fn of(window: &Window) -> Self {
        let counts = &window.counts;
        let mut runs = match counts.scheduled() {
            0 => "no run was due".to_owned(),
            scheduled => format!("{} of {scheduled} runs good", counts.good),
        };
        for (count, word) in [(counts.failed, "failed"), (counts.unknown, "unknown")] {
            if count > 0 {
                runs = format!("{runs}, {count} {word}");
            }
        }
        if let Some(watched) = window.watched {
            runs = format!("{runs}, within {}", words::lasting(watched));
        }
        Self { name: window.name, percent: words::uptime(counts), runs }
    }
}

/// An incident.
struct Row<'a> {
    start: String,
    length: String,
    why: String,
    run: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn of(start: i64, incident: &'a Incident, now: i64) -> Self {
        let long = words::lasting(words::between(start, incident.end.unwrap_or(now)));
        Self {
            start: words::date_time(start),
            length: if incident.end.is_some() { long } else { format!("{long}, it lasts") },
            why: why(incident),
            run: Some(incident.run.as_str()).filter(|run| !run.is_empty()),
        }
    }
}

/// `certificate expired (9 runs), it refuses connections (1 run): what the first said`.
pub(super) fn why(incident: &Incident) -> String {
    let reason = |(word, runs): &(String, u32)| {
        format!("{} ({runs} run{})", words::reason(word, None), if *runs == 1 { "" } else { "s" })
    };
    let reasons = incident.reasons.iter().map(reason).collect::<Vec<_>>().join(", ");
    if incident.detail.is_empty() { reasons } else { format!("{reasons}: {}", words::short(&incident.detail, 200)) }
}

pub(super) fn target(view: &View, frame: &Frame) -> askama::Result<String> {
    let summary = &view.summary;
    let run = view.last_run.as_ref().and_then(Run::of);
    let (bars, bars_words) = chart::bars(&view.days);
    let times = [(0.5, "p50"), (0.95, "p95")]
        .map(|(q, name)| Some(format!("{name} {}", words::latency(view.times.quantile(q)?))));
    let max = view.times.max().map(|max| format!("max {}", words::latency(max)));
    let times = times.into_iter().chain([max]).flatten().collect::<Vec<_>>().join(", ");
    let leaf = Leaf::of(view);
    let (leaf_mark, leaf_class) = match leaf.as_ref().map(Leaf::good) {
        Some(Good::No) => ("✕", "down"),
        Some(Good::Soon) => ("▲", "slow"),
        Some(Good::Yes) | None => ("✓", "up"),
    };
    let last_at = summary.last.as_ref().map(|last| probe::unix_ms(last.outcome.at));
    let target = summary.target.as_ref();
    let page = TargetPage {
        frame,
        summary,
        mark: mark(summary.state),
        icon: color(summary.state),
        short: if summary.last.is_none() { "has no result yet" } else { summary.word() },
        sentence: summary.sentence(),
        detail: summary.detail(),
        failing: view.failed.iter().find(|(at, _)| Some(*at) == last_at).map(|(_, id)| id.as_str()),
        standing: summary.standing(),
        url: target.map(|target| target.shown_url()),
        interval: target.map(|target| humantime::format_duration(target.interval).to_string()),
        windows: view.windows.iter().map(Share::of).collect(),
        bars_width: bars.len() * chart::BAR_STEP - 2,
        bars,
        bars_words,
        bar_height: chart::BAR_HEIGHT,
        chart: chart::latency(&view.points),
        width: chart::WIDTH,
        height: chart::HEIGHT,
        times,
        waterfall: run.as_ref().map(|run| chart::waterfall(run, &view.usual)).unwrap_or_default(),
        run,
        leaf,
        leaf_mark,
        leaf_class,
        detailed: view.detailed,
        incidents: view
            .incidents
            .iter()
            .take(INCIDENTS)
            .map(|(start, incident)| Row::of(*start, incident, summary.now))
            .collect(),
        hidden: view.incidents.len().saturating_sub(INCIDENTS),
    };
    page.render()
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage<'a> {
    frame: Frame,
    id: &'a str,
    title: &'a str,
    words: String,
    run: &'a Run,
    waterfall: Waterfall,
}

pub(super) fn run(run: &Run, id: &str, frame: &Frame) -> askama::Result<String> {
    let waterfall = chart::waterfall(run, &probe::Phases::default());
    let words = run.words().unwrap_or_default();
    RunPage { frame: frame.still(), id, title: title(&run.target), words, run, waterfall }.render()
}

/// A target of the list.
pub(super) struct Listed<'a> {
    pub(super) summary: &'a Summary,
    pub(super) uptime: Counts,
}

impl Listed<'_> {
    fn mark(&self) -> &'static str {
        mark(self.summary.state)
    }

    fn uptime(&self) -> String {
        words::uptime(&self.uptime)
    }
}

#[derive(Template)]
#[template(path = "targets.html")]
struct TargetsPage<'a> {
    frame: &'a Frame,
    class: &'static str,
    mark: &'static str,
    counted: String,
    all: usize,
    search: &'a str,
    rows: &'a [Listed<'a>],
    page: usize,
    pages: usize,
}

/// One page of those that were found; `found` are all of them, the worst first.
pub(super) fn list(
    found: &[Summary],
    rows: &[Listed<'_>],
    all: usize,
    (page, pages): (usize, usize),
    wanted: &Wanted,
    frame: &Frame,
) -> askama::Result<String> {
    let worst = found.first().map_or(State::Pending, |summary| summary.state);
    TargetsPage {
        frame,
        class: worst.as_str(),
        mark: mark(worst),
        counted: counted(found, all),
        all,
        search: &wanted.search,
        rows,
        page,
        pages,
    }
    .render()
}

/// `3 of 500 targets: 1 down, 2 up`.
fn counted(found: &[Summary], all: usize) -> String {
    let targets = match (found.len(), all) {
        (_, 0) => return "No target is configured: nobody is asked".to_owned(),
        (1, 1) => "1 target".to_owned(),
        (found, all) if found == all => format!("{all} targets"),
        (found, all) => format!("{found} of {all} targets"),
    };
    let of = |state| {
        let count = found.iter().filter(|summary| summary.state == state).count();
        (count > 0).then(|| format!("{count} {}", state.as_str()))
    };
    let states = [State::Down, State::Unknown, State::Slow, State::Pending, State::Up].into_iter().filter_map(of);
    let states = states.collect::<Vec<_>>().join(", ");
    if states.is_empty() { targets } else { format!("{targets}: {states}") }
}

#[derive(Template)]
#[template(path = "badge.svg")]
struct Badge<'a> {
    label: &'a str,
    message: &'a str,
    left: usize,
    right: usize,
    color: String,
}

/// A picture for other pages.
pub(super) fn badge(label: &str, message: &str, state: State) -> askama::Result<String> {
    // In pixels; the text is stretched to fit.
    let width = |text: &str| 12 + text.chars().count() * 7;
    Badge { label, message, left: width(label), right: width(message), color: format!("#{}", color(state)) }.render()
}

/// For a query.
pub(super) fn url_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
