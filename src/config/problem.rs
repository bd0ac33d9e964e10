//! The errors of a configuration file, and their lines.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;

/// Everything that is wrong with a configuration file, sorted by line.
#[derive(Clone, Debug)]
pub struct ConfigErrors {
    path: PathBuf,
    /// Each error, with its line if it has one.
    errors: Vec<(Option<usize>, String)>,
}

impl ConfigErrors {
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self { path: path.to_owned(), errors: vec![(None, format!("cannot be read: {error}"))] }
    }

    pub(super) fn not_unicode(path: &Path, error: &FromUtf8Error) -> Self {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].split(|byte| *byte == b'\n').count();
        // Notepad on Windows may save UTF-16
        let is_utf16 = error.as_bytes().starts_with(b"\xff\xfe") || error.as_bytes().starts_with(b"\xfe\xff");
        let found = if is_utf16 { ", found UTF-16: save the file as UTF-8" } else { "" };
        Self { path: path.to_owned(), errors: vec![(Some(line), format!("expected text in UTF-8{found}"))] }
    }

    /// Creates the errors of a configuration without a file.
    pub(super) fn without_lines(name: &str, errors: Vec<String>) -> Self {
        Self { path: name.into(), errors: errors.into_iter().map(|error| (None, error)).collect() }
    }

    /// Returns the errors without their lines.
    pub(super) fn texts(self) -> impl Iterator<Item = String> {
        self.errors.into_iter().map(|(_, text)| text)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// Returns the number of errors.
    pub fn count(&self) -> usize {
        self.errors.len()
    }
}

/// Writes one error per line: `path:line: key = found: what was expected`.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        for (index, (line, error)) in self.errors.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match line {
                Some(line) => write!(f, "{path}:{line}: {error}")?,
                None => write!(f, "{path}: {error}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Collects the errors of a text.
pub(super) struct Problems {
    line_starts: Vec<usize>,
    found: RefCell<Vec<Problem>>,
}

struct Problem {
    line: usize,
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Syntax,
    Value,
    /// May be a consequence of a syntax error elsewhere, such as an unclosed header.
    Shape,
}

impl Problems {
    pub(super) fn new(text: &str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(index, _)| index + 1);
        Self { line_starts: std::iter::once(0).chain(starts).collect(), found: RefCell::default() }
    }

    /// Returns the line of an offset, counted from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// Adds a syntax error.
    pub(super) fn syntax(&self, offset: usize, text: &str) {
        self.push(offset, Kind::Syntax, text.into());
    }

    /// Adds an error about a value.
    pub(super) fn value(&self, offset: usize, text: String) {
        self.push(offset, Kind::Value, text);
    }

    /// Adds an error about something that is missing or misplaced.
    pub(super) fn shape(&self, offset: usize, text: String) {
        self.push(offset, Kind::Shape, text);
    }

    fn push(&self, offset: usize, kind: Kind, text: String) {
        self.found.borrow_mut().push(Problem { line: self.line(offset), kind, text });
    }

    /// Returns all problems except those that may be a consequence of a syntax error.
    pub(super) fn into_errors(self, path: &Path) -> ConfigErrors {
        let mut found = self.found.into_inner();
        let syntax = found.iter().filter(|problem| problem.kind == Kind::Syntax);
        let broken: BTreeSet<usize> = syntax.map(|problem| problem.line).collect();
        found.retain(|problem| match problem.kind {
            Kind::Syntax => true,
            Kind::Value => !broken.contains(&problem.line),
            Kind::Shape => broken.is_empty(),
        });
        found.sort_by_key(|problem| problem.line);
        let errors = found.into_iter().map(|problem| (Some(problem.line), problem.text));
        ConfigErrors { path: path.to_owned(), errors: errors.collect() }
    }
}
