//! The bill of materials: every crate whose code is in the program, in the form of CycloneDX 1.5.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use crate::build;

/// As JSON. It has no date and no serial number, so that the same crates make the same file.
pub(super) fn of_the_server(sh: &Shell, version: &str) -> Result<String> {
    let host = build::host(sh)?;
    let metadata = cmd!(sh, "cargo metadata --format-version 1 --locked --filter-platform {host}").quiet().read()?;
    let bom = bom(&serde_json::from_str(&metadata)?, &sh.read_file("Cargo.lock")?, version)?;
    Ok(serde_json::to_string_pretty(&bom)? + "\n")
}

fn bom(metadata: &Value, lock: &str, version: &str) -> Result<Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let packages: BTreeMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|package| (text(&package["id"]), package)).collect();
    let nodes: BTreeMap<String, Value> =
        list(&metadata["resolve"]["nodes"]).into_iter().map(|node| (text(&node["id"]), node)).collect();
    let server =
        packages.values().find(|package| package["name"] == "server").context("there is no package `server`")?;

    // What is linked: no tests, no build scripts, and no macros, which are code of the compiler's.
    let (mut found, mut open) = (BTreeSet::new(), vec![text(&server["id"])]);
    while let Some(id) = open.pop() {
        if !found.insert(id.clone()) {
            continue;
        }
        for dependency in list(&nodes[&id]["deps"]) {
            let linked = list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
            let package = &packages[&text(&dependency["pkg"])];
            let kinds = list(&package["targets"]).iter().flat_map(|target| list(&target["kind"])).collect::<Vec<_>>();
            if linked && !kinds.contains(&json!("proc-macro")) {
                open.push(text(&dependency["pkg"]));
            }
        }
    }
    let sums = checksums(lock);
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for id in &found {
        let package = &packages[id];
        if package["name"] != "server" {
            components.push(component(package, &sums)?);
        }
        let on = list(&nodes[id]["deps"]).into_iter().map(|dependency| text(&dependency["pkg"]));
        let on: Vec<_> = on.filter(|id| found.contains(id)).map(|id| purl(&packages[&id])).collect();
        dependencies.push(json!({"ref": purl(package), "dependsOn": on}));
    }
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": purl(server),
                "name": "actix-exporter",
                "version": version,
                "licenses": [{"expression": server["license"]}],
            },
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

fn component(package: &Value, sums: &BTreeMap<(String, String), String>) -> Result<Value> {
    let (name, version) = (text(&package["name"]), text(&package["version"]));
    ensure!(package["license"].is_string(), "crate {name} names no licence");
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(package),
        "name": name,
        "version": version,
        "purl": purl(package),
        // An old way to write `or`, which the form does not know.
        "licenses": [{"expression": text(&package["license"]).replace('/', " OR ")}],
    });
    if let Some(sum) = sums.get(&(name, version)) {
        component["hashes"] = json!([{"alg": "SHA-256", "content": sum}]);
    }
    Ok(component)
}

fn purl(package: &Value) -> String {
    format!("pkg:cargo/{}@{}", text(&package["name"]), text(&package["version"]))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What Cargo.lock says of the archives of crates, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |package: &str, key: &str| {
        let start = format!("{key} = \"");
        let line = package.lines().find_map(|line| line.strip_prefix(start.as_str()))?;
        Some(line.trim_end_matches('"').to_owned())
    };
    let of = |package: &str| Some(((value(package, "name")?, value(package, "version")?), value(package, "checksum")?));
    lock.split("[[package]]").filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use xshell::Shell;

    use super::of_the_server;

    #[test]
    fn it_names_what_is_linked_with_licence_and_checksum_and_nothing_else() {
        let sh = Shell::new().unwrap();
        sh.change_dir(crate::root());
        let text = of_the_server(&sh, "1.2.3").unwrap();
        let bom: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(bom["metadata"]["component"]["version"], "1.2.3");
        let components = bom["components"].as_array().unwrap();
        let names: Vec<&str> = components.iter().map(|component| component["name"].as_str().unwrap()).collect();
        for linked in ["metrics-core", "probe", "actix-web", "redb", "rustls", "awc"] {
            assert!(names.contains(&linked), "{linked} is missing of {names:?}");
        }
        // A test's, a macro's, a build script's.
        for other in ["proptest", "serde_derive", "cc", "xshell"] {
            assert!(!names.contains(&other), "{other}");
        }
        for component in components
            .iter()
            .filter(|component| !["metrics-core", "probe"].contains(&component["name"].as_str().unwrap()))
        {
            assert_eq!(component["hashes"][0]["content"].as_str().unwrap().len(), 64, "{component}");
        }
        assert_eq!(bom["dependencies"].as_array().unwrap().len(), components.len() + 1);
        assert!(!text.contains(crate::root().to_str().unwrap()), "paths of this machine are nobody's business");
    }
}
