//! How long the server waits for a client, and how many it has at a time.

use std::num::NonZeroUsize;
use std::time::Duration;

use probe::command_line::duration;

/// The flags that say it.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Limits of the web server")]
pub(crate) struct Limits {
    /// How many connections there may be at the same time; one more is answered 503 and closed. At most a quarter of the files that may be open
    #[arg(long = "web.max-connections", value_name = "NUMBER", default_value = "4096")]
    #[arg(env = "ACTIX_EXPORTER_WEB_MAX_CONNECTIONS", hide_env_values = true)]
    pub(crate) max_connections: NonZeroUsize,

    /// How long a client may take for its TLS handshake, then for the head of a request, and then for a body, which nobody reads; one that
    /// is slower is answered 408, or closed
    #[arg(long = "web.header-timeout", value_name = "DURATION", default_value = "5s", value_parser = seconds)]
    #[arg(env = "ACTIX_EXPORTER_WEB_HEADER_TIMEOUT", hide_env_values = true)]
    pub(crate) header_timeout: Duration,

    /// How long a connection is kept between two requests
    #[arg(long = "web.keep-alive", value_name = "DURATION", default_value = "5s", value_parser = seconds)]
    #[arg(env = "ACTIX_EXPORTER_WEB_KEEP_ALIVE", hide_env_values = true)]
    pub(crate) keep_alive: Duration,

    /// How long a client may take nothing of an answer before its connection is closed
    #[arg(long = "web.write-timeout", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    #[arg(env = "ACTIX_EXPORTER_WEB_WRITE_TIMEOUT", hide_env_values = true)]
    pub(crate) write_timeout: Duration,

    /// How long to go on serving after SIGTERM, with /-/ready at 503, so that load balancers look elsewhere first [default: not at all]
    #[arg(long = "web.shutdown-delay", value_name = "DURATION", value_parser = duration)]
    #[arg(env = "ACTIX_EXPORTER_WEB_SHUTDOWN_DELAY", hide_env_values = true)]
    pub(crate) shutdown_delay: Option<Duration>,
}

/// actix-http looks at its clock twice a second, and would take less for nothing.
fn seconds(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration < Duration::from_secs(1) { Err("must be at least 1s".to_owned()) } else { Ok(duration) }
}
