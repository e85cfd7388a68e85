//! What is proved of scrapes, against the handler in process, and over the wire where that matters.
//!
//! | module | |
//! | --- | --- |
//! | [`negotiation`] | which format and encoding an answer has (S1, S2, S4) |
//! | [`answers`] | methods, HTTP/1.0, `name[]`, the handler's own metrics (S5, S6, S8, S9) |
//! | [`formats`] | OpenMetrics, what clashes in it, and that all formats say the same of everything (S3, S10) |
//! | [`native`] | native histograms, and how protobuf is split into messages |
//! | [`foreign`] | collectors of others: their values, panics and hangs (S7) |
//! | [`limits`] | the limit, and readers that do not read or leave (S7, S24) |
//! | [`pieces`] | that a scrape is written while it is read |
//! | [`tls`] | what is known of a handshake, and nothing else |
//! | [`applied`] | targets that come, change and go, and what they cost |
//! | [`blackbox`] | one probe under blackbox_exporter's names |
//! | [`load`] | scrapes while others record (V11) |
//! | [`ask`], [`exposed`], [`protobuf`], [`kit`], [`subjects`] | how scrapes are asked for and read; what is scraped |
//!
//! The ids name the rules. Tests wait for events: the head of an answer, a byte that a reader takes, or, where the server
//! tells nobody that it is done with a reader, the next scrape that shows it.
#![cfg(feature = "actix-web")]
#![allow(clippy::float_cmp)] // what is compared is the same number or a wrong one

mod answers;
mod applied;
mod ask;
mod blackbox;
mod exposed;
mod foreign;
mod formats;
#[path = "../kit/mod.rs"]
mod kit;
mod limits;
mod load;
mod native;
mod negotiation;
mod pieces;
mod protobuf;
mod subjects;
mod tls;
