//! The web configuration: who may come in and how, in the format of Prometheus' exporter-toolkit. What it accepts is accepted here, with
//! the exceptions of docs/web.md; what it refuses is refused here.

mod certificates;
mod clients;
mod headers;
mod rate_limit;
mod tls;
mod users;
mod versions;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use actix_web::http::header::{HeaderName, HeaderValue};
use probe::FileError;
use probe::yaml::{Files, Problem, Section, parse};

pub(crate) use self::rate_limit::RateLimit;
pub(crate) use self::users::PasswordHash;

/// What there is in the file.
const KNOWN: [&str; 4] = ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"];

/// Who may come in, and how. By default everybody, without TLS.
#[derive(Default)]
pub(crate) struct WebConfig {
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    /// Nobody is asked who he is where there are none.
    pub(crate) users: BTreeMap<String, PasswordHash>,
    /// Of every answer.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) rate_limit: Option<RateLimit>,
}

/// A file that was read.
pub(crate) struct Loaded {
    /// Another one where the file, or one of those of certificates and keys that it names, has another content.
    pub(crate) digest: [u8; 32],
    /// What is in it to no effect, or soon will be: each a line.
    pub(crate) warnings: Vec<String>,
    pub(crate) config: Result<WebConfig, FileError>,
}

/// What is found while it is read.
struct Reading<'p> {
    path: &'p Path,
    files: Files,
    warnings: Vec<String>,
}

/// Reads a file and those that it names. It takes its time: not for a thread that serves.
pub(crate) fn load(path: &Path) -> Loaded {
    let mut reading = Reading { path, files: Files::default(), warnings: Vec::new() };
    let config = reading.read();
    Loaded { digest: reading.files.digest(), warnings: reading.warnings, config }
}

impl Reading<'_> {
    fn read(&mut self) -> Result<WebConfig, FileError> {
        let text = self.files.text(self.path)?;
        self.parse(&text).map_err(|problem| problem.located(self.path))
    }

    fn parse(&mut self, text: &str) -> Result<WebConfig, Problem> {
        let Some(root) = parse(text)? else { return Ok(WebConfig::default()) };
        let file = Section::new("the web configuration", &root, &KNOWN)?;
        Ok(WebConfig {
            users: file.get("basic_auth_users").map_or(Ok(BTreeMap::new()), users::read)?,
            headers: file.get("http_server_config").map_or(Ok(Vec::new()), headers::read)?,
            rate_limit: file.get("rate_limit").map_or(Ok(None), rate_limit::read)?,
            tls: file.get("tls_server_config").map_or(Ok(None), |node| tls::read(node, self))?,
        })
    }

    fn warn(&mut self, problem: Problem) {
        let line = problem.located(self.path).to_string();
        self.warnings.push(line);
    }
}
