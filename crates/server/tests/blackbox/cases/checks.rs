//! What a module expects of an answer, met and not met.

use super::{Case, Setup, down, up};
use crate::kit::{ok, response};

/// The header comes twice.
fn tagged_twice(module: &str) -> Setup {
    Setup::plain(response("200 OK", "X-State: good\r\nX-State: bad\r\n", "fine")).module(module)
}

fn tagged(module: &str) -> Setup {
    Setup::plain(response("200 OK", "X-State: good\r\n", "fine")).module(module)
}

pub(super) static ALL: &[Case] = &[
    up("status-that-is-valid", 404, || {
        Setup::plain(response("404 Not Found", "", "gone")).module("valid_status_codes: [200, 404]")
    }),
    down("status-that-is-not-valid", 200, || Setup::plain(ok()).module("valid_status_codes: [404]")),
    up("version-that-is-valid", 200, || Setup::plain(ok()).module("valid_http_versions: [HTTP/1.1]")),
    down("version-that-is-not-valid", 200, || Setup::plain(ok()).module("valid_http_versions: [HTTP/2.0]")),
    down("no-tls", 200, || Setup::plain(ok()).module("fail_if_not_ssl: true")),
    up("no-tls-as-wanted", 200, || Setup::plain(ok()).module("fail_if_ssl: true")),
    down("body-matches", 200, || Setup::plain(ok()).module("fail_if_body_matches_regexp: ['fi.e']")),
    up("body-does-not-match", 200, || Setup::plain(ok()).module("fail_if_body_matches_regexp: ['broken']")),
    up("body-matches-as-wanted", 200, || Setup::plain(ok()).module("fail_if_body_not_matches_regexp: ['^fine$']")),
    down("digit-that-is-not-ascii", 200, || {
        Setup::plain(response("200 OK", "", "٣")).module("fail_if_body_not_matches_regexp: ['^\\d$']")
    }),
    down("body-does-not-match-as-wanted", 200, || {
        Setup::plain(ok()).module("fail_if_body_not_matches_regexp: ['broken']")
    }),
    down("body-of-a-bad-status-matches", 503, || {
        Setup::plain(response("503 Oops", "", "fine")).module("fail_if_body_matches_regexp: ['fine']")
    }),
    up("body-matches-the-first-and-the-last-as-wanted", 200, || {
        Setup::plain(ok()).module("fail_if_body_not_matches_regexp: ['^f', 'e$'], fail_if_body_matches_regexp: [x, y]")
    }),
    down("body-and-header-match", 200, || {
        let module = "fail_if_header_matches: [{header: X-State, regexp: good}], fail_if_body_matches_regexp: [fine]";
        tagged(module)
    }),
    down("header-matches", 200, || tagged("fail_if_header_matches: [{header: X-State, regexp: go+d}]")),
    up("header-does-not-match", 200, || tagged("fail_if_header_matches: [{header: X-State, regexp: bad}]")),
    down("header-is-missing", 200, || tagged("fail_if_header_matches: [{header: X-Other, regexp: bad}]")),
    up("header-may-be-missing", 200, || {
        tagged("fail_if_header_matches: [{header: X-Other, regexp: bad, allow_missing: true}]")
    }),
    down("one-of-the-headers-matches", 200, || {
        tagged_twice("fail_if_header_matches: [{header: X-State, regexp: bad}]")
    }),
    up("one-of-the-headers-matches-as-wanted", 200, || {
        tagged_twice("fail_if_header_not_matches: [{header: X-State, regexp: bad}]")
    }),
    up("header-matches-as-wanted", 200, || tagged("fail_if_header_not_matches: [{header: x-state, regexp: go+d}]")),
    down("header-does-not-match-as-wanted", 200, || {
        tagged("fail_if_header_not_matches: [{header: X-State, regexp: bad}]")
    }),
    down("wanted-header-is-missing", 200, || tagged("fail_if_header_not_matches: [{header: X-Other, regexp: bad}]")),
    up("wanted-header-may-be-missing", 200, || {
        tagged("fail_if_header_not_matches: [{header: X-Other, regexp: bad, allow_missing: true}]")
    }),
];
