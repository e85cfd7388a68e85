//! The options that say what is expected of the answer.

use awc::http::Version;
use awc::http::header::HeaderName;

use super::Reading;
use crate::config::section::{Problem, Section, shown};
use crate::config::values;
use crate::module::{HeaderMatch, Module, StatusCodes};

pub(super) fn answer(http: &Section<'_>, module: &mut Module, reading: &mut Reading) -> Result<(), Problem> {
    let codes = http.texts("valid_status_codes")?.into_iter().map(values::status_codes);
    module.valid_status_codes = StatusCodes(codes.collect::<Result<_, _>>()?);
    module.valid_http_versions = http_versions(http, reading)?;
    module.fail_if_ssl = http.flag("fail_if_ssl")?.unwrap_or_default();
    module.fail_if_not_ssl = http.flag("fail_if_not_ssl")?.unwrap_or_default();
    module.fail_if_header_matches = header_matches(http, "fail_if_header_matches", reading)?;
    module.fail_if_header_not_matches = header_matches(http, "fail_if_header_not_matches", reading)?;
    for (option, expressions) in [
        ("fail_if_body_matches_regexp", &mut module.fail_if_body_matches_regexp),
        ("fail_if_body_not_matches_regexp", &mut module.fail_if_body_not_matches_regexp),
    ] {
        for text in http.texts(option)? {
            expressions.push(reading.expressions.compile(option, text)?);
        }
    }
    if let Some(limit) = http.text("body_size_limit")? {
        module.body_size_limit = values::size("body_size_limit", limit)?;
    }
    Ok(())
}

fn http_versions(http: &Section<'_>, reading: &mut Reading) -> Result<Vec<Version>, Problem> {
    let mut versions = Vec::new();
    let mut unspoken = None;
    for (at, text) in http.texts("valid_http_versions")? {
        match text {
            "HTTP/1.0" => versions.push(Version::HTTP_10),
            "HTTP/1.1" => versions.push(Version::HTTP_11),
            "HTTP/2.0" | "HTTP/2" => versions.push(Version::HTTP_2),
            "HTTP/3.0" | "HTTP/3" => unspoken = Some(at),
            _ => {
                let message =
                    format!("valid_http_versions {}: not known; write HTTP/1.0, HTTP/1.1 or HTTP/2.0", shown(text));
                return Err(Problem::new(at, message));
            }
        }
    }
    // Beside others it does no harm: it is never seen.
    if let Some(at) = unspoken.filter(|_| versions.is_empty()) {
        reading.unusable(at, "valid_http_versions: the probe does not speak HTTP/3; write HTTP/1.1 or HTTP/2.0");
    }
    Ok(versions)
}

fn header_matches(
    http: &Section<'_>,
    option: &'static str,
    reading: &mut Reading,
) -> Result<Vec<HeaderMatch>, Problem> {
    let mut matches = Vec::new();
    for node in http.list(option) {
        let item = Section::new(option, node, &["header", "regexp", "allow_missing"])?;
        let needed = |name| Problem::new(item.at, format!("{option} without {name}; give a header and a regexp"));
        let (at, name) = item.text("header")?.ok_or_else(|| needed("header"))?;
        let header = HeaderName::from_bytes(name.as_bytes());
        let header = header.map_err(|_| {
            Problem::new(
                at,
                format!("header {}: not the name of a header; write it without spaces and colon", shown(name)),
            )
        })?;
        let regexp = item.text("regexp")?.ok_or_else(|| needed("regexp"))?;
        let regexp = reading.expressions.compile("regexp", regexp)?;
        matches.push(HeaderMatch { header, regexp, allow_missing: item.flag("allow_missing")?.unwrap_or_default() });
    }
    Ok(matches)
}
