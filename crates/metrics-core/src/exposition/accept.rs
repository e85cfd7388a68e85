//! Which format and which encoding a scraper wants: `Accept` and `Accept-Encoding` (RFC 9110, section 12.5).
//!
//! Read leniently: what cannot be understood is as if it were not there, and where nothing is left it is the text format,
//! which everything can read.

use actix_web::http::header::{self, HeaderMap, HeaderName};

/// A format of the exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus text, version 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Delimited `io.prometheus.client.MetricFamily` messages.
    Protobuf,
}

impl Format {
    /// In the order of preference of who has none.
    const ALL: [Self; 3] = [Self::Text, Self::OpenMetrics, Self::Protobuf];

    /// Prometheus 3 refuses what it does not know, and so each is spelled exactly as its specification does.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    fn media_type(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => ("text", "plain"),
            Self::OpenMetrics => ("application", "openmetrics-text"),
            Self::Protobuf => ("application", "vnd.google.protobuf"),
        }
    }

    /// Whether a parameter of a media range allows it. Those that are not about the format (charset, escaping) do.
    fn allows(self, name: &str, value: &str) -> bool {
        let is = |name: &str, expected: &str| !name.is_empty() && value.eq_ignore_ascii_case(expected);
        match (self, name.to_ascii_lowercase().as_str()) {
            (Self::Text, "version") => is(name, "0.0.4"),
            (Self::OpenMetrics, "version") => is(name, "1.0.0"),
            (Self::Protobuf, "proto") => is(name, "io.prometheus.client.MetricFamily"),
            (Self::Protobuf, "encoding") => is(name, "delimited"),
            _ => true,
        }
    }

    /// How specifically a media range is about it: not at all, any, any of the type, this one, this one with parameters.
    fn specificity(self, range: &Element<'_>) -> Option<usize> {
        let (kind, subtype) = range.value.split_once('/')?;
        let (own_kind, own_subtype) = self.media_type();
        let fits = |pattern: &str, own: &str| pattern.trim().eq_ignore_ascii_case(own);
        match (kind.trim(), subtype.trim()) {
            ("*", "*") => Some(0),
            (_, "*") if fits(kind, own_kind) => Some(1),
            _ if fits(kind, own_kind) && fits(subtype, own_subtype) => {
                let allowed = range.parameters().all(|(name, value)| self.allows(name, value));
                allowed.then(|| 2 + range.parameters().count())
            }
            _ => None,
        }
    }
}

/// The format that `Accept` prefers. Of equals the one named first; where none is named, text.
pub(crate) fn accepted_format(headers: &HeaderMap, protobuf: bool) -> Format {
    let text = joined(headers, &header::ACCEPT);
    let ranges: Vec<Element<'_>> = elements(&text).collect();
    let offered = Format::ALL.into_iter().filter(|format| protobuf || *format != Format::Protobuf);
    let wanted = offered.filter_map(|format| {
        // The most specific range decides, and the first of several such.
        let fitting = ranges.iter().enumerate().filter_map(|(at, range)| Some((format.specificity(range)?, at)));
        let (specificity, at) = fitting.max_by_key(|(specificity, at)| (*specificity, std::cmp::Reverse(*at)))?;
        let named = if specificity >= 2 { at } else { usize::MAX };
        let quality = ranges[at].quality;
        (quality > 0.0).then_some((format, quality, named))
    });
    let best = wanted.reduce(|best, next| {
        let better = next.1 > best.1 || (next.1 >= best.1 && next.2 < best.2);
        if better { next } else { best }
    });
    best.map_or(Format::Text, |(format, ..)| format)
}

/// Whether `Accept-Encoding` takes gzip, and likes nothing at all no better.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let text = joined(headers, &header::ACCEPT_ENCODING);
    let quality = |names: &[&str]| {
        let fits = |element: &Element<'_>| names.iter().any(|name| element.value.eq_ignore_ascii_case(name));
        elements(&text).find(fits).map(|element| element.quality)
    };
    let gzip = quality(&["gzip", "x-gzip"]).or_else(|| quality(&["*"])).unwrap_or(0.0);
    gzip > 0.0 && gzip >= quality(&["identity"]).unwrap_or(0.0)
}

/// All lines of a header as one, as section 5.3 of the RFC allows.
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let lines: Vec<&str> = headers.get_all(name).filter_map(|line| line.to_str().ok()).collect();
    lines.join(",")
}

/// One of the comma-separated things that a header lists, with its quality.
struct Element<'a> {
    value: &'a str,
    parameters: &'a str,
    quality: f32,
}

impl<'a> Element<'a> {
    /// Names and values of the parameters, but for the quality.
    fn parameters(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        parameters(self.parameters).filter(|(name, _)| !name.eq_ignore_ascii_case("q"))
    }
}

/// Those with a quality that makes no sense are left out.
fn elements(text: &str) -> impl Iterator<Item = Element<'_>> {
    text.split(',').filter_map(|element| {
        let (value, rest) = element.split_once(';').unwrap_or((element, ""));
        let quality = match parameters(rest).find(|(name, _)| name.eq_ignore_ascii_case("q")) {
            Some((_, quality)) => quality.parse().ok().filter(|quality| (0.0..=1.0).contains(quality))?,
            None => 1.0,
        };
        Some(Element { value: value.trim(), parameters: rest, quality })
    })
}

fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(';').filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        Some((name.trim(), value.trim().trim_matches('"')))
    })
}
