//! What Cloudflare presents to the origins of a hostname.

use super::{Association, Certificate, Hostname, IssuerName, Level, SslMode, ZoneState};

/// What Cloudflare presents to the origins of a hostname.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presented {
    /// Nothing, for this reason.
    Nothing(String),
    /// A certificate, with the names of its issuer and of the issuers of the intermediates in its PEM. Empty if the PEM is
    /// unknown.
    Certificate(Vec<IssuerName>),
    /// Unknown.
    Unknown,
}

impl Presented {
    /// Returns what Cloudflare presents to the origins of this hostname of a zone.
    pub fn to(zone: &ZoneState, hostname: &Hostname) -> Self {
        if let Some(mode @ (SslMode::Off | SslMode::Flexible)) = zone.ssl_mode() {
            return Self::Nothing(format!("SSL mode {}", mode.label()));
        }
        let Some(reading) = zone.entry(hostname).and_then(|entry| entry.reading()) else {
            return Self::Unknown;
        };
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

    /// Returns true if this is known to differ from `before`: a certificate instead of nothing, nothing instead of a
    /// certificate, or a certificate of other issuers.
    pub fn is_change_from(&self, before: &Self) -> bool {
        match (before, self) {
            (Self::Unknown, _) | (_, Self::Unknown) | (Self::Nothing(_), Self::Nothing(_)) => false,
            (before, now) => before != now,
        }
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
