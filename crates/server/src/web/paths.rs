//! Where the routes are: at `/`, or below a prefix, as behind a proxy that serves others too.

use std::str::FromStr;

use actix_web::http::header;
use actix_web::{HttpResponse, Resource};
use probe::Url;

/// The flags that say it.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Web server")]
pub(crate) struct PathFlags {
    /// The URL at which others find this server, e.g. behind a proxy: its path is where links lead, and the default of --web.route-prefix
    #[arg(long = "web.external-url", value_name = "URL", global = true)]
    #[arg(env = "ACTIX_EXPORTER_WEB_EXTERNAL_URL", hide_env_values = true)]
    external_url: Option<ExternalUrl>,

    /// What the paths of all routes begin with, e.g. /exporter [default: the path of --web.external-url, else /]
    #[arg(long = "web.route-prefix", value_name = "PATH", global = true)]
    #[arg(env = "ACTIX_EXPORTER_WEB_ROUTE_PREFIX", hide_env_values = true)]
    route_prefix: Option<Prefix>,
}

/// The paths of the routes, and the one that clients are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Paths {
    prefix: Prefix,
    external: Option<Prefix>,
}

impl PathFlags {
    pub(crate) fn paths(&self) -> Paths {
        let external = self.external_url.as_ref().map(|url| url.path.clone());
        let prefix = self.route_prefix.clone().or_else(|| external.clone()).unwrap_or_default();
        Paths { prefix, external }
    }

    pub(crate) fn external_url(&self) -> Option<&str> {
        self.external_url.as_ref().map(|url| url.text.as_str())
    }
}

impl Paths {
    /// What all routes begin with: nothing, or `/` and more.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix.0
    }

    /// The whole path of a route.
    pub(crate) fn of(&self, route: &str) -> String {
        format!("{}{route}", self.prefix.0)
    }

    /// Who asks for the prefix without its slash, or for what is above it, is sent to the landing page.
    pub(crate) fn redirects(&self) -> Vec<Resource> {
        if self.prefix.0.is_empty() {
            return Vec::new();
        }
        let landing = format!("{}/", self.external.as_ref().unwrap_or(&self.prefix).0);
        let route = |path: &str| {
            let landing = landing.clone();
            metrics_core::get_only(path, move || {
                let response = HttpResponse::Found().insert_header((header::LOCATION, landing.clone())).finish();
                std::future::ready(response)
            })
        };
        vec![route("/"), route(&self.prefix.0)]
    }
}

/// Nothing, or a path that begins with a slash and ends with none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Prefix(String);

impl FromStr for Prefix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = text.trim_matches('/');
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        // Clients take dots away before they ask.
        let part = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(plain);
        match path {
            "" => Ok(Self::default()),
            path if path.split('/').all(part) => Ok(Self(format!("/{path}"))),
            _ => Err("write a path of letters, digits, `-`, `.`, `_` and `~`, e.g. /exporter"),
        }
    }
}

#[derive(Debug, Clone)]
struct ExternalUrl {
    text: String,
    path: Prefix,
}

impl FromStr for ExternalUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HINT: &str = "write it as https://HOST[:PORT][/PATH], without user name, query and fragment";
        let url = Url::parse(text).map_err(|_| HINT)?;
        let plain = url.username().is_empty() && url.password().is_none();
        let whole = url.query().is_none() && url.fragment().is_none() && url.has_host();
        if !(plain && whole && matches!(url.scheme(), "http" | "https")) {
            return Err(HINT);
        }
        Ok(Self { text: url.to_string(), path: url.path().parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_prefix() {
        for (text, prefix) in [("", ""), ("/", ""), ("x", "/x"), ("/x/", "/x"), ("//x/y.z//", "/x/y.z")] {
            assert_eq!(text.parse(), Ok(Prefix(prefix.to_owned())), "{text}");
        }
        for text in ["/a b", "/a//b", "/{x}", "/a?b", "/a#b", "/ä", "/%41", "/../x", "/x/."] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_prefix_is_the_path_of_the_external_url_unless_it_is_given() {
        let paths = |external: Option<&str>, prefix: Option<&str>| {
            let external_url = external.map(|url| url.parse().unwrap());
            PathFlags { external_url, route_prefix: prefix.map(|prefix| prefix.parse().unwrap()) }.paths()
        };
        for (external, prefix, expected) in [
            (None, None, ""),
            (None, Some("/x"), "/x"),
            (Some("https://127.0.0.1/x/"), None, "/x"),
            (Some("https://127.0.0.1/x"), Some("/"), ""),
            (Some("https://127.0.0.1"), None, ""),
        ] {
            assert_eq!(
                paths(external, prefix).of("/metrics"),
                format!("{expected}/metrics"),
                "{external:?} {prefix:?}"
            );
        }
        for url in [
            "x",
            "127.0.0.1:80",
            "ftp://127.0.0.1",
            "https://a:b@127.0.0.1",
            "http://127.0.0.1/?x",
            "http://127.0.0.1/#x",
        ] {
            assert!(url.parse::<ExternalUrl>().is_err(), "{url}");
        }
    }
}
