//! The families of origins.

use super::{Family, Rows, family};
use crate::domain::IssuerMatch;
use crate::exposition::Kind;

/// The help text of a family whose values are cached from the last probe.
macro_rules! probed {
    ($text:literal) => {
        concat!($text, " Cached from the last probe.")
    };
}

/// The help text of a family whose values are cached from the last answer.
macro_rules! answered {
    ($text:literal) => {
        concat!($text, " Cached for a day from the last probe that the origin answered.")
    };
}

/// The families of origins.
pub(super) const ORIGIN: &[Family] = &[
    family(
        "cloudflare_aop_origin_up",
        probed!("1 if the origin completed the TLS handshake, or ended it after requesting a certificate."),
        Kind::Gauge,
        Rows::Origin(|_, _, origin, row| {
            if let Some(reading) = origin.reading() {
                row.flag(reading.is_up);
            }
        }),
    ),
    family(
        "cloudflare_aop_origin_client_certificate",
        answered!(
            "1 for the origin's demand for a client certificate: none (not requested), optional (requested, serves without), required (requested, refuses without), unknown."
        ),
        Kind::Gauge,
        Rows::Origin(|judge, _, origin, row| {
            if let Some(reading) = judge.origin(origin) {
                row.demand(reading.demand);
            }
        }),
    ),
    family(
        "cloudflare_aop_origin_issuer_accepted",
        answered!(
            "1 if the origin names an issuer of the certificate that Cloudflare presents to it; absent if it names no CA, or if the certificate is unknown."
        ),
        Kind::Gauge,
        Rows::Origin(|judge, zone, origin, row| {
            if let Some(found) = judge.issuer_match(zone, origin) {
                row.flag(found != IssuerMatch::None);
            }
        }),
    ),
    family(
        "cloudflare_aop_origin_server_certificate_not_after_timestamp_seconds",
        answered!("The notAfter date in the origin's own certificate."),
        Kind::Gauge,
        Rows::Origin(|judge, _, origin, row| {
            row.date(judge.origin(origin).and_then(|reading| reading.certificate_not_after));
        }),
    ),
    family(
        "cloudflare_aop_origin_probe_duration_seconds",
        probed!("How long the last probe of the origin took."),
        Kind::Gauge,
        Rows::Origin(|_, _, origin, row| {
            if let Some(reading) = origin.reading() {
                row.float(reading.took.as_secs_f64());
            }
        }),
    ),
    family(
        "cloudflare_aop_origin_last_probe_timestamp_seconds",
        "When the origin was last probed, successfully or not.",
        Kind::Gauge,
        Rows::Origin(|_, _, origin, row| row.date(origin.reading().map(|reading| reading.read_at))),
    ),
    family(
        "cloudflare_aop_origin_last_success_timestamp_seconds",
        "When the origin last answered a probe.",
        Kind::Gauge,
        Rows::Origin(|_, _, origin, row| row.date(origin.answered().map(|reading| reading.read_at))),
    ),
];
