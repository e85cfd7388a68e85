//! What is wrong with a file: where, what, and what to do.

use std::path::{Path, PathBuf};

/// A place in a file. Both count from 1; a column is a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Why a file, or a module in it, cannot be used. Its `Display` form is one line, `FILE:LINE:COLUMN: what; what
/// to do`, and never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    path: PathBuf,
    position: Option<Position>,
    message: String,
}

impl FileError {
    pub(super) fn new(path: &Path, position: Option<Position>, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), position, message: message.into() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where in the file, unless it is of the file as a whole.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// What is wrong, and what to do.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = shown_path(&self.path);
        match self.position {
            Some(position) => write!(f, "{path}:{position}: {}", self.message),
            None => write!(f, "{path}: {}", self.message),
        }
    }
}

impl std::error::Error for FileError {}

/// A name of a file may hold anything, and an error is one line.
pub(super) fn shown_path(path: &Path) -> String {
    path.display().to_string().replace(char::is_control, "\u{fffd}")
}
