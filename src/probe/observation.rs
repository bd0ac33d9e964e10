//! What a probe observed, and the demand that follows from it.

use crate::domain::{AcceptedIssuers, Date, Demand, DemandReason, ProbeFailure};

use super::head::Phrase;

/// The observations of one attempt to probe an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// True if the origin sent a CertificateRequest in the handshake.
    pub asked: bool,
    /// The authorities that the CertificateRequest names.
    pub accepted: Option<AcceptedIssuers>,
    /// The same authorities as text.
    pub accepted_names: Vec<String>,
    /// The agreed version.
    pub version: Option<TlsVersion>,
    /// True once the handshake was completed.
    pub handshake: bool,
    /// True if the handshake resumed an earlier session.
    pub resumed: bool,
    /// True if the origin sent a HelloRequest after the handshake.
    pub asks_late: bool,
    /// The end of the validity of the origin's own certificate.
    pub certificate_not_after: Option<Date>,
    /// How the attempt ended.
    pub end: End,
}

/// A TLS version that a probe offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl TlsVersion {
    /// Returns the version number.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// No response could be read, for this reason.
    Failed(ProbeFailure),
    /// A TLS alert.
    Alert(u8),
    /// The response is HTTP/2.
    Http2,
    /// An HTTP response.
    Answer {
        /// Its status.
        status: u16,
        /// True if it redirects to another path of the same host.
        same_host: bool,
        /// The phrase in its body.
        phrase: Option<Phrase>,
    },
}

/// Alerts by which servers refuse a client without a certificate: handshake_failure, no_certificate, bad_certificate
/// and certificate_required (RFC 8446, section 6.2).
const REFUSALS: [u8; 4] = [40, 41, 42, 116];

impl Observation {
    /// Creates an observation of its end alone.
    pub fn new(end: End) -> Self {
        Self {
            asked: false,
            accepted: None,
            accepted_names: Vec::new(),
            version: None,
            handshake: false,
            resumed: false,
            asks_late: false,
            certificate_not_after: None,
            end,
        }
    }

    /// Returns true if the origin is reachable and speaks TLS.
    pub fn is_up(&self) -> bool {
        self.handshake || self.asked && matches!(self.end, End::Alert(_))
    }

    /// Returns true if another attempt in TLS 1.2 must distinguish an application's 403 from that of a server
    /// that asks late.
    pub fn may_ask_late(&self) -> bool {
        let forbidden = matches!(self.end, End::Answer { status: 403, phrase: None, .. });
        forbidden && !self.asked && self.version == Some(TlsVersion::Tls13)
    }
}

/// Judges what an origin demands from an observation. The result is [`Demand::Unknown`] unless it is certain.
pub fn verdict(seen: &Observation) -> (Demand, DemandReason) {
    use DemandReason as Reason;
    let unknown = |reason| (Demand::Unknown, reason);
    if seen.resumed {
        return unknown(Reason::Resumed);
    }
    if seen.asks_late {
        return unknown(Reason::AsksLate);
    }
    match (seen.asked, seen.end) {
        (_, End::Failed(failure)) => unknown(Reason::Failed(failure)),
        (true, End::Alert(alert)) if REFUSALS.contains(&alert) => (Demand::Required, Reason::Refused(alert)),
        (_, End::Alert(alert)) => unknown(Reason::Alert(alert)),
        (true, End::Answer { status: status @ 400, phrase: Some(Phrase::Nginx), .. })
        | (true, End::Answer { status: status @ (495 | 496), .. }) => {
            (Demand::Required, Reason::RefusedByAnswer(status))
        }
        (true, End::Answer { status, same_host, .. }) => match status {
            200..=299 | 404..=406 | 410 | 411 | 415 | 422 | 426 | 428 | 501 => {
                (Demand::Optional, Reason::Served(status))
            }
            300..=399 if same_host => (Demand::Optional, Reason::Served(status)),
            _ => unknown(Reason::Unclear(status)),
        },
        (true, End::Http2) => unknown(Reason::UnclearHttp2),
        (false, End::Answer { status: 403, phrase: Some(Phrase::Apache), .. }) => unknown(Reason::AsksLate),
        (false, End::Answer { status, phrase, .. })
            if matches!(status, 421 | 495 | 496 | 600..) || phrase == Some(Phrase::Nginx) =>
        {
            unknown(Reason::Unclear(status))
        }
        // the attempt in TLS 1.2 that would decide is missing
        (false, End::Answer { status, .. }) if seen.may_ask_late() => unknown(Reason::Unclear(status)),
        (false, End::Answer { status, .. }) => (Demand::None, Reason::NotAsked(status)),
        (false, End::Http2) => (Demand::None, Reason::NotAskedHttp2),
    }
}

#[cfg(test)]
mod tests;
