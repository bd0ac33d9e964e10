//! The families of certificates.

use super::{Family, Rows, cached, described, family};
use crate::exposition::Kind;

/// The families of certificates.
pub(super) const CERTIFICATE: &[Family] = &[
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
        "cloudflare_aop_certificate_pem_not_after_timestamp_seconds",
        cached!("The notAfter date in the certificate."),
        Kind::Gauge,
        Rows::Certificate(|known, row| row.date(known.certificate.pem().map(|pem| pem.not_after))),
    ),
    family(
        "cloudflare_aop_certificate_pem_not_before_timestamp_seconds",
        cached!("The notBefore date in the certificate."),
        Kind::Gauge,
        Rows::Certificate(|known, row| row.date(known.certificate.pem().map(|pem| pem.not_before))),
    ),
    family(
        "cloudflare_aop_certificate_metadata_match",
        cached!("1 if the API and the certificate itself agree on expiry and serial number."),
        Kind::Gauge,
        Rows::Certificate(|known, row| {
            if let Some(agree) = known.certificate.metadata_match() {
                row.flag(agree);
            }
        }),
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
    family(
        "cloudflare_aop_certificate_finding",
        "1 while the certificate has this finding; a hostname certificate is judged through the hostnames that use it. Computed at scrape time.",
        Kind::Gauge,
        Rows::CertificateFindings,
    ),
];
