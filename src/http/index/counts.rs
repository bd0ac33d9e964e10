//! Counts by verdict.

use serde::Serialize;

use crate::domain::Verdict;

/// The number of items with each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(in crate::http) struct Counts {
    critical: usize,
    warning: usize,
    unknown: usize,
    info: usize,
    ok: usize,
}

impl Counts {
    /// Adds one item.
    pub(super) fn add(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Critical => &mut self.critical,
            Verdict::Warning => &mut self.warning,
            Verdict::Unknown => &mut self.unknown,
            Verdict::Info => &mut self.info,
            Verdict::Ok => &mut self.ok,
        } += 1;
    }

    /// Returns the number with this verdict.
    pub(in crate::http) fn of(self, verdict: Verdict) -> usize {
        match verdict {
            Verdict::Critical => self.critical,
            Verdict::Warning => self.warning,
            Verdict::Unknown => self.unknown,
            Verdict::Info => self.info,
            Verdict::Ok => self.ok,
        }
    }

    /// Returns the total.
    pub(in crate::http) fn all(self) -> usize {
        Verdict::ALL.into_iter().map(|verdict| self.of(verdict)).sum()
    }

    /// Returns the worst verdict that any item has.
    pub(in crate::http) fn worst(self) -> Verdict {
        Verdict::ALL.into_iter().find(|verdict| self.of(*verdict) > 0).unwrap_or_default()
    }
}
