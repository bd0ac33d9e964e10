//! The thresholds of findings.

/// The spans, in seconds, that decide on findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// A certificate or token that ends sooner is worth a warning.
    pub warning: i64,
    /// A certificate that ends sooner is critical.
    pub critical: i64,
    /// A deployment or deletion may take as long.
    pub pending: i64,
}

impl Thresholds {
    /// Returns true if the critical threshold comes after the warning threshold.
    pub fn is_ordered(self) -> bool {
        self.critical <= self.warning
    }

    /// The thresholds by the values of the label `threshold`.
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
