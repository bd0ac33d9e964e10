//! An origin of a hostname as JSON.

use jiff::Timestamp;
use serde::Serialize;

use super::time;
use crate::domain::{IssuerMatch, Judge, NoOrigin, Origin, ZoneState};

/// The result of an origin's latest probe. All fields but the name are null before the first probe.
#[derive(Serialize)]
pub(super) struct OriginRow<'a> {
    origin: &'a str,
    up: Option<bool>,
    demand: Option<&'static str>,
    reason: Option<&'static str>,
    message: Option<String>,
    issuer_match: Option<&'static str>,
    server_certificate_not_after: Option<Timestamp>,
    probed_at: Option<Timestamp>,
    duration_seconds: Option<f64>,
}

/// The reason why a DNS record, or a whole hostname, yields no directly reachable origin.
#[derive(Serialize)]
pub(super) struct NoOriginRow {
    reason: &'static str,
    message: String,
}

impl From<NoOrigin> for NoOriginRow {
    fn from(reason: NoOrigin) -> Self {
        Self { reason: reason.label(), message: reason.to_string() }
    }
}

impl<'a> OriginRow<'a> {
    pub(super) fn new(judge: &Judge, zone: &ZoneState, origin: &'a Origin) -> Self {
        let reading = origin.reading();
        Self {
            origin: &origin.target().label,
            up: reading.map(|reading| reading.is_up),
            demand: reading.map(|reading| reading.demand.label()),
            reason: reading.map(|reading| reading.reason.label()),
            message: reading.map(|reading| reading.reason.to_string()),
            issuer_match: judge.issuer_match(zone, origin).map(IssuerMatch::label),
            server_certificate_not_after: reading.and_then(|reading| reading.certificate_not_after).map(time),
            probed_at: reading.map(|reading| time(reading.read_at)),
            duration_seconds: reading.map(|reading| reading.took.as_secs_f64()),
        }
    }
}
