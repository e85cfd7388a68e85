//! What is counted of requests: one request is one count, whatever happens.
//!
//! | module | |
//! | --- | --- |
//! | [`cases`] | the table: request, what the client sees, what is counted |
//! | [`table`] | the table, run against a mock, over HTTP/1.1, over HTTP/2, and all of it mixed under load |
//! | [`exchange`] | what is proved of one exchange and needs more than a line of the table |
//! | [`labels`] | how many label values there are, and which |
//! | [`lifecycle`] | workers and servers that start and end; registering twice |
//! | [`options`] | what `Config` changes and refuses; the cap on series; nested wrapping |
//! | [`case`], [`app`], [`wire`], [`kit`], [`scrape`] | what a case is; the app under test; the clients; the books against which a scrape is checked |
//!
//! The ids (T…, L…, V…, R…) name the rules, and each stands in the `id` of a case or in the name of a test; see
//! docs/metrics.md. Tests wait for events: a gate that a handler stands at, a connection that closes, or, as a client may
//! see the end of its answer a moment before the server has counted it, the registry itself.
#![cfg(feature = "actix-web")]
#![allow(clippy::float_cmp)] // counts are whole numbers

mod app;
mod case;
mod cases;
mod exchange;
#[path = "../kit/mod.rs"]
mod kit;
mod labels;
mod lifecycle;
mod options;
mod scrape;
mod table;
mod wire;
