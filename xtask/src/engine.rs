//! Which container engine there is, and which compose client speaks to it.

use std::fmt;

use anyhow::{Result, bail};
use xshell::{Cmd, Shell, cmd};

/// A compose client, in the order in which they are preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// The plugin of the docker command, version 2.
    DockerPlugin,
    /// A command of its own: version 1.29, or version 2 under the old name.
    DockerCompose,
    Podman,
}

impl Client {
    pub(crate) const ALL: [Client; 3] = [Client::DockerPlugin, Client::DockerCompose, Client::Podman];

    fn argv(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Client::DockerPlugin => ("docker", &["compose"]),
            Client::DockerCompose => ("docker-compose", &[]),
            Client::Podman => ("podman", &["compose"]),
        }
    }

    /// The engine's own command line, for what compose does not tell.
    pub(crate) fn engine(self) -> &'static str {
        match self {
            Client::DockerPlugin | Client::DockerCompose => "docker",
            Client::Podman => "podman",
        }
    }

    pub(crate) fn cmd(self, sh: &Shell) -> Cmd<'_> {
        let (program, args) = self.argv();
        sh.cmd(program).args(args)
    }

    pub(crate) fn works(self, sh: &Shell) -> bool {
        succeeds(self.cmd(sh).arg("version"))
    }

    /// The first client that is there and whose engine answers.
    pub(crate) fn detect(sh: &Shell) -> Result<Client> {
        choose(|client| client.works(sh), |client| answers(sh, client.engine()))
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (program, args) = self.argv();
        write!(f, "{program}")?;
        args.iter().try_for_each(|arg| write!(f, " {arg}"))
    }
}

/// Only the server's part tells whether an engine runs; a client alone has a version too.
pub(crate) fn answers(sh: &Shell, engine: &str) -> bool {
    succeeds(cmd!(sh, "{engine} info"))
}

fn succeeds(cmd: Cmd<'_>) -> bool {
    cmd.quiet().ignore_stdout().ignore_stderr().run().is_ok()
}

fn choose(works: impl Fn(Client) -> bool, answers: impl Fn(Client) -> bool) -> Result<Client> {
    let there: Vec<Client> = Client::ALL.into_iter().filter(|client| works(*client)).collect();
    if let Some(client) = there.iter().find(|client| answers(**client)) {
        return Ok(*client);
    }
    match there.first() {
        Some(client) => bail!(
            "{client} is installed, but its engine does not answer: start {}, or run without containers: cargo xtask up --native",
            client.engine()
        ),
        None => bail!(
            "found none of docker compose, docker-compose, podman compose: install Docker with its compose plugin, \
             or run without containers: cargo xtask up --native"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{Client, choose};

    #[test]
    fn the_plugin_comes_before_the_old_command_and_podman() {
        assert_eq!(choose(|_| true, |_| true).unwrap(), Client::DockerPlugin);
        assert_eq!(choose(|client| client != Client::DockerPlugin, |_| true).unwrap(), Client::DockerCompose);
    }

    #[test]
    fn a_client_without_an_engine_gives_way_to_one_with_an_engine() {
        assert_eq!(choose(|_| true, |client| client == Client::Podman).unwrap(), Client::Podman);
    }

    #[test]
    fn without_a_client_the_message_says_what_to_install_and_how_to_do_without() {
        let message = choose(|_| false, |_| true).unwrap_err().to_string();
        assert!(message.contains("install Docker") && message.contains("up --native"), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }

    #[test]
    fn without_an_engine_the_message_names_it() {
        let message = choose(|client| client == Client::DockerCompose, |_| false).unwrap_err().to_string();
        assert!(message.starts_with("docker-compose is installed") && message.contains("start docker"), "{message}");
    }
}
