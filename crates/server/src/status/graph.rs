//! Where there are graphs of a target: a dashboard of Grafana, or Prometheus' own page.

use std::str::FromStr;

use probe::Url;

use super::html::url_encoded;

/// The flag that says it.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Web server")]
pub(crate) struct GraphFlags {
    /// Where pages of a target lead to for graphs: a dashboard of Grafana, or Prometheus. {target} stands for the target's name
    #[arg(long = "web.graph-url", value_name = "URL", global = true)]
    #[arg(env = "ACTIX_EXPORTER_WEB_GRAPH_URL", hide_env_values = true)]
    pub(crate) graph_url: Option<GraphUrl>,
}

/// A URL in which `{target}` stands for the name of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GraphUrl(String);

const TARGET: &str = "{target}";

impl FromStr for GraphUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HINT: &str = "write it as http://HOST[:PORT]/PATH?QUERY; {target} in it is the name of the target";
        let url = Url::parse(&text.replace(TARGET, "x")).map_err(|_| HINT)?;
        // It is a link of a page that anybody may see.
        let plain = url.username().is_empty() && url.password().is_none() && url.has_host();
        // Where the name would be another host, it would lead anywhere.
        let host = url.host_str().map(str::to_owned);
        let fixed =
            Url::parse(&text.replace(TARGET, "y")).is_ok_and(|other| other.host_str().map(str::to_owned) == host);
        if plain && fixed && matches!(url.scheme(), "http" | "https") { Ok(Self(text.to_owned())) } else { Err(HINT) }
    }
}

impl GraphUrl {
    pub(super) fn of(&self, target: &str) -> String {
        self.0.replace(TARGET, &url_encoded(target))
    }
}

#[cfg(test)]
mod tests {
    use super::GraphUrl;

    #[test]
    fn the_name_of_the_target_is_encoded() {
        let url: GraphUrl = "http://127.0.0.1:3000/d/x?var-target={target}&from=now-1h".parse().unwrap();
        assert_eq!(
            url.of("https://a b/?c&d#\"é"),
            "http://127.0.0.1:3000/d/x?var-target=https%3A%2F%2Fa%20b%2F%3Fc%26d%23%22%C3%A9&from=now-1h"
        );
        let url: GraphUrl = "https://127.0.0.1/graph?g0.expr=up".parse().unwrap();
        assert_eq!(url.of("any"), "https://127.0.0.1/graph?g0.expr=up");
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for text in [
            "",
            "/graph",
            "127.0.0.1:9090/graph",
            "javascript:alert(1)",
            "file:///x",
            "http://a:b@127.0.0.1/",
            "http://{target}/",
            "http://127.0.0.1:{target}/",
        ] {
            assert!(text.parse::<GraphUrl>().unwrap_err().contains("{target}"), "{text}");
        }
    }
}
