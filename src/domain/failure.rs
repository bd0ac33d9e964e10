//! The reasons why something could not be read.

/// The closed set of reasons. A server's free text never becomes a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The token was not accepted.
    Auth,
    /// The token lacks a permission.
    Forbidden,
    /// The zone or the route does not exist.
    NotFound,
    /// Cloudflare rejected the request as invalid.
    Rejected,
    /// The rate limit was exceeded, by this program or by other clients of the same user.
    RateLimited,
    /// The request timed out.
    Timeout,
    /// No request was sent for lack of quota or time.
    NotSent,
    /// The connection failed or broke.
    Connect,
    /// TLS failed.
    Tls,
    /// Cloudflare returned a server error.
    ServerError,
    /// The response cannot be parsed or trusted.
    InvalidResponse,
    /// This program has a bug.
    Internal,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 12] = [
        Self::Auth,
        Self::Forbidden,
        Self::NotFound,
        Self::Rejected,
        Self::RateLimited,
        Self::Timeout,
        Self::NotSent,
        Self::Connect,
        Self::Tls,
        Self::ServerError,
        Self::InvalidResponse,
        Self::Internal,
    ];

    /// Returns the value of the label `reason`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Rejected => "rejected",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::NotSent => "not_sent",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::ServerError => "server_error",
            Self::InvalidResponse => "invalid_response",
            Self::Internal => "internal",
        }
    }

    /// Returns the reason in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Auth => "the token was not accepted",
            Self::Forbidden => "the token lacks a permission",
            Self::NotFound => "there is no such zone",
            Self::Rejected => "Cloudflare rejected the request",
            Self::RateLimited => "too many requests were sent",
            Self::Timeout => "no answer came in time",
            Self::NotSent => "no request was sent for lack of quota or time",
            Self::Connect => "no connection could be made",
            Self::Tls => "the TLS connection failed",
            Self::ServerError => "Cloudflare failed",
            Self::InvalidResponse => "the response was invalid",
            Self::Internal => "internal error; see the log",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_their_documented_labels() {
        let names = [
            "auth",
            "forbidden",
            "not_found",
            "rejected",
            "rate_limited",
            "timeout",
            "not_sent",
            "connect",
            "tls",
            "server_error",
            "invalid_response",
            "internal",
        ];
        assert_eq!(Reason::ALL.map(Reason::label), names);
    }
}
