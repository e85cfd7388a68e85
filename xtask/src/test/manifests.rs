//! The manifests of docs/kubernetes, as far as can be told without a cluster: they are of the kinds that they say, they agree with each
//! other and with the program, and the pods are closed. No cluster has run them.
//!
//! `ACTIX_EXPORTER_TEST_BLESS=1 cargo test -p xtask manifests` writes prometheusrule.yaml anew from the rules of compose.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

const FOLDER: &str = "docs/kubernetes";

fn read(path: &str) -> String {
    fs::read_to_string(crate::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// By file.
fn manifests() -> BTreeMap<String, Value> {
    let files = fs::read_dir(crate::root().join(FOLDER)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.map(|name| (name.clone(), yaml(&format!("{FOLDER}/{name}")))).collect()
}

fn manifest(file: &str) -> Value {
    yaml(&format!("{FOLDER}/{file}"))
}

/// Pods that run the exporter, and where each is described.
fn pods() -> Vec<(&'static str, Value)> {
    ["deployment.yaml", "statefulset.yaml"].map(|file| (file, manifest(file)["spec"]["template"].clone())).into()
}

fn container(pod: &Value) -> &Value {
    &pod["spec"]["containers"][0]
}

#[test]
fn each_is_of_the_kind_that_its_name_says_and_is_labelled() {
    let kinds = [
        ("configmap.yaml", "v1", "ConfigMap"),
        ("deployment.yaml", "apps/v1", "Deployment"),
        ("statefulset.yaml", "apps/v1", "StatefulSet"),
        ("service.yaml", "v1", "Service"),
        ("networkpolicy.yaml", "networking.k8s.io/v1", "NetworkPolicy"),
        ("servicemonitor.yaml", "monitoring.coreos.com/v1", "ServiceMonitor"),
        ("probe.yaml", "monitoring.coreos.com/v1", "Probe"),
        ("prometheusrule.yaml", "monitoring.coreos.com/v1", "PrometheusRule"),
        ("scrapeconfig.yaml", "monitoring.coreos.com/v1alpha1", "ScrapeConfig"),
        ("kustomization.yaml", "kustomize.config.k8s.io/v1beta1", "Kustomization"),
    ];
    let found = manifests();
    let expected: BTreeSet<&str> = kinds.iter().map(|(file, _, _)| *file).collect();
    assert_eq!(found.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    for (file, version, kind) in kinds {
        let found = &found[file];
        assert_eq!((&found["apiVersion"], &found["kind"]), (&json!(version), &json!(kind)), "{file}");
        if kind != "Kustomization" {
            assert!(found["metadata"]["name"].as_str().unwrap().starts_with("actix-exporter"), "{file}");
            assert_eq!(found["metadata"]["labels"]["app.kubernetes.io/name"], "actix-exporter", "{file}");
        }
    }
    for resource in found["kustomization.yaml"]["resources"].as_array().unwrap() {
        assert!(found.contains_key(resource.as_str().unwrap()), "{resource}");
    }
}

#[test]
fn pods_are_closed() {
    for (file, pod) in pods() {
        let spec = &pod["spec"];
        assert_eq!(spec["automountServiceAccountToken"], false, "{file}");
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{file}");
        assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{file}");
        let security = &container(&pod)["securityContext"];
        assert_eq!(security["allowPrivilegeEscalation"], false, "{file}");
        assert_eq!(security["readOnlyRootFilesystem"], true, "{file}");
        assert_eq!(security["capabilities"]["drop"], json!(["ALL"]), "{file}");
        let resources = &container(&pod)["resources"];
        assert!(resources["requests"]["cpu"].is_string() && resources["limits"]["memory"].is_string(), "{file}");
        // The user of the image.
        let user = spec["securityContext"]["runAsUser"].as_u64().unwrap();
        assert!(read("compose/Dockerfile").contains(&format!("USER {user}:{user}")), "{file}");
    }
}

#[test]
fn who_selects_whom_by_label_and_port_agrees() {
    let name = json!({"app.kubernetes.io/name": "actix-exporter"});
    for (file, pod) in pods() {
        assert_eq!(pod["metadata"]["labels"], name, "{file}");
        assert_eq!(manifest(file)["spec"]["selector"]["matchLabels"], name, "{file}");
        let port = &container(&pod)["ports"][0];
        assert_eq!((&port["name"], &port["containerPort"]), (&json!("http"), &json!(2121)), "{file}");
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            assert_eq!(container(&pod)[probe]["httpGet"]["port"], "http", "{file}");
        }
        // Each mount has its volume.
        let set = manifest(file);
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let volumes = list(&pod["spec"]["volumes"]).into_iter().map(|volume| volume["name"].clone());
        let claims =
            list(&set["spec"]["volumeClaimTemplates"]).into_iter().map(|claim| claim["metadata"]["name"].clone());
        let names: Vec<Value> = volumes.chain(claims).collect();
        for mount in container(&pod)["volumeMounts"].as_array().unwrap() {
            assert!(names.contains(&mount["name"]), "{file}: {}", mount["name"]);
        }
    }
    let service = manifest("service.yaml");
    assert_eq!(service["spec"]["selector"], name);
    assert_eq!(manifest("servicemonitor.yaml")["spec"]["selector"]["matchLabels"], service["metadata"]["labels"]);
    assert_eq!(manifest("servicemonitor.yaml")["spec"]["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);
    assert_eq!(manifest("networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"], name);
    let probe = manifest("probe.yaml");
    let host = format!("{}:{}", service["metadata"]["name"].as_str().unwrap(), service["spec"]["ports"][0]["port"]);
    assert_eq!(probe["spec"]["prober"]["url"], host.as_str());
    // What the rules look for.
    let relabelings = &manifest("servicemonitor.yaml")["spec"]["endpoints"][0]["relabelings"];
    assert_eq!(relabelings[0], json!({"targetLabel": "job", "replacement": "actix_exporter"}));
    assert_eq!(manifest("scrapeconfig.yaml")["spec"]["jobName"], "actix_exporter");
}

#[test]
fn each_pod_of_the_set_has_a_share_of_its_own() {
    let set = manifest("statefulset.yaml");
    assert_eq!(set["spec"]["ordinals"]["start"], 1, "shares are counted from 1");
    let env = container(&set["spec"]["template"])["env"].as_array().unwrap().clone();
    assert_eq!(env[0]["valueFrom"]["fieldRef"]["fieldPath"], "metadata.labels['apps.kubernetes.io/pod-index']");
    assert_eq!(env[1]["name"], "ACTIX_EXPORTER_SHARD");
    assert_eq!(env[1]["value"], format!("$(INDEX)/{}", set["spec"]["replicas"]).as_str());
}

#[test]
fn prometheusrule_has_the_rules_of_compose() {
    let mut text = "# Prometheus Operator: the rules of compose/prometheus/rules, which are tested there; this file is made of them by\n\
                    #   ACTIX_EXPORTER_TEST_BLESS=1 cargo test -p xtask manifests\n\
                    apiVersion: monitoring.coreos.com/v1\n\
                    kind: PrometheusRule\n\
                    metadata:\n  name: actix-exporter\n  labels: {app.kubernetes.io/name: actix-exporter}\n\
                    spec:\n  groups:\n"
        .to_owned();
    let mut groups = Vec::new();
    for file in ["exporter.yml", "external_access.yml", "requests.yml"] {
        let rules = read(&format!("compose/prometheus/rules/{file}"));
        let (_, body) = rules.split_once("groups:\n").unwrap();
        for line in body.lines() {
            text.push_str(format!("  {line}").trim_end());
            text.push('\n');
        }
        groups.extend(yaml(&format!("compose/prometheus/rules/{file}"))["groups"].as_array().unwrap().clone());
    }
    let path = crate::root().join(FOLDER).join("prometheusrule.yaml");
    if std::env::var_os("ACTIX_EXPORTER_TEST_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert_eq!(manifest("prometheusrule.yaml")["spec"]["groups"], Value::Array(groups));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}
