//! What is shipped to be looked at: every expression of the dashboards has an answer, and dashboards and rules name no metric
//! that there is not.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::rules;
use crate::prometheus::Api;
use crate::wait;

const FOLDER: &str = "compose/grafana/dashboards";
/// Of Prometheus itself.
const ITS_OWN: [&str; 4] = ["up", "scrape_duration_seconds", "scrape_samples_scraped", "ALERTS"];

/// A dashboard as its file has it.
struct Dashboard {
    file: String,
    json: Value,
}

/// An expression, where it stands, and with its variables filled in.
struct Expression {
    place: String,
    expr: String,
}

fn all() -> Result<Vec<Dashboard>> {
    let files = rules::files(FOLDER)?;
    ensure!(!files.is_empty(), "{FOLDER} has no dashboards");
    let read = |file: String| {
        let text = fs::read_to_string(crate::root().join(&file))?;
        let json = serde_json::from_str(&text).with_context(|| format!("{file}: not JSON"))?;
        Ok(Dashboard { file, json })
    };
    files.into_iter().map(read).collect()
}

impl Dashboard {
    fn panels(&self) -> impl Iterator<Item = &Value> {
        self.json["panels"].as_array().into_iter().flatten().filter(|panel| panel["type"] != "row")
    }

    fn expressions(&self) -> Vec<Expression> {
        let of_panel = |panel: &Value| {
            let place = format!("{}, `{}`", self.file, panel["title"].as_str().unwrap_or_default());
            let targets = panel["targets"].as_array().cloned().unwrap_or_default();
            targets.into_iter().map(move |target| Expression {
                place: place.clone(),
                expr: filled_in(target["expr"].as_str().unwrap_or_default()),
            })
        };
        self.panels().flat_map(of_panel).collect()
    }
}

/// As Grafana does it when all is chosen.
fn filled_in(expr: &str) -> String {
    ["$job", "$path", "$target", "$instance"]
        .into_iter()
        .fold(expr.replace("$__rate_interval", "1m"), |expr, variable| expr.replace(variable, ".+"))
}

/// Waits until each of them has an answer.
pub(super) fn all_answer(api: &Api, limit: Duration) -> Result<()> {
    let expressions: Vec<_> = all()?.iter().flat_map(Dashboard::expressions).collect();
    ensure!(expressions.len() > 50, "only {} expressions were found", expressions.len());
    wait::until("every expression of the dashboards has an answer", limit, |last| {
        let mut empty = Vec::new();
        for Expression { place, expr } in &expressions {
            let answer = api.get("query", &[("query", expr)]).with_context(|| format!("{place}: {expr}"))?;
            if answer["result"].as_array().is_none_or(Vec::is_empty) {
                empty.push(format!("{place}: {expr}"));
            }
        }
        *last = format!("without an answer: {}", empty.join(" | "));
        Ok(empty.is_empty().then_some(()))
    })
}

/// All rules are loaded, and none has failed.
pub(super) fn rules_work(api: &Api, limit: Duration) -> Result<()> {
    let mut written = 0;
    for file in rules::files(rules::FOLDER)? {
        let text = fs::read_to_string(crate::root().join(file))?;
        written += text.matches("- alert:").count() + text.matches("- record:").count();
    }
    wait::until("all rules are evaluated without an error", limit, |last| {
        let rules = loaded(api)?;
        let bad: Vec<String> = rules
            .iter()
            .filter(|rule| rule["health"] != "ok")
            .map(|rule| format!("{}: {} {}", rule["name"], rule["health"], rule["lastError"]))
            .collect();
        *last = format!("{} of {written} rules; {}", rules.len(), bad.join(" | "));
        Ok((rules.len() == written && bad.is_empty()).then_some(()))
    })
}

/// The rules as Prometheus tells of them.
fn loaded(api: &Api) -> Result<Vec<Value>> {
    let answer = api.get("rules", &[])?;
    let groups = answer["groups"].as_array().context("Prometheus names no groups of rules")?;
    Ok(groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect())
}

/// Names in dashboards and rules are in what the exporters expose, or recorded. `exposed` is the text of `/metrics`.
/// Needs Prometheus 3, whose parser says which names there are.
pub(super) fn names_are_known(api: &Api, exposed: &str) -> Result<()> {
    let mut known: BTreeSet<String> = ITS_OWN.iter().map(|name| (*name).to_owned()).collect();
    for line in exposed.lines() {
        let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) else { continue };
        known.insert(name.to_owned());
        if kind == "histogram" {
            known.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")));
        }
    }
    let mut used = Vec::new();
    for rule in loaded(api)? {
        if rule["type"] == "recording" {
            known.extend(rule["name"].as_str().map(str::to_owned));
        }
        let expr = rule["query"].as_str().unwrap_or_default().to_owned();
        used.push(Expression { place: format!("rule {}", rule["name"]), expr });
    }
    used.extend(all()?.iter().flat_map(Dashboard::expressions));
    for Expression { place, expr } in used {
        let mut names = BTreeSet::new();
        selected(&api.get("parse_query", &[("query", &expr)])?, &mut names);
        ensure!(!names.is_empty() || expr.starts_with("vector("), "{place}: no metric in {expr}");
        let unknown: Vec<_> = names.difference(&known).cloned().collect();
        ensure!(unknown.is_empty(), "{place}: nobody exposes {}: {expr}", unknown.join(", "));
    }
    Ok(())
}

/// The names of all selectors of an expression, as Prometheus has parsed it.
fn selected(node: &Value, names: &mut BTreeSet<String>) {
    if node["type"].as_str().is_some_and(|kind| kind.ends_with("Selector")) {
        names.extend(node["name"].as_str().map(str::to_owned));
    }
    match node {
        Value::Object(fields) => fields.values().for_each(|field| selected(field, names)),
        Value::Array(items) => items.iter().for_each(|item| selected(item, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{all, filled_in};

    #[test]
    fn each_dashboard_can_be_provisioned() {
        let mut uids = HashSet::new();
        for dashboard in all().unwrap() {
            let (file, json) = (&dashboard.file, &dashboard.json);
            assert!(json["title"].is_string() && json["description"].is_string(), "{file}");
            assert!(json["schemaVersion"].as_u64().unwrap() >= 39, "{file}");
            let uid = json["uid"].as_str().unwrap().to_owned();
            assert!(uid.len() <= 40 && uids.insert(uid), "{file}: uid");
            assert!(json["id"].is_null(), "{file}: an id is of one Grafana alone");
            let variables = json["templating"]["list"].as_array().unwrap();
            assert_eq!(variables[0]["type"], "datasource", "{file}");
            for variable in variables {
                let name = format!("${}", variable["name"].as_str().unwrap());
                let braced = name.replace('$', "${") + "}";
                let text = json.to_string();
                assert!(text.contains(&name) || text.contains(&braced), "{file}: {name} is not used");
            }
        }
    }

    #[test]
    fn panels_have_a_place_a_title_a_unit_and_the_data_source_that_is_chosen() {
        for dashboard in all().unwrap() {
            let mut ids = HashSet::new();
            let mut taken = HashSet::new();
            for panel in dashboard.json["panels"].as_array().unwrap() {
                let place = format!("{}, {}", dashboard.file, panel["title"]);
                assert!(ids.insert(panel["id"].as_u64().unwrap()), "{place}: id");
                assert!(!panel["title"].as_str().unwrap().is_empty(), "{place}");
                let grid = |side: &str| panel["gridPos"][side].as_u64().unwrap();
                assert!(grid("x") + grid("w") <= 24, "{place}: too wide");
                for cell in (grid("x")..grid("x") + grid("w"))
                    .flat_map(|x| (grid("y")..grid("y") + grid("h")).map(move |y| (x, y)))
                {
                    assert!(taken.insert(cell), "{place}: lies on another panel");
                }
                if panel["type"] == "row" {
                    continue;
                }
                assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{place}: unit");
                let mut refs = HashSet::new();
                for target in panel["targets"].as_array().unwrap() {
                    assert_eq!(target["datasource"]["uid"], "${datasource}", "{place}");
                    assert!(refs.insert(target["refId"].as_str().unwrap()), "{place}: refId");
                    assert!(!filled_in(target["expr"].as_str().unwrap()).contains('$'), "{place}");
                }
                assert!(!refs.is_empty(), "{place}: shows nothing");
            }
        }
    }

    #[test]
    fn the_graph_of_the_article_is_among_them() {
        let expressions: Vec<_> = all().unwrap().iter().flat_map(super::Dashboard::expressions).collect();
        assert!(expressions.iter().any(|found| found.expr.starts_with("last_external_access_status_code{")));
    }
}
