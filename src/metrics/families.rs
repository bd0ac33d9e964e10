//! The families of a snapshot: tables in the order in which they are exposed.

mod account;
mod certificate;
mod hostname;
mod origin;
mod zone;

use crate::domain::{
    AccountState, Association, Certificate, Date, Entry, Judge, Origin, Reading, ZoneCertificate, ZoneState,
};
use crate::exposition::Kind;

use super::row::Row;

pub(super) use zone::ZONE_POLL_INTERVAL;

/// One family.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) rows: Rows,
}

/// The items that have a row in a family, and how to write it. If nothing is written, the value is unknown.
pub(super) enum Rows {
    /// Every hostname.
    Hostname(fn(&Entry, &mut Row<'_>)),
    /// A hostname that was read.
    Reading(fn(&Reading, &mut Row<'_>)),
    /// A hostname that was read and has an association.
    Association(fn(&Reading, &mut Row<'_>)),
    /// A hostname that was read and has an association: the seconds until a date, computed for each page.
    Countdown(fn(&Reading) -> Option<Date>),
    /// Every zone.
    Zone(fn(&ZoneState, &mut Row<'_>)),
    /// Every certificate.
    Certificate(fn(&ZoneCertificate, &mut Row<'_>)),
    /// Every origin.
    Origin(fn(&Judge, &ZoneState, &Origin, &mut Row<'_>)),
    /// Every configured account.
    Account(fn(&Judge, &AccountState, &mut Row<'_>)),
    /// Every hostname with findings, a series each.
    HostnameFindings,
    /// Every zone with findings, a series each.
    ZoneFindings,
    /// Every certificate with findings, a series each.
    CertificateFindings,
    /// Every account with findings, a series each.
    AccountFindings,
    /// The thresholds of findings.
    Thresholds,
}

/// The reading of a hostname that has an association.
#[inline]
pub(super) fn associated(entry: &Entry) -> Option<&Reading> {
    entry.reading().filter(|reading| reading.association != Association::None)
}

/// The help text of a family whose values are cached from the last poll.
macro_rules! cached {
    ($text:literal) => {
        concat!($text, " Cached from the last poll.")
    };
}
use cached;

const fn family(name: &'static str, help: &'static str, kind: Kind, rows: Rows) -> Family {
    Family { name, help, kind, rows }
}

/// All families of a snapshot.
pub(super) fn families() -> impl Iterator<Item = &'static Family> {
    [
        hostname::HOSTNAME,
        origin::ORIGIN,
        account::ACCOUNT,
        zone::ZONE,
        certificate::CERTIFICATE,
        account::THRESHOLDS,
    ]
    .into_iter()
    .flatten()
}

/// The labels that describe a certificate; unknown values are empty.
fn described(certificate: &Certificate) -> [(&'static str, &str); 3] {
    let details = certificate.details();
    [
        ("issuer", details.issuer.as_deref().unwrap_or_default()),
        ("serial_number", details.serial_number.as_deref().unwrap_or_default()),
        ("signature", details.signature.as_deref().unwrap_or_default()),
    ]
}
