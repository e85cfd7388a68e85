//! Every link of the pages leads somewhere, and so does every place of theirs that is named in the code.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::pages::{self, Page};

/// Of links that are never followed here: where they lead is for people to look at.
const OUTSIDE: [&str; 5] = [
    "https://3-shake.com",
    "https://github.com/prometheus/",
    "https://keepachangelog.com/",
    "https://semver.org/",
    "https://www.redb.org",
];

/// `](…)` of a line.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next())
}

/// Without `..`, and from the root.
fn resolved(from: &str, link: &str) -> String {
    let mut path = PathBuf::new();
    for part in Path::new(from).parent().unwrap().join(link).components() {
        match part {
            Component::ParentDir => assert!(path.pop(), "{from}: {link} leads out of the workspace"),
            part => path.push(part),
        }
    }
    path.display().to_string()
}

/// What is wrong with a link to `path` and the part of it that is named, if anything.
fn fault(pages: &[Page], path: &str, anchor: Option<&str>) -> Option<String> {
    if !crate::root().join(path).exists() {
        return Some(format!("there is no {path}"));
    }
    let anchor = anchor?;
    let page = pages.iter().find(|page| page.path == path)?;
    (!page.anchors().iter().any(|known| known == anchor)).then(|| format!("{path} has no #{anchor}"))
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages::all().unwrap();
    let mut faults = Vec::new();
    let mut seen = 0;
    for page in &pages {
        for (number, line) in page.prose() {
            for link in links(line) {
                seen += 1;
                let place = format!("{}:{number}: {link}", page.path);
                if link.contains("://") {
                    if !OUTSIDE.iter().any(|known| link.starts_with(known)) {
                        faults.push(format!("{place}: look at it, and add it to OUTSIDE"));
                    }
                    continue;
                }
                let (to, anchor) = link.split_once('#').map_or((link, None), |(to, anchor)| (to, Some(anchor)));
                let path = if to.is_empty() { page.path.clone() } else { resolved(&page.path, to) };
                faults.extend(fault(&pages, &path, anchor).map(|fault| format!("{place}: {fault}")));
            }
        }
    }
    assert!(seen > 100, "{seen} links were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The files of ours that people may read.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if path.is_dir() && !name.starts_with('.') && !["target", "vendor", "corpus"].contains(&name.as_str()) {
            sources(&path, found);
        } else if ["rs", "yml", "yaml", "toml", "md", "html", "service"]
            .iter()
            .any(|end| name.ends_with(&format!(".{end}")))
        {
            found.push(path);
        }
    }
}

#[test]
fn every_page_that_is_named_anywhere_is_there() {
    let pages = pages::all().unwrap();
    let mut files = Vec::new();
    sources(crate::root(), &mut files);
    let mut faults = Vec::new();
    let mut seen = 0;
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        for (line, number) in text.lines().zip(1..) {
            for (at, _) in line.match_indices("docs/") {
                // A path of somebody else's, which ends so.
                if line[..at].ends_with('/') && !line[..at].ends_with("../") {
                    continue;
                }
                let named = line[at..].split(|c: char| !(c.is_alphanumeric() || "/._-#".contains(c))).next().unwrap();
                let (path, anchor) = named.split_once('#').map_or((named, None), |(path, anchor)| (path, Some(anchor)));
                let path = path.trim_end_matches('.');
                if Path::new(path).extension().is_none_or(|extension| extension != "md") {
                    continue;
                }
                seen += 1;
                let fault = fault(
                    &pages,
                    path,
                    anchor.map(|anchor| anchor.trim_end_matches('.')).filter(|anchor| !anchor.is_empty()),
                );
                faults.extend(fault.map(|fault| format!("{}:{number}: {fault}", file.display())));
            }
        }
    }
    assert!(seen > 50, "{seen} were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A next owner looks for them.
#[test]
fn every_source_file_that_a_page_names_is_there() {
    let mut files = Vec::new();
    sources(crate::root(), &mut files);
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let mut faults = Vec::new();
    let mut seen = 0;
    for page in pages::all().unwrap() {
        for (number, line) in page.lines() {
            for word in line.split(|c: char| !(c.is_alphanumeric() || "/._-".contains(c))) {
                let word = word.trim_start_matches("../").trim_start_matches("./");
                if Path::new(word).extension().is_some_and(|extension| extension == "rs") && !word.starts_with('.') {
                    seen += 1;
                    // `server/web/door.rs` stands for crates/server/src/web/door.rs.
                    let (first, rest) = word.split_once('/').unwrap_or(("", word));
                    let known = |file: &String| {
                        file.ends_with(&format!("/{word}"))
                            || file.ends_with(&format!("/{first}/src/{rest}"))
                            || file.contains(&format!("/{first}/")) && file.ends_with(&format!("/{rest}"))
                    };
                    if !files.iter().any(known) {
                        faults.push(format!("{}:{number}: there is no {word}", page.path));
                    }
                }
            }
        }
    }
    assert!(seen > 50, "{seen} were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The walk from the article's program shows parts of one that is built and run.
#[test]
fn what_the_walk_quotes_stands_in_the_program() {
    let program = fs::read_to_string(crate::root().join("crates/server/examples/article.rs")).unwrap();
    let pages = pages::all().unwrap();
    let blocks = pages::of(&pages, "docs/walk.ja.md").unwrap().blocks();
    let quotes: Vec<_> = blocks.into_iter().filter(|block| block.info == "rust").collect();
    assert!(quotes.len() >= 4, "{} quotes were found", quotes.len());
    for quote in quotes {
        assert!(program.contains(&quote.text), "docs/walk.ja.md:{}: it is another one in article.rs", quote.line);
    }
}

#[test]
fn every_example_can_be_parsed() {
    let mut seen = 0;
    for page in pages::all().unwrap() {
        for block in page.blocks() {
            let place = format!("{}:{}", page.path, block.line);
            match block.info.split(' ').next().unwrap() {
                "yaml" => {
                    let parsed = serde_saphyr::from_str::<serde_json::Value>(&block.text);
                    assert!(parsed.is_ok(), "{place}: {parsed:?}");
                }
                "json" => {
                    let parsed = serde_json::from_str::<serde_json::Value>(&block.text);
                    assert!(parsed.is_ok(), "{place}: {parsed:?}");
                }
                _ => continue,
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen} were found");
}

#[test]
fn what_leads_nowhere_is_told() {
    let pages = pages::all().unwrap();
    assert_eq!(links("[a](b.md#c) and [d](../e.rs)").collect::<Vec<_>>(), ["b.md#c", "../e.rs"]);
    assert_eq!(resolved("docs/stack.md", "../README.md"), "README.md");
    assert_eq!(fault(&pages, "docs/stack.md", Some("your-own-targets")), None);
    assert_eq!(fault(&pages, "docs/stack.md", Some("nothing")).unwrap(), "docs/stack.md has no #nothing");
    assert_eq!(fault(&pages, "nothing.md", None).unwrap(), "there is no nothing.md");
}
