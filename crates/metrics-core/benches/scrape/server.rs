//! A server in a process of its own, so that its processor time can be told from the client's: this program again, with
//! `--serve CONTENDER TARGETS WORKERS`.
//!
//! It prints its port, then its processor time in ns for each line on its stdin, and ends when that is closed: when
//! whoever started it ends, however that may be.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::{env, process, thread};

use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer, web};
use rustix::process::nice;

use crate::clock::cpu_time;
use crate::{contenders, state};

const FLAG: &str = "--serve";

/// Priority of servers and of what keeps them busy, behind that of the clients that measure how long they wait: those would
/// be on other machines, and what they wait for a core would be counted as the server's.
pub(crate) const BEHIND: i32 = 10;

pub(crate) struct Server {
    pub(crate) port: u16,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Server {
    pub(crate) fn start(contender: &str, targets: usize, workers: usize) -> Server {
        let mut child = Command::new(env::current_exe().expect("a path to this program"))
            .args([FLAG, contender, &targets.to_string(), &workers.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let stdout = child.stdout.take().map(BufReader::new).expect("it is piped");
        let mut server = Server { port: 0, stdin: child.stdin.take(), child, stdout };
        server.port = server.number().try_into().expect("a port");
        server
    }

    /// Processor time that it has used so far, in ns.
    pub(crate) fn cpu_time(&mut self) -> u128 {
        let stdin = self.stdin.as_mut().expect("it is closed by drop() alone");
        stdin.write_all(b"\n").expect("the server reads its stdin");
        self.number()
    }

    fn number(&mut self) -> u128 {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the server prints lines");
        line.trim().parse().expect("the server prints numbers")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// The server, if this process was started as one.
pub(crate) fn serve(args: &[String]) -> Option<io::Result<()>> {
    let [flag, contender, targets, workers] = args else { return None };
    if flag != FLAG {
        return None;
    }
    let _ = nice(BEHIND); // of its threads too, as they start later
    let registry = state::registry(targets.parse().expect("a number of targets"));
    let workers = workers.parse().expect("a number of workers");
    Some(match contender.as_str() {
        "ours" => run(contenders::ours(&registry), workers),
        "crate" => run(contenders::theirs(&registry), workers),
        _ => panic!("no contender: {contender}"),
    })
}

fn run(routes: impl FnOnce(&mut ServiceConfig) + Clone + Send + 'static, workers: usize) -> io::Result<()> {
    let app = move || App::new().configure(routes.clone()).route("/hello", web::get().to(async || "Hello, world!"));
    actix_rt::System::new().block_on(async move {
        let server = HttpServer::new(app).workers(workers).disable_signals().bind(("127.0.0.1", 0))?;
        println!("{}", server.addrs()[0].port());
        thread::spawn(answer);
        server.run().await
    })
}

fn answer() {
    for _ in io::stdin().lines().map_while(Result::ok) {
        println!("{}", cpu_time());
    }
    process::exit(0);
}
