//! An origin of a hostname as JSON.

use jiff::Timestamp;
use serde::Serialize;

use super::time;
use crate::domain::{IssuerMatch, Judge, NoOrigin, Origin, ZoneState};

/// The results of an origin's probes. All fields but the name are null before the first probe.
#[derive(Serialize)]
pub(super) struct OriginRow<'a> {
    origin: &'a str,
    up: Option<bool>,
    demand: Option<&'static str>,
    reason: Option<&'static str>,
    message: Option<String>,
    issuer_match: Option<&'static str>,
    server_certificate_not_after: Option<Timestamp>,
    answered_at: Option<Timestamp>,
    probed_at: Option<Timestamp>,
    failure: Option<&'static str>,
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
        let (reading, latest) = (judge.origin(origin), origin.reading());
        Self {
            origin: &origin.target().label,
            up: latest.map(|latest| latest.is_up),
            demand: reading.map(|reading| reading.demand.label()),
            reason: reading.map(|reading| reading.reason.label()),
            message: reading.map(|reading| reading.reason.to_string()),
            issuer_match: judge.issuer_match(zone, origin).map(IssuerMatch::label),
            server_certificate_not_after: reading.and_then(|reading| reading.certificate_not_after).map(time),
            answered_at: origin.answered().map(|answered| time(answered.read_at)),
            probed_at: latest.map(|latest| time(latest.read_at)),
            failure: latest.filter(|latest| !latest.is_answer()).map(|latest| latest.reason.label()),
            duration_seconds: latest.map(|latest| latest.took.as_secs_f64()),
        }
    }
}
