//! The program as its users meet it: started as a process, its output read, its exit code taken.

mod kit;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;

use kit::{Action, Authority, Flaw, Peer, closed_port, ok, redirect, response};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const DOCS: &str = include_str!("../../../docs/probe.md");

/// The program, with nothing of the tester's own environment in what it prints.
fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probe"));
    command.args(args).stdin(Stdio::null()).env("LANG", "C.UTF-8");
    for name in ["LC_ALL", "LC_CTYPE", "NO_COLOR", "TERM"] {
        command.env_remove(name);
    }
    command
}

fn parts(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Exit code and standard output; nothing may be said on standard error.
fn run(args: &[&str]) -> (i32, String) {
    let (code, out, err) = parts(program(args).output().unwrap());
    assert_eq!(err, "", "{args:?}");
    (code, out)
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A site that redirects from http://first.test to https://second.test, with a key in the query.
struct Site {
    first: Peer,
    second: Peer,
    args: Vec<String>,
}

impl Site {
    fn new(test: &str, flaw: &Flaw) -> Self {
        let authority = Authority::new();
        let first = Peer::plain(|_| redirect("301 Moved Permanently", "https://second.test/start?key=s3cret"));
        let second = Peer::tls(authority.server("second.test", flaw), |_| ok());
        let ca = authority.file(test);
        let args = [
            "http://first.test/?typed=1".to_owned(),
            format!("--resolve=first.test:80:{}", first.address),
            format!("--resolve=second.test:443:{}", second.address),
            format!("--ca-file={}", ca.display()),
        ];
        let args = args.to_vec();
        Self { first, second, args }
    }

    fn run(&self, more: &[&str]) -> (i32, String) {
        run(&self.args.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>())
    }
}

#[test]
fn p6_the_exit_code_is_the_verdict_and_the_last_line_says_it() {
    let open = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    for (name, action, code, verdict) in [
        ("up", ok(), 0, "up: 200 in "),
        ("no body", Action::Answer("HTTP/1.1 204 No Content\r\n\r\n".into()), 0, "up: 204 in "),
        ("P6 hang", Action::Hang, 1, "down: response_timeout in processing: "),
        ("body stalls", Action::hold(open), 1, "down: body_timeout in transfer: "),
        ("P9 short body", Action::Answer(open.into()), 1, "down: body_truncated in transfer: 0 of 9 bytes"),
        ("P24 close before the reply", Action::Close, 1, "down: connection_closed in processing: "),
        ("status", response("500 Oops", "", ""), 1, "down: status: status 500 is not 2xx"),
    ] {
        let peer = Peer::plain(move |_| action.clone());
        // Those that are up have time enough; the others need not be waited for.
        let timeout = if code == 0 { "10s" } else { "500ms" };
        let (got, text) = run(&[&peer.url("/"), "--timeout", timeout]);
        let last = text.lines().last().unwrap();
        assert!(got == code && last.starts_with(verdict), "{name}: {got}\n{text}");
    }
}

#[test]
fn p1_the_step_that_failed_is_marked_and_what_was_tried_is_said() {
    let port = closed_port();
    let (code, text) = run(&[&format!("http://{port}/")]);
    assert_eq!(code, 1);
    assert!(text.contains("\n✗ connect ") && !text.contains("processing"), "{text}");
    assert!(text.contains(&format!("\n  tried       {port}: Connection refused")), "{text}");
    assert!(text.lines().last().unwrap().starts_with("down: connect_refused in connect: "), "{text}");
}

#[test]
fn the_text_has_hops_phases_certificate_and_verdict() {
    let site = Site::new("cli-text", &Flaw::None);
    let (code, text) = site.run(&[]);
    assert_eq!(code, 0, "{text}");
    for part in [
        "http://first.test/?typed=1\n  resolve ",
        "\n  answer      301 Moved Permanently, HTTP/1.1\n",
        "\n→ https://second.test/start\n  resolve ",
        "\n  connect ",
        "\n  tls ",
        "\n  processing ",
        "\n  transfer ",
        "█",
        "\n  total ",
        &format!("\n  address     {}\n", site.first.address),
        &format!("\n  address     {}\n", site.second.address),
        "\n  session     TLS 1.3, TLS",
        "\n  trusted     yes\n",
        "\n  certificate CN=",
        "\n  issuer      CN=test authority\n",
        "\n  names       second.test\n",
        "\n  valid from  1975-01-01T00:00:00Z\n",
        "\n  valid until 4096-01-01T00:00:00Z, ",
        " days left\n",
        "\n  serial      ",
        "\n  sha-256     ",
        "\n  answer      200 OK, HTTP/1.1, 4 bytes\n",
        "\nup: 200 in ",
        " ms, 1 redirect\n",
    ] {
        assert!(text.contains(part), "{part:?}\n{text}");
    }
    assert!(!text.contains("s3cret") && !text.contains('\x1b'), "{text}");
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{widest:?}\n{text}");
}

#[test]
fn without_utf8_it_is_ascii() {
    let site = Site::new("cli-ascii", &Flaw::None);
    let output = program(&[]).args(&site.args).env("LC_ALL", "C").output().unwrap();
    let (code, text, _) = parts(output);
    assert!(code == 0 && text.is_ascii() && text.contains("\n-> https://second.test/start\n"), "{text}");
    assert!(text.contains('#') && text.contains("|--"), "{text}");
}

#[test]
fn p19_a_rejected_certificate_is_shown_and_why() {
    let site = Site::new("cli-expired", &Flaw::Expired);
    let (code, text) = site.run(&[]);
    assert_eq!(code, 1, "{text}");
    for part in [
        "\n✗ tls ",
        "\n  trusted     no: ",
        "\n  valid until 2020-01-01T00:00:00Z, expired ",
        "names       second.test",
    ] {
        assert!(text.contains(part), "{part:?}\n{text}");
    }
    assert!(text.lines().last().unwrap().starts_with("down: tls_expired in tls: "), "{text}");
    assert!(site.second.requests().is_empty());

    let (code, text) = site.run(&["--insecure"]);
    assert!(code == 0 && text.contains("\n  trusted     no: "), "{text}");
}

#[test]
fn a_module_says_how_to_ask_and_the_command_line_wins() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{}.yml", std::process::id()));
    let text = "modules:\n  teapot:\n    prober: http\n    timeout: 400ms\n    http:\n      \
        method: POST\n      valid_status_codes: [418]\n      tls_config:\n        ca_file: /no/such/ca.pem\n";
    std::fs::write(&file, text).unwrap();
    let module = format!("--module={}:teapot", file.display());

    let (code, _, err) = parts(program(&["http://127.0.0.1:1/", &module]).output().unwrap());
    assert!(code == 2 && err.contains("/no/such/ca.pem"), "{err}");

    let ca = format!("--ca-file={}", Authority::new().file("cli-module").display());
    let peer = Peer::plain(|_| response("418 I'm a teapot", "", ""));
    let (code, text) = run(&[&peer.url("/"), &module, &ca, "--timeout", "10s"]);
    assert!(code == 0 && text.contains("up: 418 in "), "{text}");
    assert!(peer.requests()[0].starts_with("POST / "));

    peer.answers(|_| Action::Hang);
    let (code, text) = run(&[&peer.url("/"), &module, &ca, "--json"]);
    let total = objects(&text)[0]["total_seconds"].as_f64().unwrap();
    assert!(code == 1 && (0.4..10.0).contains(&total), "the timeout is the module's: {text}");
}

#[test]
fn the_json_says_what_the_run_found() {
    let site = Site::new("cli-json", &Flaw::None);
    let (code, text) = site.run(&["--json"]);
    let [run] = &objects(&text)[..] else { panic!("{text}") };
    assert_eq!(code, 0, "{text}");
    for (path, expected) in [
        ("/version", Value::from(1)),
        ("/kind", "run".into()),
        ("/url", "http://first.test/?typed=1".into()),
        ("/up", true.into()),
        ("/reason", Value::Null),
        ("/phase", Value::Null),
        ("/detail", Value::Null),
        ("/status", 200.into()),
        ("/http_version", "HTTP/1.1".into()),
        ("/redirects", 1.into()),
        ("/hops/0/url", "http://first.test/?typed=1".into()),
        ("/hops/0/start_seconds", 0.0.into()),
        ("/hops/0/tried", Value::Array(Vec::new())),
        ("/hops/0/address", site.first.address.to_string().into()),
        ("/hops/0/tls", Value::Null),
        ("/hops/0/http_version", "HTTP/1.1".into()),
        ("/hops/0/status", 301.into()),
        ("/hops/0/body_bytes", Value::Null),
        ("/hops/0/decoded_bytes", Value::Null),
        ("/hops/1/url", "https://second.test/start".into()),
        ("/hops/1/address", site.second.address.to_string().into()),
        ("/hops/1/tls/version", "TLS 1.3".into()),
        ("/hops/1/tls/trusted", true.into()),
        ("/hops/1/tls/rejected", Value::Null),
        ("/hops/1/tls/chain/0/issuer", "CN=test authority".into()),
        ("/hops/1/tls/chain/0/names", vec!["second.test"].into()),
        ("/hops/1/tls/chain/0/not_before", "1975-01-01T00:00:00Z".into()),
        ("/hops/1/tls/chain/0/not_after", "4096-01-01T00:00:00Z".into()),
        ("/hops/1/status", 200.into()),
        ("/hops/1/body_bytes", 4.into()),
        ("/hops/1/decoded_bytes", 4.into()),
    ] {
        assert_eq!(run.pointer(path), Some(&expected), "{path}\n{text}");
    }
    assert!(run.pointer("/hops/1/tls/cipher").unwrap().as_str().unwrap().starts_with("TLS"), "{text}");
    let hex = |path| run.pointer(path).unwrap().as_str().unwrap().bytes().filter(u8::is_ascii_hexdigit).count();
    assert!(hex("/hops/1/tls/chain/0/serial") > 0 && hex("/hops/1/tls/chain/0/fingerprint_sha256") == 64, "{text}");
    let at = humantime::parse_rfc3339(run["at"].as_str().unwrap()).unwrap();
    assert!(at.elapsed().unwrap().as_secs() < 600, "{text}");

    let sum = |value: &Value| value.as_object().unwrap().values().map(|seconds| seconds.as_f64().unwrap()).sum::<f64>();
    let total = run["total_seconds"].as_f64().unwrap();
    assert!((sum(&run["phases"]) - total).abs() < 1e-6, "the phases are the whole: {text}");
    let second = run.pointer("/hops/1/start_seconds").unwrap().as_f64().unwrap();
    assert!(
        (sum(&run["hops"][0]["phases"]) - second).abs() < 1e-6,
        "a hop begins where the one before it ended: {text}"
    );
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn p1_the_json_of_a_failure_names_reason_and_phase() {
    let port = closed_port();
    let (code, text) = run(&[&format!("http://{port}/"), "--json"]);
    let run = &objects(&text)[0];
    assert_eq!(code, 1);
    assert_eq!(
        (&run["up"], &run["reason"], &run["phase"]),
        (&false.into(), &"connect_refused".into(), &"connect".into())
    );
    assert_eq!(
        (&run["status"], &run["http_version"], &run["hops"][0]["address"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(run["hops"][0]["tried"][0]["address"], port.to_string());
    let phases: Vec<_> = run["phases"].as_object().unwrap().keys().collect();
    assert_eq!(phases, ["resolve", "connect"], "{text}");
}

/// Every place in a document, `a.b[].c`; phases are one place.
fn places(value: &Value, at: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            let name = if at.ends_with("phases") { "*" } else { name };
            let at = if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
            into.insert(at.clone());
            places(value, &at, into);
        }),
        Value::Array(values) => values.iter().for_each(|value| places(value, &format!("{at}[]"), into)),
        _ => {}
    }
}

/// The names of fields, in their order and with those within.
fn names(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), names(value))).collect(),
        Value::Array(values) if values.iter().any(Value::is_object) => values.iter().map(names).collect(),
        _ => Value::Null,
    }
}

fn documented(kind: &str) -> Value {
    let examples = DOCS.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut examples = examples.map(|text| serde_json::from_str::<Value>(text).unwrap());
    examples.find(|example| example["kind"] == kind).unwrap()
}

#[test]
fn the_documented_json_is_what_is_printed() {
    let site = Site::new("cli-documented", &Flaw::None);
    let (_, text) = site.run(&["--json"]);
    let up = &objects(&text)[0];
    assert_eq!(names(up).to_string(), names(&documented("run")).to_string());

    let (_, text) = run(&[&format!("http://{}/", closed_port()), "--json"]);
    let mut printed = BTreeSet::new();
    places(up, "", &mut printed);
    places(&objects(&text)[0], "", &mut printed);
    let rows = DOCS.lines().skip_while(|line| !line.starts_with("| field |")).skip(2);
    let rows = rows.map_while(|line| line.strip_prefix("| `")).filter_map(|row| row.split('`').next());
    assert_eq!(printed, rows.map(str::to_owned).collect(), "left: printed, right: the table in docs/probe.md");
}

/// Three runs that are up and one that is not.
fn flaky() -> Peer {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    Peer::plain(move |path| {
        // The kit asks the script twice, the first time before there is a path.
        let n = if path.is_empty() { 0 } else { asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) };
        if n == 3 { Action::Close } else { ok() }
    })
}

#[test]
fn repeated_runs_have_a_line_each_and_a_summary() {
    let peer = flaky();
    let (code, text) = run(&[&peer.url("/"), "--repeat", "4", "--interval", "1ms"]);
    assert_eq!(code, 1, "one run was down: {text}");
    for label in ["run", "1", "2", "3", "4", "min", "median", "p95", "max"] {
        let start = format!("\n{label:>7} ");
        assert_eq!(text.matches(&start).count(), 1, "{label}\n{text}");
    }
    assert_eq!(text.matches("  up 200\n").count(), 3, "{text}");
    assert_eq!(text.matches("  down connection_closed\n").count(), 1, "{text}");
    assert!(text.ends_with("\nup 3 of 4\ndown 1: connection_closed in processing\n"), "{text}");
    assert_eq!(peer.connections(), 4);

    let (code, text) = run(&[&Peer::plain(|_| ok()).url("/"), "--repeat", "2", "--interval", "1ms"]);
    assert!(code == 0 && text.ends_with("\nup 2 of 2\n"), "{text}");
}

#[test]
fn repeated_runs_in_json_end_with_a_summary_of_its_own_kind() {
    let (code, text) = run(&[&flaky().url("/"), "--repeat", "4", "--interval", "1ms", "--json"]);
    let objects = objects(&text);
    let (summary, runs) = objects.split_last().unwrap();
    assert_eq!((code, runs.len()), (1, 4));
    assert!(runs.iter().all(|run| run["kind"] == "run"), "{text}");
    assert_eq!(names(summary).to_string(), names(&documented("summary")).to_string());
    for (field, count) in [("planned", 4), ("runs", 4), ("up", 3), ("down", 1)] {
        assert_eq!(summary[field], count, "{field}: {summary}");
    }
    assert_eq!(summary["failures"][0]["count"], 1);

    let mut totals: Vec<_> = runs.iter().map(|run| run["total_seconds"].as_f64().unwrap()).collect();
    totals.sort_by(f64::total_cmp);
    let spread = &summary["total_seconds"];
    assert_eq!(
        (&spread["min"], &spread["p95"], &spread["max"]),
        (&totals[0].into(), &totals[3].into(), &totals[3].into())
    );
    let median = spread["median"].as_f64().unwrap();
    assert!((median - f64::midpoint(totals[1], totals[2])).abs() < 1e-8, "{summary}");
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

#[test]
fn ctrl_c_prints_the_summary_so_far() {
    let peer = Peer::plain(|_| ok());
    let mut child =
        program(&[&peer.url("/"), "--repeat", "3", "--interval", "1h"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.ends_with("  up 200\n") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "it ended");
    }
    interrupt(&child);
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.contains(" median ") && rest.ends_with("up 1 of 1 (3 were asked for)\n"), "{rest}");
}

#[test]
fn ctrl_c_ends_a_run_that_hangs() {
    let (asked, is_asked) = mpsc::channel();
    let peer = Peer::plain(move |path| {
        if !path.is_empty() {
            asked.send(()).unwrap();
        }
        Action::Hang
    });
    let child = program(&[&peer.url("/"), "--timeout", "1m"]).stdout(Stdio::piped()).spawn().unwrap();
    is_asked.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
    interrupt(&child);
    let (code, out, _) = parts(child.wait_with_output().unwrap());
    assert_eq!((code, out.as_str()), (130, ""));
}

/// In names of a certificate, and in a redirect: clearing the screen, colours, the direction of writing.
#[test]
fn what_peers_say_cannot_command_the_terminal() {
    let authority = Authority::new();
    let tls = Peer::tls(authority.server("evil\x1b[2J\x07.test", &Flaw::None), |_| ok());
    let tls_args = [
        format!("https://good.test:{}", tls.address.port()),
        format!("--resolve=good.test:{}:{}", tls.address.port(), tls.address),
        format!("--ca-file={}", authority.file("cli-evil").display()),
    ];
    let redirects = Peer::plain(|_| redirect("302 Found", "http://[\u{9b}31m\u{202e}x"));
    let chain = Peer::plain(|_| redirect("302 Found", "/\u{9b}31m\u{202e}?\u{9b}2J"));
    for (args, part) in [
        (tls_args.to_vec(), "2J"),
        (vec![redirects.url("/")], "\\u{9b}31m\\u{202e}"),
        (vec![chain.url("/")], "/%C2%9B31m%E2%80%AE"),
    ] {
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let (code, text) = run(&args);
        assert!(code == 1 && text.contains(part), "{text}");
        let (_, json) = run(&[&args[..], &["--json"]].concat());
        objects(&json);
        for text in [text, json] {
            let commands = |character: char| character.is_control() && character != '\n' || character == '\u{202e}';
            assert!(!text.contains(commands), "{text:?}");
        }
    }
}

#[test]
fn mistakes_of_the_user_are_2_and_one_line() {
    let ca = Authority::new().file("cli-broken-ca");
    std::fs::write(&ca, "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n").unwrap();
    let ca = ca.to_str().unwrap();
    let url = "http://127.0.0.1:1/";
    for (args, what, todo) in [
        (&[][..], "not provided: <URL>", "--help"),
        (&["example.com"], "not an absolute URL", "https://HOST"),
        (&["example.com:443"], "scheme example.com", "http:// or https://"),
        (&["ftp://127.0.0.1/"], "scheme ftp", "http:// or https://"),
        (&["http://me:secret@127.0.0.1/"], "password in the URL", "remove it"),
        (&["http://127.0.0.1:1/\n\x1b[31m", "x\n\x1b[31m"], "unexpected argument", "--help"),
        (&[url, "--timeout", "0s"], "--timeout", "more than 0"),
        (&[url, "--timeout", "5"], "--timeout", "15s"),
        (&[url, "--timeout", "900y"], "--timeout", "at most a year"),
        (&[url, "--resolve", "a:443"], "address is missing", "HOST:PORT:ADDRESS"),
        (&[url, "--repeat", "0"], "--repeat", "1..=1000000"),
        (&[url, "--repeat", "often"], "--repeat", "invalid digit"),
        (&[url, "--interval", "1s"], "not provided: --repeat", "--help"),
        (&[url, "--repeat", "2", "--interval", "0s"], "--interval", "more than 0"),
        (&[url, "--jsno"], "--jsno", "similar argument exists: '--json'"),
        (&[url, "--ca-file", "/no/such/file.pem"], "/no/such/file.pem: No such file", "check that"),
        (&[url, "--ca-file", "/dev/null"], "/dev/null: a pipe, a socket or a device", "name that"),
        (&[url, "--ca-file", "/dev/zero"], "/dev/zero: a pipe, a socket or a device", "name that"),
        (&[url, "--ca-file", ca], ca, "PEM file"),
        (&[url, "--ca-file", ca, "--system-roots"], "cannot be used with", "--help"),
        (&[url, "--module", "/no/such/file.yml:http_2xx"], "--module /no/such/file.yml: No such file", "check that"),
        (&[url, "--module", "http_2xx"], "--module http_2xx: no module is named", "write FILE:NAME"),
    ] {
        let (code, out, line) = parts(program(args).output().unwrap());
        assert_eq!((code, out.as_str(), line.lines().count()), (2, "", 1), "{args:?}: {line}");
        assert!(line.starts_with("error: ") && line.contains(what) && line.contains(todo), "{args:?}: {line}");
        assert!(!line.contains("secret@") && !line.trim_end().contains(char::is_control), "{line:?}");
    }
}

#[test]
fn the_help_is_short_and_has_each_flag() {
    let (code, text) = run(&["--help"]);
    assert!(code == 0 && text.lines().count() < 100, "{text}");
    let flags = DOCS.lines().filter_map(|line| line.strip_prefix("| `--")?.split(['`', ' ']).next());
    let flags: Vec<_> = flags.map(|flag| format!("--{flag}")).collect();
    assert_eq!(flags.len(), 10, "docs/probe.md has a table of flags");
    for part in flags.iter().map(String::as_str).chain(["Exit code: 0 up, 1 down", "probe https://example.com"]) {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let described = text.matches("\n      --").count();
    assert_eq!(described, flags.len(), "each flag stands in docs/probe.md: {text}");
    assert!(run(&["--version"]).1.starts_with("probe "));
}

/// `probe URL | head -0`: nobody reads, and that is no reason to panic. The verdict stays.
#[test]
fn a_reader_that_has_gone_is_no_fault() {
    let peer = Peer::plain(|_| ok());
    for more in [&[][..], &["--json"], &["--repeat", "1000", "--interval", "10ms"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program(&[&peer.url("/")]).args(more).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let (code, _, err) = parts(output);
        assert_eq!((code, err.as_str()), (0, ""), "{more:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn s26_output_that_cannot_be_written_is_said() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = program(&[&Peer::plain(|_| ok()).url("/")]).stdout(full).output().unwrap();
    let (code, _, err) = parts(output);
    assert!(code == 1 && err.starts_with("error: standard output: No space left"), "{err}");
}
