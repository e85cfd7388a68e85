//! `metrics`: the tables of docs/metrics.md, made of what a running server exposes. Names, types, labels and HELP are the code's own; the
//! last column is ours to write, and is kept.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use xshell::{Shell, cmd};

use crate::build;
use crate::flags;
use crate::http;
use crate::test::exporter::Exporter;
use crate::test::tls_peer::TlsPeer;
use crate::wait;

const PAGE: &str = "docs/metrics.md";
const HEAD: &str = "| name | type | labels | HELP | |\n| --- | --- | --- | --- | --- |\n";
/// What begins a table; its section and ` -->` follow.
const BEGIN: &str = "<!-- made by `cargo xtask metrics`: ";
const END: &str = "<!-- end -->\n";
const LIMIT: Duration = Duration::from_secs(20);

/// Whether a family is of the section.
type Holds = fn(&str, &Family) -> bool;

/// The first one that holds has it.
const SECTIONS: [(&str, Holds); 7] = [
    ("requests", |name, _| name.starts_with("http_")),
    ("the primary target", |name, _| {
        ["external_access_duration_seconds", "last_external_access_status_code"].contains(&name)
    }),
    ("each target", |_, family| family.labels.iter().any(|label| label == "target")),
    ("the prober", |name, _| name.starts_with("external_access_")),
    ("the handler of scrapes", |name, _| name.starts_with("metrics_handler_")),
    ("the process", |name, _| name.starts_with("process_")),
    ("the program", |_, _| true),
];

/// What a scrape says of a metric.
#[derive(Debug, Default, PartialEq, Eq)]
struct Family {
    kind: String,
    help: String,
    /// In the order of a series.
    labels: Vec<String>,
}

/// By name.
type Families = BTreeMap<String, Family>;

pub(crate) fn run(sh: &Shell, flags: &flags::Metrics) -> Result<()> {
    if flags.check {
        return check(sh);
    }
    let (before, after) = tables(sh)?;
    fs::write(crate::root().join(PAGE), &after)?;
    println!("{PAGE} {}", if before == after { "is as it was" } else { "is written anew: fill in the last column" });
    Ok(())
}

/// # Errors
/// The page says something else than a scrape.
pub(crate) fn check(sh: &Shell) -> Result<()> {
    let (page, made) = tables(sh)?;
    let mut lines = page.lines().zip(made.lines()).zip(1..);
    if let Some(((line, made), number)) = lines.find(|((line, made), _)| line != made) {
        bail!("{PAGE}:{number}: it says\n{line}\nand would be\n{made}\n`cargo xtask metrics` writes it");
    }
    ensure!(page == made, "{PAGE} ends too early: `cargo xtask metrics` writes it");
    Ok(())
}

/// The page as it is, and as it should be.
fn tables(sh: &Shell) -> Result<(String, String)> {
    let page = sh.read_file(PAGE)?;
    let made = made(&page, &families(&scrape(sh)?))?;
    Ok((page, made))
}

/// Of a server in which each metric has a value: one target over TLS, one that is never reached, all configurations there can be.
fn scrape(sh: &Shell) -> Result<String> {
    let (server, dir) = (build::server(sh, &[])?, sh.create_temp_dir()?);
    let peer = TlsPeer::start(sh, &server, &dir.path().join("peer"))?;
    // A limit that there is not is absent.
    let limited = dir.path().join("limited");
    fs::write(&limited, format!("#!/bin/sh\nulimit -v 67108864\nexec {} \"$@\"\n", server.display()))?;
    cmd!(sh, "chmod +x {limited}").quiet().run()?;
    let targets = dir.path().join("targets.yml");
    fs::write(&targets, peer.targets("http://127.0.0.1:1/") + "probe: {allow: [localhost]}\n")?;
    let exporter = Exporter::configured(&limited, dir.path(), &targets)?;
    let asked = [exporter.url("/-/healthy"), exporter.url("/metrics")];
    wait::until("each target has been asked", LIMIT, |last| {
        for url in &asked {
            *last = http::get(url)?;
        }
        let has = |name: &str| last.contains(&format!("\n{name}{{"));
        let all = ["external_access_tls_info", "external_access_last_success_timestamp_seconds"].into_iter().all(has);
        Ok((all && has("http_responses_total")).then(|| last.clone()))
    })
}

/// What the text format says of them.
fn families(text: &str) -> Families {
    let mut families = Families::new();
    let mut name = "";
    for line in text.lines() {
        if let Some((of, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            name = of;
            help.clone_into(&mut families.entry(name.to_owned()).or_default().help);
        } else if let Some((of, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            name = of;
            kind.clone_into(&mut families.entry(name.to_owned()).or_default().kind);
        } else if let Some((_, labels)) = line.split_once('{') {
            let family = families.entry(name.to_owned()).or_default();
            for label in label_names(labels) {
                if label != "le" && !family.labels.iter().any(|known| known == label) {
                    family.labels.push(label.to_owned());
                }
            }
        }
    }
    families
}

/// Of what follows the brace of a series.
fn label_names(mut labels: &str) -> Vec<&str> {
    let mut names = Vec::new();
    while let Some((name, value)) = labels.split_once("=\"") {
        names.push(name);
        let mut escaped = false;
        let end = value.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        labels = end.map_or("", |end| value[end + 1..].trim_start_matches(','));
    }
    names
}

/// `page` with its tables made of `families`, and what stands in their last columns.
fn made(page: &str, families: &Families) -> Result<String> {
    let section = |name: &str, family: &Family| SECTIONS.into_iter().find(|(_, holds)| holds(name, family));
    let mut rest = page;
    let mut made = String::new();
    for (title, _) in SECTIONS {
        let begin = format!("{BEGIN}{title} -->\n");
        let (before, table) = rest.split_once(&begin).with_context(|| format!("{PAGE} has no `{}`", begin.trim()))?;
        let (table, after) = table.split_once(END).with_context(|| format!("{PAGE}: {title} has no end"))?;
        let more = last_column(table);
        made.extend([before, &begin, HEAD]);
        for (name, family) in families {
            if section(name, family).is_some_and(|(of, _)| of == title) {
                made += &family.row(name, more.get(name.as_str()).unwrap_or(&""));
            }
        }
        made += END;
        rest = after;
    }
    Ok(made + rest)
}

/// By name.
fn last_column(table: &str) -> BTreeMap<&str, &str> {
    table
        .lines()
        .filter_map(|line| {
            let (name, cells) = line.strip_prefix("| `")?.split_once("` | ")?;
            Some((name, cells.strip_suffix('|')?.rsplit_once("| ")?.1.trim()))
        })
        .collect()
}

impl Family {
    fn row(&self, name: &str, more: &str) -> String {
        let labels: Vec<_> = self.labels.iter().map(|label| format!("`{label}`")).collect();
        let cells = [format!("`{name}`"), self.kind.clone(), labels.join(", "), self.help.clone(), more.to_owned()];
        // A cell with nothing in it is one space wide.
        cells.iter().fold(String::new(), |row, cell| row + "| " + cell + if cell.is_empty() { "" } else { " " }) + "|\n"
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{BEGIN, END, HEAD, PAGE, SECTIONS, families, made};

    const SCRAPE: &str = "# HELP http_requests_total Requests\n# TYPE http_requests_total counter\n\
        http_requests_total{method=\"GET\",path=\"/{id}, a=\"} 1\n\
        # HELP process_threads Threads.\n# TYPE process_threads gauge\nprocess_threads 4\n";

    fn page(requests: &str) -> String {
        let table = |title: &str| {
            let rows = if title == "requests" { requests } else { "" };
            format!("## {title}\n\n{BEGIN}{title} -->\n{HEAD}{rows}{END}\n")
        };
        SECTIONS.iter().map(|(title, _)| table(title)).collect()
    }

    #[test]
    fn a_table_is_made_anew_and_its_last_column_is_kept() {
        let families = families(SCRAPE);
        let of_once =
            "| `http_gone_total` | counter | | Gone | never mind |\n| `http_requests_total` | gauge | | Old | kept |\n";
        let made = made(&page(of_once), &families).unwrap();
        assert!(made.contains("| `http_requests_total` | counter | `method`, `path` | Requests | kept |\n"), "{made}");
        assert!(made.contains("| `process_threads` | gauge | | Threads. | |\n"), "{made}");
        assert!(!made.contains("gone") && super::made(&made, &families).unwrap() == made, "{made}");
    }

    /// What a source declares, and no scrape shows, would be in no table.
    #[test]
    fn each_metric_that_is_declared_stands_in_a_page() {
        let read = |path: &str| fs::read_to_string(crate::root().join(path)).unwrap();
        let pages = read(PAGE) + &read("docs/blackbox.md");
        let mut seen = 0;
        for file in [
            "crates/metrics-core/src/blackbox.rs",
            "crates/metrics-core/src/external.rs",
            "crates/metrics-core/src/handler/tally.rs",
            "crates/metrics-core/src/http.rs",
            "crates/metrics-core/src/process.rs",
            "crates/server/src/app.rs",
        ] {
            let source = read(file);
            for (start, _) in ["counter(", "gauge(", "histogram("].iter().flat_map(|kind| source.match_indices(kind)) {
                let Some(name) =
                    source[start..].split_once('(').and_then(|(_, rest)| rest.trim_start().strip_prefix('"'))
                else {
                    continue;
                };
                let name = name.split('"').next().unwrap();
                assert!(pages.contains(&format!("| `{name}` |")), "{file}: {name} stands in no table");
                seen += 1;
            }
        }
        assert!(seen > 55, "{seen} were found");
    }

    #[test]
    fn a_page_without_a_table_is_refused() {
        let error = made(&page("").replace("requests -->", "-->"), &families(SCRAPE)).unwrap_err().to_string();
        assert!(error.contains(PAGE) && error.contains("requests"), "{error}");
    }
}
