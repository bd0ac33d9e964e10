//! The cron expression, and the ticks that come of it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

const SECONDS_A_DAY: u32 = 86_400;

/// How far ahead is looked: the Gregorian calendar has every date on every weekday within so many years.
const HORIZON_YEARS: i16 = 40;

/// When to poll: a cron expression in UTC that is known to fire.
///
/// Where it gives both a day of the month and a weekday, both have to hold.
#[derive(Clone)]
pub struct Schedule {
    cron: Cron,
    expression: String,
}

/// Why a text is not a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// It has too few or too many fields.
    #[error(
        "expected six fields (second minute hour day month weekday), or five without the second, found {0}"
    )]
    Fields(usize),
    /// One of its fields cannot be read.
    #[error("expected {expected}, found {found:?}")]
    Field {
        /// What belongs there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// There is no such date.
    #[error("expected an expression that comes true, but this one never does")]
    Never,
}

/// What each field may hold, in the order of the fields.
const FIELDS: [&str; 6] = [
    "a second of 0 to 59, a list (0,30), a range (0-30), a step (*/10) or *",
    "a minute of 0 to 59, a list (0,30), a range (0-30), a step (*/10) or *",
    "an hour of 0 to 23, a list (8,20), a range (8-20), a step (*/2) or *",
    "a day of 1 to 31, L (the last), a list (1,15), a range (1-15), a step (*/2) or *",
    "a month of 1 to 12 or Jan to Dec, a list (1,7), a range (Jan-Mar), a step (*/2) or *",
    "a weekday of 0 to 7 or Sun to Sat, a list (1,5), a range (Mon-Fri), a step (*/2) or *",
];

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let mut fields: Vec<&str> = text.split_whitespace().collect();
        match fields.len() {
            5 => fields.insert(0, "0"),
            6 => {}
            count => return Err(ScheduleError::Fields(count)),
        }
        let error = |(place, found): (usize, &&str)| ScheduleError::Field {
            expected: FIELDS[place],
            found: (*found).to_owned(),
        };
        if let Some(wrong) = fields.iter().enumerate().find(|(place, field)| !is_field(*place, field)) {
            return Err(error(wrong));
        }
        let expression = fields.join(" ");
        // each field was read, so only all of them together can fail here
        let cron = cron(&expression).ok_or(ScheduleError::Never)?;
        let schedule = Self { cron, expression };
        let fires = schedule.times().next().is_some() && schedule.days(date(2000, 1, 1)).next().is_some();
        if fires { Ok(schedule) } else { Err(ScheduleError::Never) }
    }
}

/// Reads an expression just as the scheduler does.
fn cron(expression: &str) -> Option<Cron> {
    let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Optional).dom_and_dow(true);
    parser.build().parse(expression).ok()
}

/// Whether `field` can stand at `place`: croner tells what is wrong, but not where.
fn is_field(place: usize, field: &str) -> bool {
    // croner takes names of days and months in any field, and lists with nothing between two commas
    let letters = field.bytes().any(|byte| byte.is_ascii_alphabetic());
    let gaps = field.split(',').any(str::is_empty);
    if !field.is_ascii() || gaps || letters && place < 3 {
        return false;
    }
    let mut fields = ["*"; 6];
    fields[place] = field;
    cron(&fields.join(" ")).is_some()
}

impl Schedule {
    /// The first tick later than `after`; none within 40 years.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let now = TimeZone::UTC.to_datetime(after);
        let seconds = |time: jiff::civil::Time| {
            let [hour, minute, second] =
                [time.hour(), time.minute(), time.second()].map(|part| u32::from(part.unsigned_abs()));
            hour * 3600 + minute * 60 + second
        };
        let first = self.times().next()?;
        let later = self.times().find(|time| *time > seconds(now.time()));
        let (day, time) = self.days(now.date()).find_map(|day| {
            let time = if day == now.date() { later } else { Some(first) };
            Some((day, time?))
        })?;
        let midnight = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()?;
        midnight.checked_add(Duration::from_secs(time.into())).ok()
    }

    /// The longest time between two ticks after `from`.
    pub fn longest_gap(&self, from: Timestamp) -> Duration {
        let longest_within = self.gaps_within_a_day().max().unwrap_or(0);
        let longest_between = self.gaps_between_days(from).max().unwrap_or(0);
        Duration::from_secs(longest_within.max(longest_between))
    }

    /// The shortest time between two ticks after `from`.
    pub fn shortest_gap(&self, from: Timestamp) -> Duration {
        let mut shortest = self.gaps_within_a_day().min().unwrap_or(u64::MAX);
        for gap in self.gaps_between_days(from) {
            shortest = shortest.min(gap);
            if gap <= u64::from(SECONDS_A_DAY) {
                break; // no two days are closer than one and the next
            }
        }
        Duration::from_secs(shortest)
    }

    fn gaps_within_a_day(&self) -> impl Iterator<Item = u64> {
        self.times().zip(self.times().skip(1)).map(|(one, other)| u64::from(other - one))
    }

    fn gaps_between_days(&self, from: Timestamp) -> impl Iterator<Item = u64> {
        let first = self.times().next().unwrap_or(0);
        let last = self.times().last().unwrap_or(0);
        let overnight = u64::from(SECONDS_A_DAY - last + first);
        let from = TimeZone::UTC.to_datetime(from).date();
        // where only one day is that near, the next one is as far from it at the most
        let years = if self.days(from).nth(1).is_some() { HORIZON_YEARS } else { 2 * HORIZON_YEARS };
        let days = self.days_within(from, years);
        let mut previous = None;
        days.filter_map(move |day| {
            let previous = previous.replace(day)?;
            let nights = u64::from((day - previous).get_days().unsigned_abs());
            Some((nights - 1) * u64::from(SECONDS_A_DAY) + overnight)
        })
    }

    /// The days on which it ticks, from `first` to the horizon.
    fn days(&self, first: Date) -> impl Iterator<Item = Date> {
        self.days_within(first, HORIZON_YEARS)
    }

    fn days_within(&self, first: Date, years: i16) -> impl Iterator<Item = Date> {
        let end = first.saturating_add(years.years());
        first.series(1.day()).take_while(move |day| *day < end).filter(|day| {
            let pattern = &self.cron.pattern;
            let [month, of_month] = [day.month(), day.day()].map(|part| u32::from(part.unsigned_abs()));
            pattern.month_match(month).unwrap_or(false)
                && pattern.day_match(day.year().into(), month, of_month).unwrap_or(false)
        })
    }

    /// The seconds of a day at which it ticks, on each day on which it does.
    fn times(&self) -> impl Iterator<Item = u32> {
        let pattern = &self.cron.pattern;
        let hours = (0..24).filter(|hour| pattern.hour_match(*hour).unwrap_or(false));
        let minutes = || (0..60).filter(|minute| pattern.minute_match(*minute).unwrap_or(false));
        let seconds = || (0..60).filter(|second| pattern.second_match(*second).unwrap_or(false));
        let minutes = hours.flat_map(move |hour| minutes().map(move |minute| hour * 3600 + minute * 60));
        minutes.flat_map(move |minute| seconds().map(move |second| minute + second))
    }

    /// Starts the ticks: each comes up to `jitter` later than the expression says, by a new random time.
    ///
    /// They end when the receiver is dropped. A tick is lost if several are waiting to be received.
    /// `jitter` has to be shorter than [the shortest gap](Self::shortest_gap), or ticks delay each other.
    /// The scheduler leaves a few idle tasks behind, so start it again only when the schedule has changed.
    ///
    /// # Errors
    /// Where the scheduler does not start.
    pub async fn ticks(&self, jitter: Duration) -> Result<mpsc::Receiver<()>, JobSchedulerError> {
        let (due, mut dues) = mpsc::channel(2);
        let (ticks, receiver) = mpsc::channel(4);
        // one job sends a handful of messages a tick; the default of 200 in each of ten channels is never used
        let mut scheduler = JobScheduler::new_with_channel_size(16).await?;
        scheduler.init().await?;
        let job = Job::new(&self.expression, move |_, _| {
            // full only when the jitter is longer than the gaps: the delayed tick stands for both
            _ = due.try_send(Instant::now() + jitter.mul_f64(fastrand::f64()));
        })?;
        let job = scheduler.add(job).await?;
        scheduler.start().await?;
        tokio::spawn(async move {
            let forward = async {
                while let Some(due) = dues.recv().await {
                    tokio::time::sleep_until(due).await;
                    _ = ticks.try_send(());
                }
            };
            tokio::select! {
                () = forward => {}
                () = ticks.closed() => {}
            }
            if let Err(error) = scheduler.remove(&job).await {
                tracing::debug!(%error, "the scheduler kept its job");
            }
            if let Err(error) = scheduler.shutdown().await {
                tracing::debug!(%error, "the scheduler did not end");
            }
        });
        Ok(receiver)
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression
    }
}

impl Eq for Schedule {}

/// The expression, with all six fields.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.expression)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({})", self.expression)
    }
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
    fn the_next_tick_is_later_than_now() {
        let next = |text: &str, after: &str| schedule(text).next(at(after)).unwrap().to_string();
        assert_eq!(next("0 */5 * * * *", "2026-01-01T00:00:00Z"), "2026-01-01T00:05:00Z");
        assert_eq!(next("0 */5 * * * *", "2026-01-01T00:04:59.9Z"), "2026-01-01T00:05:00Z");
        assert_eq!(next("0 0 9 * * Mon-Fri", "2026-01-02T09:00:00Z"), "2026-01-05T09:00:00Z");
        assert_eq!(next("59 59 23 31 Dec *", "2026-12-31T23:59:59Z"), "2027-12-31T23:59:59Z");
        assert_eq!(next("0 0 0 29 2 *", "2096-03-01T00:00:00Z"), "2104-02-29T00:00:00Z");
        assert_eq!(next("0 0 0 L 2 *", "2026-01-01T00:00:00Z"), "2026-02-28T00:00:00Z");
    }

    #[test]
    fn the_longest_gap_counts_nights_weekends_and_leap_years() {
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
    fn a_date_that_comes_once_in_a_generation_has_gaps_too() {
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

    #[test]
    fn five_fields_are_read_as_second_0() {
        assert_eq!(schedule("*/5 * * * *"), schedule("0 */5 * * * *"));
        assert_eq!(schedule(" */5  * * * * ").to_string(), "0 */5 * * * *");
    }

    #[test]
    fn what_is_wrong_with_an_expression_is_named() {
        let error = |text: &str| text.parse::<Schedule>().unwrap_err().to_string();
        let fields = "expected six fields (second minute hour day month weekday), or five without the second";
        assert_eq!(error(""), format!("{fields}, found 0"));
        assert_eq!(error("@hourly"), format!("{fields}, found 1"));
        assert_eq!(error("* * * *"), format!("{fields}, found 4"));
        assert_eq!(error("0 0 0 1 1 * 2030"), format!("{fields}, found 7"));
        for (text, expected) in [
            (
                "60 * * * * *",
                "expected a second of 0 to 59, a list (0,30), a range (0-30), a step (*/10) or *, found \"60\"",
            ),
            (
                "*/0 * * * *",
                "expected a minute of 0 to 59, a list (0,30), a range (0-30), a step (*/10) or *, found \"*/0\"",
            ),
            (
                "0 Mon * * * *",
                "expected a minute of 0 to 59, a list (0,30), a range (0-30), a step (*/10) or *, found \"Mon\"",
            ),
            (
                "0 1, * * * *",
                "expected a minute of 0 to 59, a list (0,30), a range (0-30), a step (*/10) or *, found \"1,\"",
            ),
            (
                "0 0 20-8 * * *",
                "expected an hour of 0 to 23, a list (8,20), a range (8-20), a step (*/2) or *, found \"20-8\"",
            ),
            (
                "0 0 0 0 * *",
                "expected a day of 1 to 31, L (the last), a list (1,15), a range (1-15), a step (*/2) or *, found \"0\"",
            ),
            (
                "0 0 0 * Janvier *",
                "expected a month of 1 to 12 or Jan to Dec, a list (1,7), a range (Jan-Mar), a step (*/2) or *, found \"Janvier\"",
            ),
            (
                "0 0 0 * * Mo-Fr",
                "expected a weekday of 0 to 7 or Sun to Sat, a list (1,5), a range (Mon-Fri), a step (*/2) or *, found \"Mo-Fr\"",
            ),
            ("0 0 0 30 2 *", "expected an expression that comes true, but this one never does"),
            ("0 0 0 31 4,6,9,11 *", "expected an expression that comes true, but this one never does"),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
    }

    #[tokio::test]
    async fn a_tick_of_every_second_comes_soon() {
        let mut ticks = schedule("* * * * * *").ticks(Duration::from_millis(10)).await.unwrap();
        let tick = tokio::time::timeout(Duration::from_secs(5), ticks.recv()).await;
        assert_eq!(tick, Ok(Some(())));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,30}") {
            _ = text.parse::<Schedule>();
        }

        #[test]
        fn no_expression_panics(fields in proptest::collection::vec("[0-9*/,\\-#LW?+]{1,5}", 5..7)) {
            if let Ok(schedule) = fields.join(" ").parse::<Schedule>() {
                let from = at(FROM);
                prop_assert!(schedule.next(from) > Some(from));
                prop_assert!(schedule.shortest_gap(from) <= schedule.longest_gap(from));
            }
        }
    }
}
