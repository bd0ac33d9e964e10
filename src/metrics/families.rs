//! The families of a snapshot, in the order in which they are exposed. A family is one entry of a table.

use crate::domain::{Association, Certificate, Date, Entry, Reading, ZoneCertificate, ZoneState};
use crate::exposition::Kind;

use super::row::Row;

/// One family.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) rows: Rows,
}

/// What has a row in a family, and what the row says. Where it says nothing, the value is not known.
pub(super) enum Rows {
    /// Every hostname.
    Hostname(fn(&Entry, &mut Row<'_>)),
    /// A hostname that was read.
    Reading(fn(&Reading, &mut Row<'_>)),
    /// A hostname that was read and has an association.
    Association(fn(&Reading, &mut Row<'_>)),
    /// The same: the seconds until a date, counted when the page is made.
    Countdown(fn(&Reading) -> Option<Date>),
    /// Every zone.
    Zone(fn(&ZoneState, &mut Row<'_>)),
    /// Every certificate.
    Certificate(fn(&ZoneCertificate, &mut Row<'_>)),
}

/// The reading of a hostname that has an association: without one there is nothing more to say.
#[inline]
pub(super) fn associated(entry: &Entry) -> Option<&Reading> {
    entry.reading().filter(|reading| reading.association != Association::None)
}

/// The help text of a family whose values were read before the scrape.
macro_rules! cached {
    ($text:literal) => {
        concat!($text, " From a cache of the last poll.")
    };
}

const fn family(name: &'static str, help: &'static str, kind: Kind, rows: Rows) -> Family {
    Family { name, help, kind, rows }
}

/// Every family of a snapshot.
pub(super) const FAMILIES: &[Family] = &[
    family(
        "cloudflare_aop_hostname_up",
        cached!("Whether the latest poll got an answer about the hostname."),
        Kind::Gauge,
        Rows::Hostname(|entry, row| row.flag(entry.is_up())),
    ),
    family(
        "cloudflare_aop_hostname_last_success_timestamp_seconds",
        cached!("When the values of the hostname were read."),
        Kind::Gauge,
        Rows::Reading(|reading, row| row.int(reading.read_at.as_second())),
    ),
    family(
        "cloudflare_aop_hostname_enabled",
        cached!("Whether Cloudflare presents a client certificate to the origin of the hostname."),
        Kind::Gauge,
        Rows::Reading(|reading, row| row.flag(reading.association == Association::Enabled)),
    ),
    family(
        "cloudflare_aop_hostname_association",
        cached!("1 for the state that the association of the hostname is in."),
        Kind::Gauge,
        Rows::Reading(|reading, row| row.association(reading.association)),
    ),
    family(
        "cloudflare_aop_hostname_status",
        cached!("1 for the status that the association of the hostname has."),
        Kind::Gauge,
        Rows::Association(|reading, row| row.status(reading.status)),
    ),
    family(
        "cloudflare_aop_hostname_certificate_status",
        cached!("1 for the status that the certificate of the hostname has."),
        Kind::Gauge,
        Rows::Association(|reading, row| row.status(reading.certificate_status)),
    ),
    family(
        "cloudflare_aop_hostname_certificate_expires_in_seconds",
        cached!(
            "Seconds until the certificate of the hostname expires, negative once it has; computed at the scrape."
        ),
        Kind::Gauge,
        Rows::Countdown(|reading| certificate(reading)?.expires()),
    ),
    family(
        "cloudflare_aop_hostname_certificate_expires_timestamp_seconds",
        cached!(
            "When the certificate of the hostname expires, as the API says, or else the certificate itself."
        ),
        Kind::Gauge,
        Rows::Association(|reading, row| row.date(certificate(reading).and_then(Certificate::expires))),
    ),
    family(
        "cloudflare_aop_hostname_certificate_pem_not_after_timestamp_seconds",
        cached!("Until when the certificate of the hostname is valid, as it says itself."),
        Kind::Gauge,
        Rows::Association(|reading, row| {
            row.date(certificate(reading).and_then(Certificate::pem).map(|pem| pem.not_after));
        }),
    ),
    family(
        "cloudflare_aop_hostname_certificate_pem_not_before_timestamp_seconds",
        cached!("From when on the certificate of the hostname is valid, as it says itself."),
        Kind::Gauge,
        Rows::Association(|reading, row| {
            row.date(certificate(reading).and_then(Certificate::pem).map(|pem| pem.not_before));
        }),
    ),
    family(
        "cloudflare_aop_hostname_certificate_metadata_match",
        cached!("Whether the API and the certificate itself agree on its expiry and serial number."),
        Kind::Gauge,
        Rows::Association(|reading, row| {
            if let Some(agree) = certificate(reading).and_then(Certificate::metadata_match) {
                row.flag(agree);
            }
        }),
    ),
    family(
        "cloudflare_aop_hostname_certificate_info",
        cached!("Always 1; the labels describe the certificate of the hostname."),
        Kind::Info,
        Rows::Association(|reading, row| {
            if let Some(certificate) = certificate(reading) {
                let id = certificate.id().map_or("", |id| id.as_str());
                let [issuer, serial_number, signature] = described(certificate);
                row.info(&[("cert_id", id), issuer, serial_number, signature]);
            }
        }),
    ),
    family(
        "cloudflare_aop_hostname_created_timestamp_seconds",
        cached!("When the association of the hostname was made."),
        Kind::Gauge,
        Rows::Association(|reading, row| row.date(reading.created_at)),
    ),
    family(
        "cloudflare_aop_hostname_updated_timestamp_seconds",
        cached!("When the association of the hostname was last changed."),
        Kind::Gauge,
        Rows::Association(|reading, row| row.date(reading.updated_at)),
    ),
    family(
        "cloudflare_aop_hostname_certificate_uploaded_timestamp_seconds",
        cached!("When the certificate of the hostname was uploaded."),
        Kind::Gauge,
        Rows::Association(|reading, row| row.date(reading.certificate_uploaded_on)),
    ),
    family(
        "cloudflare_aop_hostname_certificate_updated_timestamp_seconds",
        cached!("When the certificate of the hostname was last changed."),
        Kind::Gauge,
        Rows::Association(|reading, row| row.date(reading.certificate_updated_at)),
    ),
    family(
        "cloudflare_aop_hostname_drifted",
        cached!("Whether the hostname is something else than the configuration expects."),
        Kind::Gauge,
        Rows::Hostname(|entry, row| {
            if let Some(drifted) = entry.is_drifted() {
                row.flag(drifted);
            }
        }),
    ),
    family(
        "cloudflare_aop_zone_up",
        cached!("Whether the latest poll could read the zone."),
        Kind::Gauge,
        Rows::Zone(|zone, row| row.flag(zone.is_up())),
    ),
    family(
        "cloudflare_aop_zone_last_success_timestamp_seconds",
        cached!("When the zone was last read."),
        Kind::Gauge,
        Rows::Zone(|zone, row| row.date(zone.last_success())),
    ),
    family(
        "cloudflare_aop_zone_hostnames",
        cached!("Hostnames of the zone that are watched."),
        Kind::Gauge,
        Rows::Zone(|zone, row| row.int(zone.entries().len())),
    ),
    family(
        "cloudflare_aop_zone_hostnames_removed_total",
        cached!("Discovered hostnames that have vanished from the zone."),
        Kind::Counter,
        Rows::Zone(|zone, row| row.int(zone.removed())),
    ),
    family(
        "cloudflare_aop_zone_info",
        cached!("Always 1; the labels tell the id of the zone, empty until it is known, and who reads it."),
        Kind::Info,
        Rows::Zone(|zone, row| {
            let id = zone.id().map(|id| id.to_string()).unwrap_or_default();
            row.info(&[("zone_id", &id), ("account", zone.account())]);
        }),
    ),
    family(
        "cloudflare_aop_zone_level_enabled",
        cached!("Whether the zone-level switch is on; per-hostname associations go before it."),
        Kind::Gauge,
        Rows::Zone(|zone, row| {
            if let Some(enabled) = zone.zone_level_enabled() {
                row.flag(enabled);
            }
        }),
    ),
    family(
        "cloudflare_aop_certificate_status",
        cached!("1 for the status that the certificate has."),
        Kind::Gauge,
        Rows::Certificate(|known, row| row.status(known.status)),
    ),
    family(
        "cloudflare_aop_certificate_expires_timestamp_seconds",
        cached!("When the certificate expires, as the API says, or else the certificate itself."),
        Kind::Gauge,
        Rows::Certificate(|known, row| row.date(known.certificate.expires())),
    ),
    family(
        "cloudflare_aop_certificate_info",
        cached!("Always 1; the labels describe the certificate."),
        Kind::Info,
        Rows::Certificate(|known, row| row.info(&described(&known.certificate))),
    ),
    family(
        "cloudflare_aop_certificate_hostnames",
        cached!(
            "Hostnames that the certificate is associated with, where they were listed; 100 at the most."
        ),
        Kind::Gauge,
        Rows::Certificate(|known, row| {
            if let Some(hostnames) = known.hostnames {
                row.int(hostnames);
            }
        }),
    ),
];

fn certificate(reading: &Reading) -> Option<&Certificate> {
    reading.certificate.as_deref()
}

/// What the API says of a certificate beside its dates; what it does not say is empty.
fn described(certificate: &Certificate) -> [(&'static str, &str); 3] {
    let details = certificate.details();
    [
        ("issuer", details.issuer.as_deref().unwrap_or_default()),
        ("serial_number", details.serial_number.as_deref().unwrap_or_default()),
        ("signature", details.signature.as_deref().unwrap_or_default()),
    ]
}
