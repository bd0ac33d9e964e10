//! Computes the next tick of a schedule and the gaps between its ticks.
//!
//! A cron expression ticks at the same times of day on every day that it matches, so times and days are computed
//! separately.

use std::time::Duration;

use jiff::civil::{Date, Time, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::Schedule;

const SECONDS_A_DAY: u32 = 86_400;

/// The number of years to search. Within 40 years, every date of the Gregorian calendar falls on every weekday.
const HORIZON_YEARS: i16 = 40;

impl Schedule {
    /// Returns the first tick after `after`, or none if there is none within 40 years.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let now = TimeZone::UTC.to_datetime(after);
        let first = self.times().next()?;
        let later = self.times().find(|time| *time > second_of_day(now.time()));
        let (day, time) = self.days(now.date(), HORIZON_YEARS).find_map(|day| {
            let time = if day == now.date() { later } else { Some(first) };
            Some((day, time?))
        })?;
        let midnight = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()?;
        midnight.checked_add(Duration::from_secs(time.into())).ok()
    }

    /// Returns the longest gap between two ticks after `from`.
    pub fn longest_gap(&self, from: Timestamp) -> Duration {
        let within_a_day = self.gaps_within_a_day().max().unwrap_or(0);
        let between_days = self.gaps_between_days(from).max().unwrap_or(0);
        Duration::from_secs(within_a_day.max(between_days))
    }

    /// Returns the shortest gap between two ticks after `from`.
    pub fn shortest_gap(&self, from: Timestamp) -> Duration {
        let mut shortest = self.gaps_within_a_day().min().unwrap_or(u64::MAX);
        for gap in self.gaps_between_days(from) {
            shortest = shortest.min(gap);
            if gap <= u64::from(SECONDS_A_DAY) {
                break; // these two days are adjacent, so no gap can be shorter
            }
        }
        Duration::from_secs(shortest)
    }

    /// Returns true if the schedule ever ticks.
    pub(super) fn matches_a_date(&self) -> bool {
        self.times().next().is_some() && self.days(date(2000, 1, 1), HORIZON_YEARS).next().is_some()
    }

    fn gaps_within_a_day(&self) -> impl Iterator<Item = u64> {
        self.times().zip(self.times().skip(1)).map(|(earlier, later)| u64::from(later - earlier))
    }

    /// Returns the gaps from the last tick of each matching day to the first tick of the next.
    fn gaps_between_days(&self, from: Timestamp) -> impl Iterator<Item = u64> {
        let first = self.times().next().unwrap_or(0);
        let last = self.times().last().unwrap_or(0);
        let overnight = u64::from(SECONDS_A_DAY - last + first);
        let from = TimeZone::UTC.to_datetime(from).date();
        // if only one day matches within the horizon, search for the next one from that day
        let years = match self.days(from, HORIZON_YEARS).nth(1) {
            Some(_) => HORIZON_YEARS,
            None => 2 * HORIZON_YEARS,
        };
        let mut previous = None;
        self.days(from, years).filter_map(move |day| {
            let previous = previous.replace(day)?;
            let nights = u64::from((day - previous).get_days().unsigned_abs());
            Some((nights - 1) * u64::from(SECONDS_A_DAY) + overnight)
        })
    }

    /// Returns the matching days within `years` of `first`.
    fn days(&self, first: Date, years: i16) -> impl Iterator<Item = Date> {
        let end = first.saturating_add(years.years());
        first.series(1.day()).take_while(move |day| *day < end).filter(|day| {
            let pattern = &self.cron.pattern;
            let [month, of_month] = [day.month(), day.day()].map(|part| u32::from(part.unsigned_abs()));
            pattern.month_match(month).unwrap_or(false)
                && pattern.day_match(day.year().into(), month, of_month).unwrap_or(false)
        })
    }

    /// Returns the seconds of a matching day at which the schedule ticks, in order.
    fn times(&self) -> impl Iterator<Item = u32> {
        let pattern = &self.cron.pattern;
        let hours = (0..24).filter(|hour| pattern.hour_match(*hour).unwrap_or(false));
        let minutes = || (0..60).filter(|minute| pattern.minute_match(*minute).unwrap_or(false));
        let seconds = || (0..60).filter(|second| pattern.second_match(*second).unwrap_or(false));
        let minutes = hours.flat_map(move |hour| minutes().map(move |minute| hour * 3600 + minute * 60));
        minutes.flat_map(move |minute| seconds().map(move |second| minute + second))
    }
}

fn second_of_day(time: Time) -> u32 {
    let [hour, minute, second] =
        [time.hour(), time.minute(), time.second()].map(|part| u32::from(part.unsigned_abs()));
    hour * 3600 + minute * 60 + second
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(text: &str) -> Schedule {
        text.parse().unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const FROM: &str = "2026-01-01T00:00:00Z";

    #[test]
    fn the_next_tick_is_strictly_later() {
        let next = |text: &str, after: &str| schedule(text).next(at(after)).unwrap().to_string();
        assert_eq!(next("0 */5 * * * *", "2026-01-01T00:00:00Z"), "2026-01-01T00:05:00Z");
        assert_eq!(next("0 */5 * * * *", "2026-01-01T00:04:59.9Z"), "2026-01-01T00:05:00Z");
        assert_eq!(next("0 0 9 * * Mon-Fri", "2026-01-02T09:00:00Z"), "2026-01-05T09:00:00Z");
        assert_eq!(next("59 59 23 31 Dec *", "2026-12-31T23:59:59Z"), "2027-12-31T23:59:59Z");
        assert_eq!(next("0 0 0 29 2 *", "2096-03-01T00:00:00Z"), "2104-02-29T00:00:00Z");
        assert_eq!(next("0 0 0 L 2 *", "2026-01-01T00:00:00Z"), "2026-02-28T00:00:00Z");
    }

    #[test]
    fn the_longest_gap_spans_nights_weekends_and_leap_years() {
        let gap = |text: &str, from: &str| schedule(text).longest_gap(at(from)).as_secs();
        const DAY: u64 = 86_400;
        assert_eq!(gap("* * * * * *", FROM), 1);
        assert_eq!(gap("0 */5 * * * *", FROM), 300);
        assert_eq!(gap("0 */7 * * * *", FROM), 420);
        assert_eq!(gap("0 0 9 * * Mon-Fri", FROM), 3 * DAY);
        assert_eq!(gap("0 0 8-20 * * *", FROM), 12 * 3600);
        assert_eq!(gap("0 0 0 1 * *", FROM), 31 * DAY);
        assert_eq!(gap("0 0 0 29 2 *", FROM), (4 * 365 + 1) * DAY);
        assert_eq!(gap("0 0 0 29 2 *", "2090-01-01T00:00:00Z"), (8 * 365 + 1) * DAY);
    }

    #[test]
    fn a_date_that_matches_every_28_or_40_years_has_gaps() {
        let leap_day: Schedule = "0 0 0 29 2 4".parse().unwrap();
        for (from, shortest, longest) in
            [("1970-01-01", 28, 28), ("2026-01-01", 28, 28), ("2052-03-01", 40, 40)]
        {
            let from = from.parse::<Date>().unwrap().to_zoned(TimeZone::UTC).unwrap().timestamp();
            let years = |gap: Duration| gap.as_secs() / 86_400 / 365;
            assert_eq!(
                (years(leap_day.shortest_gap(from)), years(leap_day.longest_gap(from))),
                (shortest, longest),
                "{from}"
            );
        }
    }

    #[test]
    fn the_shortest_gap_may_lie_within_a_day_or_at_midnight() {
        let gap = |text: &str| schedule(text).shortest_gap(at(FROM)).as_secs();
        assert_eq!(gap("0 */7 * * * *"), 240);
        assert_eq!(gap("0,30 59 23 * * *"), 30);
        assert_eq!(gap("0 0 1,23 * * *"), 7200);
        assert_eq!(gap("0 0 0 * * *"), 86_400);
        assert_eq!(gap("0 0 0 * * Thu,Sun"), 3 * 86_400);
    }

    proptest! {
        #[test]
        fn gaps_never_panic(fields in proptest::collection::vec("[0-9*/,\\-#LW?+]{1,5}", 5..7)) {
            if let Ok(schedule) = fields.join(" ").parse::<Schedule>() {
                let from = at(FROM);
                prop_assert!(schedule.next(from) > Some(from));
                prop_assert!(schedule.shortest_gap(from) <= schedule.longest_gap(from));
            }
        }
    }
}
