//! Single values on the status page.

use std::fmt::{self, Display, Write as _};

use jiff::Timestamp;

use crate::domain::Date;

/// Text, escaped for HTML.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.to_string().chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// A value, escaped, or a dash for none.
pub(super) struct OrDash<T>(pub(super) Option<T>);

impl<T: Display> Display for OrDash<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => Escaped(value).fmt(f),
            None => f.write_char('–'),
        }
    }
}

/// A date to the minute.
pub(super) struct Minute(pub(super) Date);

impl Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::tz::Offset::UTC.to_datetime(Timestamp::from(self.0));
        let (date, hour, minute) = (time.date(), time.hour(), time.minute());
        write!(f, "{date} {hour:02}:{minute:02} UTC")
    }
}

/// A time span in seconds, as people say it: positive in the future, negative in the past.
pub(super) struct Distance(pub(super) i64);

impl Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.unsigned_abs();
        let (count, unit) = match seconds {
            0..3_600 => (seconds / 60, "minute"),
            3_600..172_800 => (seconds / 3_600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        let plural = if count == 1 { "" } else { "s" };
        if self.0 > 0 {
            write!(f, "in {count} {unit}{plural}")
        } else {
            write!(f, "{count} {unit}{plural} ago")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let hostile = Escaped("<img src=x onerror='alert(\"&\")'>").to_string();
        assert_eq!(hostile, "&lt;img src=x onerror=&#39;alert(&quot;&amp;&quot;)&#39;&gt;");
    }

    #[test]
    fn a_distance_is_said_in_a_fitting_unit() {
        let of = |seconds| Distance(seconds).to_string();
        assert_eq!(of(90), "in 1 minute");
        assert_eq!(of(0), "0 minutes ago");
        assert_eq!(of(47 * 3_600), "in 47 hours");
        assert_eq!(of(-3 * 86_400), "3 days ago");
    }
}
