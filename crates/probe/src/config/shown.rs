//! A configuration as YAML: all that is asked, with what the file left to defaults, and no secrets.

use std::collections::BTreeMap;
use std::fmt;

use humantime::format_duration;

use super::Config;
use crate::module::quoted;
use crate::target::{Detail, Target};

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.targets.as_slice() {
            [] => f.write_str("targets: []\n")?,
            targets => {
                f.write_str("targets:\n")?;
                targets.iter().try_for_each(|target| write(f, target))?;
            }
        }
        if self.on_demand.is_open() {
            // `*` is an alias to YAML.
            let allow = self.on_demand.allow().to_string();
            let allow: Vec<_> = allow.split(", ").map(quoted).collect();
            writeln!(f, "probe:\n  allow: [{}]", allow.join(", "))?;
        }
        let modules = self.shown_modules();
        if !modules.is_empty() {
            f.write_str("modules:\n")?;
        }
        for (name, module) in modules {
            writeln!(f, "  {}:", quoted(name))?;
            module.lines().try_for_each(|line| writeln!(f, "    {line}"))?;
        }
        Ok(())
    }
}

impl Config {
    /// Those of the file, and those that are asked by without being in it.
    fn shown_modules(&self) -> BTreeMap<&str, String> {
        let asked = self.targets.iter().map(|target| (&target.module[..], target.spec.client.module().to_string()));
        let mut modules: BTreeMap<_, _> = asked.collect();
        for entry in &self.modules {
            let module = entry.module.as_ref().map_or_else(
                |error| format!("# cannot be used: {}\nprober: http", error.to_string().escape_debug()),
                ToString::to_string,
            );
            modules.insert(&entry.name, module);
        }
        modules
    }
}

fn write(f: &mut fmt::Formatter<'_>, target: &Target) -> fmt::Result {
    writeln!(f, "  - name: {}", quoted(&target.name))?;
    writeln!(f, "    url: {}", quoted(&target.shown_url()))?;
    let duration = |duration| format_duration(duration).to_string().replace(' ', "");
    writeln!(f, "    interval: {}\n    timeout: {}", duration(target.interval), duration(target.spec.timeout))?;
    writeln!(f, "    module: {}", quoted(&target.module))?;
    if let Some(slow) = target.slow_after {
        writeln!(f, "    slow_after: {}", duration(slow))?;
    }
    if !target.labels.is_empty() {
        let labels = target.labels.iter().map(|(name, value)| format!("{name}: {}", quoted(value)));
        writeln!(f, "    labels: {{{}}}", labels.collect::<Vec<_>>().join(", "))?;
    }
    writeln!(f, "    metrics: {}", if target.metrics == Detail::Totals { "totals" } else { "phases" })
}
