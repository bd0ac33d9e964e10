//! Each finding at the boundary of its condition, with its description.

mod hostnames;
mod origins;
mod others;

use std::time::Duration;

use super::*;
use crate::domain::{
    AccountFacts, CertificateDetails, Expectation, Expected, Extent, FoundZone, Hostname, HostnameTarget,
    Outcome, PatternTarget, Pem, Reason, Targets, TokenState, ZoneKey, ZoneTarget,
};

const NOW: i64 = 1_800_000_000;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn at(second: i64) -> Date {
    jiff::Timestamp::from_second(second).unwrap().into()
}

fn name() -> Hostname {
    "a.example".parse().unwrap()
}

fn key() -> ZoneKey {
    ZoneKey::from(&"example".parse().unwrap())
}

/// Returns a certificate that ends in `seconds`.
fn ending(seconds: i64) -> Arc<Certificate> {
    let details = CertificateDetails { expires_on: Some(at(NOW + seconds)), ..CertificateDetails::default() };
    Arc::new(Certificate::new(details, None))
}

/// Returns a certificate with these details. Its PEM is valid from `begins` to `ends`, in seconds from now.
fn with_pem(begins: i64, ends: i64, details: CertificateDetails) -> Arc<Certificate> {
    let pem = Pem {
        not_before: at(NOW + begins),
        not_after: at(NOW + ends),
        serial: [1].into(),
        subject: "".into(),
        issuer: "".into(),
        issuers: Box::default(),
    };
    Arc::new(Certificate::new(details, Some(pem)))
}

/// Returns a current reading that has no findings if the expectation is enabled.
fn healthy() -> Reading {
    Reading {
        status: Some(Status::Active),
        certificate_status: Some(Status::Active),
        certificate: Some(ending(90 * DAY)),
        ..Reading::bare(Association::Enabled, at(NOW))
    }
}

/// Returns the snapshot of a zone with one hostname of this expectation, after these outcomes.
fn known(expectation: Expectation, outcomes: impl IntoIterator<Item = Outcome>) -> Snapshot {
    let zone = ZoneTarget::named("main".into(), "example".parse().unwrap(), None)
        .with_hostnames(vec![HostnameTarget { hostname: name(), expectation }])
        .with_extent(Extent { zone_level: true, ..Extent::default() });
    let unread = Snapshot::default().retarget(&Targets::new([zone]));
    outcomes.into_iter().fold(unread, |known, outcome| known.fold([(key(), outcome)]))
}

fn judge(snapshot: Snapshot) -> Judge {
    Judge::new(Arc::new(snapshot), Thresholds::default(), at(NOW))
}

/// Returns the codes and descriptions of findings.
fn described(told: Vec<Told>) -> Vec<String> {
    told.into_iter().map(|told| format!("{}: {}", told.finding.code(), told.message)).collect()
}
