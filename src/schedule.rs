//! The cron expression of the polls and the ticks it produces.

mod calendar;
mod ticks;

use std::fmt;
use std::str::FromStr;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

pub use ticks::{Ticks, TicksError};

/// A cron expression in UTC that fires at least once within 40 years.
///
/// If it restricts both the day of the month and the weekday, a tick must match both.
#[derive(Clone)]
pub struct Schedule {
    cron: Cron,
    expression: String,
}

/// The reason why a text is not a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The expression has too few or too many fields.
    #[error(
        "expected six fields (second minute hour day month weekday), or five without the second, found {0}"
    )]
    Fields(usize),
    /// A field is invalid.
    #[error("expected {expected}, found {found:?}")]
    Field {
        /// A description of the valid values.
        expected: &'static str,
        /// The invalid value.
        found: String,
    },
    /// No date matches the expression.
    #[error("expected an expression that matches a date, but this one never does")]
    Never,
}

/// A description of the valid values of each field, in the order of the fields.
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
        for (index, field) in fields.iter().enumerate() {
            if !is_field(index, field) {
                let (expected, found) = (FIELDS[index], (*field).to_owned());
                return Err(ScheduleError::Field { expected, found });
            }
        }
        let expression = fields.join(" ");
        // each field is valid by itself, so this fails only if no date matches all of them
        let cron = parse(&expression).ok_or(ScheduleError::Never)?;
        let schedule = Self { cron, expression };
        if schedule.matches_a_date() { Ok(schedule) } else { Err(ScheduleError::Never) }
    }
}

impl Default for Schedule {
    /// Every five minutes.
    fn default() -> Self {
        "0 */5 * * * *".parse().expect("a valid expression")
    }
}

/// Parses an expression with the same settings as tokio-cron-scheduler.
fn parse(expression: &str) -> Option<Cron> {
    let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Optional).dom_and_dow(true);
    parser.build().parse(expression).ok()
}

/// Returns true if `field` is valid as the field at `index`. croner's own errors do not say which field is wrong.
fn is_field(index: usize, field: &str) -> bool {
    // croner accepts names of days and months in any field, as well as lists with empty elements
    let has_letters = field.bytes().any(|byte| byte.is_ascii_alphabetic());
    let has_gaps = field.split(',').any(str::is_empty);
    if !field.is_ascii() || has_gaps || has_letters && index < 3 {
        return false;
    }
    let mut fields = ["*"; 6];
    fields[index] = field;
    parse(&fields.join(" ")).is_some()
}

impl Schedule {
    /// Describes the schedule in words, such as `every 5 minutes` or `at 14:00 (UTC)`.
    pub fn in_words(&self) -> String {
        let words = self.cron.describe();
        let words = words.trim_end_matches('.');
        let words = words.strip_prefix("At every").map_or_else(
            || words.chars().take(1).flat_map(char::to_lowercase).chain(words.chars().skip(1)).collect(),
            |rest| format!("every{rest}"),
        );
        // the time zone matters only for times of day
        if words.contains([':', ',']) { words + " (UTC)" } else { words }
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.expression == other.expression
    }
}

impl Eq for Schedule {}

/// Writes the expression with all six fields.
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

    #[test]
    fn a_schedule_is_described_in_words() {
        let words = |text: &str| text.parse::<Schedule>().unwrap().in_words();
        assert_eq!(words("0 */5 * * * *"), "every 5 minutes");
        assert_eq!(words("*/2 * * * * *"), "every 2 seconds");
        assert_eq!(words("* * * * * *"), "every second");
        assert_eq!(words("0 14 * * *"), "at 14:00 (UTC)");
        assert_eq!(words("0 12 * * Mon"), "at 12:00, on Monday (UTC)");
    }

    #[test]
    fn the_default_is_every_five_minutes() {
        assert_eq!(Schedule::default().to_string(), "0 */5 * * * *");
    }

    #[test]
    fn five_fields_mean_second_0() {
        assert_eq!(schedule("*/5 * * * *"), schedule("0 */5 * * * *"));
        assert_eq!(schedule(" */5  * * * * ").to_string(), "0 */5 * * * *");
    }

    #[test]
    fn an_error_names_the_invalid_field_and_its_valid_values() {
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
            ("0 0 0 30 2 *", "expected an expression that matches a date, but this one never does"),
            ("0 0 0 31 4,6,9,11 *", "expected an expression that matches a date, but this one never does"),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,30}") {
            _ = text.parse::<Schedule>();
        }
    }
}
