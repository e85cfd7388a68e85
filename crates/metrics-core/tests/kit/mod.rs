//! What several test binaries need: a live server, the parts of an answer of HTTP/1.1, and a line of the text format.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;

/// Nothing here takes longer; a test that hangs says where.
pub(crate) async fn in_time<T>(what: impl Future<Output = T>) -> Result<T, String> {
    actix_rt::time::timeout(Duration::from_secs(20), what).await.map_err(|_| "hangs".to_owned())
}

/// A live server on a port that the system chooses; stops with the value. To be made within an actix system.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) handle: ServerHandle,
}

impl Server {
    pub(crate) fn run(address: SocketAddr, server: actix_web::dev::Server) -> Self {
        let handle = server.handle();
        actix_rt::spawn(server);
        Self { address, handle }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Names are in lower case.
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|(other, value)| (other == name).then_some(&**value))
    }
}

pub(crate) async fn read_head(connection: &mut BufReader<TcpStream>) -> io::Result<Head> {
    let first = line(connection).await?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(first))?;
    let mut headers = vec![];
    while let Some((name, value)) = line(connection).await?.split_once(':') {
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(Head { status, headers })
}

/// The next chunk of a body; empty at its end.
pub(crate) async fn read_chunk(connection: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let length = usize::from_str_radix(line(connection).await?.trim(), 16).map_err(io::Error::other)?;
    let mut chunk = vec![0; length];
    connection.read_exact(&mut chunk).await?;
    line(connection).await?;
    Ok(chunk)
}

async fn line(connection: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    match connection.read_line(&mut line).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line),
    }
}

pub(crate) type Labels = BTreeMap<String, String>;

/// The name and the labels of a sample, by the letter of the text format, and what follows: a space and the value.
pub(crate) fn series(line: &str) -> (String, Labels, &str) {
    let name = line.split(['{', ' ']).next().unwrap_or_default();
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    assert!(!name.is_empty() && name.chars().all(|c| legal(c) || c == ':'), "name: {line}");
    let mut parsed = Labels::new();
    let Some(labels) = line[name.len()..].strip_prefix('{') else {
        return (name.to_owned(), parsed, &line[name.len()..]);
    };
    let mut chars = labels.chars();
    loop {
        let label: String = chars.by_ref().take_while(|c| *c != '=').collect();
        assert!(!label.is_empty() && label.chars().all(legal), "label: {line}");
        assert_eq!(chars.next(), Some('"'), "quote: {line}");
        let mut text = String::new();
        loop {
            match chars.next() {
                Some('"') => break,
                Some('\\') => text.push(match chars.next() {
                    Some('n') => '\n',
                    Some(c @ ('\\' | '"')) => c,
                    other => panic!("escape {other:?}: {line}"),
                }),
                Some(c) => text.push(c),
                None => panic!("no end: {line}"),
            }
        }
        assert_eq!(parsed.insert(label, text), None, "label twice: {line}");
        match chars.next() {
            Some('}') => return (name.to_owned(), parsed, chars.as_str()),
            other => assert_eq!(other, Some(','), "after a label: {line}"),
        }
    }
}
