//! How an origin reacts to a certificate that a probe presents.

use std::fmt;

use super::head::Phrase;
use super::{End, Observation};
use crate::domain::{IssuerMatch, IssuerName};

/// An origin's reaction to the presented certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It answered the request.
    Accepted(u16),
    /// It requested no certificate.
    NotAsked,
    /// It refused the certificate with a TLS alert.
    Alert(u8),
    /// It refused the certificate with an HTTP status.
    Answer(u16),
    /// Its reaction is inconclusive, and none of the CAs that it names issued the certificate.
    Unnamed,
    /// Its reaction is inconclusive. Holds the end of the attempt.
    Unclear(End),
}

/// Alerts by which servers refuse a certificate (RFC 8446, section 6.2): handshake_failure, bad_certificate,
/// unsupported_certificate, certificate_revoked, certificate_expired, certificate_unknown, unknown_ca, access_denied,
/// decrypt_error and certificate_required.
const REFUSALS: [u8; 10] = [40, 42, 43, 44, 45, 46, 48, 49, 51, 116];

impl Offer {
    /// Judges an observation made while presenting a certificate with these issuers.
    pub fn of(seen: &Observation, issuers: &[IssuerName]) -> Self {
        match seen.end {
            End::Alert(alert) if seen.asked && REFUSALS.contains(&alert) => Self::Alert(alert),
            End::Answer { status, phrase: Some(Phrase::Nginx | Phrase::NginxRefusal), .. }
            | End::Answer { status: status @ (495 | 496), .. } => Self::Answer(status),
            End::Answer { .. } | End::Http2 if !seen.asked && !seen.asks_late => Self::NotAsked,
            End::Answer { status, .. } if seen.asked && !matches!(status, 400 | 403 | 421 | 500..) => {
                Self::Accepted(status)
            }
            end => match seen.accepted.as_ref().and_then(|accepted| accepted.find(issuers)) {
                Some(IssuerMatch::None) => Self::Unnamed,
                _ => Self::Unclear(end),
            },
        }
    }

    /// Returns true if a rotation to the certificate would break the site.
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::Alert(_) | Self::Answer(_) | Self::Unnamed)
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(status) => write!(f, "accepts the new certificate (HTTP status {status})"),
            Self::NotAsked => f.write_str("asks for no certificate"),
            Self::Alert(alert) => write!(f, "REFUSES the new certificate (TLS alert {alert})"),
            Self::Answer(status) => write!(f, "REFUSES the new certificate (HTTP status {status})"),
            Self::Unnamed => {
                f.write_str("could not be tried, and names only CAs that did NOT issue the new certificate")
            }
            Self::Unclear(End::Failed(failure)) => write!(f, "could not be tried: {}", failure.words()),
            Self::Unclear(End::Alert(alert)) => {
                write!(f, "could not be tried: it ends the connection with TLS alert {alert}")
            }
            Self::Unclear(End::Http2) => {
                f.write_str("answers in HTTP/2: whether it accepts the new certificate is unknown")
            }
            Self::Unclear(End::Answer { status, .. }) => write!(
                f,
                "answers with HTTP status {status}: whether it accepts the new certificate is unknown"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AcceptedIssuers, ProbeFailure};

    #[test]
    fn the_cas_that_an_origin_names_matter_only_if_its_reaction_is_inconclusive() {
        let [ours, theirs] = [&[0x30, 0][..], &[0x30, 2, 5, 0]];
        let seen = |end, asked, named: Option<&[u8]>| Observation {
            asked,
            accepted: named.map(|name| AcceptedIssuers::from_ders([name])),
            ..Observation::new(end)
        };
        let answer = |status, phrase| End::Answer { status, same_host: false, phrase };
        let issuers = [IssuerName::from_der(ours)];
        let unreachable = End::Failed(ProbeFailure::NotReachable);
        for (end, asked, named, expected) in [
            (End::Alert(48), true, None, Offer::Alert(48)),
            (End::Alert(80), true, None, Offer::Unclear(End::Alert(80))),
            (answer(400, Some(Phrase::NginxRefusal)), true, None, Offer::Answer(400)),
            (answer(495, None), true, None, Offer::Answer(495)),
            (answer(404, None), true, Some(theirs), Offer::Accepted(404)),
            (answer(200, None), false, None, Offer::NotAsked),
            (answer(403, None), true, Some(theirs), Offer::Unnamed),
            (answer(502, None), true, Some(ours), Offer::Unclear(answer(502, None))),
            (End::Failed(ProbeFailure::TimedOut), true, Some(theirs), Offer::Unnamed),
            (unreachable, false, None, Offer::Unclear(unreachable)),
        ] {
            assert_eq!(Offer::of(&seen(end, asked, named), &issuers), expected, "{end:?} {named:?}");
        }
    }
}
