//! Spans of time, as people say them.

use std::fmt::{self, Display};

/// A span of time in seconds, in a fitting unit: `5 days`.
pub struct Span(pub i64);

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.unsigned_abs();
        let (count, unit) = match seconds {
            0..60 => (seconds, "second"),
            60..3_600 => (seconds / 60, "minute"),
            3_600..172_800 => (seconds / 3_600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

/// A distance in seconds from now: `in 5 days` if it is positive, else `2 days ago`.
pub struct Distance(pub i64);

impl Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 0 { write!(f, "in {}", Span(self.0)) } else { write!(f, "{} ago", Span(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_has_a_fitting_unit_and_a_direction() {
        let of = |seconds| Distance(seconds).to_string();
        assert_eq!(of(59), "in 59 seconds");
        assert_eq!(of(90), "in 1 minute");
        assert_eq!(of(0), "0 seconds ago");
        assert_eq!(of(47 * 3_600), "in 47 hours");
        assert_eq!(of(-3 * 86_400), "3 days ago");
    }
}
