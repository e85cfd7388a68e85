//! How many scrapes there can be at a time, and readers that do not read, or leave.

use std::net::SocketAddr;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use futures::future::join_all;

use crate::ask::{Answer, Client, ask_over, serve};
use crate::kit::in_time;
use crate::subjects::{collector, handler, limited, with_targets};

/// What is asked for by who wants to know how the handler is.
const SMALL: &str = "GET /metrics?name[]=metrics_handler_requests_in_flight HTTP/1.1";

/// Asks until the answer is such. A server tells nobody that it is done with a reader, but in its next scrape.
async fn until(address: SocketAddr, such: impl Fn(&Answer) -> bool) -> Answer {
    for _ in 0..2000 {
        let answer = ask_over(address, SMALL, &[]).await;
        if such(&answer) {
            return answer;
        }
        actix_rt::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never such");
}

fn in_flight(answer: &Answer) -> Option<f64> {
    (answer.head.status == 200).then(|| answer.exposed().in_flight())
}

/// A reader that has begun to read something larger than all buffers between.
async fn stuck(address: SocketAddr, headers: &[(&str, &str)]) -> Client {
    let mut client = Client::connect(address).await;
    client.send("GET /metrics HTTP/1.1", headers).await;
    assert_eq!(client.head().await.status, 200);
    client
}

#[actix_web::test]
async fn s7_beyond_the_limit_it_is_503_until_a_reader_leaves() {
    // 12 MB.
    let server = serve(&limited(&with_targets(100, 1000, false), 2), 2);
    let one = stuck(server.address, &[]).await;
    let mut other = stuck(server.address, &[]).await;
    for _ in 0..3 {
        let refused = ask_over(server.address, SMALL, &[]).await;
        let head = (refused.head.status, refused.head.header("retry-after"));
        assert_eq!((head, refused.format()), ((503, Some("1")), "text/plain; charset=utf-8"));
    }
    drop(one);
    let answer = until(server.address, |answer| answer.head.status == 200).await;
    assert_eq!(in_flight(&answer), Some(2.0), "the other one and itself");
    // In the midst of the body.
    for _ in 0..10 {
        other.chunk().await;
    }
    drop(other);
    until(server.address, |answer| in_flight(answer) == Some(1.0)).await;
}

#[actix_web::test]
async fn s7_a_scrape_whose_time_is_over_gives_up_its_place() {
    let server = serve(&limited(&with_targets(100, 1000, false), 2), 2);
    let short = [("X-Prometheus-Scrape-Timeout-Seconds", "0.2")];
    let (first, second) = (stuck(server.address, &short).await, stuck(server.address, &short).await);
    let answer = until(server.address, |answer| answer.head.status == 200).await;
    assert_eq!(in_flight(&answer), Some(3.0), "both are still being served");
    // Their places are given to others, and theirs they are: who is late takes none away when he leaves.
    let third = stuck(server.address, &[]).await;
    until(server.address, |answer| answer.head.status == 200).await;
    let fourth = stuck(server.address, &[]).await;
    drop((first, second));
    for _ in 0..3 {
        assert_eq!(ask_over(server.address, SMALL, &[]).await.head.status, 503);
    }
    drop((third, fourth));
    until(server.address, |answer| in_flight(answer) == Some(1.0)).await;
}

#[actix_web::test]
async fn s7_without_a_limit_all_are_served() {
    let server = serve(&limited(&with_targets(100, 1000, false), 0), 1);
    let readers = join_all((0..50).map(|_| stuck(server.address, &[]))).await;
    assert_eq!(in_flight(&ask_over(server.address, SMALL, &[]).await), Some(51.0));
    drop(readers);
    until(server.address, |answer| in_flight(answer) == Some(1.0)).await;
}

/// Ten of a hundred find a place, which they hold until a collector lets them go on.
#[actix_web::test]
async fn s24_a_hundred_scrapes_at_once_end_each() {
    let registry = with_targets(20, 30, true);
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let waits = move || {
        // An error: it is open.
        let _ = gate.lock().unwrap().recv();
        vec![]
    };
    registry.register(collector("waits", waits)).unwrap();
    let server = serve(&limited(&registry, 10), 2);
    let mut clients = join_all((0..100).map(|_| Client::connect(server.address))).await;
    for client in &mut clients {
        client.send("GET /metrics HTTP/1.1", &[]).await;
    }
    let (told, mut statuses) = tokio::sync::mpsc::unbounded_channel();
    for mut client in clients {
        let told = told.clone();
        actix_rt::spawn(async move {
            let answer = client.answer().await;
            if answer.head.status == 200 {
                answer.exposed();
            }
            told.send(answer.head.status).unwrap();
        });
    }
    for _ in 0..90 {
        assert_eq!(in_time(statuses.recv()).await.unwrap(), Some(503));
    }
    drop(open);
    for _ in 0..10 {
        assert_eq!(in_time(statuses.recv()).await.unwrap(), Some(200));
    }
    until(server.address, |answer| in_flight(answer) == Some(1.0)).await;
}

/// On one worker, where a reader that holds it up would hold up all.
#[actix_web::test]
async fn a_reader_that_does_not_read_holds_up_nobody() {
    let server = serve(&handler(&with_targets(100, 1000, true)), 1);
    let _stuck = join_all((0..5).map(|_| stuck(server.address, &[("Accept-Encoding", "gzip;q=0")]))).await;
    for _ in 0..3 {
        let answer = ask_over(server.address, "GET /metrics HTTP/1.1", &[]).await;
        assert_eq!(answer.exposed().in_flight(), 6.0);
    }
}
