//! HTTP servers within the tests, for what no program answers: one request per connection, one connection after the other.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

/// For each wait on a connection.
pub(super) const LIMIT: Duration = Duration::from_secs(1);
const MAX_HEAD: u64 = 1 << 16;

/// Answers until the value goes.
pub(super) struct Loopback {
    pub(super) address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Loopback {
    /// `answer` makes an answer, head and all, of the lines of a request's head. Where it fails, the connection just ends.
    pub(super) fn start(answer: impl Fn(&[String]) -> io::Result<Vec<u8>> + Send + 'static) -> Result<Loopback> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no free port on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let over = Arc::clone(&over);
            move || {
                for client in listener.incoming() {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let _ = client.and_then(|client| serve(&client, &answer));
                }
            }
        });
        Ok(Loopback { address, over, thread: Some(thread) })
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // It waits for a connection: this is the last one.
        let woken = TcpStream::connect_timeout(&self.address, LIMIT).is_ok();
        if woken && let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut client: &TcpStream, answer: impl Fn(&[String]) -> io::Result<Vec<u8>>) -> io::Result<()> {
    client.set_read_timeout(Some(LIMIT))?;
    client.set_write_timeout(Some(LIMIT))?;
    let lines = BufReader::new(client.take(MAX_HEAD)).lines();
    let head = lines.take_while(|line| line.as_ref().map_or(true, |line| !line.is_empty()));
    client.write_all(&answer(&head.collect::<io::Result<Vec<_>>>()?)?)
}
