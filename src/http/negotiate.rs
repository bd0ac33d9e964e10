//! Content negotiation (RFC 9110, sections 12.5.1 and 12.5.3).
//!
//! Without a valid header, the response is uncompressed text 0.0.4.

use std::cmp::Reverse;

use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName};

use crate::metrics::Format;

/// Returns the format that `Accept` prefers.
pub(super) fn format(headers: &HeaderMap) -> Format {
    let Some(ranges) = list(headers, &ACCEPT) else {
        return Format::Text;
    };
    let text = best(&ranges, |range| match range.name.as_str() {
        "text/plain" => version(range, "0.0.4"),
        "text/*" => Some(1),
        "*/*" => Some(0),
        _ => None,
    });
    let open_metrics = best(&ranges, |range| match range.name.as_str() {
        "application/openmetrics-text" => version(range, "1.0.0"),
        _ => None,
    });
    match open_metrics {
        Some(choice) if choice.weight > 0 && text.is_none_or(|text| choice.beats(text)) => {
            Format::OpenMetrics
        }
        _ => Format::Text,
    }
}

/// Returns true if `Accept-Encoding` accepts gzip and gives it at least the weight of identity.
pub(super) fn gzip(headers: &HeaderMap) -> bool {
    let Some(codings) = list(headers, &ACCEPT_ENCODING) else {
        return false;
    };
    let gzip = best(&codings, |coding| match coding.name.as_str() {
        "gzip" | "x-gzip" => Some(1),
        "*" => Some(0),
        _ => None,
    });
    let identity = best(&codings, |coding| (coding.name == "identity").then_some(0));
    let weight = |choice: Option<Choice>| choice.map_or(0, |choice| choice.weight);
    weight(gzip) > 0 && weight(gzip) >= weight(identity)
}

/// Returns the precision of a range that names our media type. It is higher if the range also names our version, and none
/// if it names another version.
fn version(range: &Element<'_>, ours: &str) -> Option<u8> {
    match range.version {
        None => Some(2),
        Some(version) => (version == ours).then_some(3),
    }
}

/// The element of a header that decides about one of our formats or codings.
#[derive(Clone, Copy)]
struct Choice {
    precision: u8,
    weight: u16,
    index: usize,
}

impl Choice {
    /// Compares by weight. On a tie, a name beats a wildcard. On a further tie, the first element wins.
    fn beats(self, other: Self) -> bool {
        let rank = |choice: Self| (choice.weight, choice.precision > 1, Reverse(choice.index));
        rank(self) > rank(other)
    }
}

/// Returns the most precise of the matching elements. On a tie, the highest weight wins.
fn best(elements: &[Element<'_>], precision: impl Fn(&Element<'_>) -> Option<u8>) -> Option<Choice> {
    let choices = elements.iter().enumerate().filter_map(|(index, element)| {
        Some(Choice { precision: precision(element)?, weight: element.weight, index })
    });
    choices.max_by_key(|choice| (choice.precision, choice.weight, Reverse(choice.index)))
}

/// One element of a header's list.
struct Element<'a> {
    /// The name in lower case.
    name: String,
    version: Option<&'a str>,
    /// The weight in thousandths; 0 means not acceptable.
    weight: u16,
}

/// Parses the elements of all lines of a header. None if one is invalid.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Vec<Element<'a>>> {
    let mut elements = Vec::new();
    for line in headers.get_all(name) {
        for text in split(line.to_str().ok()?, ',') {
            // empty elements are allowed (section 5.6.1)
            if !text.is_empty() {
                elements.push(element(text)?);
            }
        }
    }
    Some(elements)
}

fn element(text: &str) -> Option<Element<'_>> {
    let mut parts = split(text, ';');
    let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
    let mut element = Element { name, version: None, weight: 1000 };
    for parameter in parts.filter(|parameter| !parameter.is_empty()) {
        let (key, value) = parameter.split_once('=')?;
        let (key, value) = (key.trim_end(), value.trim_start());
        if key.eq_ignore_ascii_case("q") {
            element.weight = weight(value)?;
        } else if key.eq_ignore_ascii_case("version") {
            element.version = Some(value.trim_matches('"'));
        }
    }
    Some(element)
}

/// Parses a weight from 0 to 1 with at most three decimals (section 12.4.2) into thousandths.
fn weight(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let fits = matches!(whole, "0" | "1") && decimals.len() <= 3;
    if !fits || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{whole}{decimals:0<3}").parse().ok()?;
    (thousandths <= 1000).then_some(thousandths)
}

/// Splits at each `separator` outside quotes and trims the pieces.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    let pieces = text.split(move |character| {
        let literal = std::mem::take(&mut escaped);
        match character {
            '\\' if quoted && !literal => escaped = true,
            '"' if !literal => quoted = !quoted,
            _ => {}
        }
        !quoted && character == separator
    });
    pieces.map(|piece| piece.trim_matches([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn headers(name: &HeaderName, lines: &[&str]) -> HeaderMap {
        let lines =
            lines.iter().map(|line| (name.clone(), HeaderValue::from_bytes(line.as_bytes()).unwrap()));
        lines.collect()
    }

    #[test]
    fn the_format_that_accept_prefers_is_used() {
        use Format::{OpenMetrics, Text};
        let cases: &[(Format, &[&str])] = &[
            (Text, &[]),
            (Text, &[""]),
            (Text, &["*/*"]),
            (Text, &["text/plain"]),
            (Text, &["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"]),
            (OpenMetrics, &["application/openmetrics-text"]),
            (OpenMetrics, &["Application/OpenMetrics-Text; Version=\"1.0.0\"; charset=utf-8"]),
            (OpenMetrics, &["application/openmetrics-text;foo=\"a,b;q=0\\\"\";version=1.0.0"]),
            // Prometheus 2.42
            (
                OpenMetrics,
                &[
                    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                   text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                ],
            ),
            // Prometheus 3
            (
                OpenMetrics,
                &["application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                   application/openmetrics-text;version=0.0.1;q=0.5,\
                   text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"],
            ),
            // other versions
            (Text, &["application/openmetrics-text;version=0.0.1"]),
            (Text, &["application/openmetrics-text;version=2.0.0, text/plain;q=0.1"]),
            (OpenMetrics, &["text/plain;version=1.0.0, application/openmetrics-text;q=0.1"]),
            // weights and precision
            (Text, &["application/openmetrics-text;q=0.5, text/plain;q=0.9"]),
            (OpenMetrics, &["application/openmetrics-text;q=0.901, text/plain;q=0.9"]),
            (OpenMetrics, &["text/plain;q=0, application/openmetrics-text;q=0.1"]),
            (Text, &["application/openmetrics-text;q=0"]),
            (Text, &["application/openmetrics-text, application/openmetrics-text;version=1.0.0;q=0"]),
            (OpenMetrics, &["application/openmetrics-text;q=0.3, text/plain;q=0.1, */*"]),
            // on equal weights, a name beats a wildcard, then the first wins
            (OpenMetrics, &["*/*, application/openmetrics-text"]),
            (OpenMetrics, &["application/openmetrics-text, text/plain"]),
            (Text, &["text/plain, application/openmetrics-text"]),
            // several header lines form one list
            (OpenMetrics, &["text/plain;q=0.5", ", application/openmetrics-text,"]),
            // invalid headers
            (Text, &["application/openmetrics-text;q=2"]),
            (Text, &["application/openmetrics-text;q=-0.5"]),
            (Text, &["application/openmetrics-text;q=1.001"]),
            (Text, &["application/openmetrics-text;q=0.1234"]),
            (Text, &["application/openmetrics-text;q=\u{661}"]),
            (Text, &["application/openmetrics-text, text/plain;q"]),
            (Text, &["application/openmetrics-text, ;q=1"]),
        ];
        for (expected, lines) in cases {
            assert_eq!(format(&headers(&ACCEPT, lines)), *expected, "{lines:?}");
        }
    }

    #[test]
    fn gzip_is_used_if_accepted_with_at_least_the_weight_of_identity() {
        let cases: &[(bool, &[&str])] = &[
            (false, &[]),
            (false, &[""]),
            (true, &["gzip"]),
            (true, &["X-GZIP"]),
            (true, &["deflate, gzip;q=1.0, *;q=0.5"]),
            (true, &["br", "gzip;q=0.001"]),
            (true, &["*"]),
            (true, &["identity;q=0, *"]),
            (true, &["identity;q=0.5, gzip"]),
            (false, &["gzip;q=0"]),
            (false, &["gzip;q=0.000, *"]),
            (false, &["*;q=0"]),
            (false, &["identity, gzip;q=0.5"]),
            (false, &["identity;q=0"]),
            (false, &["br, zstd"]),
            (false, &["gzip;q=x"]),
            (false, &["gzip, br;q=."]),
        ];
        for (expected, lines) in cases {
            assert_eq!(gzip(&headers(&ACCEPT_ENCODING, lines)), *expected, "{lines:?}");
        }
    }
}
