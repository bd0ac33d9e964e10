//! Compares what Cloudflare presents to the origins of a hostname with what the origins demand.

use std::fmt::Write;

use super::Judge;
use crate::domain::{
    Association, Certificate, Demand, Entry, Finding, Findings, IssuerMatch, IssuerName, Level, Origin,
    OriginReading, SslMode, ZoneState,
};

/// The findings about origins.
const ORIGINS: [Finding; 3] =
    [Finding::OriginUnprotected, Finding::OriginDemandsCertificate, Finding::OriginMayReject];

/// The certificate that Cloudflare presents to the origins of a hostname.
enum Presented {
    /// Nothing, for this reason.
    Nothing(String),
    /// A certificate issued by one of these authorities. Empty if the issuers are unknown.
    Certificate(Vec<IssuerName>),
    /// Unknown.
    Unknown,
}

impl Presented {
    fn to(zone: &ZoneState, entry: &Entry) -> Self {
        if let Some(mode @ (SslMode::Off | SslMode::Flexible)) = zone.ssl_mode() {
            return Self::Nothing(format!("SSL mode {}", mode.label()));
        }
        let Some(reading) = entry.reading() else { return Self::Unknown };
        match (reading.association, zone.zone_level_enabled(), zone.global_enabled()) {
            (Association::Enabled, ..) => Self::Certificate(issuers(reading.certificate.as_deref())),
            (Association::Disabled, ..) => Self::Nothing("disabled".to_owned()),
            (_, Some(true), _) => Self::Certificate(zone_issuers(zone)),
            // either the certificate that Cloudflare shares among all zones, or a zone-level one
            (_, _, Some(true)) => Self::Certificate(Vec::new()),
            (association, Some(false), Some(false)) => {
                let has = if association == Association::Void { "void" } else { "no association" };
                Self::Nothing(format!("{has}, zone level and global switch off"))
            }
            _ => Self::Unknown,
        }
    }

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
        let presented = Presented::to(zone, entry);
        for finding in ORIGINS {
            let mut readings = origins.iter().filter_map(Origin::reading);
            found.add(finding, readings.any(|origin| presented.is_found(finding, origin)));
        }
    }

    /// Returns how the names that an origin accepts match the issuers of the certificate that Cloudflare presents to
    /// it. `None` if Cloudflare presents nothing, or either side is unknown.
    pub fn issuer_match(&self, zone: &ZoneState, origin: &Origin) -> Option<IssuerMatch> {
        let entry = zone.entry(&origin.target().hostname)?;
        Presented::to(zone, entry).issuer_match(origin.reading()?)
    }

    /// Describes what Cloudflare presents, and how each origin with the finding treats it.
    pub(super) fn origin_words(&self, finding: Finding, zone: &ZoneState, entry: &Entry) -> String {
        let presented = Presented::to(zone, entry);
        let mut words = match &presented {
            Presented::Nothing(why) => format!("Cloudflare presents nothing ({why})"),
            Presented::Certificate(_) | Presented::Unknown => "Cloudflare presents a certificate".to_owned(),
        };
        for origin in zone.origins_of(entry.hostname()) {
            let Some(reading) = origin.reading() else { continue };
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
        }
        words
    }
}

fn issuers(certificate: Option<&Certificate>) -> Vec<IssuerName> {
    certificate.and_then(Certificate::pem).map(|pem| pem.issuers.to_vec()).unwrap_or_default()
}

/// Returns the issuers of the zone-level certificates, one of which is presented. Empty if the issuers of any of them
/// are unknown.
fn zone_issuers(zone: &ZoneState) -> Vec<IssuerName> {
    let rows = zone.certificates().iter().filter(|row| row.level == Level::Zone);
    let each: Vec<_> = rows.map(|row| issuers(Some(&row.certificate))).collect();
    if each.iter().any(Vec::is_empty) { Vec::new() } else { each.concat() }
}
