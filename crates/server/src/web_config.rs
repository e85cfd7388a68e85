//! Stub until the parser is merged.
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};

#[derive(Default)]
pub(crate) struct WebConfig {
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    pub(crate) users: BTreeMap<String, PasswordHash>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) rate_limit: Option<RateLimit>,
}
#[derive(PartialEq)]
pub(crate) struct RateLimit {
    pub(crate) interval: Duration,
    pub(crate) burst: u32,
}
pub(crate) struct Loaded {
    pub(crate) digest: [u8; 32],
    pub(crate) warnings: Vec<String>,
    pub(crate) config: Result<WebConfig, probe::FileError>,
}
#[derive(Clone)]
pub(crate) struct PasswordHash(String);
impl PasswordHash {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
    pub(crate) fn matches(&self, _: &[u8]) -> bool {
        false
    }
}
pub(crate) fn load(_: &Path) -> Loaded {
    Loaded { digest: [0; 32], warnings: Vec::new(), config: Ok(WebConfig::default()) }
}
