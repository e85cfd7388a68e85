//! The test kit: peers on loopback that behave and misbehave at every step of a run, and certificate authorities of their
//! own. Shared with the server's tests; `body`, `http2` and `dns` are declared by the test binaries that need them.
#![allow(dead_code, unreachable_pub, unused_imports)] // each test binary uses a part of it

pub mod authority;
pub mod peer;
pub mod reasons;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

pub use authority::{Authority, Flaw, Identity, Tls};
pub use peer::{Action, Peer};

/// A complete response with a body.
pub fn response(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Action {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    Action::Answer([head.as_bytes(), body].concat())
}

pub fn ok() -> Action {
    response("200 OK", "", "fine")
}

pub fn redirect(status: &str, to: &str) -> Action {
    response(status, &format!("Location: {to}\r\n"), "")
}

/// A loopback address on which nothing listens.
pub fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A file of this process's tests, with this content.
pub fn file(name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    std::fs::write(&path, content).unwrap();
    path
}
