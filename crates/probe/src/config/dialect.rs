//! Expressions are written for blackbox_exporter, in Go's dialect of RE2 (<https://github.com/google/re2/wiki/Syntax>). Rust's has
//! the same syntax, but takes some characters for operators that are themselves there.

/// An expression for Go, so that Rust reads the same in it. What is wrong in it stays so.
pub(super) fn from_go(expression: &str) -> String {
    let mut written = String::with_capacity(expression.len());
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '\\' if rest.starts_with(r"\Q") => {
                let quoted = &rest[2..];
                let (literal, end) = quoted.find(r"\E").map_or((quoted, 0), |end| (&quoted[..end], 2));
                written += &regex::escape(literal);
                2 + literal.len() + end
            }
            '\\' => copy(&mut written, rest, escape(rest)),
            '[' => class(&mut written, rest),
            // A { that counts nothing is itself, as in JSON.
            '{' if count(rest).is_none() => {
                written += r"\{";
                1
            }
            _ => copy(&mut written, rest, first.len_utf8()),
        };
        rest = &rest[taken..];
    }
    written
}

fn copy(written: &mut String, rest: &str, length: usize) -> usize {
    *written += &rest[..length];
    length
}

/// Bytes of the escape at the beginning, with the braces of `\p{Greek}` and `\x{10ffff}`.
fn escape(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    let Some((at, kind)) = characters.next() else { return rest.len() };
    let length = at + kind.len_utf8();
    match kind {
        'p' | 'P' | 'x' if rest[length..].starts_with('{') => rest.find('}').map_or(rest.len(), |end| end + 1),
        _ => length,
    }
}

/// Bytes of the repetition at the beginning: `{2}`, `{2,}` or `{2,3}`.
fn count(rest: &str) -> Option<usize> {
    let end = 1 + rest[1..].find(|character: char| !character.is_ascii_digit() && character != ',')?;
    let (least, most) = rest[1..end].split_once(',').unwrap_or((&rest[1..end], ""));
    (rest[end..].starts_with('}') && !least.is_empty() && !most.contains(',')).then_some(end + 1)
}

/// Bytes of the named class at the beginning: `[:alpha:]` or `[:^alpha:]`.
fn posix(rest: &str) -> Option<usize> {
    let name = rest.strip_prefix("[:")?;
    let end = name.find(|character: char| !character.is_ascii_lowercase() && character != '^')?;
    name[end..].starts_with(":]").then_some(2 + end + 2)
}

/// Takes the class at the beginning. Within it Rust has classes again, and operations on them.
fn class(written: &mut String, expression: &str) -> usize {
    let start = if expression.starts_with("[^") { 2 } else { 1 };
    // A ] that comes first is itself.
    let mut at = copy(written, expression, start + usize::from(expression[start..].starts_with(']')));
    while let Some(first) = expression[at..].chars().next() {
        let rest = &expression[at..];
        at += match first {
            ']' => {
                written.push(']');
                return at + 1;
            }
            '\\' => copy(written, rest, escape(rest)),
            '[' => {
                let named = posix(rest);
                if named.is_none() {
                    written.push('\\');
                }
                copy(written, rest, named.unwrap_or(1))
            }
            '&' | '~' | '-' if rest[1..].starts_with(first) => {
                written.extend([first, '\\', first]);
                2
            }
            _ => copy(written, rest, first.len_utf8()),
        };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::from_go;
    use regex::bytes::Regex;

    #[test]
    fn what_is_an_operator_in_rust_alone_is_itself() {
        for (go, matching, other) in [
            (r#"{"status": ?"ok"}"#, r#"{"status":"ok"}"#, r#""status":"ok""#),
            ("a{,2}", "a{,2}", "aa"),
            ("a{b}", "a{b}", "ab"),
            ("{{.+}}", "{{x}}", "{x}"),
            ("^a{2}$", "aa", "a"),
            ("^a{2,}$", "aaa", "a"),
            ("^a{1,2}$", "aa", "aaa"),
            ("^[[a]$", "[", "]"),
            ("^[]a]$", "]", "["),
            ("^[^]a]$", "b", "]"),
            ("^[[:alpha:][]$", "x", "1"),
            ("^[a&&b]$", "&", "c"),
            ("^[~~]$", "~", "a"),
            ("^[+--]$", ",", "."),
            (r"\Qa.b[\E+", "a.b[[", "axb["),
            (r"^\Q(", "(", ")"),
            (r"^\p{Greek}\x{e9}$", "λé", "le"),
            (r"^[\]\\]$", r"\", "/"),
            (r"\{", "{", "a"),
            ("日{本", "日{本", "日本"),
        ] {
            let expression = Regex::new(&from_go(go)).unwrap_or_else(|error| panic!("{go}: {error}"));
            assert!(expression.is_match(matching.as_bytes()), "{go} as {expression}");
            assert!(!expression.is_match(other.as_bytes()), "{go} as {expression}");
        }
    }

    #[test]
    fn what_is_the_same_in_both_is_left_as_it_is() {
        for same in ["", "a", r"(?i)a|b.*\d+\z", r"[a-z&\[]", "^(?P<x>a{3})$", r"[^\n]{2,5}?", "}"] {
            assert_eq!(from_go(same), same);
        }
    }

    #[test]
    fn what_does_not_end_stays_so() {
        for open in ["[", "[^", "[]", "[[:", r"[\", r"\", r"\p{", r"\x{1", "(", r"[a-\"] {
            assert!(Regex::new(&from_go(open)).is_err(), "{open}");
        }
    }
}
