//! The families of hostnames.

use super::{Family, Rows, cached, described, family};
use crate::domain::{Association, Certificate, Reading};
use crate::exposition::Kind;

/// The families of hostnames.
pub(super) const HOSTNAME: &[Family] = &[
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
        "cloudflare_aop_hostname_finding",
        "1 while the hostname has this finding; computed at scrape time.",
        Kind::Gauge,
        Rows::HostnameFindings,
    ),
];

fn certificate(reading: &Reading) -> Option<&Certificate> {
    reading.certificate.as_deref()
}
