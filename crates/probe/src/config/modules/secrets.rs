//! Secrets: by value, in a file or in the environment. Nothing here says what they are.

use std::path::PathBuf;

use super::Reading;
use crate::config::Position;
use crate::config::section::{Problem, Section};
use crate::module::Secret;

/// The secret that `OPTION`, `OPTION_file` or `OPTION_env` gives. blackbox_exporter has `OPTION_ref` too, which names it in a
/// secret manager.
pub(super) fn secret(section: &Section<'_>, option: &str, reading: &mut Reading) -> Result<Option<Secret>, Problem> {
    let (file, env, other) = (format!("{option}_file"), format!("{option}_env"), format!("{option}_ref"));
    let Some(given) = section.one_of(&[option, &file, &env, &other])? else { return Ok(None) };
    let Some((at, text)) = section.text(given)? else { return Ok(None) };
    if given == other {
        let message = format!("{other}: the probe knows no secret manager; give {option}, {file} or {env}");
        reading.unusable(section.key(&other), message);
    }
    let secret = if given == file {
        Secret::File(PathBuf::from(text))
    } else if given == env {
        Secret::Env(variable(&env, at, text)?)
    } else {
        Secret::Value(text.to_owned())
    };
    Ok(Some(secret))
}

/// The name of an environment variable. It is not shown: who mistakes this option for that of the value writes it here.
pub(super) fn variable(option: &str, at: Position, text: &str) -> Result<String, Problem> {
    let legal = |character: char| character.is_ascii_alphanumeric() || character == '_';
    if text.is_empty() || !text.chars().all(legal) || text.starts_with(|first: char| first.is_ascii_digit()) {
        let message =
            format!("{option} is not the name of an environment variable; write letters, digits and _, not the value");
        return Err(Problem::new(at, message));
    }
    Ok(text.to_owned())
}
