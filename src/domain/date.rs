//! Compact points in time, since each of 100,000 hostnames has six of them.

use std::num::NonZeroI64;

/// A point in time, to the second. `Option<Date>` is as small as `Date`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Date(NonZeroI64);

/// The value that stands for `None`. [`jiff::Timestamp`] holds no date this far in the past.
const NICHE: i64 = i64::MIN;

impl Date {
    /// Returns the seconds since the Unix epoch, negative before it.
    pub const fn as_second(self) -> i64 {
        self.0.get() ^ NICHE
    }

    /// Returns the seconds from `now` until this date, negative once it has passed.
    pub const fn seconds_from(self, now: Self) -> i64 {
        self.as_second() - now.as_second()
    }
}

impl From<jiff::Timestamp> for Date {
    /// Rounds down to the second, so that an age is never too small.
    fn from(time: jiff::Timestamp) -> Self {
        let whole = time.as_second() - i64::from(time.subsec_nanosecond() < 0);
        Self(NonZeroI64::new(whole ^ NICHE).unwrap_or(NonZeroI64::MAX))
    }
}

impl From<Date> for jiff::Timestamp {
    fn from(date: Date) -> Self {
        Self::from_second(date.as_second()).unwrap_or_default()
    }
}

impl PartialOrd for Date {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Date {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_second().cmp(&other.as_second())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_date_keeps_every_second_and_an_optional_date_takes_no_extra_space() {
        for second in [-62_135_596_800, -1, 0, 1, 4_102_464_000] {
            let time = Timestamp::from_second(second).unwrap();
            let date = Date::from(time);
            assert_eq!((date.as_second(), Timestamp::from(date)), (second, time));
        }
        assert_eq!(size_of::<Option<Date>>(), size_of::<Date>());
    }

    #[test]
    fn fractions_are_rounded_down_before_and_after_the_epoch() {
        let of = |text: &str| Date::from(text.parse::<Timestamp>().unwrap()).as_second();
        assert_eq!(of("1970-01-01T00:00:01.9Z"), 1);
        assert_eq!(of("1969-12-31T23:59:58.1Z"), -2);
    }

    #[test]
    fn dates_sort_by_time() {
        let at = |second| Date::from(Timestamp::from_second(second).unwrap());
        assert!(at(-5) < at(0) && at(0) < at(7));
        assert_eq!(at(10).seconds_from(at(25)), -15);
    }
}
