//! A client that costs little, as it shares the cores with the server: one connection, and responses read and dropped.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

const BUFFER: usize = 256 * 1024;
const HEAD_END: &[u8] = b"\r\n\r\n";
/// The last chunk. No exposition has a carriage return in it, so it ends the body wherever a read ends with it.
const BODY_END: &[u8] = b"0\r\n\r\n";

pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(port: u16) -> Client {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        // A server that hangs is a failure, and not a bench that hangs.
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
        Client { stream, buffer: vec![0; BUFFER] }
    }

    /// One request, and its response to its end.
    pub(crate) fn get(&mut self, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
        self.stream.write_all(request.as_bytes()).expect("the server is there");
        let mut filled = 0;
        let head = loop {
            filled += self.read(filled);
            if let Some(end) = self.buffer[..filled].windows(HEAD_END.len()).position(|bytes| bytes == HEAD_END) {
                break end + HEAD_END.len();
            }
        };
        let text = str::from_utf8(&self.buffer[..head]).expect("a head is text").to_ascii_lowercase();
        assert!(text.starts_with("http/1.1 200 "), "{path}: {text}");
        match text.lines().find_map(|line| line.strip_prefix("content-length: ")) {
            Some(length) => self.skip_bytes(length.parse().expect("a length"), filled - head),
            None => self.skip_chunks(filled),
        }
    }

    fn skip_bytes(&mut self, length: usize, mut seen: usize) {
        while seen < length {
            seen += self.read(0);
        }
    }

    /// The end of what was read before stays in front of the buffer, as the last chunk may come in two parts.
    fn skip_chunks(&mut self, mut filled: usize) {
        while !self.buffer[..filled].ends_with(BODY_END) {
            let kept = filled.min(BODY_END.len());
            self.buffer.copy_within(filled - kept..filled, 0);
            filled = kept + self.read(kept);
        }
    }

    fn read(&mut self, at: usize) -> usize {
        let read = self.stream.read(&mut self.buffer[at..]).expect("the server answers in time");
        assert!(read > 0, "the server closed the connection");
        read
    }
}
