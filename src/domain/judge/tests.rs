//! Each finding at the edge of its predicate, and in words.

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

/// A certificate that ends so many seconds from now.
fn ending(seconds: i64) -> Arc<Certificate> {
    let details = CertificateDetails { expires_on: Some(at(NOW + seconds)), ..CertificateDetails::default() };
    Arc::new(Certificate::new(details, None))
}

/// A certificate with a PEM that is valid from and until so many seconds from now, and other metadata.
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

/// A reading of now without findings, if it should be enabled.
fn healthy() -> Reading {
    Reading {
        status: Some(Status::Active),
        certificate_status: Some(Status::Active),
        certificate: Some(ending(90 * DAY)),
        ..Reading::bare(Association::Enabled, at(NOW))
    }
}

/// What is known of a zone of one hostname that should be as said, after these outcomes.
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

/// The codes and words of findings.
fn said(told: Vec<Told>) -> Vec<String> {
    told.into_iter().map(|told| format!("{}: {}", told.finding.code(), told.message)).collect()
}
