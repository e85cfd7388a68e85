//! Whom the server watches: peers on loopback that answer, hang, fail or stop in the middle, over TCP and TLS, and count who was asked
//! how often.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Longer than any run.
const PATIENCE: Duration = Duration::from_secs(30);

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Answers,
    /// 500.
    Fails,
    Hangs,
    /// Half a body, and then nothing.
    Stalls,
    /// Half a body, and the end.
    Cuts,
}

impl Manner {
    /// Most answer, and of each hundred some do not.
    pub(crate) fn of(target: usize) -> Self {
        match target % 100 {
            10 | 60 => Self::Hangs,
            20 => Self::Stalls,
            30 => Self::Cuts,
            40 => Self::Fails,
            _ => Self::Answers,
        }
    }
}

pub(crate) struct Peers {
    pub(crate) plain: SocketAddr,
    pub(crate) tls: SocketAddr,
    asked: Arc<[AtomicU64]>,
}

impl Peers {
    pub(crate) fn start(targets: usize, config: Arc<ServerConfig>) -> io::Result<Self> {
        let asked: Arc<[AtomicU64]> = (0..targets).map(|_| AtomicU64::new(0)).collect();
        let counted = asked.clone();
        let plain = listen(move |stream| serve(stream, &counted))?;
        let counted = asked.clone();
        let tls = listen(move |stream| {
            let connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
            serve(&mut StreamOwned::new(connection, stream), &counted)
        })?;
        Ok(Self { plain, tls, asked })
    }

    /// How often each target has been asked.
    pub(crate) fn asked(&self) -> Vec<u64> {
        self.asked.iter().map(|asked| asked.load(Ordering::SeqCst)).collect()
    }
}

/// A thread for each connection: what a run leaves in the middle is over when its time is.
fn listen(serve: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (address, serve) = (listener.local_addr()?, Arc::new(serve));
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || {
                // Whoever is asked and whoever asks may have gone.
                let _ = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| serve(&mut stream));
            });
        }
    });
    Ok(address)
}

fn serve(stream: &mut (impl Read + Write), asked: &[AtomicU64]) -> io::Result<()> {
    let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            read => head.extend_from_slice(&buffer[..read]),
        }
    }
    let head = String::from_utf8_lossy(&head);
    let number = head.strip_prefix("GET /").and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
    let Some(number) = number.filter(|number| *number < asked.len()) else { return Ok(()) };
    asked[number].fetch_add(1, Ordering::SeqCst);
    let (answer, stays): (&[u8], bool) = match Manner::of(number) {
        Manner::Answers => (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfine", false),
        Manner::Fails => (b"HTTP/1.1 500 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false),
        Manner::Hangs => (b"", true),
        Manner::Stalls => (b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nfine", true),
        Manner::Cuts => (b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nfine", false),
    };
    stream.write_all(answer)?;
    stream.flush()?;
    while stays && stream.read(&mut buffer)? > 0 {}
    Ok(())
}
