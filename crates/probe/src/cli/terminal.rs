//! What the terminal can show, and what must never reach it: whatever a peer said goes through [`printable`].

use std::fmt::Write;
use std::io::{self, IsTerminal};

/// Where there is no terminal.
const DEFAULT_WIDTH: usize = 80;
/// Less than this is no room for a waterfall; lines are then broken by the terminal.
const LEAST_WIDTH: usize = 40;

/// What the reader of standard output sees.
#[derive(Clone, Copy)]
pub(crate) struct Terminal {
    pub(crate) width: usize,
    /// Otherwise ASCII.
    pub(crate) unicode: bool,
    pub(crate) color: bool,
}

/// What a piece of text means; a colour, where there are colours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Dim,
    Bold,
    Good,
    Warning,
    Bad,
    /// By its place in the order of phases.
    Phase(usize),
}

impl Terminal {
    pub(crate) fn of_stdout(no_color: bool) -> Self {
        let stdout = io::stdout();
        let plain = no_color || is_set("NO_COLOR") || is_dumb();
        Self { width: width(&stdout), unicode: is_utf8(), color: stdout.is_terminal() && !plain }
    }
}

/// The width of the terminal behind `stream`.
pub(crate) fn width(stream: &impl std::os::fd::AsFd) -> usize {
    let size = terminal_size::terminal_size_of(stream);
    size.map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0).max(LEAST_WIDTH))
}

/// Whether nothing but lines of text can be written to it.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// By the locale, as libc chooses it.
pub(crate) fn is_utf8() -> bool {
    let first = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find(|variable| is_set(variable));
    let locale = first.and_then(|variable| std::env::var(variable).ok()).unwrap_or_default().to_ascii_lowercase();
    locale.ends_with("utf-8") || locale.ends_with("utf8")
}

/// `text` with all that could move a cursor, change a colour or turn the direction of writing as Rust's escapes. What is
/// escaped stays as it is when it is escaped again.
pub(crate) fn printable(text: &str, unicode: bool) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut printable, character| {
        match character {
            ' '..='~' => printable.push(character),
            _ if unicode => printable.extend(character.escape_debug()),
            _ => printable.extend(character.escape_default()),
        }
        printable
    })
}

/// One JSON document on one line, with the same in JSON's escapes.
pub(crate) fn printable_json(json: &serde_json::Value) -> String {
    json.to_string().chars().fold(String::new(), |mut printable, character| {
        if character.is_ascii_graphic() || character == ' ' || character.escape_debug().len() == 1 {
            printable.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(printable, "\\u{unit:04x}");
            }
        }
        printable
    })
}

/// Text for a terminal. Whatever goes into it is made printable; escape sequences are its own alone.
pub(crate) struct Page {
    pub(crate) terminal: Terminal,
    text: String,
}

impl Page {
    pub(crate) fn new(terminal: Terminal) -> Self {
        Self { terminal, text: String::new() }
    }

    pub(crate) fn put(&mut self, paint: Paint, text: &str) -> &mut Self {
        let text = printable(text, self.terminal.unicode);
        match paint.code() {
            Some(code) if self.terminal.color && !text.trim().is_empty() => {
                let _ = write!(self.text, "\x1b[{code}m{text}\x1b[0m");
            }
            _ => self.text.push_str(&text),
        }
        self
    }

    pub(crate) fn end_line(&mut self) {
        let end = self.text.trim_end_matches(' ').len();
        self.text.truncate(end);
        self.text.push('\n');
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

impl Paint {
    /// Of ECMA-48's "select graphic rendition".
    fn code(self) -> Option<&'static str> {
        // Resolve to transfer; red means that something is wrong.
        const PHASES: [&str; 5] = ["36", "33", "35", "34", "32"];
        match self {
            Self::Plain => None,
            Self::Dim => Some("2"),
            Self::Bold => Some("1"),
            Self::Good => Some("1;32"),
            Self::Warning => Some("33"),
            Self::Bad => Some("1;31"),
            Self::Phase(n) => PHASES.get(n).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Colours, the cursor, the title, the direction of writing, the ways to begin a line anew, and a combining mark.
    const EVIL: &str = "a\x1b[31m\x1b]0;t\x07\u{9b}2J\u{202e}\r\n\t\u{7f}\u{2028}\u{301}\0é\\";

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        let unicode = printable(EVIL, true);
        assert_eq!(unicode, r"a\u{1b}[31m\u{1b}]0;t\u{7}\u{9b}2J\u{202e}\r\n\t\u{7f}\u{2028}\u{301}\0é\");
        let ascii = printable(EVIL, false);
        assert!(ascii.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{ascii}");
        assert_eq!(printable(&unicode, true), unicode);
        let mut page = Page::new(Terminal { width: 80, unicode: true, color: false });
        page.put(Paint::Bad, EVIL).end_line();
        assert_eq!(page.into_text(), unicode + "\n");
    }

    #[test]
    fn json_is_printed_without_them_and_means_the_same() {
        let json = serde_json::json!({ EVIL: format!("{EVIL}\u{e0041}😀") });
        let line = printable_json(&json);
        assert!(line.chars().all(|character| !character.is_control()), "{line}");
        assert!(line.contains("😀") && line.contains(r"\udb40\udc41") && line.contains(r"\u202e"), "{line}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), json);
    }
}
