//! Errors of requests without a whole response.

use std::error::Error;
use std::fmt::{self, Write};

use crate::cloudflare::wire::printable;
use crate::domain::Reason;

/// The reason why there is no whole response.
pub(super) fn reason(error: &reqwest::Error) -> Reason {
    if error.is_timeout() {
        return Reason::Timeout;
    }
    if is_caused_by::<rustls::Error>(error) {
        return Reason::Tls;
    }
    // a body that broke off fails to decode too, but what broke is the connection
    if error.is_decode() && !is_caused_by::<hyper::Error>(error) {
        Reason::InvalidResponse
    } else {
        Reason::Connect
    }
}

/// Whether a `T` is among the causes; an I/O error hides what it wraps from `source`.
fn is_caused_by<T: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<T>()
        || wrapped.is_some_and(|wrapped| is_caused_by::<T>(wrapped))
        || error.source().is_some_and(is_caused_by::<T>)
}

/// Shows an error and its causes in one line, without the URL that reqwest adds and the layers of its HTTP client. Some
/// causes repeat what a server said.
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

/// The words of one cause. Those of the operating system are `connection refused`, not `Connection refused (os error 111)`.
fn said(cause: &(dyn Error + 'static)) -> String {
    let system = cause.downcast_ref::<std::io::Error>().filter(|error| error.raw_os_error().is_some());
    // a kind of its own has a name; others have none
    let kind = system.map(|error| error.kind().to_string()).filter(|kind| !kind.contains("error"));
    kind.unwrap_or_else(|| cause.to_string())
}
