//! Messages and questions on the terminal.

use std::io::{self, IsTerminal, Write};

/// Returns true if stdin is a terminal, where a question can be answered.
pub(super) fn is_anybody_there() -> bool {
    io::stdin().is_terminal()
}

/// Prints a message to stderr.
pub(super) fn tell(text: &str) {
    let mut stderr = io::stderr().lock();
    // without stderr, the text cannot be shown
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// Asks for confirmation. Anything but a clear yes is a no.
pub(super) fn proceed() -> io::Result<bool> {
    tell("Proceed? [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    let answer = answer.trim();
    ["y", "yes"].iter().any(|yes| answer.eq_ignore_ascii_case(yes))
}

/// A line on the terminal that is overwritten.
pub(super) struct Progress {
    is_seen: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { is_seen: io::stderr().is_terminal() }
    }

    /// Replaces the line with `text`.
    pub(super) fn show(&self, text: &str) {
        if self.is_seen {
            tell(&format!("\r\x1b[2K{text}"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.show("");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_a_yes() {
        for yes in ["y\n", "Y\r\n", " yes ", "YES"] {
            assert!(is_yes(yes), "{yes:?}");
        }
        for no in ["", "\n", "n\n", "yep\n", "yes please\n", "j\n"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }
}
