//! The table, run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use actix_web::test::init_service;
use futures::future::join_all;
use metrics_core::HttpMetrics;
use metrics_core::prometheus::Registry;

use crate::app::{LAYOUTS, Layout, app};
use crate::case::{Case, Over};
use crate::cases;
use crate::kit::Server;
use crate::scrape::{Books, Scrape, registered, watch};
use crate::wire::{Http1, Http2, Seen, mock};

/// Each case alone: in a registry of its own, and before the next one begins. What carried it is kept until the books
/// agree, as a worker that ends takes what it has in flight with it.
async fn each<Carrier>(over: Over, carry: impl AsyncFn(&Case, HttpMetrics) -> (Result<Seen, String>, Carrier)) {
    let mut failed = vec![];
    let mut run = 0;
    for case in cases::all().iter().filter_map(|case| case.over(over)) {
        let (registry, http) = registered();
        let (seen, _carrier) = carry(&case, http).await;
        let proved = async {
            let seen = seen?;
            seen.fits(&case)?;
            let mut books = Books::default();
            if let Some(counted) = &case.counted {
                books.enter(counted, seen.body.len());
            }
            books.agree_in_time(&registry).await
        };
        run += 1;
        if let Err(error) = proved.await {
            failed.push(format!("{}, {}: {error}", case.id, case.what));
        }
    }
    assert!(failed.is_empty(), "{over:?}: {} of {run} cases failed\n\n{}", failed.len(), failed.join("\n\n"));
}

#[actix_web::test]
async fn cases_over_a_mock() {
    each(Over::Mock, async |case, http| {
        let service = init_service(app(case.layout, http)).await;
        (mock(&service, case).await, service)
    })
    .await;
}

#[actix_web::test]
async fn cases_over_http1() {
    each(Over::Http1, async |case, http| {
        let server = Server::start(case.layout, &http, 1);
        (Http1::new(server.address).exchange(case).await, server)
    })
    .await;
}

#[actix_web::test]
async fn cases_over_http2() {
    each(Over::Http2, async |case, http| {
        let server = Server::start(case.layout, &http, 1);
        (Http2::new(server.address).exchange(case).await, server)
    })
    .await;
}

/// The same numbers in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn cases(mut self, cases: &[Case], over: Over) -> impl Iterator<Item = Case> {
        let cases: Vec<_> = cases.iter().filter_map(|case| case.over(over)).collect();
        std::iter::from_fn(move || Some(cases[self.below(cases.len())].clone()))
    }
}

enum Connection {
    Http1(Http1),
    Http2(Http2),
}

/// Random cases one after the other, over one connection for each layout.
async fn walk(over: Over, start: u64, servers: &BTreeMap<Layout, Server>, requests: usize) -> Books {
    let connect = |(layout, server): (&Layout, &Server)| {
        let connection = match over {
            Over::Http1 => Connection::Http1(Http1::new(server.address)),
            _ => Connection::Http2(Http2::new(server.address)),
        };
        (*layout, connection)
    };
    let mut connections: BTreeMap<_, _> = servers.iter().map(connect).collect();
    let mut books = Books::default();
    for case in Random(start).cases(&cases::all(), over).take(requests) {
        let seen = match connections.get_mut(&case.layout).unwrap() {
            Connection::Http1(client) => client.exchange(&case).await,
            Connection::Http2(client) => client.exchange(&case).await,
        };
        let seen = seen.unwrap_or_else(|error| panic!("{over:?} {}, {}: {error}", case.id, case.what));
        seen.fits(&case).unwrap_or_else(|error| panic!("{over:?} {}, {}: {error}", case.id, case.what));
        if let Some(counted) = &case.counted {
            books.enter(counted, seen.body.len());
        }
    }
    books
}

/// Two threads that scrape until the end of `work`.
pub(crate) async fn while_scraped<T>(registry: &Registry, work: impl Future<Output = T>) -> T {
    let stop = Arc::new(AtomicBool::new(false));
    let watchers = [(); 2].map(|()| {
        let (registry, stop) = (registry.clone(), stop.clone());
        thread::spawn(move || watch(&registry, &stop))
    });
    let result = work.await;
    stop.store(true, Ordering::Release);
    for watcher in watchers {
        let scrapes = watcher.join().unwrap().unwrap();
        assert!(scrapes > 1, "{scrapes} scrapes watched nothing");
    }
    result
}

fn whole(walks: impl IntoIterator<Item = Books>) -> Books {
    walks.into_iter().fold(Books::default(), |mut books, walk| {
        books.add(walk);
        books
    })
}

/// R2 and V10 are in it: several servers share a registry, and their workers race.
#[actix_web::test]
async fn t11_v11_every_case_in_any_order_over_many_connections_while_scraped() {
    let (registry, http) = registered();
    let servers = LAYOUTS.map(|layout| (layout, Server::start(layout, &http, 2))).into();
    let walks = (1..=8).map(|start| walk([Over::Http1, Over::Http2][start % 2], start as u64, &servers, 150));
    let books = whole(while_scraped(&registry, join_all(walks)).await);
    books.agree_in_time(&registry).await.unwrap();
}

#[actix_web::test]
async fn t11_v11_four_threads_record_while_scraped() {
    let (registry, http) = registered();
    let recorders = (1..=4).map(|start| {
        let http = http.clone();
        actix_rt::task::spawn_blocking(move || actix_rt::System::new().block_on(record(http, start, 1000)))
    });
    let walks = while_scraped(&registry, join_all(recorders)).await;
    let books = whole(walks.into_iter().map(Result::unwrap));
    books.agree(&Scrape::of(&registry)).unwrap();
}

/// Random cases on the thread that calls, against mocks.
async fn record(http: HttpMetrics, start: u64, requests: usize) -> Books {
    let mut services = vec![];
    for layout in LAYOUTS {
        services.push((layout, init_service(app(layout, http.clone())).await));
    }
    let mut books = Books::default();
    for case in Random(start).cases(&cases::all(), Over::Mock).take(requests) {
        let (_, service) = services.iter().find(|(layout, _)| *layout == case.layout).unwrap();
        let seen = mock(service, &case).await.unwrap();
        seen.fits(&case).unwrap_or_else(|error| panic!("{}, {}: {error}", case.id, case.what));
        books.enter(case.counted.as_ref().unwrap(), seen.body.len());
    }
    books
}
