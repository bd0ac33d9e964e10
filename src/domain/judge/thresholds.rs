//! The thresholds of findings.

use crate::domain::Finding;

/// The thresholds of findings, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// A certificate or token that ends sooner causes a warning.
    pub warning: i64,
    /// A certificate that ends sooner is critical.
    pub critical: i64,
    /// A deployment or deletion that takes longer causes a warning.
    pub pending: i64,
}

impl Thresholds {
    /// Returns the finding about a certificate that ends in `left` seconds.
    pub fn of_end(self, left: i64) -> Option<Finding> {
        match left {
            ..=0 => Some(Finding::Expired),
            _ if left < self.critical => Some(Finding::ExpiresVerySoon),
            _ if left < self.warning => Some(Finding::ExpiresSoon),
            _ => None,
        }
    }

    /// Returns true if `critical` is not above `warning`.
    pub fn is_ordered(self) -> bool {
        self.critical <= self.warning
    }

    /// Returns the thresholds, each with its value of the label `threshold`.
    pub fn named(self) -> [(&'static str, i64); 3] {
        [("warning", self.warning), ("critical", self.critical), ("pending", self.pending)]
    }
}

impl Default for Thresholds {
    /// 30 days, 7 days and 30 minutes.
    fn default() -> Self {
        const DAY: i64 = 86_400;
        Self { warning: 30 * DAY, critical: 7 * DAY, pending: 30 * 60 }
    }
}
