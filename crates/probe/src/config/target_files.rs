//! Files of targets: lists that something else writes.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

use super::section::{Problem, Section, shown};
use super::targets::Targets;
use super::yaml::{self, Value};
use super::{FileError, error::shown_path};

/// Files that one configuration may have, and patterns for their names.
const MOST: usize = 1000;
/// Entries of directories that are looked at for one pattern.
const ENTRIES: usize = 100_000;
/// Characters of a pattern.
const LONGEST: usize = 1000;

/// As shells do.
const MATCH: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Reads the targets of all files that `target_files` names, each of them once.
pub(super) fn read(path: &Path, file: &Section<'_>, targets: &mut Targets<'_>) -> Result<(), FileError> {
    let directory = path.parent().unwrap_or(Path::new(""));
    let patterns = file.texts("target_files").map_err(|problem| problem.located(path))?;
    let mut seen = HashSet::new();
    for (n, (at, pattern)) in patterns.into_iter().enumerate() {
        let wrong = |message: String| Problem::new(at, message).located(path);
        if n == MOST {
            return Err(wrong(format!("more than {MOST} patterns; name several files with one")));
        }
        let found = matches(directory, pattern).inspect_err(|error| targets.files.failed(Path::new(pattern), error));
        for path in found.map_err(|error| wrong(format!("target_files {}: {error}", shown(pattern))))? {
            if !seen.insert(path.clone()) {
                continue;
            }
            if seen.len() > MOST {
                return Err(wrong(format!("more than {MOST} files of targets; write them into fewer files")));
            }
            let text = targets.files.text(&path);
            let text = text.map_err(|error| match error.position() {
                // It is not there, or is no file: who is to be told so is the one who named it.
                None => wrong(format!("target file {error}")),
                Some(_) => error,
            })?;
            list(&path, text, targets)?;
        }
    }
    Ok(())
}

/// A list of targets, or a map with nothing but that.
fn list(path: &Path, text: String, targets: &mut Targets<'_>) -> Result<(), FileError> {
    let wrong = |problem: Problem| problem.located(path);
    let root = yaml::read(&text, "write a list of targets, or [] for none").map_err(wrong)?;
    // What is made of it takes its place.
    drop(text);
    if let Value::Map(_) = root.value {
        let file = Section::new("a file of targets", &root, &["targets"]).map_err(wrong)?;
        file.get("targets").map_or(Ok(()), |node| targets.read(path, node))
    } else {
        targets.read(path, &root)
    }
}

/// The files that a pattern names, sorted. A name without `*`, `?` and `[` is that file, be it there or not.
fn matches(directory: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    if pattern.is_empty() || pattern.chars().count() > LONGEST {
        return Err(format!("not the name of a file; write one of at most {LONGEST} characters, e.g. targets/*.yml"));
    }
    let start = if pattern.starts_with('/') { Path::new("/") } else { directory };
    let mut found = vec![start.to_owned()];
    let (mut is_pattern, mut looked_at) = (false, 0);
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        if !part.contains(['*', '?', '[']) {
            for path in &mut found {
                path.push(part);
            }
            continue;
        }
        if part.contains("**") {
            return Err("directories are not searched through; write * for a part of a name".to_owned());
        }
        is_pattern = true;
        let pattern = Pattern::new(part);
        let pattern = pattern.map_err(|error| format!("{}; write e.g. *.yml, and [[] for a bracket", error.msg))?;
        let mut below = Vec::new();
        for directory in found {
            looked_at += 1;
            let unreadable = |error| format!("{}: {error}; check that it may be read", shown_path(&directory));
            let listed = if directory.as_os_str().is_empty() { Path::new(".") } else { &directory };
            let entries = match fs::read_dir(listed) {
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                entries => entries.map_err(unreadable)?,
            };
            for entry in entries {
                let name = entry.map_err(unreadable)?.file_name();
                looked_at += 1;
                if looked_at > ENTRIES {
                    return Err(format!("more than {ENTRIES} files to look at; write more of the name"));
                }
                if name.to_str().is_some_and(|name| pattern.matches_with(name, MATCH)) {
                    below.push(directory.join(name));
                }
            }
        }
        found = below;
    }
    if is_pattern {
        // What follows a directory that matches need not be there.
        found.retain(|path| path.symlink_metadata().is_ok());
        found.sort();
    }
    Ok(found)
}
