//! Runs on demand, beside those of the engine's targets.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use metrics_core::prometheus::Registry;
use metrics_core::{ExternalMetrics, Reason};
use probe::{AllowList, Client, Engine, EngineConfig, Env, History, HistoryConfig, Module, Roots, Spec};

use crate::kit::{Action, Peer, ok};

fn engine() -> Engine {
    let metrics = ExternalMetrics::register(&Registry::new()).unwrap();
    Engine::new(EngineConfig::default(), Env::default(), metrics, History::in_memory(HistoryConfig::default()).into())
}

/// With more time than a test has.
fn spec(peer: &Peer) -> Spec {
    let client = Client::new(Module::default(), &Roots::BuiltIn).unwrap().into();
    Spec { url: probe::parse_url(&peer.url("/")).unwrap(), timeout: Duration::from_secs(3600), client }
}

fn allow(text: &str) -> Arc<AllowList> {
    Arc::new(AllowList::from(vec![text.parse().unwrap()]))
}

#[actix_rt::test]
async fn it_asks_whom_it_may_and_nobody_else() {
    let (engine, peer) = (engine(), Peer::plain(|_| ok()));
    let report = engine.ask_once(spec(&peer), allow("127.0.0.1")).await.unwrap();
    assert_eq!(report.outcome.reason, None, "{report:?}");
    for list in [allow("public"), allow("127.0.0.2"), Arc::default()] {
        let report = engine.ask_once(spec(&peer), list).await.unwrap();
        assert_eq!(report.outcome.reason, Some(Reason::Blocked), "{report:?}");
    }
    assert_eq!(peer.connections(), 1);
    // It has no targets, and is asked all the same when it has been told to stop.
    engine.stop();
    assert!(engine.ask_once(spec(&peer), allow("127.0.0.1")).await.is_some());
}

#[actix_rt::test]
async fn who_no_longer_waits_for_it_ends_it() {
    let (engine, peer) = (engine(), Peer::plain(|_| Action::Hang));
    let mut asking = Box::pin(engine.ask_once(spec(&peer), allow("127.0.0.1")));
    while peer.requests().is_empty() {
        assert!((&mut asking).now_or_never().is_none(), "the peer says nothing");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(asking);
    // Which waits for the connection to come to its end.
    assert!(!peer.received().is_empty());
}
