//! Parses single values, and formats them for errors.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use toml::de::DeValue;

/// Parses a duration such as `30s` or `5m`, from `min` to `max`.
pub(super) fn duration(text: &str, min: Duration, max: Duration) -> Option<Duration> {
    let duration: SignedDuration = text.parse().ok()?;
    Duration::try_from(duration).ok().filter(|duration| (min..=max).contains(duration))
}

/// Parses a duration such as `30s` or `30d`, with days of 24 hours; `None` if it is negative.
pub fn span(text: &str) -> Option<Duration> {
    let span: Span = text.parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(duration).ok()
}

/// Reads a whole number.
pub(super) fn number(value: &DeValue<'_>) -> Option<u32> {
    let integer = value.as_integer()?;
    u32::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// Returns true if a name fits into a label and a command line.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// Formats a value for an error, on one line and shortened; `None` for a URL that may contain a password.
pub(super) fn shown(value: &DeValue<'_>) -> Option<String> {
    Some(match value {
        DeValue::String(text) if text.contains("://") && text.contains('@') => return None,
        DeValue::String(text) => match text.char_indices().nth(60) {
            Some((end, _)) => format!("{:?}…", &text[..end]),
            None => format!("{text:?}"),
        },
        DeValue::Integer(integer) => integer.to_string(),
        DeValue::Float(float) => float.to_string(),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::Array(_) => "[…]".into(),
        DeValue::Table(_) => "{…}".into(),
    })
}

/// Formats a key for an error, in quotes unless it is a bare key.
pub(super) fn key(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.is_empty() && key.bytes().all(bare) { key.into() } else { format!("{key:?}") }
}

/// Returns the Levenshtein distance between two keys.
pub(super) fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, byte) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], above + 1);
        for (column, against) in other.bytes().enumerate() {
            let exchanged = diagonal + usize::from(byte != against);
            diagonal = row[column + 1];
            row[column + 1] = exchanged.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}
