//! Compares what Cloudflare presents to the origins of a hostname with what the origins demand.

use std::fmt::Write;

use super::{ANSWERED, Judge};
use crate::domain::{
    Demand, Distance, Entry, Finding, Findings, IssuerMatch, Origin, OriginReading, Presented, ZoneState,
};

/// The findings about origins.
const ORIGINS: [Finding; 3] =
    [Finding::OriginUnprotected, Finding::OriginDemandsCertificate, Finding::OriginMayReject];

impl Presented {
    /// Returns true if an origin has this finding. Nothing is found if one side is unknown.
    fn is_found(&self, finding: Finding, origin: &OriginReading) -> bool {
        match (finding, self, origin.demand) {
            (_, _, Demand::Unknown) => false,
            (Finding::OriginUnprotected, Self::Certificate(_), demand) => demand != Demand::Required,
            (Finding::OriginDemandsCertificate, Self::Nothing(_), demand) => demand == Demand::Required,
            (Finding::OriginMayReject, ..) => self.issuer_match(origin) == Some(IssuerMatch::None),
            _ => false,
        }
    }

    /// Returns how the names that the origin accepts match the issuers of the presented certificate.
    fn issuer_match(&self, origin: &OriginReading) -> Option<IssuerMatch> {
        match self {
            Self::Certificate(issuers) => origin.accepted.as_ref()?.find(issuers),
            Self::Nothing(_) | Self::Unknown => None,
        }
    }
}

impl Judge {
    /// Adds the findings about the origins of a hostname.
    pub(super) fn origins(&self, found: &mut Findings, zone: &ZoneState, entry: &Entry) {
        let origins = zone.origins_of(entry.hostname());
        if origins.is_empty() {
            return;
        }
        let presented = Presented::to(zone, entry.hostname());
        for finding in ORIGINS {
            let mut readings = origins.iter().filter_map(|origin| self.origin(origin));
            found.add(finding, readings.any(|origin| presented.is_found(finding, origin)));
        }
    }

    /// Returns the reading of an origin that counts: the latest, or if that got no answer, the last answer for a day.
    pub fn origin<'o>(&self, origin: &'o Origin) -> Option<&'o OriginReading> {
        let is_recent = |reading: &&OriginReading| self.is_within(ANSWERED, Some(reading.read_at));
        let latest = origin.reading()?;
        if latest.is_answer() { Some(latest) } else { origin.answered().filter(is_recent).or(Some(latest)) }
    }

    /// Returns how the names that an origin accepts match the issuers of the certificate that Cloudflare presents to
    /// it. `None` if Cloudflare presents nothing, or either side is unknown.
    pub fn issuer_match(&self, zone: &ZoneState, origin: &Origin) -> Option<IssuerMatch> {
        Presented::to(zone, &origin.target().hostname).issuer_match(self.origin(origin)?)
    }

    /// Describes what Cloudflare presents, and how each origin with the finding treats it.
    pub(super) fn origin_words(&self, finding: Finding, zone: &ZoneState, entry: &Entry) -> String {
        let presented = Presented::to(zone, entry.hostname());
        let mut words = match &presented {
            Presented::Nothing(why) => format!("Cloudflare presents nothing ({why})"),
            Presented::Certificate(_) | Presented::Unknown => "Cloudflare presents a certificate".to_owned(),
        };
        for origin in zone.origins_of(entry.hostname()) {
            let Some(reading) = self.origin(origin) else { continue };
            if !presented.is_found(finding, reading) {
                continue;
            }
            let does = match (finding, reading.demand) {
                (Finding::OriginDemandsCertificate, _) => "refuses requests without a certificate",
                (Finding::OriginMayReject, _) => "names only CAs that did not issue it",
                (_, Demand::None) => "does not ask for one",
                _ => "asks for one and serves requests without it",
            };
            let label = &origin.target().label;
            // writing to a string never fails
            let _ = write!(words, ", the origin {label} {does}");
            if let Some(latest) = origin.reading().filter(|latest| !latest.is_answer()) {
                let ago = Distance(reading.read_at.seconds_from(self.now));
                let _ = write!(words, " (as of {ago}; since then: {})", latest.reason);
            }
        }
        words
    }
}
