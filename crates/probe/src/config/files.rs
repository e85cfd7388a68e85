//! The files that a configuration is made of: none is read further than it may be large, and what was read is accounted for.

use std::path::Path;

use ring::digest::{Context, SHA256};

use super::{FileError, Position};
use crate::regular_file;

/// Bytes of the configuration file and all files of targets.
const TOGETHER: u64 = 64 << 20;

/// The text of a file.
pub(super) fn text(path: &Path) -> Result<String, FileError> {
    let bytes = content(path).map_err(|message| FileError::new(path, None, message))?;
    decode(path, bytes)
}

/// All that is read for one configuration, of which none may be too large, and what it was.
pub struct Files {
    account: Context,
    left: u64,
}

impl Default for Files {
    fn default() -> Self {
        Self { account: Context::new(&SHA256), left: TOGETHER }
    }
}

impl Files {
    /// The text of a file.
    ///
    /// # Errors
    /// It cannot be read, is too large or no UTF-8.
    pub fn text(&mut self, path: &Path) -> Result<String, FileError> {
        let wrong = |message: String| FileError::new(path, None, message);
        let content = self.read(path).map_err(wrong)?;
        let left = self.left.checked_sub(content.len() as u64);
        let message = || format!("more than {} MiB with those before it; check their names", TOGETHER >> 20);
        self.left = left.ok_or_else(|| wrong(message()))?;
        decode(path, content)
    }

    /// Takes note of what is in a file of certificates or a key.
    pub(super) fn note(&mut self, path: &Path) -> Result<(), String> {
        self.read(path).map(drop)
    }

    /// What is in a file.
    ///
    /// # Errors
    /// It cannot be read, or is too large: why, and what to do.
    pub fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        let content = content(path);
        match &content {
            Ok(content) => self.enter(path, b"content", content),
            Err(message) => self.failed(path, message),
        }
        content
    }

    /// Takes note of what cannot be read.
    pub(super) fn failed(&mut self, path: &Path, message: &str) {
        self.enter(path, b"error", message.as_bytes());
    }

    /// Lengths stand before what they are of, so that nothing can be taken for the end of what is before it.
    fn enter(&mut self, path: &Path, kind: &[u8], content: &[u8]) {
        for part in [path.as_os_str().as_encoded_bytes(), kind, content] {
            self.account.update(&part.len().to_be_bytes());
            self.account.update(part);
        }
    }

    /// The SHA-256 of all names and contents.
    pub fn digest(self) -> [u8; 32] {
        let digest = self.account.finish();
        std::array::from_fn(|n| digest.as_ref()[n])
    }
}

fn content(path: &Path) -> Result<Vec<u8>, String> {
    regular_file::read(path).map_err(|error| error.to_string())
}

fn decode(path: &Path, bytes: Vec<u8>) -> Result<String, FileError> {
    String::from_utf8(bytes).map_err(|error| {
        let (text, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let text = String::from_utf8_lossy(text);
        let line = text.matches('\n').count() + 1;
        let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        FileError::new(path, Some(Position { line, column }), "not UTF-8; save the file as UTF-8")
    })
}
