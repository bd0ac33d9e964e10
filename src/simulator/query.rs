//! The query string of a request.

use super::answer::Refusal;

/// A query string, read on demand.
#[derive(Clone, Copy)]
pub(super) struct Query<'a>(pub(super) &'a str);

impl Query<'_> {
    /// Returns the first value of this name, decoded.
    pub(super) fn get(self, name: &str) -> Option<String> {
        let pairs = self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut values = pairs.filter(|(key, _)| decoded(key) == name);
        values.next().map(|(_, value)| decoded(value))
    }

    /// Returns a whole number between two bounds.
    pub(super) fn number(
        self,
        name: &str,
        default: usize,
        least: usize,
        most: usize,
    ) -> Result<usize, Refusal> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or(Refusal::bad_request("a number in the query is out of bounds"))
    }
}

/// Decodes `%xx` and `+` (application/x-www-form-urlencoded).
pub(super) fn decoded(text: &str) -> String {
    if !text.contains(['%', '+']) {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let escaped = escaped.and_then(|hex| u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_found_by_name() {
        let query = Query("status=active%2Cdeleted&account.id=a+b&empty&per_page=7");
        assert_eq!(query.get("status").as_deref(), Some("active,deleted"));
        assert_eq!(query.get("account.id").as_deref(), Some("a b"));
        assert_eq!(query.get("empty").as_deref(), Some(""));
        assert_eq!(query.get("page"), None);
        assert_eq!(decoded("%2a.example.com%"), "*.example.com%");
    }

    #[test]
    fn a_number_out_of_bounds_is_refused() {
        let query = Query("per_page=7&page=x");
        assert_eq!(query.number("per_page", 20, 5, 50).ok(), Some(7));
        assert_eq!(query.number("missing", 20, 5, 50).ok(), Some(20));
        assert!(query.number("per_page", 20, 10, 50).is_err());
        assert!(query.number("page", 1, 1, 50).is_err());
    }
}
