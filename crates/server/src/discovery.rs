//! `/sd`: the configured targets for Prometheus' HTTP service discovery (http_sd_configs), which then asks for them one by one at
//! `/probe`. As with any multi-target exporter, relabelling makes the parameter of the address.

use std::sync::Arc;

use actix_web::{HttpResponse, Resource};
use probe::{Engine, Target};
use serde_json::{Map, Value, json};

use crate::blackbox::{Demands, Refused, open};

/// Before the labels that a target has in the file: those of Prometheus' other discoveries are called so.
const META: &str = "__meta_actix_exporter_";

pub(crate) fn route(engine: Arc<Engine>, demands: Demands) -> Resource {
    metrics_core::get_only("/sd", move || {
        let answer = open(&demands).map_or_else(Refused::respond, |_| list(&engine));
        std::future::ready(answer)
    })
}

fn list(engine: &Engine) -> HttpResponse {
    let groups = engine.targets().iter().filter_map(|watched| Some(group(&*watched.target()?))).collect::<Vec<_>>();
    HttpResponse::Ok().content_type("application/json").body(Value::Array(groups).to_string())
}

fn group(target: &Target) -> Value {
    let mut labels = Map::new();
    labels.insert("__param_module".to_owned(), target.module.as_str().into());
    labels.insert(format!("{META}target"), target.name.as_str().into());
    for (name, value) in &target.labels {
        labels.insert(format!("{META}label_{name}"), value.as_str().into());
    }
    json!({ "targets": [target.spec.url.as_str()], "labels": labels })
}
