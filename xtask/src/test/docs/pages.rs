//! The pages that users read, and the parts that they are made of.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A Markdown file.
pub(super) struct Page {
    /// From the root of the workspace.
    pub(super) path: String,
    pub(super) text: String,
}

/// What stands between two fences.
pub(super) struct Block {
    /// The line after the opening fence.
    pub(super) line: usize,
    /// Of the opening fence: a language, and more.
    pub(super) info: String,
    pub(super) text: String,
}

impl Block {
    /// What a reader types, without comments, and in which line. In blocks of other suites, which show no output, `# ` is root's prompt.
    pub(super) fn commands(&self) -> Vec<(usize, &str)> {
        let root = self.info != "console";
        let typed = |line| str::strip_prefix(line, "$ ").or_else(|| str::strip_prefix(line, "# ").filter(|_| root));
        let commands = self.text.lines().zip(self.line..).filter_map(|(line, number)| Some((number, typed(line)?)));
        commands.map(|(number, command)| (number, command.split(" # ").next().unwrap_or_default().trim())).collect()
    }
}

/// Those at the top, and those of docs/.
pub(super) fn all() -> Result<Vec<Page>> {
    let mut paths = Vec::new();
    for folder in ["", "docs", "docs/decisions"] {
        let entries = fs::read_dir(crate::root().join(folder)).with_context(|| format!("there is no {folder}"))?;
        for entry in entries {
            let path = Path::new(folder).join(entry?.file_name());
            if path.extension().is_some_and(|extension| extension == "md") {
                paths.push(path.display().to_string());
            }
        }
    }
    paths.sort();
    let read = |path: String| Ok(Page { text: fs::read_to_string(crate::root().join(&path))?, path });
    paths.into_iter().map(read).collect()
}

pub(super) fn of<'p>(pages: &'p [Page], path: &str) -> Result<&'p Page> {
    pages.iter().find(|page| page.path == path).with_context(|| format!("there is no {path}"))
}

impl Page {
    pub(super) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines().zip(1..);
        while let Some((line, number)) = lines.next() {
            let Some(info) = line.trim_start().strip_prefix("```") else { continue };
            // Blocks of a list are indented.
            let indent = line.len() - line.trim_start().len();
            let inner = lines.by_ref().map(|(line, _)| line.get(indent..).unwrap_or_default());
            let text: String = inner.take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
            blocks.push(Block { line: number + 1, info: info.to_owned(), text });
        }
        blocks
    }

    /// Its lines with their numbers, but for those of diffs, which may name what there is not.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut diff = false;
        self.text.lines().zip(1..).filter_map(move |(line, number)| {
            diff = line == "```diff" || diff && line != "```";
            (!diff).then_some((number, line))
        })
    }

    /// Its lines with their numbers, but for those of blocks.
    #[cfg(test)]
    pub(super) fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut inside = false;
        self.text.lines().zip(1..).filter_map(move |(line, number)| {
            let fence = line.trim_start().starts_with("```");
            inside ^= fence;
            (!inside && !fence).then_some((number, line))
        })
    }

    /// What stands between backticks, over the ends of lines too, with the line of its paragraph.
    #[cfg(test)]
    pub(super) fn code(&self) -> Vec<(usize, String)> {
        let mut paragraphs: Vec<(usize, String)> = Vec::new();
        let mut last = 0;
        for (number, line) in self.prose().filter(|(_, line)| !line.is_empty()) {
            match paragraphs.last_mut() {
                Some((_, text)) if last + 1 == number && !line.starts_with(['|', '-']) => text.extend([" ", line]),
                _ => paragraphs.push((number, line.to_owned())),
            }
            last = number;
        }
        let of_one = |(number, text): &(usize, String)| -> Vec<_> {
            text.split('`').skip(1).step_by(2).map(|code| (*number, code.to_owned())).collect()
        };
        paragraphs.iter().flat_map(of_one).collect()
    }

    /// What headings are linked by, as GitHub makes it.
    #[cfg(test)]
    pub(super) fn anchors(&self) -> Vec<String> {
        let headings = self.prose().filter_map(|(_, line)| line.strip_prefix('#'));
        headings.map(|heading| anchor(heading.trim_start_matches('#').trim())).collect()
    }
}

#[cfg(test)]
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}
