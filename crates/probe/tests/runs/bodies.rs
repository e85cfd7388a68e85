//! Bodies: how they are encoded, and how large they may be.

use metrics_core::{Phase, Reason};
use probe::{Body, Compression, Module, RunReport};
use regex::bytes::Regex;

use crate::kit::{Action, Peer, response};
use crate::kit_body::{Bomb, bare_deflate, brotli, brotli_bomb, gzip, gzip_bomb, zlib, zlib_bomb};
use crate::{Ask, SHORT, UP, failed, module};

const TEXT: &str = "the body has a word in it, and then another word";

async fn answered(module: Module, action: Action) -> RunReport {
    let peer = Peer::plain(move |_| action.clone());
    Ask::by(module).of(&peer.url("/")).await
}

fn compressed(compression: Compression) -> Module {
    module(|module| module.compression = Some(compression))
}

#[actix_rt::test]
async fn what_is_encoded_is_decoded() {
    let members = [gzip(&TEXT[..10]), gzip(&TEXT[10..])].concat();
    for (name, compression, sent) in [
        ("identity", Compression::Identity, TEXT.into()),
        ("gzip", Compression::Gzip, gzip(TEXT)),
        ("gzip in several members", Compression::Gzip, members),
        ("deflate", Compression::Deflate, zlib(TEXT)),
        ("deflate without its header", Compression::Deflate, bare_deflate(TEXT)),
        ("brotli", Compression::Brotli, brotli(TEXT)),
    ] {
        let bytes = sent.len() as u64;
        for action in
            [response("200 OK", "", &sent), Action::Bytewise([b"HTTP/1.1 200 OK\r\n\r\n", &sent[..]].concat())]
        {
            let report = answered(compressed(compression), action).await;
            assert_eq!(failed(&report), UP, "{name}: {report:?}");
            assert_eq!(report.hops[0].body, Some(Body { bytes, decoded: TEXT.len() as u64 }), "{name}");
            assert_eq!(report.outcome.body_bytes, Some(bytes), "{name}: as it was sent");
        }
    }
}

/// A body that is not there has no encoding.
#[actix_rt::test]
async fn an_empty_body_can_be_decoded() {
    use Compression::{Brotli, Deflate, Gzip, Identity};
    for compression in [Gzip, Deflate, Brotli, Identity] {
        for action in [response("200 OK", "", ""), Action::answer("HTTP/1.1 204 No Content\r\n\r\n")] {
            let report = answered(compressed(compression), action).await;
            assert_eq!(report.outcome.reason, None, "{compression:?}: {report:?}");
        }
    }
}

#[actix_rt::test]
async fn what_cannot_be_decoded_is_not_the_protocol() {
    use Compression::{Brotli, Deflate, Gzip};
    let short = |bytes: Vec<u8>| bytes[..bytes.len() - 5].to_vec();
    let wrong = |mut bytes: Vec<u8>| {
        let end = bytes.len() - 6;
        bytes[end] ^= 0x55;
        bytes
    };
    for (name, compression, sent) in [
        ("gzip that is none", Gzip, TEXT.into()),
        ("gzip cut short", Gzip, short(gzip(TEXT))),
        ("gzip with a wrong sum", Gzip, wrong(gzip(TEXT))),
        ("gzip with something after it", Gzip, [gzip(TEXT), b"what is this?".to_vec()].concat()),
        ("deflate that is none", Deflate, TEXT.into()),
        ("deflate cut short", Deflate, short(zlib(TEXT))),
        ("deflate without its header, cut short", Deflate, short(bare_deflate(TEXT))),
        ("brotli that is none", Brotli, vec![0xff; 20]),
        ("brotli cut short", Brotli, short(brotli(TEXT))),
    ] {
        let report = answered(compressed(compression), response("200 OK", "", &sent)).await;
        assert_eq!(
            failed(&report),
            (Some(Reason::Protocol), Some(Phase::Transfer), Some(200)),
            "{name}: {:?}",
            report.failure
        );
    }
}

/// The limit is of what is meant, not of what is sent: it is looked at after decoding.
#[actix_rt::test]
async fn a_body_as_large_as_the_limit_passes_and_one_byte_more_does_not() {
    let size = TEXT.len() as u64;
    let chunked =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n{TEXT}\r\n0\r\n\r\n").into_bytes();
    for (name, compression, action) in [
        ("announced", None, response("200 OK", "", TEXT)),
        ("chunked", None, Action::Answer(chunked)),
        ("until the connection ends", None, Action::answer(format!("HTTP/1.1 200 OK\r\n\r\n{TEXT}"))),
        ("gzip", Some(Compression::Gzip), response("200 OK", "", gzip(TEXT))),
        ("deflate", Some(Compression::Deflate), response("200 OK", "", zlib(TEXT))),
        ("brotli", Some(Compression::Brotli), response("200 OK", "", brotli(TEXT))),
    ] {
        for (limit, wanted) in [
            (size, UP),
            (size + 1, UP),
            (size - 1, (Some(Reason::BodyTooLarge), Some(Phase::Transfer), Some(200))),
            (0, (Some(Reason::BodyTooLarge), Some(Phase::Transfer), Some(200))),
        ] {
            let module = module(|module| {
                module.compression = compression;
                module.body_size_limit = Some(limit);
            });
            let report = answered(module, action.clone()).await;
            assert_eq!(failed(&report), wanted, "{name}, {limit}: {report:?}");
        }
    }
}

fn bombs() -> [(Compression, Bomb); 3] {
    [(Compression::Gzip, gzip_bomb()), (Compression::Deflate, zlib_bomb()), (Compression::Brotli, brotli_bomb())]
}

fn flood((first, then): Bomb) -> Action {
    Action::Flood([b"HTTP/1.1 200 OK\r\n\r\n", &first[..]].concat(), then)
}

/// Of a bomb no more goes off than the limit allows.
#[actix_rt::test]
async fn p11_a_bomb_is_too_large() {
    for (compression, bomb) in bombs() {
        let module = module(|module| {
            module.compression = Some(compression);
            module.body_size_limit = Some(3 << 20);
        });
        let report = answered(module, flood(bomb)).await;
        let wanted = (Some(Reason::BodyTooLarge), Some(Phase::Transfer), Some(200));
        assert_eq!(failed(&report), wanted, "{compression:?}: {report:?}");
        let decoded = report.hops[0].body.map(|body| body.decoded).unwrap_or_default();
        assert!(decoded <= 4 << 20, "{compression:?}: {decoded} bytes were decoded");
    }
}

/// Without a limit, the deadline is one, also within what a single packet decodes to.
#[actix_rt::test]
async fn p11_a_bomb_ends_at_the_deadline() {
    for (compression, bomb) in bombs() {
        let peer = Peer::plain(move |_| flood(bomb.clone()));
        let report = Ask::by(compressed(compression)).within(SHORT).of(&peer.url("/")).await;
        let wanted = (Some(Reason::BodyTimeout), Some(Phase::Transfer), Some(200));
        assert_eq!(failed(&report), wanted, "{compression:?}: {report:?}");
    }
}

/// What expressions are held against has a limit of its own, where the module has none.
#[actix_rt::test]
async fn a_body_that_is_matched_has_a_limit() {
    let module = module(|module| module.fail_if_body_matches_regexp = vec![Regex::new("never").unwrap()]);
    let action = Action::Flood(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 60_000]);
    let report = answered(module, action).await;
    assert_eq!(failed(&report), (Some(Reason::BodyTooLarge), Some(Phase::Transfer), Some(200)), "{:?}", report.failure);
}
