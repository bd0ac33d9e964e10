//! Errors of the API client.

mod transport;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{ApiToken, ProxyError};
use crate::domain::{Reason, ZoneName};
use crate::keypair::PrivateKey;
use transport::Chain;

/// The reason why a client could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The extra certificates cannot be parsed.
    #[error("the extra CA certificates cannot be parsed: {0}")]
    Authorities(#[source] reqwest::Error),
    /// The proxy named in the environment cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The HTTP client cannot be set up.
    #[error("HTTP client: {}", Chain(.0))]
    Client(#[source] reqwest::Error),
}

/// The reason why an API method returned no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There was no response, or it was incomplete.
    #[error("{what}")]
    Transport {
        /// The reason.
        reason: Reason,
        /// The error with its causes, some of which contain text from a server.
        what: Box<str>,
    },
    /// The response reports a failure.
    #[error("HTTP status {status}{}{}", Listed(.errors), Ray(.ray))]
    Api {
        /// The HTTP status.
        status: u16,
        /// The errors in the envelope.
        errors: Vec<ApiError>,
        /// Cloudflare's id of the request.
        ray: Option<Box<str>>,
        /// The wait that Cloudflare asks for.
        retry_after: Option<Duration>,
    },
    /// The response does not have the form that the method requires.
    #[error("HTTP status {status}, and {what}{}", Ray(.ray))]
    Invalid {
        /// The HTTP status.
        status: u16,
        /// A description of the mistake.
        what: Box<str>,
        /// Cloudflare's id of the request.
        ray: Option<Box<str>>,
    },
    /// The request was refused by a proxy, a firewall or bot protection instead of the API.
    #[error("HTTP status {status} with a page instead of the API's JSON{}", Ray(.ray))]
    Page {
        /// The HTTP status.
        status: u16,
        /// Cloudflare's id of the request.
        ray: Option<Box<str>>,
    },
    /// The response is larger than any valid one, with more than this many bytes.
    #[error("the response is larger than {} MiB", .0 >> 20)]
    Oversized(usize),
    /// The token cannot be sent in a header.
    #[error("the token cannot be sent in a header")]
    Header,
    /// Our own rate limit left no time to send the request before the deadline.
    #[error("not sent before the deadline because of the request budget")]
    Deadline,
    /// Cloudflare blocks all requests until after the deadline.
    #[error("Cloudflare blocks requests for another {} s", .0.as_secs())]
    Blocked(Duration),
    /// The quota's other users have used it up until after the deadline.
    #[error(
        "the quota, which the user's dashboard and other tools share, is used up for another {} s",
        .0.as_secs()
    )]
    Exhausted(Duration),
    /// No zone of this name is visible to the token.
    #[error("no zone named {0} is visible to the token; its permission \"Zone Read\" must cover it")]
    NoZone(ZoneName),
    /// No zone at all is visible to the token.
    #[error(
        "the token sees no zone at all, and so not {0}; it needs the permission \"Zone Read\" for the zones to be watched"
    )]
    NoZones(ZoneName),
    /// The list of all zones is empty although this many zones were known. A token that lost its permission gets such a list.
    #[error(
        "the list of zones is empty, although {0} zones were known: the token may have lost its permission \"Zone Read\""
    )]
    EmptyList(usize),
    /// Several zones of this name are visible, and not exactly one of them is active.
    #[error("{1} zones named {0} are visible to the token; give the id of the zone to use")]
    ManyZones(ZoneName, usize),
    /// Parsing the response panicked at this location.
    #[error("this program panicked at {0}; that is a bug of cloudflare-aop-exporter, please report it")]
    Panicked(Box<str>),
    /// A request shared by several callers failed.
    #[error("{0}")]
    Common(Arc<Self>),
}

/// One error in an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Cloudflare's code.
    pub code: i64,
    /// Cloudflare's message, truncated and stripped of control characters.
    pub message: Box<str>,
}

impl Error {
    /// Creates the error of a request without a complete response.
    pub(super) fn transport(error: &reqwest::Error) -> Self {
        Self::Transport { reason: transport::reason(error), what: Chain(error).to_string().into() }
    }

    /// Returns the reason.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Transport { reason, .. } => *reason,
            Self::Api { status, errors, .. } => api_reason(*status, errors),
            Self::Invalid { .. } | Self::Page { .. } | Self::Oversized(_) | Self::ManyZones(..) => {
                Reason::InvalidResponse
            }
            Self::Panicked(_) => Reason::Internal,
            Self::Header => Reason::Auth,
            Self::Deadline => Reason::NotSent,
            Self::Blocked(_) | Self::Exhausted(_) => Reason::RateLimited,
            Self::NoZone(_) | Self::NoZones(_) => Reason::NotFound,
            Self::EmptyList(_) => Reason::Forbidden,
            Self::Common(error) => error.reason(),
        }
    }

    /// Returns true if the token, the quota or the network failed, so that other requests of the account would fail too.
    pub fn concerns_all(&self) -> bool {
        match self {
            Self::Transport { reason, .. } => {
                matches!(reason, Reason::Connect | Reason::Tls | Reason::Timeout)
            }
            Self::Deadline => true,
            Self::Common(error) => error.concerns_all(),
            _ => matches!(self.reason(), Reason::Auth | Reason::RateLimited),
        }
    }

    /// Returns true if a request was sent. Otherwise the error says nothing about the requested object.
    pub fn was_sent(&self) -> bool {
        match self {
            Self::Header | Self::Deadline | Self::Blocked(_) | Self::Exhausted(_) => false,
            Self::Common(error) => error.was_sent(),
            _ => true,
        }
    }

    /// Returns true if the request may have been carried out despite the error: it was sent, and no response
    /// refused it.
    pub fn may_have_succeeded(&self) -> bool {
        let reason = self.reason();
        let open = [Reason::Timeout, Reason::Connect, Reason::ServerError, Reason::InvalidResponse];
        self.was_sent() && open.contains(&reason)
    }

    /// Returns true if the response has this status and contains this code.
    pub fn is(&self, wanted: u16, code: i64) -> bool {
        matches!(self, Self::Api { status, .. } if *status == wanted) && self.has_code(code)
    }

    /// Returns true if the response contains this code and its status makes codes meaningful.
    pub(super) fn has_code(&self, code: i64) -> bool {
        matches!(self, Self::Api { status, errors, .. }
            if codes_count(*status) && errors.iter().any(|error| error.code == code))
    }

    /// Returns true if the API does not know the path. An id in it may be wrong.
    pub fn is_of_path(&self) -> bool {
        self.has_code(7000) || self.has_code(7003)
    }

    /// Returns true if a retry may succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Transport { reason, .. } => matches!(reason, Reason::Connect | Reason::Timeout),
            Self::Api { status, .. } | Self::Invalid { status, .. } => {
                matches!(status, 408 | 409 | 429 | 500..=599)
            }
            _ => false,
        }
    }

    /// Removes the token, and the private key that this client sends, from the server's text.
    pub(super) fn without(mut self, token: &ApiToken, key: Option<&PrivateKey>) -> Self {
        let hide = |words: &mut Box<str>| {
            if let Some(hidden) = token.redact(words) {
                *words = hidden.into();
            }
            if let Some(Cow::Owned(hidden)) = key.map(|key| key.hidden_in(words)) {
                *words = hidden.into();
            }
        };
        match &mut self {
            Self::Api { errors, ray, .. } => {
                errors.iter_mut().map(|error| &mut error.message).chain(ray).for_each(hide);
            }
            Self::Transport { what, .. } => hide(what),
            Self::Page { ray, .. } => ray.iter_mut().for_each(hide),
            Self::Invalid { what, ray, .. } => [what].into_iter().chain(ray).for_each(hide),
            _ => {}
        }
        self
    }

    /// Returns the wait that Cloudflare asks for before a retry. None for a 429, after which the budget blocks all requests.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Api { status: 429, .. } => None,
            Self::Api { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Returns true if codes are meaningful under this status. With redirects, rate limits and server errors, Cloudflare uses
/// codes such as 1000 with other meanings.
const fn codes_count(status: u16) -> bool {
    matches!(status, 200..=299 | 400..=499) && !matches!(status, 408 | 429)
}

/// Derives the reason from the status, since codes are ambiguous. Some codes mean a bad token under any status that makes
/// codes meaningful.
fn api_reason(status: u16, errors: &[ApiError]) -> Reason {
    let has = |codes: &[i64]| codes_count(status) && errors.iter().any(|error| codes.contains(&error.code));
    match status {
        429 => Reason::RateLimited,
        408 => Reason::Timeout,
        500..=599 => Reason::ServerError,
        300..=399 => Reason::InvalidResponse,
        401 => Reason::Auth,
        _ if has(&[1000, 6003, 6103, 6111]) => Reason::Auth,
        403 => Reason::Forbidden,
        _ if has(&[9109, 10_000]) => Reason::Forbidden,
        404 => Reason::NotFound,
        _ if has(&[7000, 7003]) => Reason::NotFound,
        _ => Reason::Rejected,
    }
}

struct Listed<'a>(&'a [ApiError]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in self.0 {
            write!(f, ", code {} ({})", error.code, error.message)?;
        }
        Ok(())
    }
}

struct Ray<'a>(&'a Option<Box<str>>);

impl fmt::Display for Ray<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |ray| write!(f, ", ray {ray}"))
    }
}

#[cfg(test)]
mod tests;
