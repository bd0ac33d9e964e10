//! Findings that the configuration ignores.

use super::Finding;

/// A set of findings that are shown as ignored, and do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ignored(u32);

impl Ignored {
    /// The empty set.
    pub const NOTHING: Self = Self(0);

    /// Returns the union of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns one bit for each finding.
    pub(super) const fn bits(self) -> u32 {
        self.0
    }
}

impl FromIterator<Finding> for Ignored {
    fn from_iter<I: IntoIterator<Item = Finding>>(findings: I) -> Self {
        Self(findings.into_iter().fold(0, |bits, finding| bits | 1 << finding as u8))
    }
}
