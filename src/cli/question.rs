//! Messages and questions on the terminal.

use std::io::{self, IsTerminal, Write};

use anyhow::ensure;

/// Refuses a change that must be confirmed if stdin is not a terminal, or is read for something else.
pub(super) fn check(is_confirmed: bool, is_stdin_taken: bool) -> anyhow::Result<()> {
    ensure!(
        is_confirmed || !is_stdin_taken,
        "nothing was changed: the key comes from standard input, so confirmation is impossible; give --yes or --dry-run"
    );
    ensure!(
        is_confirmed || io::stdin().is_terminal(),
        "nothing was changed: standard input is not a terminal, so confirmation is impossible; give --yes or --dry-run"
    );
    Ok(())
}

/// Prints a message to stderr.
pub(super) fn tell(text: &str) {
    let mut stderr = io::stderr().lock();
    // without stderr, the text cannot be shown
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// Asks for confirmation, and fails without it. Anything but a clear yes is a no.
pub(super) fn confirm() -> anyhow::Result<()> {
    tell("Proceed? [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    ensure!(is_yes(&answer), "nothing was changed");
    Ok(())
}

fn is_yes(answer: &str) -> bool {
    let answer = answer.trim();
    ["y", "yes"].iter().any(|yes| answer.eq_ignore_ascii_case(yes))
}

/// A progress line on the terminal, overwritten in place.
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
    fn only_y_and_yes_confirm() {
        for yes in ["y\n", "Y\r\n", " yes ", "YES"] {
            assert!(is_yes(yes), "{yes:?}");
        }
        for no in ["", "\n", "n\n", "yep\n", "yes please\n", "j\n"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }
}
