//! The header of basic authentication.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// User name and password: RFC 7617. What is no text is no user name.
pub(crate) fn basic(header: &[u8]) -> Option<(String, Vec<u8>)> {
    let (scheme, encoded) = header.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let mut user = BASE64_STANDARD.decode(encoded.trim_ascii()).ok()?;
    let colon = user.iter().position(|byte| *byte == b':')?;
    let password = user.split_off(colon + 1);
    user.pop();
    Some((String::from_utf8(user).ok()?, password))
}

/// What holds for any bytes: `cargo xtask fuzz` looks for some that break it, and `cargo test` tries those that are kept.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzzed(data: &[u8]) {
    if let Some((user, password)) = basic(data) {
        assert!(!user.contains(':'), "{user}");
        let pair = [user.as_bytes(), b":", &password].concat();
        let again = format!("bAsIc {}", BASE64_STANDARD.encode(pair));
        assert_eq!(basic(again.as_bytes()), Some((user, password)));
    }
    // Bytes that are such a pair are read as it.
    let header = format!("Basic {}", BASE64_STANDARD.encode(data));
    let read = basic(header.as_bytes());
    let mut parts = data.splitn(2, |byte| *byte == b':');
    let meant =
        parts.next().and_then(|user| Some((std::str::from_utf8(user).ok()?.to_owned(), parts.next()?.to_vec())));
    assert_eq!(read, meant);
}

#[cfg(test)]
#[path = "../../../../xtask/fuzz/corpus.rs"]
mod corpus;

#[cfg(test)]
mod tests {
    use super::corpus;

    #[test]
    fn what_is_kept_of_credentials() {
        corpus::replay("credentials", super::fuzzed);
    }
}
