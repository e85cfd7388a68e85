//! The clients: each kind does its round again and again until it is told to stop, and notes each request that the server has to count.

use std::io::{self, ErrorKind, Read, Write, sink};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use crate::connection::{Connection, Door};
use crate::ledger::Route;
use crate::subject::Subject;

/// What honest clients ask for: the route, a path that comes to it, and the status.
const ASKED: [(Route, &str, u16); 12] = [
    (("GET", "/-/healthy"), "/-/healthy", 200),
    (("GET", "/-/ready"), "/-/ready", 200),
    (("GET", "/3-shake-status"), "/3-shake-status", 200),
    (("GET", "/"), "/", 200),
    (("GET", "unmatched"), "/nothing/here", 404),
    (("GET", "unmatched"), "/-/../metrics", 404),
    (("GET", "/config"), "/config", 200),
    (("GET", "/status/{name:.+}"), "/status/t3", 200),
    (("GET", "/incidents.atom"), "/incidents.atom", 200),
    (("POST", "/metrics"), "/metrics", 405),
    (("other", "/metrics"), "/metrics", 405),
    (("GET", "/metrics"), "/metrics?name[]=http_requests_in_flight", 200),
];
/// Between two scrapes.
const EVERY: Duration = Duration::from_secs(2);
/// Between two requests of a client. A server that has nothing to spare shows how long its queue is, and no more.
const THOUGHT: Duration = Duration::from_millis(20);
/// Light ones, for those who send many at once.
const PIPELINED: usize = 16;
/// Connections of those who say nothing.
const IDLE: usize = 20;
/// How a client asks for a scrape.
const SCRAPES: [&str; 4] = [
    "Accept: text/plain;version=0.0.4\r\n",
    "Accept: application/openmetrics-text;version=1.0.0\r\n",
    "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited\r\n",
    "Accept-Encoding: gzip\r\n",
];

/// What a client does once, or a few times over a connection.
type Round<'a> = fn(&Traffic<'a>, usize) -> io::Result<()>;

/// What all clients of a server know.
pub(crate) struct Traffic<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) stop: &'a AtomicBool,
    /// How long each scrape took, to its last byte.
    pub(crate) scrapes: Mutex<Vec<Duration>>,
}

impl<'a> Traffic<'a> {
    pub(crate) fn new(subject: &'a Subject, stop: &'a AtomicBool) -> Self {
        Self { subject, stop, scrapes: Mutex::default() }
    }

    /// All kinds of clients at once.
    pub(crate) fn start<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        let mut kinds: Vec<(&str, usize, Round<'a>)> = vec![
            ("a client that keeps its connection", 3, Traffic::keeps_alive),
            ("a client that pipelines", 1, Traffic::pipelines),
            ("a client that writes slowly", 4, Traffic::writes_slowly),
            ("a client that never ends its head", 2, Traffic::never_ends_its_head),
            ("a client that reads slowly", 1, Traffic::reads_slowly),
            ("a client that stops reading", 2, Traffic::stops_reading),
            ("a client that leaves", 2, Traffic::leaves),
            ("a client that speaks otherwise", 1, Traffic::speaks_otherwise),
            ("clients that say nothing", 1, Traffic::say_nothing),
            ("a scraper", 1, Traffic::scrapes),
        ];
        if let Door::Guarded(..) = self.subject.door {
            kinds.push(("a client that tries passwords", 1, Traffic::tries_passwords));
        }
        for (kind, many, round) in kinds {
            for first in 0..many {
                scope.spawn(move || {
                    let mut number = first;
                    while !self.stop.load(Ordering::Relaxed) {
                        if let Err(error) = round(self, number) {
                            self.subject.ledger.complain(format!("{}: {kind}: {error}", self.subject.name));
                            // What goes wrong goes wrong often.
                            thread::sleep(Duration::from_secs(1));
                        }
                        number += many;
                    }
                });
            }
        }
    }

    /// One answer that has to have this status.
    fn expect(&self, connection: &mut Connection, route: Route, status: u16) -> io::Result<()> {
        let found = connection.answer(false, &mut sink())?;
        self.subject.ledger.end(route);
        if found == status {
            return Ok(());
        }
        Err(io::Error::other(format!("{} {} is answered {found}, not {status}", route.0, route.1)))
    }

    fn send(&self, connection: &mut Connection, (route, path, _): (Route, &str, u16)) -> io::Result<()> {
        self.subject.ledger.begin(route, 1);
        let method = if route.0 == "other" { "FOOBAR" } else { route.0 };
        connection.send(self.subject.request(method, path, "").as_bytes())
    }

    fn keeps_alive(&self, number: usize) -> io::Result<()> {
        let mut connection = self.subject.connect()?;
        for n in 0..60 {
            let asked = ASKED[(number + n) % ASKED.len()];
            self.send(&mut connection, asked)?;
            self.expect(&mut connection, asked.0, asked.2)?;
            thread::sleep(THOUGHT);
        }
        let head = ("HEAD", "/metrics");
        self.subject.ledger.begin(head, 1);
        connection.send(self.subject.request("HEAD", "/metrics?name[]=http_requests_in_flight", "").as_bytes())?;
        connection.answer(true, &mut sink())?;
        self.subject.ledger.end(head);
        Ok(())
    }

    fn pipelines(&self, _: usize) -> io::Result<()> {
        let mut connection = self.subject.connect()?;
        for _ in 0..20 {
            let asked: Vec<_> = (0..PIPELINED).map(|n| ASKED[n % 5]).collect();
            let requests: String =
                asked.iter().map(|(route, path, _)| self.subject.request(route.0, path, "")).collect();
            for (route, _, _) in &asked {
                self.subject.ledger.begin(*route, 1);
            }
            connection.send(requests.as_bytes())?;
            for (route, _, status) in asked {
                self.expect(&mut connection, route, status)?;
            }
            thread::sleep(10 * THOUGHT);
        }
        Ok(())
    }

    /// Some bytes now and then, in time.
    fn writes_slowly(&self, _: usize) -> io::Result<()> {
        let route = ("GET", "/-/ready");
        let mut connection = self.subject.connect()?;
        self.subject.ledger.begin(route, 1);
        for bytes in self.subject.request("GET", "/-/ready", "").as_bytes().chunks(4) {
            connection.send(bytes)?;
            thread::sleep(THOUGHT);
        }
        self.expect(&mut connection, route, 200)
    }

    /// It is told so, or left; nobody has asked for anything.
    fn never_ends_its_head(&self, number: usize) -> io::Result<()> {
        let mut connection = self.subject.connect()?;
        let request = self.subject.request("GET", "/-/ready", "");
        connection.send(&request.as_bytes()[..number % (request.len() - 3)])?;
        // One of two does nothing more, and the other says that nothing more will come.
        if number.is_multiple_of(2) {
            connection.says_no_more()?;
        }
        match connection.answer(false, &mut sink()) {
            Ok(400 | 408) => Ok(()),
            Ok(status) => Err(io::Error::other(format!("half a head is answered {status}"))),
            Err(error) if is_end(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn reads_slowly(&self, number: usize) -> io::Result<()> {
        let (route, path) = [(("GET", "/metrics"), "/metrics"), (("GET", "/status"), "/status")][number % 2];
        let mut connection = self.subject.connect()?;
        self.subject.ledger.begin(route, 1);
        connection.send(self.subject.request("GET", path, "Connection: close\r\n").as_bytes())?;
        let mut buffer = vec![0; 256 << 10];
        while connection.some(&mut buffer)? > 0 {
            thread::sleep(Duration::from_millis(20));
        }
        self.subject.ledger.end(route);
        Ok(())
    }

    /// The server gives up after its --web.write-timeout, or has sent all to the kernel.
    fn stops_reading(&self, _: usize) -> io::Result<()> {
        let route = ("GET", "/metrics");
        let mut connection = self.subject.connect()?;
        self.subject.ledger.begin(route, 1);
        connection.send(self.subject.request("GET", "/metrics", "Connection: close\r\n").as_bytes())?;
        let mut buffer = vec![0; 1 << 10];
        connection.some(&mut buffer)?;
        self.subject.ledger.end(route);
        for _ in 0..80 {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
        loop {
            match connection.some(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if is_end(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Before, within and after a request; what was begun to be answered has been asked.
    fn leaves(&self, number: usize) -> io::Result<()> {
        let mut connection = self.subject.connect()?;
        thread::sleep(THOUGHT);
        match number % 5 {
            0 => {}
            1 => connection.send(b"GET /metr")?,
            2 => connection.send(b"GET /metrics HTTP/1.1\r\nHost: localh")?,
            3 => {
                let route = ("POST", "/metrics");
                self.subject.ledger.begin(route, 1);
                let body = self.subject.request("POST", "/metrics", "Content-Length: 100000\r\n") + "abc";
                connection.send(body.as_bytes())?;
                self.expect(&mut connection, route, 405)?;
            }
            _ => {
                let route = ("GET", "/metrics");
                self.subject.ledger.begin(route, 1);
                connection.send(self.subject.request("GET", "/metrics", "").as_bytes())?;
                connection.some(&mut [0; 16])?;
                self.subject.ledger.end(route);
            }
        }
        connection.reset()
    }

    /// Below TLS, or beside HTTP: never a request.
    fn speaks_otherwise(&self, number: usize) -> io::Result<()> {
        const SAID: [&[u8]; 5] = [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"SSH-2.0-x\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            b"\0\xff\r\n\r\n",
        ];
        let mut tcp = Connection::tcp(self.subject.address)?;
        tcp.write_all(SAID[number % SAID.len()])?;
        // Whatever it answers, it closes.
        match tcp.read_to_end(&mut Vec::new()) {
            Ok(_) => {}
            Err(error) if is_end(&error) => {}
            Err(error) => return Err(error),
        }
        thread::sleep(5 * THOUGHT);
        Ok(())
    }

    /// Until the server has had enough of them.
    fn say_nothing(&self, _: usize) -> io::Result<()> {
        let silent = (0..IDLE).map(|_| Connection::tcp(self.subject.address)).collect::<io::Result<Vec<_>>>()?;
        for mut tcp in silent {
            match tcp.read_to_end(&mut Vec::new()) {
                Ok(_) => {}
                Err(error) if is_end(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn scrapes(&self, number: usize) -> io::Result<()> {
        let route = ("GET", "/metrics");
        let mut connection = self.subject.connect()?;
        let begun = Instant::now();
        self.subject.ledger.begin(route, 1);
        let request = self.subject.request("GET", "/metrics", SCRAPES[number % SCRAPES.len()]);
        connection.send(request.as_bytes())?;
        self.expect(&mut connection, route, 200)?;
        self.scrapes.lock().unwrap().push(begun.elapsed());
        thread::sleep(EVERY.saturating_sub(begun.elapsed()));
        Ok(())
    }

    fn tries_passwords(&self, number: usize) -> io::Result<()> {
        let Door::Guarded(config, _) = &self.subject.door else { return Ok(()) };
        let header = ["Authorization: Basic YTpi\r\n", "Authorization: Bearer x\r\n", "", "Authorization: Basic =\r\n"];
        let door = Door::Guarded(config.clone(), header[number % header.len()].to_owned());
        let mut connection = Connection::new(self.subject.address, &door)?;
        let route = ("GET", "/3-shake-status");
        for _ in 0..10 {
            self.subject.ledger.begin(route, 1);
            let request = format!("GET /3-shake-status HTTP/1.1\r\nHost: localhost\r\n{}\r\n", door.header());
            connection.send(request.as_bytes())?;
            let status = connection.answer(false, &mut sink())?;
            self.subject.ledger.end(route);
            if !matches!(status, 401 | 429) {
                return Err(io::Error::other(format!("a wrong password is answered {status}")));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

/// The server has closed, as it may there.
fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}
