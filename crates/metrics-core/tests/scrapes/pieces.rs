//! That a scrape is written while it is read: in pieces of a bounded size, with others' turns between them, and of what is
//! there at the time.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, HttpResponse, web};
use metrics_core::prometheus::Registry;
use metrics_core::{ExternalConfig, ExternalMetrics, HttpMetrics, MetricsHandler};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::ask::{Answer, FORMATS, OPEN_METRICS, PROTOBUF, Pieces, TEXT, get, scrape};
use crate::exposed::Exposed;
use crate::subjects::{handler, outcome, with_targets};

const KIB: usize = 1024;

/// The sizes of the pieces but for the last one, that of the last one, and how many lines they have.
async fn sizes(handler: &MetricsHandler, format: &str, encoding: &str) -> (Vec<usize>, usize, usize) {
    let request = get("").insert_header(("accept", format)).insert_header(("accept-encoding", encoding));
    let (mut pieces, mut sizes, mut lines) = (Pieces::of(handler, request).await, vec![], 0);
    while let Some(piece) = pieces.next().await {
        sizes.push(piece.len());
        lines += piece.split(|byte| *byte == b'\n').count() - 1;
    }
    assert!(pieces.next().await.is_none(), "the end stays the end");
    let end = sizes.pop().unwrap();
    (sizes, end, lines)
}

#[actix_web::test]
async fn a_scrape_of_2000_targets_comes_in_pieces_of_64_kib_and_a_little() {
    let few = [1, 2].map(|targets| handler(&with_targets(targets, 30, true)));
    let many = handler(&with_targets(2000, 30, true));
    for format in FORMATS {
        let (pieces, end, lines) = sizes(&many, format, "identity").await;
        assert!(pieces.len() > 100 && pieces.iter().all(|size| (64 * KIB..=80 * KIB).contains(size)), "{pieces:?}");
        assert!((1..=80 * KIB).contains(&end));
        if format != PROTOBUF {
            let (one, two) = (sizes(&few[0], format, "").await.2, sizes(&few[1], format, "").await.2);
            assert_eq!(lines, one + 1999 * (two - one), "none lost and none twice between pieces");
        }
    }
    // Together they are less than a tenth, and each is worth its chunk.
    let (pieces, end, _) = sizes(&many, TEXT, "gzip").await;
    assert!(pieces.len() > 10 && pieces.iter().all(|size| (16 * KIB..=128 * KIB).contains(size)), "{pieces:?}");
    assert!((1..=128 * KIB).contains(&end));
}

/// A piece is larger by a child at most, which is 26 reasons here.
#[actix_web::test]
async fn long_names_make_pieces_larger_by_a_child() {
    let handler = handler(&with_targets(20, 3000, true));
    for format in FORMATS {
        let (pieces, end, _) = sizes(&handler, format, "identity").await;
        assert!(pieces.iter().all(|size| (64 * KIB..64 * KIB + 26 * 3200).contains(size)), "{pieces:?}");
        assert!(pieces.len() > 10 && end < 64 * KIB + 26 * 3200);
    }
}

#[actix_web::test]
async fn a_label_value_of_a_megabyte_survives() {
    let registry = Registry::new();
    let external = ExternalMetrics::register_with(&registry, &ExternalConfig { native_histograms: true }).unwrap();
    let name = "\"\\\n\u{1f980}x".repeat(1 << 17);
    for name in ["a", &name, "b"] {
        external.target(name, Duration::from_secs(1)).record(&outcome(Duration::from_secs(1)));
    }
    let handler = handler(&registry);
    for format in FORMATS {
        let query = "?name[]=external_access_up&name[]=external_access_run_duration_seconds";
        let exposed = scrape(&handler, format, query).await.exposed();
        let targets: Vec<_> =
            exposed.family("external_access_up").unwrap().samples.iter().map(|s| s.label("target")).collect();
        assert!(targets == ["a", &name, "b"], "{format}");
    }
}

/// One task waits for its turn, and two for the network; all on the worker that writes the scrape. Each has had a turn
/// before the next piece.
#[actix_web::test]
async fn between_pieces_all_others_of_the_worker_have_their_turn() {
    let turns = Rc::new(Cell::new(0));
    let passed = Rc::new(Cell::new(0));
    actix_rt::spawn({
        let turns = turns.clone();
        async move {
            loop {
                turns.set(turns.get() + 1);
                tokio::task::yield_now().await;
            }
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (there, _) = listener.accept().await.unwrap();
    // A byte goes to and fro.
    for mut end in [here, there] {
        end.write_all(b"x").await.unwrap();
        let passed = passed.clone();
        actix_rt::spawn(async move {
            let mut byte = [0];
            while end.read_exact(&mut byte).await.is_ok() && end.write_all(&byte).await.is_ok() {
                passed.set(passed.get() + 1);
            }
        });
    }
    let handler = handler(&with_targets(500, 30, true));
    for (format, encoding) in [(TEXT, "identity"), (OPEN_METRICS, "gzip")] {
        let request = get("").insert_header(("accept", format)).insert_header(("accept-encoding", encoding));
        let mut pieces = Pieces::of(&handler, request).await;
        pieces.next().await.unwrap();
        let mut before = (turns.get(), passed.get());
        let mut counted = 0;
        while let Some(piece) = pieces.next().await {
            let now = (turns.get(), passed.get());
            // Of what is compressed, one piece is what many pieces were.
            let least = if encoding == "gzip" && piece.len() >= 16 * KIB { 2 } else { 1 };
            assert!(now.0 >= before.0 + least && now.1 >= before.1 + least, "{now:?} after {before:?}");
            (before, counted) = (now, counted + 1);
        }
        assert!(counted > if encoding == "gzip" { 2 } else { 50 }, "{counted}");
    }
}

/// A route whose pattern is so long that a few of them fill a piece.
fn route(number: usize) -> String {
    format!("/{number:0>300}")
}

fn routes(config: &mut web::ServiceConfig) {
    for number in 0..ROUTES {
        config.route(&route(number), web::get().to(HttpResponse::Ok));
    }
}

const ROUTES: usize = 200;
/// How many of them, and of targets, there are when the scrape begins.
const BEFORE: usize = 100;

/// While a scrape is read slowly, targets are added, routes are met for the first time, and workers end. It stays as its
/// format has it, with nothing twice, and has all that there was when it began; the next one has the rest too.
#[actix_web::test]
async fn what_changes_under_a_slow_scrape_leaves_it_whole() {
    for format in FORMATS {
        let registry = Registry::new();
        let external = ExternalMetrics::register_with(&registry, &ExternalConfig { native_histograms: true }).unwrap();
        let http = HttpMetrics::register(&registry).unwrap();
        let handler = handler(&registry);
        let add_target = |number: usize| {
            external.target(&number.to_string(), Duration::from_secs(1)).record(&outcome(Duration::from_secs(1)));
        };
        let mut app = init_service(App::new().configure(routes).wrap(http.clone())).await;
        let meet = |number: usize| TestRequest::get().uri(&route(number)).to_request();
        for number in 0..BEFORE {
            add_target(number);
            drop(call_service(&app, meet(number)).await);
        }
        let mut pieces = Pieces::of(&handler, get("").insert_header(("accept", format))).await;
        let (mut body, mut changes) = (vec![], 0);
        while let Some(piece) = pieces.next().await {
            body.extend_from_slice(&piece);
            if changes % 3 == 2 {
                app = init_service(App::new().configure(routes).wrap(http.clone())).await;
            }
            add_target(BEFORE + changes);
            drop(call_service(&app, meet((BEFORE + changes) % ROUTES)).await);
            changes += 1;
        }
        assert!(changes > 10, "{changes}");
        let slow = Answer { head: pieces.head, body }.exposed();
        let next = scrape(&handler, format, "").await.exposed();
        let series = |exposed: &Exposed, name: &str| exposed.family(name).unwrap().samples.len();
        for name in ["external_access_up", "external_access_runs_total"] {
            assert_eq!((series(&slow, name), series(&next, name)), (BEFORE, BEFORE + changes), "{name}");
        }
        for name in ["http_requests_total", "http_responses_total"] {
            let met = (BEFORE + changes).min(ROUTES);
            assert!((BEFORE..=met).contains(&series(&slow, name)) && series(&next, name) == met, "{name}");
        }
        // Families come one after the other, and so each sees more than the one before it.
        assert!(series(&slow, "http_requests_aborted_total") / 4 < series(&slow, "http_responses_total"));
        let requests = next.family("http_requests_total").unwrap().samples.iter().map(|sample| sample.value.f64());
        assert_eq!(requests.sum::<f64>(), (BEFORE + changes) as f64);
    }
}
