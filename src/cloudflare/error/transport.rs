//! Errors of requests without a complete response.

use std::error::Error;
use std::fmt::{self, Write};

use crate::cloudflare::wire::printable;
use crate::domain::Reason;

/// Returns the reason why there is no complete response.
pub(super) fn reason(error: &reqwest::Error) -> Reason {
    if error.is_timeout() {
        return Reason::Timeout;
    }
    if is_caused_by::<rustls::Error>(error) {
        return Reason::Tls;
    }
    // a truncated body is reported as a decoding error, but its cause is the connection
    if error.is_decode() && !is_caused_by::<hyper::Error>(error) {
        Reason::InvalidResponse
    } else {
        Reason::Connect
    }
}

/// Returns true if a `T` is among the causes. It also looks inside I/O errors, which hide their inner error from `source`.
fn is_caused_by<T: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<T>()
        || wrapped.is_some_and(|wrapped| is_caused_by::<T>(wrapped))
        || error.source().is_some_and(is_caused_by::<T>)
}

/// Displays an error and its causes on one line, without the URL added by reqwest and the layers of its HTTP client. Some
/// causes contain text from a server.
pub(super) struct Chain<'a>(pub(super) &'a reqwest::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next: Option<&dyn Error> = self.0.source();
        if next.is_none() {
            return f.write_str(if self.0.is_timeout() { "timed out" } else { "request failed" });
        }
        let (mut line, mut separator) = (String::new(), "");
        while let Some(cause) = next {
            next = cause.source();
            let text = said(cause);
            if next.is_some() && (text.starts_with("client error (") || text == "tcp connect error") {
                continue;
            }
            write!(line, "{separator}{text}")?;
            separator = ": ";
        }
        f.write_str(&printable(&line))
    }
}

/// Returns the text of one cause. For errors of the operating system it is `connection refused` instead of
/// `Connection refused (os error 111)`.
fn said(cause: &(dyn Error + 'static)) -> String {
    let system = cause.downcast_ref::<std::io::Error>().filter(|error| error.raw_os_error().is_some());
    // use the name of the error kind, unless it is a catch-all kind
    let kind = system.map(|error| error.kind().to_string()).filter(|kind| !kind.contains("error"));
    kind.unwrap_or_else(|| cause.to_string())
}
