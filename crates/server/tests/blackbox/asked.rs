//! A prober that is asked as Prometheus asks it.

use std::any::Any;
use std::net::SocketAddr;
use std::time::Duration;

use ureq::Agent;

/// What Prometheus says of its patience; the probers take a bit of it for themselves.
const SCRAPE_TIMEOUT: &str = "20";

pub(crate) struct Asked {
    probe: String,
    agent: Agent,
    /// Runs for as long as it is asked.
    _program: Box<dyn Any>,
}

impl Asked {
    pub(crate) fn at(address: SocketAddr, program: impl Any) -> Self {
        let agent = Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self { probe: format!("http://{address}/probe"), agent: agent.into(), _program: Box::new(program) }
    }

    /// Status and body of what it answers.
    pub(crate) fn probe(&self, query: &[(&str, &str)]) -> (u16, String) {
        let request = self.agent.get(&self.probe).query_pairs(query.iter().copied());
        let mut answer = request.header("X-Prometheus-Scrape-Timeout-Seconds", SCRAPE_TIMEOUT).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }
}
