//! Single values on the status page.

use std::fmt::{self, Display, Write as _};

use jiff::Timestamp;

use crate::domain::{Date, Distance, Told};

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

/// A value, or a dash for none.
pub(super) struct OrDash<T>(pub(super) Option<T>);

impl<T: Display> Display for OrDash<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
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

/// The end of something, and how far that is from now.
pub(super) struct End(pub(super) Date, pub(super) Date);

impl Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", Minute(self.0), Distance(self.0.seconds_from(self.1)))
    }
}

/// What was found, in words.
pub(super) struct Messages(pub(super) Vec<Told>);

impl Display for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, told) in self.0.iter().enumerate() {
            let separator = if index > 0 { "; " } else { "" };
            write!(f, "{separator}{}", told.message)?;
        }
        Ok(())
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
}
