//! Where `/probe` may go: whatever the spelling, and wherever a redirect leads, nobody is connected to who is not allowed. Loopback
//! addresses stand in for all that is not public; the tables in probe/src/allow.rs and policy.rs have the others.

use crate::kit::{Peer, ok, redirect};
use crate::on_demand::{exporter, probe};

/// Ways to write 127.0.0.1.
const SPELLINGS: [&str; 17] = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0x0.0x0.0x1",
    "017700000001",
    "0177.0.0.1",
    "127.0.0.1.",
    "127%E3%80%820%E3%80%820%E3%80%821",
    "%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "localhost",
    "LocalHost.",
    "%E2%93%9B%E2%93%9E%E2%93%92%E2%93%90%E2%93%9B%E2%93%97%E2%93%9E%E2%93%A2%E2%93%A3",
];

/// All of the internet, and one of this machine's addresses.
const ALLOWED: &str = "public,shop.test,*.shop.test,127.0.0.2";

#[test]
fn p16_no_spelling_of_an_address_is_a_way_round() {
    let forbidden = Peer::plain(|_| ok());
    let port = forbidden.address.port();
    let exporter = exporter("spelled", "  http_2xx: {prober: http}\n", &["--probe.allow", ALLOWED]);
    for host in SPELLINGS {
        for target in [format!("http://{host}:{port}/"), format!("{host}:{port}"), format!("https://{host}:{port}/")] {
            let (code, line) = probe(&exporter, &format!("target={target}"));
            let refused = code == 403 && line.contains("is not allowed") && line.lines().count() == 1;
            // Not every resolver knows it with the dot.
            let unknown = host.ends_with("Host.") && line.contains("\nprobe_success 0\n");
            assert!(refused || unknown, "{target}: {code} {line}");
        }
    }
    for target in [
        format!("http://127.0.0.2:80@127.0.0.1:{port}/"),
        format!("http://127.0.0.2%5C@127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}%5C@127.0.0.2/"),
        format!("http://127.0.0.1:{port}%23@127.0.0.2/"),
        format!("http://127.0.0.1:{port}%3F@127.0.0.2/"),
        format!("http://%5B::1%5D:{port}/"),
    ] {
        let (code, line) = probe(&exporter, &format!("target={target}"));
        // What a URL says is found out once: who is asked is who is allowed.
        let asked = target.starts_with("http://127.0.0.2%5C") && line.contains("\nprobe_success 0\n");
        assert!(matches!(code, 400 | 403) || asked, "{target}: {code} {line}");
    }
    // The name to ask for is not where to go.
    let (code, _) = probe(&exporter, &format!("target=http://127.0.0.1:{port}/&hostname=shop.test"));
    assert_eq!((code, forbidden.connections()), (403, 0));
}

#[test]
fn p16_a_redirect_leads_nowhere_else() {
    let forbidden = Peer::plain(|_| ok());
    let port = forbidden.address.port();
    let allowed = Peer::plain_at("127.0.0.2:0", move |path| {
        let n = path.trim_start_matches('/').parse().map_or(0, |n: usize| n);
        redirect("302 Found", &format!("http://{}:{port}/", SPELLINGS[n]))
    });
    let exporter = exporter("redirected", "  http_2xx: {prober: http}\n", &["--probe.allow", ALLOWED]);
    for (n, host) in SPELLINGS.iter().enumerate() {
        let (code, page) = probe(&exporter, &format!("target={}", allowed.url(&format!("/{n}"))));
        assert!(code == 200 && page.contains("\nprobe_success 0\n"), "{host}: {code} {page}");
        assert!(page.contains("\nprobe_http_redirects 1\n"), "{host}: {page}");
    }
    let (_, page) = probe(&exporter, &format!("debug=true&target={}", allowed.url("/0")));
    assert!(page.contains("reason=blocked"), "{page}");
    assert_eq!((allowed.connections(), forbidden.connections()), (SPELLINGS.len() + 1, 0));
}

/// Who answers for a name says where it leads: a name that is allowed opens no address that is not.
#[test]
fn p17_a_name_that_leads_here_is_not_followed() {
    let forbidden = Peer::plain(|_| ok());
    let resolve: Vec<String> =
        ["shop.test", "a.shop.test", "other.test"].map(|name| format!("{name}:80:{}", forbidden.address)).into();
    let exporter =
        exporter("named", "  http_2xx: {prober: http}\n", &["--probe.allow", ALLOWED, "--resolve", &resolve.join(",")]);
    for name in ["shop.test", "a.shop.test", "other.test"] {
        let (code, line) = probe(&exporter, &format!("target=http://{name}/"));
        assert_eq!(code, 403, "{name}: {line}");
        assert!(!line.contains("127.0.0.1"), "where a name leads is for its owner to know: {line}");
    }
    assert_eq!(forbidden.connections(), 0);
}

/// What is configured was written by who runs the exporter.
#[test]
fn a_configured_target_is_not_bound_by_it() {
    let peer = Peer::plain(|_| ok());
    let allowed = crate::exporter::Exporter::start(&["--target", &peer.url("/"), "--probe.allow", "public"]);
    allowed.page_that("/3-shake-status", |page| page.contains(" is up: "));
    assert_eq!(probe(&allowed, &format!("target={}", peer.url("/"))).0, 403);
}
