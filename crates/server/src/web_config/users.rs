//! `basic_auth_users`: user names, and the bcrypt hashes of their passwords.

use std::collections::BTreeMap;
use std::fmt;

use probe::yaml::{Node, Problem, entries, text};

/// A hash as bcrypt writes it, which is checked to be one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PasswordHash(String);

/// A hash is no password, and a weak password is found by it.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl PasswordHash {
    /// `$2y$10$` and 53 characters: the version, the cost, salt and hash.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let no_hash = "not a bcrypt hash; make one with htpasswd -nBC 10 \"\"";
        let rest =
            ["$2a$", "$2b$", "$2x$", "$2y$"].iter().find_map(|version| text.strip_prefix(version)).ok_or(no_hash)?;
        let (cost, hash) = rest.split_once('$').ok_or(no_hash)?;
        let in_hash = |byte: u8| byte.is_ascii_alphanumeric() || b"./".contains(&byte);
        if hash.len() != 53 || !hash.bytes().all(in_hash) {
            return Err("not a whole bcrypt hash; it has 60 characters");
        }
        let two_digits = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
        if !two_digits || !cost.parse().is_ok_and(|cost: u8| (4..=31).contains(&cost)) {
            return Err("a bcrypt hash whose cost is not in 04 to 31; make one with htpasswd -nBC 10 \"\"");
        }
        Ok(Self(with_whole_salt(text)))
    }

    /// Whether it is of this password. That takes the time that the hash says: 0.1 s at cost 10, twice as much for each one more.
    pub(crate) fn matches(&self, password: &[u8]) -> bool {
        bcrypt::verify(password, &self.0).unwrap_or(false)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The 22 characters of the salt have four bits more than its 16 bytes. Go's library does not look at them, nor do some that make
/// hashes; the one here would take such a hash for none.
fn with_whole_salt(hash: &str) -> String {
    const DIGITS: &[u8] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    /// Before it there are the version, the cost, and 21 characters of the salt.
    const LAST: usize = 4 + 3 + 21;
    let mut whole = hash.to_owned();
    let digit = hash.as_bytes().get(LAST).and_then(|last| DIGITS.iter().position(|digit| digit == last));
    if let Some(digit) = digit {
        whole.replace_range(LAST..=LAST, &char::from(DIGITS[digit & 0b11_0000]).to_string());
    }
    whole
}

pub(super) fn read(node: &Node) -> Result<BTreeMap<String, PasswordHash>, Problem> {
    let users = entries("basic_auth_users", node)?.map(|(user, hash)| {
        let wrong = |why| Problem::new(hash.position(), format!("the password of a user is {why}"));
        // A user without a hash has none that could be checked.
        let hash = text("the password of a user", hash).and_then(|text| PasswordHash::parse(text).map_err(wrong))?;
        // As the header has it, that is how it is told from the password.
        if user.text.contains(':') {
            return Err(Problem::new(
                user.at,
                "a user name with a colon, which no client can send; choose another one",
            ));
        }
        Ok((user.text.clone(), hash))
    });
    users.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_its_password_and_of_no_other() {
        let hash = bcrypt::hash("open sesame", 4).unwrap();
        for version in ["$2a$", "$2b$", "$2y$"] {
            let hash = PasswordHash::parse(&hash.replacen("$2b$", version, 1)).unwrap();
            assert!(hash.matches(b"open sesame") && !hash.matches(b"Open sesame") && !hash.matches(b""), "{version}");
            assert_eq!(format!("{hash:?}"), "<secret>");
        }
    }

    #[test]
    fn bits_of_the_salt_that_mean_nothing_do_not_matter() {
        let hash = bcrypt::hash("open sesame", 4).unwrap();
        // Each of these four is the first of sixteen that mean the same.
        let (before, last, after) = (&hash[..28], &hash[28..29], &hash[29..]);
        let next = match last {
            "." => "/",
            "O" => "P",
            "e" => "f",
            "u" => "v",
            other => panic!("{other}"),
        };
        let odd = PasswordHash::parse(&format!("{before}{next}{after}")).unwrap();
        assert!(odd.matches(b"open sesame") && !odd.matches(b"Open sesame"));
        assert_eq!(odd.as_str(), hash);
    }

    /// As in the library of Go: what is beyond 72 bytes does not count.
    #[test]
    fn long_passwords_and_those_with_any_byte() {
        let long = "x".repeat(72);
        let hash = PasswordHash::parse(&bcrypt::hash(&long, 4).unwrap()).unwrap();
        assert!(hash.matches(long.as_bytes()) && hash.matches(format!("{long}y").as_bytes()));
        assert!(!hash.matches(&long.as_bytes()[1..]));
        let hash = PasswordHash::parse(&bcrypt::hash(b"\xff\xfe", 4).unwrap()).unwrap();
        assert!(hash.matches(b"\xff\xfe") && !hash.matches(b"\xff\xfe\x00") && !hash.matches(b"\xff"));
    }

    #[test]
    fn what_is_no_hash() {
        let good = bcrypt::hash("x", 4).unwrap();
        assert!(PasswordHash::parse(&good).is_ok());
        for wrong in [
            "",
            "secret",
            "$1$abc",
            &good[..59],
            &format!("{good}x"),
            &good.replace("$04$", "$03$"),
            &good.replace("$04$", "$32$"),
            &good.replace("$04$", "$+4$"),
            &good.replace("$2b$", "$3b$"),
        ] {
            let error = PasswordHash::parse(wrong).unwrap_err();
            assert!(error.contains("bcrypt") && !error.contains("secret"), "{wrong}: {error}");
        }
    }
}
