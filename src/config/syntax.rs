//! Syntax errors of TOML, with hints for people.

use std::collections::BTreeMap;

use toml::de::Error;

/// Returns the first error of each line with its offset, since further errors are mostly its consequences.
pub(super) fn errors(text: &str, found: &[Error]) -> Vec<(usize, String)> {
    let mut lines: BTreeMap<usize, (usize, String)> = BTreeMap::new();
    for error in found {
        let span = error.span().unwrap_or_default();
        let before = text.get(..span.start).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = text[start..].lines().next().unwrap_or_default();
        let mut what = error.message().to_owned();
        if what == "duplicate key" {
            what = format!("{what} {}", text.get(span.clone()).unwrap_or_default());
        }
        // an unclosed bracket or quote explains the other errors
        let is_new = !lines.contains_key(&start);
        if is_new || what.starts_with("unclosed") {
            if let Some(hint) = hint(line, &what) {
                what = format!("{what}; {hint}");
            }
            lines.insert(start, (span.start, what));
        }
    }
    lines.into_values().collect()
}

/// Returns what to write instead of a line.
fn hint(line: &str, what: &str) -> Option<&'static str> {
    let is_key = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    let is_yaml = line.split_once(':').is_some_and(|(key, _)| is_key(key.trim()));
    let value = line.split_once('=').map_or("", |(_, value)| value.trim_start());
    if what.starts_with("duplicate") || what.starts_with("unclosed") {
        None
    } else if line.contains(['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}']) {
        Some("write straight quotes, \" or '")
    } else if line.contains('\\') {
        Some("a backslash starts an escape: write a path within single quotes, or with /")
    } else if is_yaml {
        Some("write key = value, as in TOML")
    } else if what.starts_with("invalid")
        && value.starts_with(|char: char| char.is_ascii_alphanumeric() || "/~.:".contains(char))
    {
        Some("write a string in quotes")
    } else {
        None
    }
}
