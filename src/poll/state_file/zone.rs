//! The row of a zone.

use serde::{Deserialize, Serialize};

use super::certificate::{CertificateRow, Found, ListedRow, Places};
use super::hostname::{HostnameRow, Hostnames};
use super::value::{Label, Seconds, Text};
use crate::domain::{
    Certificates, Date, Level, Outcome, Reason, ZoneCertificate, ZoneId, ZoneKey, ZoneState, ZoneTarget,
};

/// What is known of a zone; its hostnames are made row by row as they are written.
#[derive(Serialize, Deserialize)]
pub(super) struct ZoneRow<H> {
    pub(super) zone: Box<str>,
    account: Box<str>,
    configured_id: Option<Text<ZoneId>>,
    id: Option<Text<ZoneId>>,
    last_success: Option<Seconds>,
    failure: Option<Label<Reason>>,
    zone_level_enabled: Option<bool>,
    /// Each once.
    certificates: Vec<CertificateRow>,
    /// Those for single hostnames, where they were listed.
    listed: Option<Vec<ListedRow>>,
    zone_certificates: Vec<ListedRow>,
    hostnames: H,
}

impl<'a> ZoneRow<Hostnames<'a>> {
    pub(super) fn new(zone: &'a ZoneState) -> Self {
        let mut places = Places::default();
        for certificate in zone.entries().iter().filter_map(|entry| entry.reading()?.certificate.as_ref()) {
            places.add(certificate);
        }
        let mut listed = |level| {
            let rows = zone.certificates().iter().filter(|row| row.level == level);
            rows.map(|row| ListedRow::new(row, &mut places)).collect()
        };
        Self {
            zone: zone.key().as_str().into(),
            account: zone.account().into(),
            configured_id: zone.configured_id().map(Text),
            id: zone.id().map(Text),
            last_success: zone.last_success().map(Seconds),
            failure: zone.failure().map(Label),
            zone_level_enabled: zone.zone_level_enabled(),
            listed: zone.is_listed().then(|| listed(Level::Hostname)),
            zone_certificates: listed(Level::Zone),
            certificates: places.rows(),
            hostnames: Hostnames { entries: zone.entries(), places },
        }
    }
}

impl ZoneRow<Vec<HostnameRow>> {
    /// Whether it is about that target of its name: one in another account or under another id is another zone.
    pub(super) fn is_of(&self, target: &ZoneTarget) -> bool {
        let configured_id = self.configured_id.as_ref().map(|Text(id)| *id);
        *self.account == **target.account() && configured_id == target.id()
    }

    /// What a zone of which nothing is known has to fold, so that this is known of it.
    pub(super) fn outcomes(self, key: &ZoneKey, now: Date) -> serde_json::Result<[Outcome; 3]> {
        let found = Found::new(self.certificates);
        let (mut read, mut failed) = (Vec::with_capacity(self.hostnames.len()), Vec::new());
        for row in self.hostnames {
            let Text(hostname) = row.hostname;
            if let Some(Label(reason)) = row.failure {
                failed.push((hostname.clone(), Err(reason)));
            }
            if let Some(reading) = row.reading {
                read.push((hostname, Ok(reading.reading(&found, now)?)));
            }
        }
        let certificates = |rows: Vec<ListedRow>, level| -> serde_json::Result<Vec<ZoneCertificate>> {
            rows.into_iter().map(|row| row.certificate(level, &found)).collect()
        };
        let listed = self.listed.map(|rows| certificates(rows, Level::Hostname)).transpose()?;
        let of = || Outcome::of(key.clone());
        Ok([
            Outcome { end: self.last_success.map(|Seconds(at)| (Ok(()), at.min(now))), ..of() },
            // where the zone failed, so did each hostname that has nothing else in the other two
            Outcome {
                id: self.id.map(|Text(id)| id),
                hostnames: read,
                certificates: listed.map_or(Certificates::OfReadings, Certificates::Listed),
                zone_certificates: Some(certificates(self.zone_certificates, Level::Zone)?),
                zone_level_enabled: self.zone_level_enabled,
                end: self.failure.map(|Label(reason)| (Err(reason), now)),
                ..of()
            },
            Outcome { hostnames: failed, ..of() },
        ])
    }
}
