//! The date formats of the API.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::domain::Date;

/// Parses a date in RFC 3339, with a fraction of any length, or in one of Go's formats: `2019-06-19 11:19:00
/// +0000 UTC` and `2019-06-19 11:19:00+00`. The year 1, Go's zero time, means no date.
///
/// The outer option is none if the text is not a date.
pub(super) fn parse(text: &str) -> Option<Option<Date>> {
    let text = joined(text.trim())?;
    let text = without_digits_below_nanoseconds(&text);
    if text.starts_with("0001-") {
        return text.get(..19)?.parse::<jiff::civil::DateTime>().ok().map(|_| None);
    }
    let never = || {
        // certificates that never expire have this date, which is later than the latest supported date
        let civil: jiff::civil::DateTime = text.get(..19)?.parse().ok()?;
        (civil.year() == 9999).then_some(Timestamp::MAX)
    };
    let time = text.parse().ok().or_else(never)?;
    Some(Some(time.into()))
}

/// Returns the text without the spaces and the time zone name of Go's format.
fn joined(text: &str) -> Option<Cow<'_, str>> {
    let Some((date, time)) = text.split_once(' ') else { return Some(text.into()) };
    let mut parts = time.split(' ');
    let (time, offset) = (parts.next()?, parts.next().unwrap_or_default());
    let offset = if offset == "UTC" { "Z" } else { offset };
    Some(format!("{date}T{time}{offset}").into())
}

fn without_digits_below_nanoseconds(text: &str) -> Cow<'_, str> {
    let Some((whole, rest)) = text.split_once('.') else { return text.into() };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 9 { format!("{whole}.{}{}", &rest[..9], &rest[digits..]).into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the second of a date. The outer error means an invalid date, the inner none no date.
    fn second(text: &str) -> Result<Option<i64>, &str> {
        parse(text).map(|date| date.map(Date::as_second)).ok_or(text)
    }

    #[test]
    fn fractions_may_have_any_length() {
        for text in [
            "2030-01-01T00:00:00Z",
            "2030-01-01T00:00:00.1Z",
            "2030-01-01T00:00:00.123456789Z",
            "2030-01-01T00:00:00.12345678901234567890Z",
            "2030-01-01T01:00:00.1234567890+01:00",
            "2030-01-01T01:00:00+01:00",
        ] {
            assert_eq!(second(text), Ok(Some(1_893_456_000)), "{text}");
        }
    }

    #[test]
    fn gos_formats_are_parsed() {
        for text in [
            "2019-06-19 11:19:00 +0000 UTC",
            "2019-06-19 11:19:00.5 +0000 UTC",
            "2019-06-19 11:19:00.12345678901 +0000 UTC m=+0.1",
            "2019-06-19 13:19:00 +0200 CEST",
            "2019-06-19 04:19:00 -0700 -0700",
            "2019-06-19 11:19:00+00",
            "2019-06-19 11:19:00.123456+00",
            "2019-06-19 11:19:00+00:00",
            "2019-06-19 11:19:00 UTC",
            "2019-06-19 11:19:00Z",
            " 2019-06-19T11:19:00Z ",
        ] {
            assert_eq!(second(text), Ok(Some(1_560_943_140)), "{text}");
        }
    }

    #[test]
    fn the_year_1_is_no_date_and_the_end_of_9999_is_the_latest_date() {
        for text in ["0001-01-01T00:00:00Z", "0001-01-01 00:00:00 +0000 UTC", "0001-01-01T00:00:00.000Z"] {
            assert_eq!(second(text), Ok(None), "{text}");
        }
        let latest = Timestamp::MAX.as_second();
        for text in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z", "9999-12-31 23:59:59 +0000 UTC"] {
            assert_eq!(second(text), Ok(Some(latest)), "{text}");
        }
    }

    #[test]
    fn other_text_is_not_a_date() {
        for text in [
            "soon",
            " ",
            "0001-soon",
            "0001-99-01T00:00:00Z",
            "9999-13-31T23:59:59Z",
            "2030-01-01",
            "2030-01-01 soon",
            "2030-01-01T00:00:00",
            "2030-01-01é00:00:00Z",
            "1893456000",
        ] {
            assert_eq!(second(text), Err(text));
        }
    }
}
