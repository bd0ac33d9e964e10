//! The head of an HTTP/1 response, read from the bytes received so far (RFC 9112).

/// The maximum size of a head, including all interim responses before it.
pub(super) const LARGEST_HEAD: usize = 16 << 10;
/// The maximum number of bytes read from a body.
pub(super) const LARGEST_BODY: usize = 4 << 10;

/// The result of reading the received bytes as a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head<'o> {
    /// More bytes are needed.
    Partial,
    /// The response is not HTTP/1.
    NotHttp,
    /// The response is HTTP/2 (RFC 9113, section 3.4): it starts with a SETTINGS frame.
    Http2,
    /// The head exceeds the maximum size.
    TooLong,
    /// A complete head.
    Whole {
        /// The status of the response.
        status: u16,
        /// The value of its first `Location`.
        location: Option<&'o [u8]>,
        /// The value of its first `Content-Length`, if that is a number.
        length: Option<usize>,
        /// The bytes after the head.
        body: &'o [u8],
    },
}

/// Phrases in a body by which servers say that a certificate is missing or not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phrase {
    /// nginx, with status 400.
    Nginx,
    /// nginx, with status 400, if the client sent a certificate that it does not accept.
    NginxRefusal,
    /// Apache, with status 403 in TLS 1.3.
    Apache,
}

impl Phrase {
    /// Finds a phrase in a body.
    pub(super) fn find(body: &[u8]) -> Option<Self> {
        let has = |phrase: &str| memchr::memmem::find(body, phrase.as_bytes()).is_some();
        if has("No required SSL certificate was sent") {
            Some(Self::Nginx)
        } else if has("The SSL certificate error") {
            Some(Self::NginxRefusal)
        } else {
            has("Cannot perform Post-Handshake Authentication").then_some(Self::Apache)
        }
    }
}

/// Reads the head of a response, skipping interim responses (1xx).
pub fn read_head(bytes: &[u8]) -> Head<'_> {
    let mut rest = bytes;
    loop {
        if let Some(early) = start(rest) {
            return early;
        }
        match read(rest) {
            // HTTP/1 ends after a 101
            Head::Whole { status: 100 | 102..=199, body, .. } => rest = body,
            Head::Partial if bytes.len() >= LARGEST_HEAD => return Head::TooLong,
            Head::Whole { body, .. } if bytes.len() - body.len() > LARGEST_HEAD => return Head::TooLong,
            head => return head,
        }
    }
}

/// Detects protocols other than HTTP/1 by the first bytes.
fn start(bytes: &[u8]) -> Option<Head<'_>> {
    const HTTP: &[u8] = b"HTTP/1.";
    const SETTINGS: u8 = 4;
    if bytes.iter().zip(HTTP).all(|(byte, expected)| byte == expected) {
        return None;
    }
    Some(match bytes {
        [0, _, _, SETTINGS, _, 0, 0, 0, 0, ..] => Head::Http2,
        [0, rest @ ..] if rest.len() < 8 => Head::Partial,
        _ => Head::NotHttp,
    })
}

/// Reads one head.
fn read(bytes: &[u8]) -> Head<'_> {
    let Some((first, mut rest)) = line(bytes) else { return Head::Partial };
    let Some(status) = status(first) else { return Head::NotHttp };
    let (mut location, mut length) = (None, None);
    loop {
        let Some((header, after)) = line(rest) else { return Head::Partial };
        rest = after;
        if header.is_empty() {
            return Head::Whole { status, location, length, body: rest };
        }
        let Some(colon) = memchr::memchr(b':', header) else { continue };
        let (name, value) = (&header[..colon], header[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"location") {
            location = location.or(Some(value));
        } else if name.eq_ignore_ascii_case(b"content-length") {
            length = length.or_else(|| str::from_utf8(value).ok()?.parse().ok());
        }
    }
}

/// Splits off the first line, without its line ending.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes)?;
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..]))
}

/// Parses the status from a line such as `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Option<u16> {
    let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9', b' ', status @ ..] = line else {
        return None;
    };
    let (digits, reason) = status.split_at_checked(3)?;
    let status =
        str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let status = status.parse().ok().filter(|status| *status >= 100)?;
    reason.first().is_none_or(|first| *first == b' ').then_some(status)
}

/// Returns true if a `Location` leads to the same host: if it names none, or this one.
pub(super) fn is_same_host(location: &[u8], host: &str) -> bool {
    let scheme = [b"https:".as_slice(), b"http:"];
    let rest = scheme.into_iter().find_map(|scheme| {
        let (start, rest) = location.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let Some(authority) = rest.unwrap_or(location).strip_prefix(b"//") else {
        // a text before the path is another scheme, which leads elsewhere
        let before_path =
            location.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next().unwrap_or_default();
        return rest.is_none() && !before_path.contains(&b':');
    };
    let end = authority
        .iter()
        .position(|byte| matches!(byte, b'/' | b'\\' | b'?' | b'#'))
        .unwrap_or(authority.len());
    let authority = &authority[..end];
    let authority = authority.rsplit(|byte| *byte == b'@').next().unwrap_or(authority);
    let name = authority.split(|byte| *byte == b':').next().unwrap_or(authority);
    name.strip_suffix(b".").unwrap_or(name).eq_ignore_ascii_case(host.as_bytes())
}

#[cfg(test)]
mod tests;
