//! Peers that answer as a script says, and remember what they were sent.

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, SockRef, Socket, Type};

/// Bounds every wait; nothing that works comes near it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What a peer does with one request.
#[derive(Clone)]
pub enum Action {
    /// Writes these bytes and closes.
    Answer(Vec<u8>),
    /// Writes these bytes and closes; in TLS without the message that says that nothing was cut off.
    Cut(Vec<u8>),
    /// Writes these bytes and resets the connection.
    Reset(Vec<u8>),
    /// Writes these bytes and keeps the connection open until the client closes it.
    Hold(Vec<u8>),
    /// Writes the first bytes, then the second ones again and again for as long as the client listens.
    Flood(Vec<u8>, Vec<u8>),
    /// Writes these bytes, one every few milliseconds, again and again for as long as the client listens.
    Drip(&'static str),
    /// Writes these bytes one by one, each for itself, and closes.
    Bytewise(Vec<u8>),
    /// Says nothing until the client closes.
    Hang,
    /// Closes without a word.
    Close,
}

impl Action {
    pub fn answer(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Answer(bytes.into())
    }

    pub fn hold(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Hold(bytes.into())
    }

    /// Closes at once, with a reset: what is under way is lost.
    fn resets(&self) -> bool {
        matches!(self, Self::Reset(_))
    }
}

type OfPath = dyn Fn(&str) -> Action + Send + Sync;
type OfTcp = dyn Fn(&mut TcpStream) -> io::Result<()> + Send + Sync;
type OfTls = dyn Fn(&mut dyn Wire) -> io::Result<()> + Send + Sync;

/// What a connection is served with.
#[derive(Clone)]
enum Script {
    Plain(Arc<OfPath>),
    Tls(Arc<ServerConfig>, Arc<OfPath>),
    Raw(Arc<OfTcp>),
    Within(Arc<ServerConfig>, Arc<OfTls>),
}

/// What is read from and written to.
pub trait Wire: Read + Write {}

impl<S: Read + Write> Wire for S {}

#[derive(Default)]
struct Seen {
    /// Connections of clients so far, and those of them that have ended.
    begun: usize,
    ended: usize,
    /// Where the kit itself connects from.
    ours: HashSet<SocketAddr>,
    /// Of those, how many have been accepted.
    passed: usize,
    clients: Vec<SocketAddr>,
    names: Vec<Option<String>>,
    received: Vec<u8>,
    requests: Vec<(String, Vec<u8>)>,
}

struct Shared {
    script: Mutex<Script>,
    seen: Mutex<Seen>,
    changed: Condvar,
    away: AtomicBool,
}

/// A server on a loopback port that the system chose. Its threads end with the test's process.
#[derive(Clone)]
pub struct Peer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Peer {
    /// HTTP over TCP: asked for a path, it does as `script` says.
    pub fn plain(script: impl Fn(&str) -> Action + Send + Sync + 'static) -> Self {
        Self::start(localhost(), Script::Plain(Arc::new(script)))
    }

    /// As [`plain`](Self::plain), on another address of loopback.
    pub fn plain_at(address: &str, script: impl Fn(&str) -> Action + Send + Sync + 'static) -> Self {
        Self::start(address.parse().unwrap(), Script::Plain(Arc::new(script)))
    }

    /// HTTP over TLS, with this certificate.
    pub fn tls(config: Arc<ServerConfig>, script: impl Fn(&str) -> Action + Send + Sync + 'static) -> Self {
        Self::start(localhost(), Script::Tls(config, Arc::new(script)))
    }

    /// As [`tls`](Self::tls), on another address of loopback.
    pub fn tls_at(
        address: &str,
        config: Arc<ServerConfig>,
        script: impl Fn(&str) -> Action + Send + Sync + 'static,
    ) -> Self {
        Self::start(address.parse().unwrap(), Script::Tls(config, Arc::new(script)))
    }

    /// A connection is the script's from the first byte on; it is closed when the script is through.
    pub fn raw(script: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self::start(localhost(), Script::Raw(Arc::new(script)))
    }

    /// A connection is the script's once TLS stands.
    pub fn within_tls(
        config: Arc<ServerConfig>,
        script: impl Fn(&mut dyn Wire) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::start(localhost(), Script::Within(config, Arc::new(script)))
    }

    fn start(address: SocketAddr, script: Script) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            seen: Mutex::default(),
            changed: Condvar::new(),
            away: AtomicBool::new(false),
        });
        let peer = Self { address: listener.local_addr().unwrap(), shared };
        peer.accept_from(listener);
        peer
    }

    fn accept_from(&self, listener: TcpListener) {
        let accepting = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.shared.away.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(client) = stream.peer_addr() else { continue };
                let is_ours = accepting.note(|seen| {
                    let is_ours = seen.ours.remove(&client);
                    if is_ours {
                        seen.passed += 1;
                    } else {
                        seen.begun += 1;
                        seen.clients.push(client);
                    }
                    is_ours
                });
                if !is_ours {
                    let peer = accepting.clone();
                    std::thread::spawn(move || {
                        peer.serve(stream);
                        peer.note(|seen| seen.ended += 1);
                    });
                }
            }
        });
    }

    /// From now on connections are refused.
    pub fn goes_away(&self) {
        self.shared.away.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts; the port is closed when a connection is refused.
        while TcpStream::connect(self.address).is_ok() {}
    }

    /// From now on connections are accepted again.
    pub fn comes_back(&self) {
        self.shared.away.store(false, Ordering::SeqCst);
        self.accept_from(TcpListener::bind(self.address).unwrap());
    }

    /// From now on requests are answered so.
    pub fn answers(&self, script: impl Fn(&str) -> Action + Send + Sync + 'static) {
        let mut now = lock(&self.shared.script);
        let script = Arc::new(script);
        *now = match &*now {
            Script::Tls(config, _) | Script::Within(config, _) => Script::Tls(config.clone(), script),
            Script::Plain(_) | Script::Raw(_) => Script::Plain(script),
        };
    }

    /// From now on this certificate is shown.
    pub fn shows(&self, config: Arc<ServerConfig>) {
        if let Script::Tls(shown, _) | Script::Within(shown, _) = &mut *lock(&self.shared.script) {
            *shown = config;
        }
    }

    /// The heads of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.shared.seen).requests.iter().map(|(head, _)| head.clone()).collect()
    }

    /// The bodies of the requests so far.
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        lock(&self.shared.seen).requests.iter().map(|(_, body)| body.clone()).collect()
    }

    /// All that has been sent to a peer that speaks HTTP/1, above TLS. Every connection has to come to its end.
    pub fn received(&self) -> Vec<u8> {
        self.settled().received.clone()
    }

    /// The names that TLS was asked for, one for each handshake.
    pub fn names(&self) -> Vec<Option<String>> {
        lock(&self.shared.seen).names.clone()
    }

    /// Where connections came from.
    pub fn clients(&self) -> Vec<SocketAddr> {
        lock(&self.shared.seen).clients.clone()
    }

    /// How many connections there have been. They are accepted in their order, so one of ours comes after all of them.
    pub fn connections(&self) -> usize {
        let domain = Domain::for_address(self.address);
        let socket = Socket::new(domain, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(self.address.ip(), 0).into()).unwrap();
        let ours = socket.local_addr().unwrap().as_socket().unwrap();
        let before = self.note(|seen| {
            seen.ours.insert(ours);
            seen.passed
        });
        if socket.connect(&self.address.into()).is_err() {
            return lock(&self.shared.seen).begun;
        }
        self.wait_until(|seen| seen.passed > before).begun
    }

    /// What was seen, when no connection is under way any more.
    fn settled(&self) -> MutexGuard<'_, Seen> {
        self.connections();
        self.wait_until(|seen| seen.begun == seen.ended)
    }

    fn wait_until(&self, reached: impl Fn(&Seen) -> bool) -> MutexGuard<'_, Seen> {
        let seen = lock(&self.shared.seen);
        let waited = self.shared.changed.wait_timeout_while(seen, PATIENCE, |seen| !reached(seen));
        let (seen, late) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!late.timed_out(), "{} connections have begun, {} have ended", seen.begun, seen.ended);
        seen
    }

    fn note<R>(&self, note: impl FnOnce(&mut Seen) -> R) -> R {
        let noted = note(&mut lock(&self.shared.seen));
        self.shared.changed.notify_all();
        noted
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn https(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    fn serve(&self, mut stream: TcpStream) {
        // Bounds every test, should a client never close.
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let _ = stream.set_nodelay(true);
        let script = lock(&self.shared.script).clone();
        // Clients hang up in the middle of things; that is what many tests are about.
        let _ = match script {
            Script::Raw(script) => script(&mut stream),
            Script::Plain(script) => match self.exchange(&mut stream, &*script) {
                Ok(action) if action.resets() => reset(&stream),
                ended => ended.map(drop),
            },
            Script::Tls(config, script) => self.over_tls(config, stream, |stream| {
                let action = self.exchange(stream, &*script)?;
                if action.resets() {
                    reset(&stream.sock)?;
                } else if !matches!(action, Action::Cut(_)) {
                    farewell(stream)?;
                }
                Ok(())
            }),
            Script::Within(config, script) => self.over_tls(config, stream, |stream| {
                script(stream)?;
                farewell(stream)
            }),
        };
    }

    fn over_tls(
        &self,
        config: Arc<ServerConfig>,
        stream: TcpStream,
        then: impl FnOnce(&mut StreamOwned<ServerConnection, TcpStream>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
        let shaken = stream.conn.complete_io(&mut stream.sock);
        let name = stream.conn.server_name().map(str::to_owned);
        self.note(|seen| seen.names.push(name));
        shaken?;
        then(&mut stream)
    }

    fn exchange(&self, stream: &mut (impl Read + Write), script: &OfPath) -> io::Result<Action> {
        let Some((head, body)) = self.request(stream)? else { return Ok(Action::Close) };
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        self.note(|seen| seen.requests.push((head, body)));
        let action = script(&path);
        act(stream, &action)?;
        Ok(action)
    }

    /// Head and body of a request; `None` where it ends before.
    fn request(&self, stream: &mut impl Read) -> io::Result<Option<(String, Vec<u8>)>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte)? == 0 {
                return Ok(None);
            }
            head.push(byte[0]);
            self.note(|seen| seen.received.push(byte[0]));
        }
        let head = String::from_utf8(head).unwrap();
        let mut body = vec![0; length(&head)];
        stream.read_exact(&mut body)?;
        Ok(Some((head, body)))
    }
}

fn act(stream: &mut (impl Read + Write), action: &Action) -> io::Result<()> {
    let mut write = |bytes: &[u8]| stream.write_all(bytes).and_then(|()| stream.flush());
    match action {
        Action::Answer(bytes) | Action::Cut(bytes) | Action::Reset(bytes) => write(bytes)?,
        Action::Bytewise(bytes) => bytes.iter().try_for_each(|byte| write(&[*byte]))?,
        Action::Hold(bytes) => {
            write(bytes)?;
            until_closed(stream);
        }
        Action::Hang => until_closed(stream),
        Action::Flood(first, then) => {
            write(first)?;
            loop {
                write(then)?;
            }
        }
        Action::Drip(bytes) => loop {
            for byte in bytes.bytes() {
                write(&[byte])?;
                std::thread::sleep(Duration::from_millis(5));
            }
        },
        Action::Close => {}
    }
    Ok(())
}

/// Reads until the client closes.
pub fn until_closed(stream: &mut (impl Read + ?Sized)) {
    let _ = io::copy(stream, &mut io::sink());
}

/// From now on, closing it is a reset.
pub fn reset(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

/// A certain number of bytes, and the rest stays unread.
pub fn read(stream: &mut (impl Read + ?Sized), length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn farewell(stream: &mut StreamOwned<ServerConnection, TcpStream>) -> io::Result<()> {
    stream.conn.send_close_notify();
    stream.flush()
}

/// What `Content-Length` says.
fn length(head: &str) -> usize {
    let value = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok();
    head.lines().find_map(value).unwrap_or(0)
}

fn localhost() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An address that takes nobody's connection: as many wait for it as may wait. It is so for as long as the value lives.
pub struct Full {
    pub address: SocketAddr,
    _listener: Socket,
    _waiting: Vec<TcpStream>,
}

impl Full {
    pub fn new() -> Self {
        Self::at(localhost())
    }

    pub fn at(address: SocketAddr) -> Self {
        let listener = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        listener.bind(&address.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut waiting = Vec::new();
        // Loopback answers at once where it answers at all.
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(250)) {
            waiting.push(stream);
        }
        Self { address, _listener: listener, _waiting: waiting }
    }
}
