//! Workers and servers that start and end; registering twice.

use std::collections::BTreeSet;
use std::thread;

use actix_web::test::init_service;
use actix_web::{App, HttpServer, web};
use futures::FutureExt;
use futures::future::join_all;
use metrics_core::prometheus::Registry;
use metrics_core::{HttpMetrics, RegisterError};

use crate::app::{self, Layout, app, next_number};
use crate::case::{case, get};
use crate::cases::hello;
use crate::kit::{Server, in_time};
use crate::scrape::{Books, Scrape, registered};
use crate::table::while_scraped;
use crate::wire::{Http1, mock};

#[actix_web::test]
async fn r1_what_all_workers_count_adds_up() {
    let (registry, http) = registered();
    let worker = || async { format!("{:?}", thread::current().id()) };
    let app = move || App::new().route("/worker", web::get().to(worker)).wrap(http.clone());
    let server = HttpServer::new(app).workers(4).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let server = Server {
        address,
        handle: {
            let handle = server.handle();
            actix_rt::spawn(server);
            handle
        },
    };
    let case = case("R1", "", get("/worker")).sees(200, crate::case::Text::Any).counts("/worker");
    let mut clients: Vec<_> = (0..8).map(|_| Http1::new(server.address)).collect();
    let mut books = Books::default();
    let mut workers = BTreeSet::new();
    for _ in 0..5 {
        for seen in join_all(clients.iter_mut().map(|client| client.exchange(&case))).await {
            let seen = seen.unwrap();
            seen.fits(&case).unwrap();
            books.enter(case.counted.as_ref().unwrap(), seen.body.len());
            workers.insert(seen.body);
        }
    }
    assert!(workers.len() > 1, "all by one worker");
    books.agree_in_time(&registry).await.unwrap();
}

/// What a factory that registers, by mistake, does from its second worker on.
#[actix_web::test]
async fn r1_registering_once_per_worker_fails_loudly_and_loses_nothing() {
    let registry = Registry::new();
    let factory = || HttpMetrics::register(&registry).map(|http| app(Layout::Plain, http));
    let first = init_service(factory().unwrap()).await;
    mock(&first, &hello()).await.unwrap();
    for _ in 0..2 {
        let second = factory().map(drop);
        assert!(
            matches!(&second, Err(RegisterError::AlreadyRegistered { family }) if family == "http_requests_total"),
            "{second:?}"
        );
        Scrape::of(&registry).at_rest(1).unwrap();
    }
    mock(&first, &hello()).await.unwrap();
    Scrape::of(&registry).at_rest(2).unwrap();
}

#[actix_web::test]
async fn r1_counters_do_not_fall_when_a_worker_ends() {
    let (registry, http) = registered();
    for run in 1..=3 {
        let app = init_service(app(Layout::Plain, http.clone())).await;
        mock(&app, &hello()).await.unwrap();
        let before = Scrape::of(&registry);
        before.at_rest(run).unwrap();
        drop(app);
        assert_eq!(Scrape::of(&registry).text, before.text);
    }
}

/// Sums with fractions depend on the order in which they are added up.
#[actix_web::test]
async fn v11_sums_do_not_fall_when_workers_end_in_whatever_order() {
    let (registry, http) = registered();
    let sum = || Scrape::of(&registry).sum("http_request_duration_seconds_sum");
    for _ in 0..20 {
        let mut workers = vec![];
        for _ in 0..5 {
            workers.push(init_service(app(Layout::Plain, http.clone())).await);
            mock(workers.last().unwrap(), &hello()).await.unwrap();
        }
        while let Some(last) = workers.pop() {
            let before = sum();
            drop(last);
            assert!(sum() >= before, "fell from {before} to {}", sum());
        }
    }
}

#[actix_web::test]
async fn t5_a_worker_lives_on_after_panics() {
    let (registry, http) = registered();
    let server = Server::start(Layout::Plain, &http, 1);
    let panics = case("T5", "", get("/panics")).breaks().aborts("/panics", "panic");
    let mut books = Books::default();
    for case in [&panics, &panics, &panics, &hello()] {
        let seen = Http1::new(server.address).exchange(case).await.unwrap();
        seen.fits(case).unwrap();
        books.enter(case.counted.as_ref().unwrap(), seen.body.len());
    }
    books.agree_in_time(&registry).await.unwrap();
}

#[actix_web::test]
async fn r1_counters_go_on_when_a_server_is_started_anew() {
    let (registry, http) = registered();
    let mut books = Books::default();
    let work = async {
        for _ in 0..4 {
            let server = Server::start(Layout::Plain, &http, 2);
            let mut clients = [Http1::new(server.address), Http1::new(server.address)];
            for client in [0, 1, 0, 1] {
                let seen = clients[client].exchange(&hello()).await.unwrap();
                seen.fits(&hello()).unwrap();
                books.enter(&hello().counted.unwrap(), seen.body.len());
            }
            drop(clients);
            in_time(server.handle.stop(true)).await.unwrap();
        }
    };
    while_scraped(&registry, work).await;
    books.agree_in_time(&registry).await.unwrap();
}

#[actix_web::test]
async fn r2_two_registries_in_one_process_know_nothing_of_each_other() {
    let ((one, http), (other, of_other)) = (registered(), registered());
    let app_of_one = init_service(app(Layout::Plain, http)).await;
    let app_of_other = init_service(app(Layout::Plain, of_other)).await;
    mock(&app_of_one, &hello()).await.unwrap();
    Scrape::of(&other).at_rest(0).unwrap();
    mock(&app_of_other, &hello()).await.unwrap();
    mock(&app_of_other, &hello()).await.unwrap();
    Scrape::of(&one).at_rest(1).unwrap();
    Scrape::of(&other).at_rest(2).unwrap();
}

/// The response that was being made is dropped with the worker.
#[actix_web::test]
async fn t4_a_server_that_is_stopped_at_once_drops_what_it_was_doing() {
    let (registry, http) = registered();
    let server = Server::start(Layout::Plain, &http, 1);
    let n = next_number();
    let gate = app::gate(n);
    let slow = case("T4", "", get("/slow/{n}")).aborts("/slow/{n}", "dropped");
    let mut books = Books::default();
    books.enter(slow.counted.as_ref().unwrap(), 0);
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET /slow/{n} HTTP/1.1\r\nHost: a\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    in_time(gate.entered).await.unwrap().unwrap();
    in_time(server.handle.stop(false).map(drop)).await.unwrap();
    books.agree_in_time(&registry).await.unwrap();
    drop(gate.open);
}
