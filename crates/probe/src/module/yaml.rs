//! A module as YAML: what it says and is not the default. It can be read as a module again, but for its secrets, which are masked.

use std::fmt::{self, Display, Write};

use awc::http::Method;
use awc::http::header::HeaderName;
use regex::bytes::Regex;

use super::{Compression, HeaderMatch, IpProtocol, Module, Pem, RedirectPolicy, Secret, TlsVersion};

impl Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("prober: http\n")?;
        if let Some(timeout) = self.timeout {
            writeln!(f, "timeout: {}", humantime::format_duration(timeout).to_string().replace(' ', ""))?;
        }
        let mut http = Options(String::new());
        request(self, &mut http);
        answer(self, &mut http);
        credentials(self, &mut http);
        tls(self, &mut http);
        if http.0.is_empty() { Ok(()) } else { write!(f, "http:\n{}", http.0) }
    }
}

fn request(module: &Module, http: &mut Options) {
    if module.method != Method::GET {
        http.put("method", &module.method);
    }
    headers(module, http);
    http.secret("body", module.body.as_ref());
    http.some("compression", module.compression.map(Compression::as_str));
    http.unless(true, "follow_redirects", module.follow_redirects);
    if let RedirectPolicy::Public(exceptions) = &module.redirect_policy {
        http.put("redirect_policy", "public");
        http.list("redirect_allow", exceptions.iter().map(ToString::to_string));
    }
    http.unless(true, "enable_http2", module.enable_http2);
    let family = |protocol| if protocol == IpProtocol::Ip4 { "ip4" } else { "ip6" };
    http.some("preferred_ip_protocol", module.preferred_ip_protocol.map(family));
    http.unless(true, "ip_protocol_fallback", module.ip_protocol_fallback);
    http.some("source_ip_address", module.source_ip_address);
}

/// One that is sent several times can be written in one way only.
fn headers(module: &Module, http: &mut Options) {
    let mut names: Vec<_> = module.headers.iter().map(|(name, _)| name).collect();
    names.dedup();
    let of = |wanted: &HeaderName| {
        let wanted = wanted.clone();
        module.headers.iter().filter(move |(name, _)| *name == wanted).map(|(_, value)| masked(value))
    };
    let (once, often): (Vec<_>, Vec<_>) = names.into_iter().partition(|name: &&HeaderName| of(name).count() == 1);
    if !once.is_empty() {
        http.section("headers");
        for name in once {
            http.deeper(name.as_str(), &of(name).collect::<String>());
        }
    }
    if !often.is_empty() {
        http.section("http_headers");
        for name in often {
            http.deeper(name.as_str(), &format!("{{secrets: [{}]}}", of(name).collect::<Vec<_>>().join(", ")));
        }
    }
}

fn answer(module: &Module, http: &mut Options) {
    let codes = &module.valid_status_codes;
    http.some("valid_status_codes", (!codes.0.is_empty()).then(|| format!("[{codes}]")));
    http.list("valid_http_versions", module.valid_http_versions.iter().map(|version| format!("{version:?}")));
    http.unless(false, "fail_if_ssl", module.fail_if_ssl);
    http.unless(false, "fail_if_not_ssl", module.fail_if_not_ssl);
    http.headers("fail_if_header_matches", &module.fail_if_header_matches);
    http.headers("fail_if_header_not_matches", &module.fail_if_header_not_matches);
    let quoted = |regex: &Regex| quoted(regex.as_str());
    http.list("fail_if_body_matches_regexp", module.fail_if_body_matches_regexp.iter().map(quoted));
    http.list("fail_if_body_not_matches_regexp", module.fail_if_body_not_matches_regexp.iter().map(quoted));
    http.some("body_size_limit", module.body_size_limit.map(|bytes| format!("{bytes}B")));
}

fn credentials(module: &Module, http: &mut Options) {
    if let Some(basic) = &module.basic_auth {
        http.section("basic_auth");
        http.deeper("username", &masked(&basic.username));
        http.deeper("password", &masked(&basic.password));
    }
    if let Some(authorization) = &module.authorization {
        http.section("authorization");
        http.deeper("type", &authorization.scheme);
        http.deeper("credentials", &masked(&authorization.credentials));
    }
}

fn tls(module: &Module, http: &mut Options) {
    let tls = &module.tls_config;
    let mut options = Vec::new();
    for (name, pem) in [("ca", &tls.ca), ("cert", &tls.cert)] {
        match pem {
            Some(Pem::File(path)) => options.push((format!("{name}_file"), quoted(&path.to_string_lossy()))),
            // Long, and of no use to who looks for what is asked.
            Some(Pem::Text(_)) => options.push((name.to_owned(), "<certificates>".to_owned())),
            None => {}
        }
    }
    options.extend(tls.key.as_ref().map(|key| ("key".to_owned(), masked(key))));
    options.extend(tls.server_name.as_ref().map(|name| ("server_name".to_owned(), quoted(name))));
    let version = |version| if version == TlsVersion::Tls12 { "TLS12" } else { "TLS13" }.to_owned();
    options.extend(tls.min_version.map(|lowest| ("min_version".to_owned(), version(lowest))));
    options.extend(tls.max_version.map(|highest| ("max_version".to_owned(), version(highest))));
    for (name, on) in [("insecure_skip_verify", tls.insecure_skip_verify), ("system_roots", tls.system_roots)] {
        options.extend(on.then(|| (name.to_owned(), "true".to_owned())));
    }
    if !options.is_empty() {
        http.section("tls_config");
        for (name, value) in options {
            http.deeper(&name, &value);
        }
    }
}

/// Where a secret is from is none.
fn masked(secret: &Secret) -> String {
    quoted(&format!("{secret:?}"))
}

/// In single quotes, within which YAML knows one thing to be escaped; else in double ones, on one line, whatever there is in it (YAML 1.2.2,
/// section 5.7).
pub(crate) fn quoted(text: &str) -> String {
    // Ends of lines, and what may not stand in a file.
    let hidden =
        |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    if !text.contains(hidden) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // Writing to a String cannot fail.
            c if hidden(c) => _ = write!(quoted, "\\u{:04x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// What stands below `http:`.
struct Options(String);

impl Options {
    fn put(&mut self, name: &str, value: impl Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "  {name}: {value}");
    }

    fn some(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    fn unless(&mut self, default: bool, name: &str, value: bool) {
        if value != default {
            self.put(name, value);
        }
    }

    fn secret(&mut self, name: &str, secret: Option<&Secret>) {
        self.some(name, secret.map(masked));
    }

    fn section(&mut self, name: &str) {
        let _ = writeln!(self.0, "  {name}:");
    }

    fn deeper(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.0, "    {name}: {value}");
    }

    fn list(&mut self, name: &str, values: impl Iterator<Item = String>) {
        let values: Vec<_> = values.collect();
        if !values.is_empty() {
            self.section(name);
            for value in values {
                let _ = writeln!(self.0, "    - {value}");
            }
        }
    }

    fn headers(&mut self, name: &str, matches: &[HeaderMatch]) {
        self.list(
            name,
            matches.iter().map(|HeaderMatch { header, regexp, allow_missing }| {
                let regexp = quoted(regexp.as_str());
                format!("{{header: {header}, regexp: {regexp}, allow_missing: {allow_missing}}}")
            }),
        );
    }
}
