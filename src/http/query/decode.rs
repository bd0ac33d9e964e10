//! Percent-encoding (RFC 3986, section 2.1).

/// Decodes a path segment or a query value once. None if it is not percent-encoded UTF-8.
pub(in crate::http) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = match (*first, after) {
            (b'%', [high, low, after @ ..]) => {
                bytes.push(digit(*high)? << 4 | digit(*low)?);
                after
            }
            (b'%', _) => return None,
            (byte, after) => {
                bytes.push(byte);
                after
            }
        };
    }
    String::from_utf8(bytes).ok()
}

/// Encodes all but the unreserved characters of a path segment or a query value.
pub(in crate::http) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| digit.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_once() {
        for (text, decoded) in [
            ("*.example.com", Some("*.example.com")),
            ("%2A.example.com", Some("*.example.com")),
            ("%252A", Some("%2A")),
            ("b%c3%bccher", Some("bücher")),
            ("a+b", Some("a+b")),
            ("%", None),
            ("%4", None),
            ("%+4", None),
            ("%zz", None),
            ("%ff", None),
        ] {
            assert_eq!(decode(text).as_deref(), decoded, "{text}");
        }
    }

    #[test]
    fn encoded_text_decodes_to_the_original() {
        let text = "<a href=\"?x=1&y=%41+2\">ü/*";
        assert_eq!(decode(&encode(text)).as_deref(), Some(text));
        assert!(encode(text).bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'%'));
    }
}
