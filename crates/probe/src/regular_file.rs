//! Reads files that somebody names: never a pipe, which would be waited for, nor a device, which may have no end.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Bytes of a file. A module or a target has some hundred.
const LARGEST: u64 = 16 << 20;

/// The content of a file of at most 16 MiB.
///
/// # Errors
/// It cannot be read, is too large, or no file: why, and what to do.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let unreadable =
        |error: Error| Error::new(error.kind(), format!("{error}; check that the file exists and may be read"));
    // Before it is opened: who opens a pipe waits for the other end.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Error::new(ErrorKind::IsADirectory, "a directory; name a file in it"));
    }
    if !metadata.is_file() {
        let message = "a pipe, a socket or a device; write it into a file, and name that";
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    let mut bytes = Vec::new();
    if metadata.len() <= LARGEST {
        File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    }
    if metadata.len().max(bytes.len() as u64) > LARGEST {
        let message = format!("more than {} MiB; check its name, or split it", LARGEST >> 20);
        return Err(Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}
