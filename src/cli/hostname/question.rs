//! What is said to people, and asked of them.

use std::io::{self, IsTerminal, Write};

/// Whether there is somebody who can be asked.
pub(super) fn is_anybody_there() -> bool {
    io::stdin().is_terminal()
}

/// Says something beside the results.
pub(super) fn tell(text: &str) {
    let mut stderr = io::stderr().lock();
    // without a stderr there is nobody to tell
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// Asks whether to go on; anything but a clear yes is a no.
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

/// One line that is written over and over, for whoever sits at a terminal.
pub(super) struct Progress {
    is_seen: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { is_seen: io::stderr().is_terminal() }
    }

    /// Shows `text` in the place of what was shown before.
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
