//! A zone as JSON.

use jiff::Timestamp;
use serde::Serialize;

use super::{Judged, time};
use crate::domain::{Date, Judge, Part, PartKind, Reason, SslMode, ZoneState};
use crate::http::index::Counts;

#[derive(Serialize)]
pub(super) struct ZoneRow<'a> {
    account: &'a str,
    zone: &'a str,
    zone_id: Option<String>,
    #[serde(flatten)]
    judged: Judged,
    up: bool,
    failure: Option<&'static str>,
    last_success: Option<Timestamp>,
    /// The hostname counts by verdict.
    hostnames: Counts,
    hostnames_removed: u64,
    /// The earliest end of the certificates that Cloudflare presents.
    ends: Option<Timestamp>,
    zone_level_enabled: Option<bool>,
    global_enabled: Option<bool>,
    /// The end of the CA that Cloudflare shares among all zones; null unless the global switch is on.
    global_certificate_not_after: Option<Timestamp>,
    ssl_mode: Option<&'static str>,
    parts: Vec<PartRow>,
}

/// The read status of one part of a zone.
#[derive(Serialize)]
struct PartRow {
    part: &'static str,
    up: bool,
    failure: Option<&'static str>,
    last_success: Option<Timestamp>,
    interval_seconds: Option<u64>,
}

impl From<(PartKind, Part)> for PartRow {
    fn from((kind, part): (PartKind, Part)) -> Self {
        Self {
            part: kind.label(),
            up: part.is_up(),
            failure: part.failure().map(Reason::label),
            last_success: part.last_success.map(time),
            interval_seconds: part.interval.map(|interval| interval.as_secs()),
        }
    }
}

impl<'a> ZoneRow<'a> {
    pub(super) fn new(judge: &Judge, zone: &'a ZoneState, hostnames: Counts, ends: Option<Date>) -> Self {
        Self {
            account: zone.account(),
            zone: zone.key().as_str(),
            zone_id: zone.id().map(|id| id.to_string()),
            judged: judge.tell_zone(zone).into(),
            up: zone.is_up(),
            failure: zone.failure().map(Reason::label),
            last_success: zone.last_success().map(time),
            hostnames,
            hostnames_removed: zone.removed(),
            ends: ends.map(time),
            zone_level_enabled: zone.zone_level_enabled(),
            global_enabled: zone.global_enabled(),
            global_certificate_not_after: zone.shared_ca_ends().map(time),
            ssl_mode: zone.ssl_mode().map(SslMode::label),
            parts: zone.parts().map(PartRow::from).collect(),
        }
    }
}
