//! Why something could not be read.

/// The closed set of reasons; a server's free text never becomes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The token was not accepted.
    Auth,
    /// The token lacks a permission.
    Forbidden,
    /// There is no such zone, or no such route.
    NotFound,
    /// Cloudflare refused the request as wrong.
    Rejected,
    /// Too many requests were sent, by us or by others of the same user.
    RateLimited,
    /// No answer came in time.
    Timeout,
    /// The quota or the time did not suffice to send a request.
    NotSent,
    /// No connection could be made or kept.
    Connect,
    /// The connection could not be secured.
    Tls,
    /// Cloudflare failed.
    ServerError,
    /// The answer cannot be understood or trusted.
    InvalidResponse,
    /// This program failed.
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

    /// The value of the label `reason`.
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

    /// The reason in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Auth => "the token was not accepted",
            Self::Forbidden => "the token lacks a permission",
            Self::NotFound => "there is no such zone",
            Self::Rejected => "Cloudflare rejected the request",
            Self::RateLimited => "too many requests were sent",
            Self::Timeout => "no answer came in time",
            Self::NotSent => "no request was sent, for want of quota or time",
            Self::Connect => "no connection could be made",
            Self::Tls => "the connection could not be secured",
            Self::ServerError => "Cloudflare failed",
            Self::InvalidResponse => "the answer could not be understood",
            Self::Internal => "this program failed; see its log",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_exposed_by_the_names_of_the_contract() {
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
