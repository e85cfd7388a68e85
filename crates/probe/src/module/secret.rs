//! Values that must not be seen: redacted by type, and read where they are needed.

use std::io;
use std::path::PathBuf;

use crate::regular_file;

/// A value that may be secret: given, in a file or in an environment variable. Its `Debug` form never shows it.
///
/// ```
/// use probe::Secret;
///
/// assert_eq!(format!("{:?}", Secret::Value("s3cret".to_owned())), "<secret>");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The value itself.
    Value(String),
    /// The content of a file, without white space around it. It is read for each run, so it may be replaced.
    File(PathBuf),
    /// The content of an environment variable.
    Env(String),
}

/// Why a secret cannot be had. It says where it should be, and nothing of what is there.
#[derive(Debug)]
pub enum SecretError {
    /// The file cannot be read, or is not UTF-8.
    File(PathBuf, io::Error),
    /// The variable is not set, or is not UTF-8.
    Env(String),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(_) => f.write_str("<secret>"),
            Self::File(path) => write!(f, "<secret in {}>", path.display()),
            Self::Env(name) => write!(f, "<secret in ${name}>"),
        }
    }
}

impl std::fmt::Display for SecretError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Env(name) => write!(f, "the environment variable {name} is not set to a text; set it"),
        }
    }
}

impl std::error::Error for SecretError {}

impl Secret {
    /// The value, as credentials are kept in files: without white space around it.
    pub(crate) fn text(&self) -> Result<String, SecretError> {
        let text = match self {
            Self::Value(value) => return Ok(value.clone()),
            Self::File(path) => {
                let unreadable = |error| SecretError::File(path.clone(), error);
                let bytes = regular_file::read(path).map_err(unreadable)?;
                String::from_utf8(bytes).map_err(|_| {
                    unreadable(io::Error::new(io::ErrorKind::InvalidData, "not UTF-8; save it as UTF-8"))
                })?
            }
            Self::Env(name) => std::env::var(name).map_err(|_| SecretError::Env(name.clone()))?,
        };
        Ok(text.trim().to_owned())
    }

    /// The value, to the byte.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, SecretError> {
        match self {
            Self::File(path) => regular_file::read(path).map_err(|error| SecretError::File(path.clone(), error)),
            Self::Value(value) => Ok(value.clone().into_bytes()),
            Self::Env(name) => std::env::var(name).map(String::into_bytes).map_err(|_| SecretError::Env(name.clone())),
        }
    }
}
