//! The examples of the pages that are for programs of others.

use anyhow::{Result, ensure};

use super::pages;

/// What the pages show of Prometheus: a file that promtool can check, what it is, and its text.
pub(crate) fn of_prometheus() -> Result<Vec<(String, &'static str, String)>> {
    let mut examples = Vec::new();
    for page in pages::all()? {
        for block in page.blocks() {
            let name = format!("{}-{}.yml", page.path.replace('/', "-"), block.line);
            let text = &block.text;
            let (kind, text) = match block.info.split(' ').next().unwrap_or_default() {
                "promql" => {
                    ("rules", format!("groups: [{{name: a, rules: [{{record: a, expr: '{}'}}]}}]\n", text.trim()))
                }
                "yaml" if text.starts_with("scrape_configs:") => ("config", text.clone()),
                "yaml" if text.trim_start().starts_with("- job_name:") => {
                    ("config", format!("scrape_configs:\n{text}"))
                }
                "yaml" if text.starts_with("metric_relabel_configs:") => {
                    let inside = text.replace('\n', "\n    ");
                    ("config", format!("scrape_configs:\n  - job_name: a\n    {}\n", inside.trim_end()))
                }
                _ => continue,
            };
            examples.push((name, kind, text));
        }
    }
    ensure!(examples.len() > 7, "only {} were found", examples.len());
    Ok(examples)
}
