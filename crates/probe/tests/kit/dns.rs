//! A resolver that answers from a table, and misbehaves where the table says so. On UDP; over TCP it answers nothing.
#![allow(dead_code, unreachable_pub)] // each test binary uses a part of it

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

/// What is said of a name.
#[derive(Clone, Debug)]
pub enum Answer {
    /// These addresses.
    Addresses(Vec<IpAddr>),
    /// The first time a kind of address is asked for, the first ones; ever after, the others.
    Then(Vec<IpAddr>, Vec<IpAddr>),
    /// An error of this code (RFC 1035, section 4.1.1).
    Error(u8),
    /// That the rest has to be asked for over TCP.
    Truncated,
    /// Nothing.
    Silence,
}

pub const SERVER_FAILURE: u8 = 2;
pub const NAME_ERROR: u8 = 3;
pub const REFUSED: u8 = 5;

const A: u16 = 1;
const AAAA: u16 = 28;

/// The resolver. Its thread ends with the test's process.
pub struct Dns {
    asked: Arc<Mutex<Vec<(String, u16)>>>,
}

impl Dns {
    /// Listens on this address. Names that are not in the table, as they are or with `*` for their first label, do not exist.
    pub fn start(address: SocketAddr, table: &[(&str, Answer)]) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        let table: HashMap<_, _> = table.iter().map(|(name, answer)| ((*name).to_owned(), answer.clone())).collect();
        let dns = Self { asked: Arc::default() };
        let asked = dns.asked.clone();
        std::thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query) {
                let Some(question) = Question::of(&query[..length]) else { continue };
                let before = {
                    let mut asked = asked.lock().unwrap();
                    let question = (question.name.clone(), question.kind);
                    let before = asked.contains(&question);
                    asked.push(question);
                    before
                };
                let any = || table.get(&format!("*.{}", question.name.split_once('.')?.1));
                let answer = table.get(&question.name).or_else(any).cloned().unwrap_or(Answer::Error(NAME_ERROR));
                if let Some(reply) = question.reply(&answer, before) {
                    let _ = socket.send_to(&reply, from);
                }
            }
        });
        Ok(dns)
    }

    /// How often this name was asked for.
    pub fn asked(&self, name: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|(asked, _)| asked == name).count()
    }
}

/// A query with one question (RFC 1035, section 4.1).
struct Question<'a> {
    id: [u8; 2],
    /// As it was sent.
    section: &'a [u8],
    name: String,
    kind: u16,
}

impl<'a> Question<'a> {
    const HEADER: usize = 12;

    fn of(query: &'a [u8]) -> Option<Self> {
        let id = query.first_chunk().copied()?;
        let mut rest = query.get(Self::HEADER..)?;
        let section = rest;
        let mut labels = Vec::new();
        loop {
            let (&length, after) = rest.split_first()?;
            let (label, after) = after.split_at_checked(length.into())?;
            rest = after;
            if label.is_empty() {
                break;
            }
            labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        }
        let kind = u16::from_be_bytes(rest.first_chunk().copied()?);
        let length = section.len() - rest.len() + 4;
        Some(Self { id, section: section.get(..length)?, name: labels.join("."), kind })
    }

    fn reply(&self, answer: &Answer, asked_before: bool) -> Option<Vec<u8>> {
        let (code, truncated, addresses) = match answer {
            Answer::Silence => return None,
            Answer::Error(code) => (*code, 0, &[][..]),
            Answer::Truncated => (0, 2, &[][..]),
            Answer::Addresses(addresses) => (0, 0, &addresses[..]),
            Answer::Then(_, then) if asked_before => (0, 0, &then[..]),
            Answer::Then(first, _) => (0, 0, &first[..]),
        };
        let records: Vec<_> = addresses.iter().filter_map(|ip| self.record(*ip)).collect();
        let count = u16::try_from(records.len()).ok()?.to_be_bytes();
        // A response, recursion desired and available.
        let flags = [0x81 | truncated, 0x80 | code];
        let header = [&self.id[..], &flags, &[0, 1], &count, &[0, 0, 0, 0]].concat();
        Some([&header, self.section, &records.concat()].concat())
    }

    /// The record for an address of the kind that was asked for. Its name points to that of the question; nobody may keep it.
    fn record(&self, ip: IpAddr) -> Option<Vec<u8>> {
        let data = match (ip, self.kind) {
            (IpAddr::V4(ip), A) => ip.octets().to_vec(),
            (IpAddr::V6(ip), AAAA) => ip.octets().to_vec(),
            _ => return None,
        };
        let [high, low] = self.kind.to_be_bytes();
        let length = u8::try_from(data.len()).ok()?;
        Some([&[0xc0, 12, high, low, 0, 1, 0, 0, 0, 0, 0, length], &data[..]].concat())
    }
}
