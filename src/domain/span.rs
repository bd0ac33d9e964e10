//! Human-readable durations.

use std::fmt::{self, Display};

/// A duration in seconds, displayed in a suitable unit, such as `5 days`.
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

/// A signed distance in seconds from now, displayed as `in 5 days` if positive, else as `2 days ago`.
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
    fn a_distance_has_a_suitable_unit_and_a_direction() {
        let of = |seconds| Distance(seconds).to_string();
        assert_eq!(of(59), "in 59 seconds");
        assert_eq!(of(90), "in 1 minute");
        assert_eq!(of(0), "0 seconds ago");
        assert_eq!(of(47 * 3_600), "in 47 hours");
        assert_eq!(of(-3 * 86_400), "3 days ago");
    }
}
