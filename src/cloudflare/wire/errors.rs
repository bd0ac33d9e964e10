//! The errors of an envelope.

use serde_json::value::RawValue;

use super::object::{Object, elements, parse_text};
use crate::cloudflare::ApiError;

/// The maximum number of errors kept per response. Cloudflare sends one or two.
const MOST: usize = 8;

/// The maximum depth of error chains. Cloudflare's have one link.
const LEVELS: usize = 3;

/// Parses a list of errors with their chains of causes.
pub(super) fn parse(json: &RawValue) -> Vec<ApiError> {
    let mut errors = Vec::new();
    collect(json, LEVELS, &mut errors);
    errors
}

fn collect(json: &RawValue, levels: usize, into: &mut Vec<ApiError>) {
    // a single error may come without a list
    let (errors, _) = elements(json, MOST).unwrap_or_else(|| (vec![json], false));
    for error in errors {
        // limits the length of the log line
        if into.len() == MOST {
            return;
        }
        if let Ok(mut error) = Object::parse(error.get()) {
            let message = printable(&error.text("message").unwrap_or_default());
            into.push(ApiError { code: error.number("code").unwrap_or(0), message });
            if let Some(causes) = error.raw("error_chain").filter(|_| levels > 1) {
                collect(causes, levels - 1, into);
            }
        } else if let Some(message) = parse_text(error) {
            into.push(ApiError { code: 0, message: printable(&message) });
        }
    }
}

/// Makes a server's text safe for the log: truncates it, and removes characters that would break a line or
/// reverse its direction.
pub(in crate::cloudflare) fn printable(text: &str) -> Box<str> {
    let plain = |char: &char| {
        !char.is_control()
            && !matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    let clean = text.chars().map(|char| if plain(&char) { char } else { ' ' });
    clean.take(256).collect::<String>().into()
}
