//! Memory stays flat, whatever comes. A test binary of its own, as the memory is that of a whole process.

#[path = "kit/mod.rs"]
mod kit;
#[path = "kit/body.rs"]
mod kit_body;

use std::time::Duration;

use kit::{Action, Peer};
use kit_body::{brotli_bomb, gzip_bomb, zlib_bomb};
use metrics_core::Reason;
use probe::{Client, Compression, Env, Module, Roots, Spec, parse_url, run};

/// The most that the process has had in memory so far. Only Linux says so.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"))?;
    Some(kibibytes.trim().parse::<u64>().ok()? << 10)
}

/// An endless body, encoded or not, is read until the deadline, and nothing of it is kept.
#[actix_rt::test]
async fn p10_p11_an_endless_body_takes_no_memory() {
    for (name, compression, (first, then)) in [
        ("plain", None, (Vec::new(), vec![b'x'; 1 << 20])),
        ("gzip", Some(Compression::Gzip), gzip_bomb()),
        ("deflate", Some(Compression::Deflate), zlib_bomb()),
        ("brotli", Some(Compression::Brotli), brotli_bomb()),
    ] {
        let peer = Peer::plain(move |_| Action::Flood([b"HTTP/1.1 200 OK\r\n\r\n", &first[..]].concat(), then.clone()));
        let asked = async |timeout| {
            let client = Client::new(Module { compression, ..Module::default() }, &Roots::BuiltIn).unwrap().into();
            let spec = Spec { url: parse_url(&peer.url("/")).unwrap(), timeout, client };
            let report = run(&spec, &Env::default()).await;
            assert_eq!(report.outcome.reason, Some(Reason::BodyTimeout), "{name}: {report:?}");
            report.hops[0].body.map(|body| body.decoded).unwrap_or_default()
        };
        // The first run takes what any run takes.
        asked(Duration::from_millis(500)).await;
        let before = peak();
        let decoded = asked(Duration::from_secs(3)).await;
        assert!(decoded > 8 << 20, "{name}: only {decoded} bytes came");
        if let (Some(before), Some(after)) = (before, peak()) {
            assert!(after < before + (4 << 20), "{name}: {before} bytes, then {after}; {decoded} came");
        }
    }
}
