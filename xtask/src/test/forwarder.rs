//! A way for scrapes with an Accept header of our choice: what an old Prometheus asks for cannot be configured. Answers go
//! back as they are, and their Content-Type is noted, so that a test knows in which format the metrics really came.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;

use super::loopback::{LIMIT, Loopback};

const MAX_ANSWER: u64 = 1 << 24;

pub(super) struct Forwarder {
    server: Loopback,
    seen: Arc<Mutex<BTreeSet<String>>>,
}

impl Forwarder {
    /// `None` leaves the Accept header as it comes.
    pub(super) fn start(to: SocketAddr, accept: Option<&'static str>) -> Result<Forwarder> {
        let seen = Arc::<Mutex<BTreeSet<String>>>::default();
        let server = Loopback::start({
            let seen = Arc::clone(&seen);
            move |head| {
                let answer = forward(head, to, accept)?;
                seen.lock().unwrap_or_else(PoisonError::into_inner).insert(content_type(&answer));
                Ok(answer)
            }
        })?;
        Ok(Forwarder { server, seen })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Every Content-Type that went through.
    pub(super) fn seen(&self) -> BTreeSet<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn forward(head: &[String], to: SocketAddr, accept: Option<&str>) -> io::Result<Vec<u8>> {
    let kept = head.iter().filter(|line| accept.is_none() || !is_header(line, "accept"));
    let mut request: String = kept.flat_map(|line| [line, "\r\n"]).collect();
    if let Some(accept) = accept {
        request.extend(["Accept: ", accept, "\r\n"]);
    }
    // Then the end of the answer needs no parsing, whatever its framing.
    request.push_str("Connection: close\r\n\r\n");
    let mut exporter = TcpStream::connect_timeout(&to, LIMIT)?;
    exporter.set_read_timeout(Some(LIMIT))?;
    exporter.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    exporter.take(MAX_ANSWER).read_to_end(&mut answer)?;
    Ok(answer)
}

fn is_header(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
}

fn content_type(answer: &[u8]) -> String {
    let mut head = answer.lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let line = head.find(|line| is_header(line, "content-type"));
    line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an exporter is asked if `accept` is put in; its answer has to come back as it is.
    fn asked(accept: Option<&'static str>) -> String {
        const ANSWER: &str = "HTTP/1.1 200 OK\r\nConTent-type: text/plain; x=1\r\ncontent-length: 2\r\n\r\nup";
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let exporter = Loopback::start({
            let heads = Arc::clone(&heads);
            move |head| {
                heads.lock().unwrap().push(head.join("|"));
                Ok(ANSWER.into())
            }
        });
        let exporter = exporter.unwrap();
        let forwarder = Forwarder::start(exporter.address, accept).unwrap();
        let mut scraper = TcpStream::connect(forwarder.address()).unwrap();
        scraper.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nACCEPT: theirs\r\nx: Accept: y\r\n\r\n").unwrap();
        let mut answer = String::new();
        scraper.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, ANSWER);
        assert_eq!(forwarder.seen(), ["text/plain; x=1".to_owned()].into());
        heads.lock().unwrap().join(" and ")
    }

    #[test]
    fn the_accept_header_is_replaced_and_all_else_stays() {
        assert_eq!(asked(Some("ours")), "GET /metrics HTTP/1.1|host: x|x: Accept: y|Accept: ours|Connection: close");
    }

    #[test]
    fn without_a_choice_the_header_stays_too() {
        assert_eq!(asked(None), "GET /metrics HTTP/1.1|host: x|ACCEPT: theirs|x: Accept: y|Connection: close");
    }
}
