//! What the server says and does differently, on purpose.

use crate::flat::{Flat, Key};

/// Each is named here once, with what is different; docs/blackbox.md quotes it. What is in no case is out of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    /// `probe_timeout_seconds` is shown; releases up to 0.28 do not have it.
    TimeoutIsShown,
    /// The cipher and the serial number are shown; release 0.23 does not have them.
    CipherIsShown,
    /// Redirects take no credentials to another host, and no `Content-Type` where the body is left behind; up to 0.26 theirs do.
    RedirectsCarryLess,
    /// A phase that was not reached is absent; theirs is 0.
    PhaseNotReached,
    /// Without an answer, the phases up to the one that failed are shown with the time they took; theirs are 0, that of a
    /// connection whose handshake failed included.
    PhaseThatFailed,
    /// `probe_http_content_length` is absent where the response does not say its length; theirs is -1.
    UnknownLength,
    /// `probe_ssl_last_chain_expiry_timestamp_seconds` is absent where no chain was verified; theirs is the year 1.
    NoVerifiedChain,
    /// `probe_ssl_*` and `probe_tls_*` are shown whenever a certificate was, also where it was rejected or no answer came;
    /// theirs are of answers only.
    TlsWithoutAnswer,
    /// Subject and issuer have their parts in the order of the certificate (RFC 4514); theirs have a fixed one.
    OrderOfNames,
    /// A redirect to what cannot be followed is shown with its status and version, and counts; theirs are 0.
    RedirectToNothing,
    /// A run whose secret cannot be read asks nobody, the resolver included: it has no phases, and no address.
    SecretThatIsMissing,
    /// Requests have the headers `Accept: */*` and, in HTTP/1, `Date`; after a redirect they do not have `Referer`.
    OwnHeaders,
    /// `User-Agent` names who asks.
    UserAgent,
    /// With `compression`, the header `Accept-Encoding` asks for it, unless the module has that header itself.
    EncodingIsAskedFor,
    /// `.` and `..` in the path of a target are resolved before it is asked for, as a browser does it.
    DotSegments,
    /// Expressions are held against the text also where the server compresses it with gzip unasked; theirs against the bytes.
    GzipUnasked,
    /// Expressions are held against bodies of 10 MiB at most, where the module sets no limit; theirs has none.
    LargestText,
    /// `\d`, `\w`, `\s` and `\b` of expressions are of Unicode; theirs are of ASCII.
    UnicodeClasses,
    /// A redirect to another host takes none of the module's headers but `Accept`, `Accept-Encoding`, `Accept-Language` and
    /// `User-Agent`; theirs takes all but those that are known to be secret.
    HeadersStayAtHome,
    /// A module of another prober than http is refused with 400.
    OtherProbers,
    /// Module `http_2xx`, which is that of who names none, is there without being configured.
    BuiltInModule,
    /// A target that is no URL, or a `hostname` that is no host, is refused with 400; theirs is a probe that failed.
    NotAUrl,
    /// A target with user name or password is refused with 400; theirs sends them.
    UserInUrl,
}

/// Something that the two do not say alike.
pub(crate) struct Seen<'a> {
    pub(crate) case: &'a str,
    pub(crate) key: &'a Key,
    pub(crate) theirs: Option<&'a str>,
    pub(crate) ours: Option<&'a str>,
    /// All that they say of this run.
    pub(crate) all_of_theirs: &'a Flat,
    pub(crate) all_of_ours: &'a Flat,
}

use Difference::{
    BuiltInModule, CipherIsShown, DotSegments, EncodingIsAskedFor, GzipUnasked, HeadersStayAtHome, LargestText,
    NoVerifiedChain, NotAUrl, OrderOfNames, OtherProbers, OwnHeaders, PhaseNotReached, PhaseThatFailed,
    RedirectToNothing, RedirectsCarryLess, SecretThatIsMissing, TimeoutIsShown, TlsWithoutAnswer, UnicodeClasses,
    UnknownLength, UserAgent, UserInUrl,
};

/// What expressions decide.
const VERDICT: [&str; 3] = ["probe_success", "probe_failed_due_to_regex", "probe_http_uncompressed_body_length"];

/// Of blackbox_exporter: major and minor.
pub(crate) type Release = (u32, u32);

impl Difference {
    #[rustfmt::skip] // one for each
    const ALL: [Self; 23] = [
        TimeoutIsShown, CipherIsShown, RedirectsCarryLess, PhaseNotReached, PhaseThatFailed, UnknownLength, NoVerifiedChain,
        TlsWithoutAnswer, OrderOfNames, RedirectToNothing, SecretThatIsMissing, OwnHeaders, UserAgent, EncodingIsAskedFor,
        DotSegments, GzipUnasked, LargestText, UnicodeClasses, HeadersStayAtHome, OtherProbers, BuiltInModule, NotAUrl, UserInUrl,
    ];

    /// Those from this release.
    pub(crate) fn from(release: Release) -> Vec<Self> {
        let last = |difference: &Self| match difference {
            TimeoutIsShown => (0, 28),
            CipherIsShown => (0, 23),
            RedirectsCarryLess => (0, 26),
            _ => release,
        };
        Self::ALL.into_iter().filter(|difference| release <= last(difference)).collect()
    }

    pub(crate) fn explains(self, seen: &Seen<'_>) -> bool {
        let Seen { key, theirs, ours, .. } = *seen;
        let family = key.family();
        match self {
            // The scraper's time less half a second, or that of the module.
            TimeoutIsShown => {
                family == "probe_timeout_seconds" && theirs.is_none() && matches!(ours, Some("gauge" | "19.5" | "0.8"))
            }
            CipherIsShown => {
                let serial = matches!(key, Key::Label(_, label) if label == "serialnumber");
                (family == "probe_tls_cipher_info" || serial) && theirs.is_none() && ours.is_some()
            }
            RedirectsCarryLess => {
                let header = matches!(key, Key::Sent(_, 1, part) if part == "authorization" || part == "content-type");
                header && theirs.is_some() && ours.is_none()
            }
            PhaseNotReached => {
                matches!(key, Key::Value(..))
                    && family == "probe_http_duration_seconds"
                    && (theirs, ours) == (Some("0"), None)
            }
            PhaseThatFailed => {
                let phase = family == "probe_http_duration_seconds" && (theirs, ours) == (Some("0"), Some("a time"));
                phase && seen.of_theirs("probe_http_status_code") == Some("0")
            }
            UnknownLength => {
                family == "probe_http_content_length" && ours.is_none() && seen.of_theirs(family) == Some("-1")
            }
            NoVerifiedChain => {
                let expiry = family == "probe_ssl_last_chain_expiry_timestamp_seconds";
                expiry && ours.is_none() && seen.of_theirs(family) == Some("-62135596800")
            }
            TlsWithoutAnswer => {
                let tls = family.starts_with("probe_ssl_") || family.starts_with("probe_tls_");
                tls && theirs.is_none() && seen.of_ours("probe_http_status_code") == Some("0")
            }
            OrderOfNames => {
                let name = matches!(key, Key::Label(_, label) if label == "subject" || label == "issuer");
                name && matches!((theirs, ours), (Some(theirs), Some(ours)) if parts(theirs) == parts(ours))
            }
            RedirectToNothing => {
                let families = ["probe_http_redirects", "probe_http_status_code", "probe_http_version"];
                families.contains(&family)
                    && theirs == Some("0")
                    && seen.of_ours("probe_http_status_code") == Some("302")
            }
            SecretThatIsMissing => {
                let ended_at_once = seen.of_ours("probe_duration_seconds") == Some("0");
                #[rustfmt::skip] // a list
                let families = [
                    "probe_dns_lookup_time_seconds", "probe_duration_seconds", "probe_http_duration_seconds", "probe_ip_addr_hash", "probe_ip_protocol",
                ];
                ended_at_once && families.contains(&family) && matches!(ours, None | Some("0"))
            }
            OwnHeaders => match key {
                Key::Sent(_, _, part) if part == "accept" => (theirs, ours) == (None, Some("*/*")),
                Key::Sent(_, _, part) if part == "date" => theirs.is_none(),
                Key::Sent(_, _, part) if part == "referer" => ours.is_none(),
                _ => false,
            },
            UserAgent => {
                let name = matches!(key, Key::Sent(_, _, part) if part == "user-agent");
                name && theirs.is_some_and(|theirs| theirs.starts_with("Blackbox")) && ours.is_some()
            }
            EncodingIsAskedFor => {
                let encoding = matches!(key, Key::Sent(_, _, part) if part == "accept-encoding");
                encoding && (theirs, ours) == (None, Some("gzip"))
            }
            DotSegments => {
                let request = matches!(key, Key::Sent(_, _, part) if part == "request");
                request
                    && theirs.is_some_and(|theirs| theirs.contains("/a%2Fb/../c?"))
                    && ours.is_some_and(|ours| ours.contains(" /c?"))
            }
            // They decide what a probe comes to: each where it is meant to be seen, and nowhere else.
            GzipUnasked => seen.case == "gzip-that-is-searched-unasked" && VERDICT.contains(&family),
            LargestText => seen.case == "large-text" && VERDICT.contains(&family),
            UnicodeClasses => seen.case == "digit-that-is-not-ascii" && VERDICT.contains(&family),
            HeadersStayAtHome => {
                let header = matches!(key, Key::Sent(_, 1, part) if part == "x-trace");
                header && seen.case == "redirect-to-another-host-with-headers" && ours.is_none()
            }
            // Of statuses of /probe: `refusals.rs`.
            OtherProbers | BuiltInModule | NotAUrl | UserInUrl => false,
        }
    }
}

impl<'a> Seen<'a> {
    /// The value of a family without labels.
    fn of_theirs(&self, family: &str) -> Option<&'a str> {
        self.all_of_theirs.get(&Key::series(family)).map(String::as_str)
    }

    fn of_ours(&self, family: &str) -> Option<&'a str> {
        self.all_of_ours.get(&Key::series(family)).map(String::as_str)
    }
}

/// Those of a distinguished name, in no order. A comma after a backslash is part of one.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for char in name.chars() {
        match parts.last_mut() {
            Some(part) if escaped || char != ',' => part.push(char),
            _ => parts.push(String::new()),
        }
        escaped = char == '\\' && !escaped;
    }
    parts.sort_unstable();
    parts
}
