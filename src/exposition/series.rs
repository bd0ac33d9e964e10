//! Writes one series: its name, its labels and its value.

use memchr::{memchr2, memchr3};

use super::number::{bound, float, integer};

/// A series being written. [`Series::float`] or [`Series::integer`] finishes its line.
#[must_use = "a series without a value is an incomplete line"]
pub struct Series<'a> {
    out: &'a mut Vec<u8>,
    /// The byte to write before the next label.
    before: u8,
}

impl<'a> Series<'a> {
    /// Starts a series named `family`, with a suffix such as `_bucket`.
    pub fn start(out: &'a mut Vec<u8>, family: &str, suffix: &str) -> Self {
        out.extend_from_slice(family.as_bytes());
        out.extend_from_slice(suffix.as_bytes());
        Self { out, before: b'{' }
    }

    /// Adds a label.
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.out.push(self.before);
        self.before = b',';
        label(self.out, key, value);
        self
    }

    /// Adds the label `le`.
    pub fn bound(self, value: f64) -> Self {
        self.out.push(self.before);
        self.out.extend_from_slice(b"le=\"");
        bound(self.out, value);
        self.out.push(b'"');
        Self { before: b',', ..self }
    }

    /// Finishes the line with a float.
    pub fn float(self, value: f64) {
        let out = self.close();
        float(out, value);
        out.push(b'\n');
    }

    /// Finishes the line with an integer.
    pub fn integer(self, value: impl itoa::Integer) {
        let out = self.close();
        integer(out, value);
        out.push(b'\n');
    }

    fn close(self) -> &'a mut Vec<u8> {
        if self.before == b',' {
            self.out.push(b'}');
        }
        self.out.push(b' ');
        self.out
    }
}

/// Appends `key="value"`, escaped.
pub fn label(out: &mut Vec<u8>, key: &str, value: &str) {
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"=\"");
    escaped(out, value);
    out.push(b'"');
}

/// Appends `text` with backslash, newline and quote escaped, as label values need it.
pub fn escaped(out: &mut Vec<u8>, text: &str) {
    escape(out, text.as_bytes(), |rest| memchr3(b'\\', b'\n', b'"', rest));
}

/// Appends `text` with backslash and newline escaped, as HELP lines of text 0.0.4 need it.
pub(super) fn escaped_except_quotes(out: &mut Vec<u8>, text: &str) {
    escape(out, text.as_bytes(), |rest| memchr2(b'\\', b'\n', rest));
}

fn escape(out: &mut Vec<u8>, mut rest: &[u8], next: impl Fn(&[u8]) -> Option<usize>) {
    while let Some(index) = next(rest) {
        out.extend_from_slice(&rest[..index]);
        out.push(b'\\');
        out.push(if rest[index] == b'\n' { b'n' } else { rest[index] });
        rest = &rest[index + 1..];
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Parses a label's value up to the closing quote.
    fn unescaped(text: &str) -> Option<String> {
        let mut value = String::new();
        let mut rest = text.chars();
        while let Some(next) = rest.next() {
            match next {
                '"' => return rest.next().is_none().then_some(value),
                '\n' => return None,
                '\\' => value.push(match rest.next()? {
                    'n' => '\n',
                    same @ ('\\' | '"') => same,
                    _ => return None,
                }),
                same => value.push(same),
            }
        }
        None
    }

    #[test]
    fn a_series_without_labels_has_no_braces() {
        assert_eq!(text(|out| Series::start(out, "up", "").integer(1)), "up 1\n");
        assert_eq!(
            text(|out| Series::start(out, "took", "_bucket").label("a", "b").bound(1.0).integer(2u64)),
            "took_bucket{a=\"b\",le=\"1.0\"} 2\n"
        );
        assert_eq!(
            text(|out| Series::start(out, "took", "_bucket").bound(f64::INFINITY).float(0.5)),
            "took_bucket{le=\"+Inf\"} 0.5\n"
        );
    }

    #[test]
    fn only_backslash_newline_and_quote_are_escaped() {
        assert_eq!(text(|out| escaped(out, "\\")), r"\\");
        assert_eq!(text(|out| escaped(out, "a\nb")), r"a\nb");
        assert_eq!(text(|out| escaped(out, "\"\"")), r#"\"\""#);
        assert_eq!(text(|out| escaped(out, r"\n")), r"\\n");
        assert_eq!(text(|out| escaped(out, "é\t\r{},=")), "é\t\r{},=");
    }

    proptest! {
        #[test]
        fn an_escaped_label_value_parses_back(value in "([\\\\\"\n]|\\PC){0,40}") {
            let written = text(|out| label(out, "key", &value));
            let written = written.strip_prefix("key=\"").unwrap();
            prop_assert_eq!(unescaped(written), Some(value));
        }
    }
}
