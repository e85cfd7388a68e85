//! The services of compose.yaml: what profile each belongs to, and at which port of 127.0.0.1 users find it.

use std::fmt;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use xshell::Shell;

/// What is started on demand, beside the exporter and Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    Alertmanager,
    Grafana,
    /// Two exporters that share the targets of a file, and one that asks them all.
    Fleet,
}

impl Profile {
    pub(crate) const ALL: [Profile; 3] = [Profile::Alertmanager, Profile::Grafana, Profile::Fleet];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Profile::Alertmanager => "alertmanager",
            Profile::Grafana => "grafana",
            Profile::Fleet => "fleet",
        }
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(name: &str) -> Result<Profile, String> {
        let known = Profile::ALL.into_iter().find(|profile| profile.name() == name);
        known.ok_or(format!("`{name}` is no profile: choose alertmanager, grafana or fleet"))
    }
}

pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) profile: Option<Profile>,
    pub(crate) port: Option<Port>,
}

/// Where users find a service.
pub(crate) struct Port {
    variable: &'static str,
    default: u16,
    /// What to look at first.
    page: &'static str,
}

impl Service {
    /// Whether Prometheus is to scrape it.
    pub(crate) fn is_exporter(&self) -> bool {
        self.name == EXPORTER || self.profile == Some(Profile::Fleet)
    }
}

pub(crate) const EXPORTER: &str = "actix_exporter";
pub(crate) const PROMETHEUS: &str = "prometheus";
pub(crate) const GRAFANA: &str = "grafana";

pub(crate) const SERVICES: [Service; 7] = [
    Service {
        name: EXPORTER,
        profile: None,
        port: Some(Port { variable: "ACTIX_EXPORTER_PORT", default: 2121, page: "/3-shake-status" }),
    },
    Service {
        name: PROMETHEUS,
        profile: None,
        port: Some(Port { variable: "PROMETHEUS_PORT", default: 9090, page: "/alerts" }),
    },
    Service {
        name: "alertmanager",
        profile: Some(Profile::Alertmanager),
        port: Some(Port { variable: "ALERTMANAGER_PORT", default: 9093, page: "/" }),
    },
    Service {
        name: GRAFANA,
        profile: Some(Profile::Grafana),
        port: Some(Port { variable: "GRAFANA_PORT", default: 3000, page: "/dashboards" }),
    },
    member("shard_1"),
    member("shard_2"),
    member("replica"),
];

const fn member(name: &'static str) -> Service {
    Service { name, profile: Some(Profile::Fleet), port: None }
}

/// Those of the stack when these profiles are started.
pub(crate) fn of(profiles: &[Profile]) -> impl Iterator<Item = &'static Service> {
    SERVICES.iter().filter(move |service| service.profile.is_none_or(|profile| profiles.contains(&profile)))
}

/// Those that services belong to.
pub(crate) fn profiles_of(names: &[&str]) -> Vec<Profile> {
    let belongs = |profile: &Profile| {
        SERVICES.iter().any(|service| service.profile == Some(*profile) && names.contains(&service.name))
    };
    Profile::ALL.into_iter().filter(belongs).collect()
}

/// The addresses that users see, one for each service that has a port.
#[derive(Clone)]
pub(crate) struct Ports(Vec<(&'static Service, SocketAddr)>);

impl Ports {
    pub(crate) fn from_env(sh: &Shell) -> Result<Ports> {
        Ports::chosen(|port| from_variable(sh, port.variable, port.default))
    }

    pub(crate) fn chosen(mut choose: impl FnMut(&Port) -> Result<SocketAddr>) -> Result<Ports> {
        let with_port = SERVICES.iter().filter_map(|service| Some((service, service.port.as_ref()?)));
        Ok(Ports(with_port.map(|(service, port)| Ok((service, choose(port)?))).collect::<Result<_>>()?))
    }

    pub(crate) fn of(&self, name: &str) -> Option<SocketAddr> {
        self.0.iter().find(|(service, _)| service.name == name).map(|(_, address)| *address)
    }

    pub(crate) fn exporter(&self) -> SocketAddr {
        self.of(EXPORTER).expect("the exporter has a port")
    }

    pub(crate) fn prometheus(&self) -> SocketAddr {
        self.of(PROMETHEUS).expect("Prometheus has a port")
    }

    /// The page of a service to look at first.
    pub(crate) fn url(&self, service: &Service) -> Option<String> {
        Some(format!("http://localhost:{}{}", self.of(service.name)?.port(), service.port.as_ref()?.page))
    }

    /// For the environment of compose.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.0
            .iter()
            .filter_map(|(service, address)| Some((service.port.as_ref()?.variable, address.port().to_string())))
    }

    /// One clear line before anything is built or started, rather than an engine's words after it.
    pub(crate) fn check_free(&self, profiles: &[Profile], ours: impl Fn(SocketAddr) -> bool) -> Result<()> {
        for service in of(profiles) {
            let (Some(address), Some(port)) = (self.of(service.name), &service.port) else { continue };
            let taken = TcpListener::bind(address).is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
            ensure!(
                !taken || ours(address),
                "port {} on {} is taken by another program: stop it, or choose another port with {}=PORT",
                address.port(),
                address.ip(),
                port.variable,
            );
        }
        Ok(())
    }

    /// What pages of the exporter link to for graphs.
    pub(crate) fn graph_url(&self, profiles: &[Profile]) -> String {
        match self.of(GRAFANA) {
            Some(grafana) if profiles.contains(&Profile::Grafana) => {
                format!("http://localhost:{}/d/actix-external-access?var-target={{target}}", grafana.port())
            }
            _ => format!(
                "http://localhost:{}/graph?g0.expr=last_external_access_status_code&g0.tab=0",
                self.prometheus().port()
            ),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn from_variable(sh: &Shell, variable: &str, default: u16) -> Result<SocketAddr> {
    let port = match super::variable(sh, variable) {
        None => default,
        Some(text) => text.parse().ok().filter(|port| *port != 0).with_context(|| {
            format!("environment variable {variable}: `{text}` is no port; give a number from 1 to 65535")
        })?,
    };
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use xshell::Shell;

    use super::{Ports, Profile, SERVICES, of, profiles_of};

    #[test]
    fn they_are_those_of_compose_yaml_with_their_ports_and_profiles() {
        let compose = std::fs::read_to_string(crate::root().join(crate::stack::FILE)).unwrap();
        for service in &SERVICES {
            let (_, rest) = compose.split_once(&format!("\n  {}:\n", service.name)).expect(service.name);
            let section = rest.split("\n  ").take_while(|line| line.starts_with(' ')).collect::<Vec<_>>().join("\n");
            if let Some(port) = &service.port {
                assert!(section.contains(&format!("${{{}:-{}}}", port.variable, port.default)), "{section}");
            }
            match service.profile {
                Some(Profile::Fleet) => assert!(section.contains("*member"), "{section}"),
                Some(profile) => assert!(section.contains(&format!("profiles: [{profile}]")), "{section}"),
                None => assert!(!section.contains("profiles:"), "{section}"),
            }
        }
    }

    #[test]
    fn ports_come_from_the_environment_and_empty_counts_as_unset() {
        let sh = Shell::new().unwrap();
        sh.set_var("ACTIX_EXPORTER_PORT", "12121");
        sh.set_var("PROMETHEUS_PORT", "");
        let ports = Ports::from_env(&sh).unwrap();
        assert_eq!((ports.exporter().port(), ports.prometheus().port()), (12121, 9090));
    }

    #[test]
    fn a_wrong_port_names_the_variable_and_the_value() {
        for wrong in ["0", "65536", "http", "-1"] {
            let sh = Shell::new().unwrap();
            sh.set_var("GRAFANA_PORT", wrong);
            let message = Ports::from_env(&sh).err().unwrap().to_string();
            assert!(message.contains("GRAFANA_PORT") && message.contains(wrong), "{message}");
        }
    }

    // K6
    #[test]
    fn a_taken_port_is_named_unless_it_is_our_own_or_of_what_is_not_started() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let free = "127.0.0.1:0".parse().unwrap();
        let ports = Ports::chosen(|port| Ok(if port.variable == "GRAFANA_PORT" { address } else { free })).unwrap();
        let message = ports.check_free(&Profile::ALL, |_| false).unwrap_err().to_string();
        assert!(message.contains(&format!("port {}", address.port())) && message.contains("GRAFANA_PORT"), "{message}");
        ports.check_free(&Profile::ALL, |_| true).unwrap();
        ports.check_free(&[], |_| false).unwrap();
    }

    #[test]
    fn an_unknown_profile_is_told_which_there_are() {
        assert_eq!("fleet".parse(), Ok(Profile::Fleet));
        let message = "loki".parse::<Profile>().unwrap_err();
        assert!(message.contains("`loki`") && Profile::ALL.iter().all(|profile| message.contains(profile.name())));
    }

    #[test]
    fn graphs_are_prometheus_own_or_those_of_grafana() {
        let ports = Ports::from_env(&Shell::new().unwrap()).unwrap();
        assert!(ports.graph_url(&[]).contains("/graph?g0.expr=last_external_access_status_code"));
        assert!(ports.graph_url(&[Profile::Grafana]).ends_with("/d/actix-external-access?var-target={target}"));
    }

    #[test]
    fn services_and_profiles_belong_together() {
        assert_eq!(of(&[]).count(), 2);
        assert_eq!(of(&Profile::ALL).count(), SERVICES.len());
        assert_eq!(profiles_of(&["prometheus", "shard_2", "grafana"]), [Profile::Grafana, Profile::Fleet]);
    }
}
