//! The inputs that are kept for a fuzz target: seeds, and what once was a finding.

use std::fs;
use std::path::PathBuf;

/// Tries a rule with each of them; the last name that is printed is that of the one which breaks it.
pub(crate) fn replay(target: &str, rule: fn(&[u8])) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../xtask/fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        println!("{}", file.display());
        rule(&fs::read(file).unwrap());
    }
}
