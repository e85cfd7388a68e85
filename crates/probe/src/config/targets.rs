//! Targets out of a file.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use url::Url;

use super::clients::{Clients, DEFAULT_MODULE};
use super::error::shown_path;
use super::files::Files;
use super::labels::{self, Label};
use super::section::{Problem, Section, shown, text};
use super::yaml::{Node, Value};
use super::{ConfigDefaults, FileError, OnDemand, Position, values};
use crate::allow::Allow;
use crate::target::{Detail, Spec, Target, UrlError, parse_url};

const KNOWN: &[&str] = &["name", "url", "interval", "timeout", "module", "slow_after", "labels", "metrics"];

/// Targets in all files together.
const MOST: usize = 100_000;
/// A run takes a while by itself.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
/// What a run may take where nobody says it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The targets of a configuration, as far as they are read.
pub(super) struct Targets<'c> {
    pub(super) files: &'c mut Files,
    defaults: &'c ConfigDefaults,
    clients: Clients<'c>,
    /// Where the name of each stands.
    names: HashMap<String, Place>,
    /// The names of the labels of the first target, which all others have too.
    labels: Option<(Place, Vec<String>)>,
    ours: Vec<Target>,
}

/// A line of one of the files.
struct Place {
    path: Rc<str>,
    line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.path, self.line)
    }
}

impl<'c> Targets<'c> {
    pub(super) fn new(defaults: &'c ConfigDefaults, clients: Clients<'c>, files: &'c mut Files) -> Self {
        Self { files, defaults, clients, names: HashMap::new(), labels: None, ours: Vec::new() }
    }

    /// All modules, made ready for runs on demand, where `allow` says that there are any. One that cannot be used spoils nothing:
    /// nobody may ever ask for it.
    pub(super) fn on_demand(&mut self, allow: Vec<Allow>) -> OnDemand {
        let modules = if allow.is_empty() { Vec::new() } else { self.clients.all(self.files) };
        OnDemand::new(allow.into(), modules)
    }

    /// Those of our share, and how many there are in all.
    pub(super) fn done(mut self) -> (Vec<Target>, usize) {
        self.ours.shrink_to_fit();
        (self.ours, self.names.len())
    }

    /// Reads a list of targets.
    pub(super) fn read(&mut self, path: &Path, node: &Node) -> Result<(), FileError> {
        let nodes = match &node.value {
            Value::List(nodes) => nodes.as_slice(),
            Value::Null => &[],
            _ => {
                let message = format!("targets must be a list, not {}; write - before each target", node.kind());
                return Err(Problem::new(node.at, message).located(path));
            }
        };
        let shown_path = Rc::from(shown_path(path));
        nodes.iter().try_for_each(|node| self.target(&shown_path, node)).map_err(|problem| problem.located(path))
    }

    fn target(&mut self, path: &Rc<str>, node: &Node) -> Result<(), Problem> {
        let target = Section::new("the target", node, KNOWN)?;
        let (at, written) = target
            .text("url")?
            .ok_or_else(|| Problem::new(node.at, "a target without url; write url: https://HOST[:PORT][/PATH]"))?;
        let url = url(at, written)?;
        let name = self.name(path, &target, (at, written))?;
        let interval = interval(&target)?.unwrap_or(self.defaults.interval);
        let (at, module) = target.text("module")?.unwrap_or((node.at, DEFAULT_MODULE));
        let client = self.clients.get(module, self.files).map_err(|message| Problem::new(at, message))?;
        let timeout = self.timeout(&target, module, client.module().timeout, interval)?;
        let labels = labels::read(&target)?;
        self.same_labels(path, &target, &labels)?;
        let target = Target {
            spec: Spec { url, timeout, client },
            module: module.to_owned(),
            interval,
            slow_after: slow_after(&target, timeout)?,
            labels: labels.into_iter().map(|label| (label.name, label.value)).collect(),
            metrics: detail(&target)?,
            name,
        };
        if self.defaults.shard.has(&target.name) {
            self.ours.push(target);
        }
        Ok(())
    }

    /// The name, which no other target has: where none is given, the URL as it is written.
    fn name(&mut self, path: &Rc<str>, target: &Section<'_>, url: (Position, &str)) -> Result<String, Problem> {
        let (what, at, name) = match target.get("name") {
            Some(node) => ("name", node.at, text("name", node)?),
            None => ("the URL, which is the name where none is given", url.0, url.1),
        };
        if name.trim().is_empty() {
            return Err(Problem::new(
                at,
                "an empty name; write one, or leave the option out: the URL is the name then",
            ));
        }
        labels::check(what, at, name)?;
        if let Some(first) = self.names.get(name) {
            let message =
                format!("{what}: {} is the name of the target in {first}; give one of them another", shown(name));
            return Err(Problem::new(at, message));
        }
        if self.names.len() == MOST {
            return Err(Problem::new(at, format!("more than {MOST} targets; split them between several exporters")));
        }
        self.names.insert(name.to_owned(), Place { path: path.clone(), line: at.line });
        Ok(name.to_owned())
    }

    /// The target's own timeout, that of its module, or a default; at most the interval.
    fn timeout(
        &self,
        target: &Section<'_>,
        module: &str,
        of_module: Option<Duration>,
        interval: Duration,
    ) -> Result<Duration, Problem> {
        let own = target.text("timeout")?.map(|text| values::duration("timeout", text)).transpose()?;
        let (whose, timeout) = match (own, of_module, self.defaults.timeout) {
            (Some(timeout), ..) => ("timeout".to_owned(), timeout),
            (None, Some(timeout), _) => (format!("the timeout of module {},", shown(module)), timeout),
            (None, None, Some(timeout)) => ("--probe.timeout".to_owned(), timeout),
            (None, None, None) => return Ok(TIMEOUT.min(interval)),
        };
        if timeout <= interval {
            return Ok(timeout);
        }
        let at = target.value("timeout").or_else(|| target.value("interval")).unwrap_or(target.at);
        let written = humantime::format_duration;
        let message = format!(
            "{whose} {} is longer than the interval, {}: a run must end before the next one starts; lower the timeout or raise \
             the interval",
            written(timeout),
            written(interval)
        );
        Err(Problem::new(at, message))
    }

    /// All targets have labels of the same names: those of the first one.
    fn same_labels(&mut self, path: &Rc<str>, target: &Section<'_>, labels: &[Label]) -> Result<(), Problem> {
        let Some((first, names)) = &self.labels else {
            let names = labels.iter().map(|label| label.name.clone()).collect();
            self.labels = Some((Place { path: path.clone(), line: target.at.line }, names));
            return Ok(());
        };
        if let Some(label) = labels.iter().find(|label| !names.contains(&label.name)) {
            let message = format!(
                "label {}, which the first target in {first} does not have: all have the same; leave it out, or give it to all",
                shown(&label.name)
            );
            return Err(Problem::new(label.at, message));
        }
        match names.iter().find(|name| labels.iter().all(|label| label.name != **name)) {
            None => Ok(()),
            Some(name) => {
                let at = target.value("labels").unwrap_or(target.at);
                let message = format!(
                    "no label {}, which the first target in {first} has: all have the same; write {0}: and a value",
                    shown(name)
                );
                Err(Problem::new(at, message))
            }
        }
    }
}

/// What is wrong with it is said without it: a password may stand in it.
fn url(at: Position, written: &str) -> Result<Url, Problem> {
    let error = match parse_url(written) {
        Ok(url) => return Ok(url),
        // `name:password@host` has the scheme `name`.
        Err(UrlError::Scheme(_)) if written.contains('@') => UrlError::Credentials,
        Err(error) => error,
    };
    Err(Problem::new(at, format!("url: {error}")))
}

fn interval(target: &Section<'_>) -> Result<Option<Duration>, Problem> {
    let Some((at, text)) = target.text("interval")? else { return Ok(None) };
    let interval = values::duration("interval", (at, text))?;
    if interval < SHORTEST_INTERVAL {
        return Err(Problem::new(at, format!("interval {}: too short; write at least 10ms", shown(text))));
    }
    Ok(Some(interval))
}

fn slow_after(target: &Section<'_>, timeout: Duration) -> Result<Option<Duration>, Problem> {
    let Some((at, text)) = target.text("slow_after")? else { return Ok(None) };
    let slow_after = values::duration("slow_after", (at, text))?;
    if slow_after >= timeout {
        let timeout = humantime::format_duration(timeout);
        let message = format!(
            "slow_after {}: no run that succeeds takes so long; write less than the timeout, {timeout}",
            shown(text)
        );
        return Err(Problem::new(at, message));
    }
    Ok(Some(slow_after))
}

fn detail(target: &Section<'_>) -> Result<Detail, Problem> {
    match target.text("metrics")? {
        None => Ok(Detail::default()),
        Some((_, "phases")) => Ok(Detail::Phases),
        Some((_, "totals")) => Ok(Detail::Totals),
        Some((at, other)) => {
            Err(Problem::new(at, format!("metrics {}: not known; write phases or totals", shown(other))))
        }
    }
}
