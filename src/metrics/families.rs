//! The families of a snapshot: a table in the order in which they are exposed.

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

/// Which things have a row in a family, and how to write it. If nothing is written, the value is unknown.
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

const fn family(name: &'static str, help: &'static str, kind: Kind, rows: Rows) -> Family {
    Family { name, help, kind, rows }
}

/// All families of a snapshot.
pub(super) const FAMILIES: &[Family] = &[
    family(
        "cloudflare_aop_hostname_up",
        cached!("1 if the latest poll could read the hostname."),
        Kind::Gauge,
        Rows::Hostname(|entry, row| row.flag(entry.is_up())),
    ),
    family(
        "cloudflare_aop_hostname_last_success_timestamp_seconds",
        cached!("When the hostname was last read."),
        Kind::Gauge,
        Rows::Reading(|reading, row| row.int(reading.read_at.as_second())),
    ),
    family(
        "cloudflare_aop_hostname_enabled",
        cached!("1 if Cloudflare presents a client certificate to the origin of the hostname."),
        Kind::Gauge,
        Rows::Reading(|reading, row| row.flag(reading.association == Association::Enabled)),
    ),
    family(
        "cloudflare_aop_hostname_association",
        cached!("1 for the state of the hostname's association."),
        Kind::Gauge,
        Rows::Reading(|reading, row| row.association(reading.association)),
    ),
    family(
        "cloudflare_aop_hostname_status",
        cached!("1 for the status of the hostname's association."),
        Kind::Gauge,
        Rows::Association(|reading, row| row.status(reading.status)),
    ),
    family(
        "cloudflare_aop_hostname_certificate_status",
        cached!("1 for the status of the hostname's certificate."),
        Kind::Gauge,
        Rows::Association(|reading, row| row.status(reading.certificate_status)),
    ),
    family(
        "cloudflare_aop_hostname_certificate_expires_in_seconds",
        cached!(
            "Seconds until the hostname's certificate expires, negative once it has expired; computed at scrape time."
        ),
        Kind::Gauge,
        Rows::Countdown(|reading| certificate(reading)?.expires()),
    ),
    family(
        "cloudflare_aop_hostname_certificate_expires_timestamp_seconds",
        cached!(
            "When the hostname's certificate expires, according to the API, or to the certificate itself if the API does not say."
        ),
        Kind::Gauge,
        Rows::Association(|reading, row| row.date(certificate(reading).and_then(Certificate::expires))),
    ),
    family(
        "cloudflare_aop_hostname_certificate_pem_not_after_timestamp_seconds",
        cached!("The notAfter date in the hostname's certificate."),
        Kind::Gauge,
        Rows::Association(|reading, row| {
            row.date(certificate(reading).and_then(Certificate::pem).map(|pem| pem.not_after));
        }),
    ),
    family(
        "cloudflare_aop_hostname_certificate_pem_not_before_timestamp_seconds",
        cached!("The notBefore date in the hostname's certificate."),
        Kind::Gauge,
        Rows::Association(|reading, row| {
            row.date(certificate(reading).and_then(Certificate::pem).map(|pem| pem.not_before));
        }),
    ),
    family(
        "cloudflare_aop_hostname_certificate_metadata_match",
        cached!("1 if the API and the certificate itself agree on expiry and serial number."),
        Kind::Gauge,
        Rows::Association(|reading, row| {
            if let Some(agree) = certificate(reading).and_then(Certificate::metadata_match) {
                row.flag(agree);
            }
        }),
    ),
    family(
        "cloudflare_aop_hostname_certificate_info",
        cached!("Always 1; the labels describe the hostname's certificate."),
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
        cached!("When the hostname's association was created."),
        Kind::Gauge,
        Rows::Association(|reading, row| row.date(reading.created_at)),
    ),
    family(
        "cloudflare_aop_hostname_updated_timestamp_seconds",
        cached!("When the hostname's association was last updated."),
        Kind::Gauge,
        Rows::Association(|reading, row| row.date(reading.updated_at)),
    ),
    family(
        "cloudflare_aop_hostname_certificate_uploaded_timestamp_seconds",
        cached!("When the hostname's certificate was uploaded."),
        Kind::Gauge,
        Rows::Association(|reading, row| row.date(reading.certificate_uploaded_on)),
    ),
    family(
        "cloudflare_aop_hostname_certificate_updated_timestamp_seconds",
        cached!("When the hostname's certificate was last updated."),
        Kind::Gauge,
        Rows::Association(|reading, row| row.date(reading.certificate_updated_at)),
    ),
    family(
        "cloudflare_aop_hostname_drifted",
        cached!("1 if the hostname differs from its expectation."),
        Kind::Gauge,
        Rows::Hostname(|entry, row| {
            if let Some(drifted) = entry.is_drifted() {
                row.flag(drifted);
            }
        }),
    ),
    family(
        "cloudflare_aop_zone_up",
        cached!("1 if the latest poll could read the zone."),
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
        cached!("Watched hostnames of the zone."),
        Kind::Gauge,
        Rows::Zone(|zone, row| row.int(zone.entries().len())),
    ),
    family(
        "cloudflare_aop_zone_hostnames_removed_total",
        cached!("Discovered hostnames that have left the zone."),
        Kind::Counter,
        Rows::Zone(|zone, row| row.int(zone.removed())),
    ),
    family(
        "cloudflare_aop_zone_info",
        cached!("Always 1; the labels are the zone's id, empty until it is known, and its account."),
        Kind::Info,
        Rows::Zone(|zone, row| {
            let id = zone.id().map(|id| id.to_string()).unwrap_or_default();
            row.info(&[("zone_id", &id), ("account", zone.account())]);
        }),
    ),
    family(
        "cloudflare_aop_zone_level_enabled",
        cached!("1 if the zone-level setting is on; per-hostname associations take precedence."),
        Kind::Gauge,
        Rows::Zone(|zone, row| {
            if let Some(enabled) = zone.zone_level_enabled() {
                row.flag(enabled);
            }
        }),
    ),
    family(
        "cloudflare_aop_certificate_status",
        cached!("1 for the status of the certificate."),
        Kind::Gauge,
        Rows::Certificate(|known, row| row.status(known.status)),
    ),
    family(
        "cloudflare_aop_certificate_expires_timestamp_seconds",
        cached!(
            "When the certificate expires, according to the API, or to the certificate itself if the API does not say."
        ),
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
        cached!("Hostnames that are associated with the certificate, if they were listed; at most 100."),
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

/// The labels that describe a certificate; unknown values are empty.
fn described(certificate: &Certificate) -> [(&'static str, &str); 3] {
    let details = certificate.details();
    [
        ("issuer", details.issuer.as_deref().unwrap_or_default()),
        ("serial_number", details.serial_number.as_deref().unwrap_or_default()),
        ("signature", details.signature.as_deref().unwrap_or_default()),
    ]
}
