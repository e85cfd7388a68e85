//! Every task that a page names, in a sentence or in a transcript, is one that `cargo xtask` knows, with these flags.

use super::pages::{self, Page};
use crate::flags::Xtask;

/// Its arguments; N stands for a number.
fn named(command: &str) -> Option<Vec<&str>> {
    let (_, args) = command.split_once("cargo xtask ")?;
    Some(args.split_whitespace().map(|word| if word == "N" { "1" } else { word }).collect())
}

fn commands(page: &Page) -> Vec<(usize, String)> {
    let mut commands = page.code();
    for block in page.blocks().iter().filter(|block| block.info.starts_with("console")) {
        commands.extend(block.commands().into_iter().map(|(line, command)| (line, command.to_owned())));
    }
    commands
}

#[test]
fn every_task_that_a_page_names_is_one() {
    let mut seen = 0;
    for page in pages::all().unwrap() {
        for (line, command) in commands(&page) {
            let Some(args) = named(&command) else { continue };
            seen += 1;
            let parsed = Xtask::from_vec(args.iter().map(Into::into).collect());
            let good = parsed.as_ref().map_or_else(xflags::Error::is_help, |_| true);
            assert!(good, "{}:{line}: {command}: {}", page.path, parsed.err().unwrap());
        }
    }
    assert!(seen > 60, "{seen} were found");
}

#[test]
fn a_task_that_there_is_not_is_told() {
    for (command, good) in
        [("cargo xtask soak --minutes N", true), ("cargo xtask fly", false), ("cargo xtask up --fast", false)]
    {
        let args = named(command).unwrap();
        assert_eq!(Xtask::from_vec(args.iter().map(Into::into).collect()).is_ok(), good, "{command}");
    }
}
