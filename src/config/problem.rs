//! What is wrong with a file, where, and how it is told.

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
    /// The line, where there is one, and what is wrong there.
    errors: Vec<(Option<usize>, String)>,
}

impl ConfigErrors {
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self { path: path.to_owned(), errors: vec![(None, format!("cannot be read: {error}"))] }
    }

    pub(super) fn not_unicode(path: &Path, error: &FromUtf8Error) -> Self {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].split(|byte| *byte == b'\n').count();
        Self { path: path.to_owned(), errors: vec![(Some(line), "expected text in UTF-8".into())] }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.errors.len()
    }
}

/// One error a line: `path:line: key = what was there: what was expected`.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        for (place, (line, error)) in self.errors.iter().enumerate() {
            if place > 0 {
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

/// Takes what is found to be wrong with a text.
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
    /// It may follow from bad syntax elsewhere, such as a header that is not closed.
    Shape,
}

impl Problems {
    pub(super) fn new(text: &str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(place, _)| place + 1);
        Self { line_starts: std::iter::once(0).chain(starts).collect(), found: RefCell::default() }
    }

    /// The line, counted from 1, of a place in the text.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// The text is not TOML.
    pub(super) fn syntax(&self, offset: usize, text: &str) {
        self.push(offset, Kind::Syntax, text.into());
    }

    /// Something that is there is wrong.
    pub(super) fn value(&self, offset: usize, text: String) {
        self.push(offset, Kind::Value, text);
    }

    /// Something is not there, or where it does not belong.
    pub(super) fn shape(&self, offset: usize, text: String) {
        self.push(offset, Kind::Shape, text);
    }

    fn push(&self, offset: usize, kind: Kind, text: String) {
        self.found.borrow_mut().push(Problem { line: self.line(offset), kind, text });
    }

    /// All that was found, without what may be but a consequence of bad syntax.
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
