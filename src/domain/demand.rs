//! The demands of origins: how they treat a connection that presents no certificate.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{AcceptedIssuers, Date};

/// The way an origin treats a connection that presents no certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Demand {
    /// The origin asks for no certificate.
    None,
    /// The origin asks for a certificate, and serves requests without one.
    Optional,
    /// The origin asks for a certificate, and refuses requests without one.
    Required,
    /// The probe could not determine it.
    #[default]
    Unknown,
}

impl Demand {
    /// Every demand, in the order in which they are exposed.
    pub const ALL: [Self; 4] = [Self::None, Self::Optional, Self::Required, Self::Unknown];

    /// Returns the demand as one word, which is also the value of the label `demand`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Optional => "optional",
            Self::Required => "required",
            Self::Unknown => "unknown",
        }
    }
}

/// The observation from which a [`Demand`] was concluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DemandReason {
    /// The origin asked, and ended the connection with this TLS alert.
    Refused(u8),
    /// The origin asked, and answered with an error that says that the certificate is missing.
    RefusedByAnswer(u16),
    /// The origin asked, and served the request with this status.
    Served(u16),
    /// The origin did not ask, and answered with this status.
    NotAsked(u16),
    /// The origin did not ask, and spoke HTTP/2.
    NotAskedHttp2,
    /// The origin asks only after it has read the request.
    AsksLate,
    /// The origin asked, and answered with a status that an application may give for other reasons; or it did not ask,
    /// and the status says that a certificate is missing.
    Unclear(u16),
    /// The origin asked, and spoke HTTP/2.
    UnclearHttp2,
    /// No answer could be read, for this reason.
    Failed(ProbeFailure),
    /// The origin ended the connection with a TLS alert that is not about a missing certificate.
    Alert(u8),
    /// The origin resumed an earlier TLS session.
    Resumed,
}

/// The reason why a probe got no readable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProbeFailure {
    /// The name has no address.
    NotResolved,
    /// The name has only addresses that must not be probed.
    NotPublic,
    /// No connection could be made.
    NotReachable,
    /// The probe took too long.
    TimedOut,
    /// The connection was reset, or ended before an answer.
    Closed,
    /// The origin does not speak TLS 1.2 or 1.3, or not correctly.
    NotTls,
    /// The answer is not HTTP.
    NotHttp,
    /// The head of the answer is too long.
    HeadTooLong,
    /// This program failed.
    Internal,
}

impl ProbeFailure {
    /// Every failure.
    pub const ALL: [Self; 9] = [
        Self::NotResolved,
        Self::NotPublic,
        Self::NotReachable,
        Self::TimedOut,
        Self::Closed,
        Self::NotTls,
        Self::NotHttp,
        Self::HeadTooLong,
        Self::Internal,
    ];

    /// Returns the failure in a word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotResolved => "not_resolved",
            Self::NotPublic => "not_public",
            Self::NotReachable => "not_reachable",
            Self::TimedOut => "timed_out",
            Self::Closed => "closed",
            Self::NotTls => "not_tls",
            Self::NotHttp => "not_http",
            Self::HeadTooLong => "head_too_long",
            Self::Internal => "internal",
        }
    }

    /// Returns true if there was no answer at all, so that an earlier answer may still hold.
    const fn is_silence(self) -> bool {
        match self {
            Self::NotResolved | Self::NotReachable | Self::TimedOut | Self::Closed | Self::Internal => true,
            Self::NotPublic | Self::NotTls | Self::NotHttp | Self::HeadTooLong => false,
        }
    }

    /// Returns the failure in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotResolved => "the name has no address",
            Self::NotPublic => "the address is not public, or is Cloudflare's own",
            Self::NotReachable => "cannot connect",
            Self::TimedOut => "no answer in time",
            Self::Closed => "closes the connection without an answer",
            Self::NotTls => "does not speak TLS 1.2 or 1.3",
            Self::NotHttp => "does not answer in HTTP/1.1",
            Self::HeadTooLong => "the head of the answer is longer than 16 KiB",
            Self::Internal => "this program failed; see its log",
        }
    }
}

impl DemandReason {
    /// Returns the reason in a word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::RefusedByAnswer(_) => "refused_by_answer",
            Self::Served(_) => "served",
            Self::NotAsked(_) | Self::NotAskedHttp2 => "not_asked",
            Self::AsksLate => "asks_late",
            Self::Unclear(_) | Self::UnclearHttp2 => "unclear",
            Self::Failed(failure) => failure.label(),
            Self::Alert(_) => "alert",
            Self::Resumed => "resumed",
        }
    }
}

impl DemandReason {
    /// Returns the number of the alert or the status, if there is one.
    pub const fn code(self) -> Option<u16> {
        match self {
            Self::Refused(alert) | Self::Alert(alert) => Some(alert as u16),
            Self::RefusedByAnswer(status)
            | Self::Served(status)
            | Self::NotAsked(status)
            | Self::Unclear(status) => Some(status),
            Self::NotAskedHttp2 | Self::UnclearHttp2 | Self::AsksLate | Self::Failed(_) | Self::Resumed => {
                None
            }
        }
    }

    /// Returns the reason with this [label](Self::label) and [code](Self::code), if there is one.
    pub fn from_parts(label: &str, code: Option<u16>) -> Option<Self> {
        let alert = || code.and_then(|code| u8::try_from(code).ok());
        match label {
            "refused" => alert().map(Self::Refused),
            "refused_by_answer" => code.map(Self::RefusedByAnswer),
            "served" => code.map(Self::Served),
            "not_asked" => Some(code.map_or(Self::NotAskedHttp2, Self::NotAsked)),
            "asks_late" => Some(Self::AsksLate),
            "unclear" => Some(code.map_or(Self::UnclearHttp2, Self::Unclear)),
            "alert" => alert().map(Self::Alert),
            "resumed" => Some(Self::Resumed),
            _ => ProbeFailure::ALL.into_iter().find(|failure| failure.label() == label).map(Self::Failed),
        }
    }
}

/// Writes the reason in words.
impl fmt::Display for DemandReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(alert) => {
                write!(f, "asks for a certificate and refuses without it (TLS alert {alert})")
            }
            Self::RefusedByAnswer(status) => {
                write!(f, "asks for a certificate and refuses without it (status {status})")
            }
            Self::Served(status) => {
                write!(f, "asks for a certificate and serves without it (status {status})")
            }
            Self::NotAsked(status) => write!(f, "does not ask for a certificate (status {status})"),
            Self::NotAskedHttp2 => f.write_str("does not ask for a certificate (answers in HTTP/2)"),
            Self::AsksLate => {
                f.write_str("asks for a certificate only after the request, perhaps only for some paths")
            }
            Self::Unclear(status) => {
                write!(f, "answers with status {status}, which may or may not be about the certificate")
            }
            Self::UnclearHttp2 => f.write_str("asks for a certificate and answers in HTTP/2"),
            Self::Failed(failure) => f.write_str(failure.words()),
            Self::Alert(alert) => write!(f, "ends the connection with TLS alert {alert}"),
            Self::Resumed => f.write_str("resumed a TLS session"),
        }
    }
}

/// The result of one probe of an origin. Small, since there is one for each of up to 10,000 origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginReading {
    /// The time when the probe ended.
    pub read_at: Date,
    /// True if the handshake was completed, or ended by an alert after the origin asked for a certificate.
    pub is_up: bool,
    /// The demand of the origin.
    pub demand: Demand,
    /// The reason for the demand.
    pub reason: DemandReason,
    /// The authorities that it names, if it asks for a certificate. Equal ones share one allocation.
    pub accepted: Option<Arc<AcceptedIssuers>>,
    /// The expiry date of the origin's own certificate.
    pub certificate_not_after: Option<Date>,
    /// The duration of the probe.
    pub took: Duration,
}

impl OriginReading {
    /// Returns true if the origin answered, even if the answer does not show what it demands.
    pub const fn is_answer(&self) -> bool {
        !matches!(self.reason, DemandReason::Failed(failure) if failure.is_silence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demands_have_their_documented_labels() {
        assert_eq!(Demand::ALL.map(Demand::label), ["none", "optional", "required", "unknown"]);
    }

    #[test]
    fn a_reason_is_restored_from_its_label_and_code() {
        use DemandReason as Reason;
        let failures = ProbeFailure::ALL.map(Reason::Failed);
        let others = [
            Reason::Refused(116),
            Reason::RefusedByAnswer(496),
            Reason::Served(200),
            Reason::NotAsked(404),
            Reason::NotAskedHttp2,
            Reason::AsksLate,
            Reason::Unclear(403),
            Reason::UnclearHttp2,
            Reason::Alert(80),
            Reason::Resumed,
        ];
        for reason in failures.into_iter().chain(others) {
            assert_eq!(Reason::from_parts(reason.label(), reason.code()), Some(reason));
        }
        for (label, code) in [("refused", Some(300)), ("refused", None), ("served", None), ("sulks", None)] {
            assert_eq!(Reason::from_parts(label, code), None);
        }
    }

    #[test]
    fn a_reading_stays_small() {
        assert!(size_of::<OriginReading>() <= 64, "{}", size_of::<OriginReading>());
    }
}
