//! The pages in a real browser: Debian's Chromium, driven by WebDriver, in a network that has nothing but loopback.
//! `cargo xtask test browser`.

mod browser;
#[path = "../server/exporter.rs"]
#[allow(dead_code)] // shared with the other tests
mod exporter;
#[path = "../../../probe/tests/kit/mod.rs"]
mod kit;
#[path = "../../../probe/tests/kit/dns.rs"]
mod kit_dns;
#[path = "../../../probe/tests/kit/own_network.rs"]
mod own_network;
mod page;
mod past;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use browser::{Browser, Look};
use exporter::Exporter;
use kit::{Action, Authority, Flaw, Peer, ok, response};
use kit_dns::Dns;

fn main() -> ExitCode {
    own_network::run(&[
        ("every_state_is_seen_read_and_printed", every_state_is_seen_read_and_printed),
        ("ninety_days_are_a_small_page_and_the_picture_of_the_readme", ninety_days_are_a_small_page),
        ("a_failed_run_is_explained_where_its_link_leads", a_failed_run_is_explained),
        ("the_list_is_searched_without_a_script", the_list_is_searched),
        ("a_page_that_asks_again_keeps_the_readers_place", a_page_that_asks_again_keeps_the_place),
        ("badge_and_feed_are_well_formed", badge_and_feed_are_well_formed),
    ])
}

/// A server in some state, and what its first heading has to say.
struct Scene {
    name: &'static str,
    exporter: Exporter,
    /// Keeps it so.
    _peer: Option<Peer>,
    banner: &'static str,
}

impl Scene {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.exporter.address)
    }
}

/// 3-shake.com, as a server of the test.
fn three_shake(flaw: &Flaw, more: &[&str]) -> (Exporter, Peer) {
    let authority = Authority::new();
    let identity = match flaw {
        // Long enough for a page, and not so long that it looks strange on one.
        Flaw::None => authority.signs_with(&["3-shake.com"], |params| params.not_after = in_days(47)),
        flaw => authority.signs(&["3-shake.com"], flaw),
    };
    let peer = Peer::tls(identity.server(), |_| {
        std::thread::sleep(Duration::from_millis(90));
        ok()
    });
    let resolve = format!("3-shake.com:443:{}", peer.address);
    let ca = authority.file("browser");
    let args = [&["--resolve", &resolve, "--ca-file", ca.to_str().unwrap()], more].concat();
    (Exporter::start(&args), peer)
}

fn in_days(days: u64) -> time::OffsetDateTime {
    (std::time::SystemTime::now() + Duration::from_secs(days * 24 * 60 * 60)).into()
}

fn of_file(name: &str, content: &str) -> Exporter {
    let file = kit::file(name, content);
    Exporter::start(&["--config.file", file.to_str().unwrap()])
}

fn scenes() -> [Scene; 6] {
    let (up, up_peer) = three_shake(&Flaw::None, &["--probe.interval", "1h"]);
    let (down, down_peer) = three_shake(&Flaw::Expired, &["--probe.interval", "1h"]);
    let slow_peer = Peer::plain(|_| {
        std::thread::sleep(Duration::from_millis(30));
        ok()
    });
    let slow = format!("targets:\n- {{name: shop, url: '{}', interval: 1h, slow_after: 20ms}}\n", slow_peer.url("/"));
    let unknown = format!(
        "targets:\n- {{name: shop, url: 'http://failing.test/', interval: 200ms}}\n\
         - {{name: mail, url: 'http://{}/', interval: 200ms}}\n",
        own_network::UNREACHABLE
    );
    let pending_peer = Peer::plain(|_| Action::Hang);
    let pending = Exporter::start(&["--target", &pending_peer.url("/")]);
    let scene = |name, exporter, peer, banner| Scene { name, exporter, _peer: peer, banner };
    [
        scene("up", up, Some(up_peer), "3-shake.com is up: 200 in "),
        scene("slow", of_file("slow.yml", &slow), Some(slow_peer), "shop is slow: 200 in "),
        scene("down", down, Some(down_peer), "): certificate expired"),
        scene("unknown", of_file("unknown.yml", &unknown), None, "shop is unknown: this prober cannot reach anything"),
        scene("pending", pending, Some(pending_peer), " has no result yet"),
        scene("empty", of_file("empty.yml", "targets: []\n"), None, "No target is configured"),
    ]
}

fn every_state_is_seen_read_and_printed(_: &Dns) {
    let browser = Browser::start();
    for scene in scenes() {
        let url = scene.url("/3-shake-status?refresh=0");
        let html = format!("{}&format=text", "/3-shake-status?refresh=0");
        let word = if scene.name == "empty" { "no target" } else { scene.banner.trim_start_matches("): ") };
        scene.exporter.page_that(&html, |page| page.contains(word));
        for look in Look::ALL {
            let what = format!("{}-{}", scene.name, look.name());
            browser.look(look);
            browser.open(&url);
            // The first screen answers.
            let banner = browser.eval("document.querySelector('h1').innerText");
            assert!(banner.as_str().unwrap().contains(scene.banner), "{what}: {banner}");
            assert_eq!(
                browser.eval("document.querySelector('h1').getBoundingClientRect().bottom < 400"),
                true,
                "{what}"
            );
            let dark = browser.eval("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)";
            assert_eq!(dark, look.dark, "{what}");
            page::is_sound(&browser, &what);
            page::is_read_aloud(&browser, &what, scene.banner);
            browser.picture(&what);
        }
        page::is_walked_by_keyboard(&browser, scene.name);
        browser.devtools("Emulation.setEmulatedMedia", &serde_json::json!({ "media": "print" }));
        assert_eq!(browser.eval("getComputedStyle(document.querySelector('nav')).display"), "none", "{}", scene.name);
        let pdf = browser.devtools("Page.printToPDF", &serde_json::json!({}));
        assert!(pdf["data"].as_str().unwrap().len() > 1_000, "{}", scene.name);
    }
}

fn ninety_days_are_a_small_page(_: &Dns) {
    let folder = kit::file("ninety-days", "").with_file_name(format!("ninety-days-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    past::filled(&folder, "https://3-shake.com");
    let (exporter, _peer) =
        three_shake(&Flaw::None, &["--probe.interval", "1h", "--storage.path", folder.to_str().unwrap()]);
    exporter.page_that("/3-shake-status", |page| page.contains("\n3-shake.com is up: "));

    let page = exporter.ask("GET", "/3-shake-status?format=html").1;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(page.as_bytes()).unwrap();
    let small = gzip.finish().unwrap().len();
    println!("a page of ninety days: {} bytes, {small} gzipped", page.len());
    assert!(small < 40_000, "{small} bytes");

    let browser = Browser::start();
    for look in Look::ALL {
        browser.look(look);
        browser.open(&format!("http://{}/3-shake-status?refresh=0", exporter.address));
        page::is_sound(&browser, "ninety days");
        page::is_read_aloud(&browser, "ninety days", "3-shake.com is up");
        browser.picture(&format!("ninety-days-{}", look.name()));
    }
    browser.look(Look { width: 860, dark: false });
    let picture = browser.picture("readme");
    if std::env::var_os("ACTIX_EXPORTER_TEST_BLESS").is_some() {
        std::fs::write(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/status.png"), picture).unwrap();
    }
    let bars =
        |class: &str| browser.eval(&format!("document.querySelectorAll('g.bar.{class}').length")).as_u64().unwrap();
    let (up, partly, none) = (bars("up"), bars("partly"), bars("none"));
    assert!(up + partly + bars("down") + none == 90 && none >= 6 && partly >= 4, "{up} {partly} {none}");
    assert!(browser.eval("document.querySelectorAll('.incidents li').length").as_u64() >= Some(4));
    assert_eq!(browser.eval("document.querySelectorAll('.tick').length > 0"), true, "failures are marked");
    assert_eq!(
        browser.eval("document.querySelectorAll('rect.usual').length"),
        5,
        "what is usual stands beside each phase"
    );
    let _ = std::fs::remove_dir_all(folder);
}

fn a_failed_run_is_explained(_: &Dns) {
    let (exporter, _peer) = three_shake(&Flaw::Expired, &["--probe.interval", "1h"]);
    exporter.page_that("/3-shake-status", |page| page.contains(" is down since "));
    let browser = Browser::start();
    for look in Look::ALL {
        browser.look(look);
        browser.open(&format!("http://{}/3-shake-status", exporter.address));
        // The link beside the reason.
        browser.eval("document.querySelector('main p a').click()");
        browser.wait_until("location.pathname.startsWith('/runs/') && document.readyState == 'complete'");
        let page = browser.eval("document.body.innerText");
        for part in [
            "certificate expired",
            "tls_expired",
            "not trusted: ",
            "To repeat it",
            "curl --verbose",
            "'3-shake.com:443:127.0.0.1:",
        ] {
            assert!(page.as_str().unwrap().contains(part), "{part}: {page}");
        }
        page::is_sound(&browser, "a run");
        page::is_read_aloud(&browser, "a run", "certificate expired");
        browser.picture(&format!("run-{}", look.name()));
    }
    // And back.
    browser.eval("[...document.querySelectorAll('main a')].find(a => a.textContent.endsWith(' now')).click()");
    browser.wait_until("document.querySelector('h1').innerText.includes('is down since')");
    assert_eq!(browser.eval("location.pathname"), "/status/https%3A%2F%2F3-shake.com");
}

fn the_list_is_searched(_: &Dns) {
    let peer = Peer::plain(|path| if path == "/7" { response("500 Oops", "", "") } else { ok() });
    let targets =
        (0..120).map(|n| format!("- {{name: service {n}, url: '{}', interval: 1h}}\n", peer.url(&format!("/{n}"))));
    let exporter = of_file("list.yml", &format!("targets:\n{}", targets.collect::<String>()));
    exporter.page_that("/status", |page| page.matches(" is up: ").count() == 119 && page.contains(" is down since "));
    let browser = Browser::start();
    for look in Look::ALL {
        browser.look(look);
        browser.open(&format!("http://{}/status?refresh=0", exporter.address));
        assert_eq!(browser.eval("document.querySelector('tbody a').innerText"), "service 7", "the worst first");
        page::is_sound(&browser, "the list");
        page::is_read_aloud(&browser, "the list", "120 targets: 1 down, 119 up");
        browser.picture(&format!("list-{}", look.name()));
    }
    page::is_walked_by_keyboard(&browser, "the list");
    browser.eval("document.querySelector('a[rel=next]').click()");
    browser.wait_until("document.querySelector('h1 ~ div ~ nav').innerText.startsWith('Page 2 of 2')");
    browser.eval("document.querySelector('input').value = 'service 11'");
    browser.eval("document.querySelector('button').click()");
    browser.wait_until("document.querySelectorAll('tbody tr').length == 11");
    assert_eq!(browser.eval("document.querySelector('input').value"), "service 11");
    page::is_sound(&browser, "what was found");
}

fn a_page_that_asks_again_keeps_the_place(_: &Dns) {
    let (exporter, _peer) = three_shake(&Flaw::None, &["--probe.interval", "1h"]);
    exporter.page_that("/3-shake-status", |page| page.contains(" is up: "));
    let browser = Browser::start();
    browser.look(Look { width: 360, dark: false });
    browser.open(&format!("http://{}/3-shake-status?refresh=1", exporter.address));
    // More than once: what is kept the first time must not be lost the second.
    for place in [500, 300] {
        browser.eval(&format!("window.scrollTo(0, {place})"));
        let before = browser.eval("performance.timeOrigin");
        browser.wait_until(&format!("performance.timeOrigin > {before} && document.readyState == 'complete'"));
        browser.wait_until(&format!("window.scrollY == {place}"));
    }
}

fn badge_and_feed_are_well_formed(_: &Dns) {
    let (exporter, _peer) = three_shake(&Flaw::Expired, &["--probe.interval", "1h"]);
    exporter.page_that("/3-shake-status", |page| page.contains(" is down since "));
    let browser = Browser::start();
    browser.open(&format!("http://{}/status", exporter.address));
    let root = |path: &str| {
        let text = exporter.ask("GET", path).1;
        let parse = "const parsed = new DOMParser().parseFromString(arguments[0], 'application/xml');\
                     return [parsed.documentElement.nodeName, parsed.querySelectorAll('parsererror').length, parsed.documentElement.textContent]";
        browser.call(parse, vec![text.into()])
    };
    for (path, name, part) in [
        ("/badge/https%3A%2F%2F3-shake.com.svg", "svg", "3-shake.com: down"),
        ("/badge/3-shake.com.svg?uptime=90d", "svg", "3-shake.com: 0.00 %"),
        ("/incidents.atom", "feed", "3-shake.com is down"),
        ("/incidents.atom?target=3-shake.com", "feed", "Incidents of 3-shake.com"),
    ] {
        let seen = root(path);
        assert!(seen[0] == name && seen[1] == 0 && seen[2].as_str().unwrap().contains(part), "{path}: {seen}");
    }
    // It is a picture to a browser too, and as wide as it says.
    browser.open(&format!("http://{}/badge/3-shake.com.svg", exporter.address));
    assert_eq!(browser.eval("document.documentElement.clientWidth > 80"), true);
    assert!(browser.console().is_empty());
}
