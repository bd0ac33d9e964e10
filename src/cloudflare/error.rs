//! Errors of the client.

mod transport;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{ApiToken, ProxyError};
use crate::domain::{Reason, ZoneName};
use transport::Chain;

/// Why a client could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The extra certificates cannot be parsed.
    #[error("extra certificate authorities: {0}")]
    Authorities(#[source] reqwest::Error),
    /// The proxy that the environment names cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The HTTP client cannot be set up.
    #[error("HTTP client: {}", Chain(.0))]
    Client(#[source] reqwest::Error),
}

/// Why a method of the API returned no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There was no response, or it broke off.
    #[error("{what}")]
    Transport {
        /// The reason, of a closed set.
        reason: Reason,
        /// The error with its causes, some of which repeat what a server said.
        what: Box<str>,
    },
    /// The response says that the request failed.
    #[error("HTTP status {status}{}{}", Listed(.errors), Ray(.ray))]
    Api {
        /// The HTTP status.
        status: u16,
        /// The errors that the envelope names.
        errors: Vec<ApiError>,
        /// Cloudflare's identifier of the request.
        ray: Option<Box<str>>,
        /// How long Cloudflare asks to wait.
        retry_after: Option<Duration>,
    },
    /// The response is not what this method answers.
    #[error("HTTP status {status}, and {what}{}", Ray(.ray))]
    Invalid {
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        what: Box<str>,
        /// Cloudflare's identifier of the request.
        ray: Option<Box<str>>,
    },
    /// The request was refused with something that is not the API's: a proxy, a firewall or bot protection answered.
    #[error("HTTP status {status}, with a page instead of the API's JSON{}", Ray(.ray))]
    Page {
        /// The HTTP status.
        status: u16,
        /// Cloudflare's identifier of the request.
        ray: Option<Box<str>>,
    },
    /// The response is larger than any answer: more than this many octets.
    #[error("the response is larger than {} MiB", .0 >> 20)]
    Oversized(usize),
    /// The token cannot be sent in a header.
    #[error("the token cannot be sent in a header")]
    Header,
    /// Our own limit left no time to send the request.
    #[error("no time was left to send the request")]
    Deadline,
    /// Cloudflare blocked all requests until after the deadline.
    #[error("Cloudflare forbids requests for another {} s", .0.as_secs())]
    Blocked(Duration),
    /// The quota's other users leave nothing of it until after the deadline.
    #[error(
        "the quota, which the user's dashboard and other tools share, is used up for another {} s",
        .0.as_secs()
    )]
    Exhausted(Duration),
    /// No zone of that name is visible.
    #[error("no zone named {0} is visible to the token; its permission \"Zone Read\" must cover it")]
    NoZone(ZoneName),
    /// No zone of any name is visible.
    #[error(
        "the token sees no zone at all, and so not {0}; it needs the permission \"Zone Read\" for the zones to be watched"
    )]
    NoZones(ZoneName),
    /// The list of all zones is empty, although so many were known: a token that has lost its permission gets one.
    #[error(
        "the list of zones is empty, although {0} zones were known: the token may have lost its permission \"Zone Read\""
    )]
    EmptyList(usize),
    /// Several zones of that name are visible, and not exactly one is active.
    #[error("{1} zones named {0} are visible to the token; give the id of the one that is meant")]
    ManyZones(ZoneName, usize),
    /// Reading the answer panicked at this place.
    #[error("this program panicked at {0}; that is a bug of cloudflare-aop-exporter, please report it")]
    Panicked(Box<str>),
    /// A request on behalf of several callers failed for all of them.
    #[error("{0}")]
    Common(Arc<Self>),
}

/// One error of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Cloudflare's code.
    pub code: i64,
    /// Cloudflare's words, cut and cleaned of control characters.
    pub message: Box<str>,
}

impl Error {
    /// The error of a request without a whole response.
    pub(super) fn transport(error: &reqwest::Error) -> Self {
        Self::Transport { reason: transport::reason(error), what: Chain(error).to_string().into() }
    }

    /// The reason, of a closed set.
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

    /// Whether asking the same account for anything else is pointless now: the token, the quota or the network failed.
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

    /// Whether a request was sent. One that was not says nothing about what was asked for.
    pub fn was_sent(&self) -> bool {
        match self {
            Self::Header | Self::Deadline | Self::Blocked(_) | Self::Exhausted(_) => false,
            Self::Common(error) => error.was_sent(),
            _ => true,
        }
    }

    /// Whether the response has that status and names that code.
    pub fn is(&self, wanted: u16, code: i64) -> bool {
        matches!(self, Self::Api { status, .. } if *status == wanted) && self.has_code(code)
    }

    /// Whether the response names that code, under a status that lets codes count.
    pub(super) fn has_code(&self, code: i64) -> bool {
        matches!(self, Self::Api { status, errors, .. }
            if codes_count(*status) && errors.iter().any(|error| error.code == code))
    }

    /// Whether the API has no such path. An identifier in it may be wrong.
    pub fn is_of_path(&self) -> bool {
        self.has_code(7000) || self.has_code(7003)
    }

    /// Whether a retry may succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Transport { reason, .. } => matches!(reason, Reason::Connect | Reason::Timeout),
            Self::Api { status, .. } | Self::Invalid { status, .. } => {
                matches!(status, 408 | 409 | 429 | 500..=599)
            }
            _ => false,
        }
    }

    /// The same error, with the token removed from the server's words.
    pub(super) fn without(mut self, token: &ApiToken) -> Self {
        let hide = |words: &mut Box<str>| {
            if let Some(hidden) = token.hidden_in(words) {
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

    /// How long Cloudflare asks to wait before a retry. After a 429 the budget holds all requests back instead.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Api { status: 429, .. } => None,
            Self::Api { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Whether codes say more than the status: not where Cloudflare failed, limits requests or redirects. It names codes such
/// as 1000 there too, which then mean something else.
const fn codes_count(status: u16) -> bool {
    matches!(status, 200..=299 | 400..=499) && !matches!(status, 408 | 429)
}

/// The status decides, since codes are ambiguous; but some codes mean a bad token under any status that lets codes count.
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
