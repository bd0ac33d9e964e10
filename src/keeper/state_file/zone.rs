//! The row of a zone.

use std::sync::Arc;

use serde::de::Error;
use serde::{Deserialize, Serialize};

use super::certificate::{CertificateRow, Found, Indexes, ListedRow};
use super::hostname::{HostnameRow, Hostnames};
use super::origin::Origins;
use super::value::{Label, Seconds, Text};
use crate::domain::{
    Expected, Extent, Level, Part, PartKind, Reason, SslMode, StoredHostname, StoredZone, ZoneCertificate,
    ZoneId, ZoneState, ZoneTarget,
};

/// The state of a zone. Its hostnames are created row by row while they are written.
#[derive(Serialize, Deserialize)]
pub(super) struct ZoneRow<H> {
    zone: Box<str>,
    account: Box<str>,
    configured_id: Option<Text<ZoneId>>,
    id: Option<Text<ZoneId>>,
    last_success: Option<Seconds>,
    failure: Option<Label<Reason>>,
    since: Option<Seconds>,
    removed_at: Option<Seconds>,
    zone_level_last_success: Option<Seconds>,
    zone_level_failure: Option<Label<Reason>>,
    zone_level_since: Option<Seconds>,
    zone_level_enabled: Option<bool>,
    settings_last_success: Option<Seconds>,
    settings_failure: Option<Label<Reason>>,
    settings_since: Option<Seconds>,
    global_enabled: Option<bool>,
    ssl_mode: Option<Label<SslMode>>,
    /// When `listed` was read.
    listed_at: Option<Seconds>,
    /// The certificates, each once.
    certificates: Vec<CertificateRow>,
    /// The certificates for single hostnames, if they were listed.
    listed: Option<Vec<ListedRow>>,
    zone_certificates: Vec<ListedRow>,
    #[serde(default, skip_serializing_if = "Origins::is_empty")]
    origins: Origins,
    hostnames: H,
}

impl<'a> ZoneRow<Hostnames<'a>> {
    pub(super) fn new(zone: &'a ZoneState) -> Self {
        let mut indexes = Indexes::default();
        for certificate in zone.entries().iter().filter_map(|entry| entry.reading()?.certificate.as_ref()) {
            indexes.add(certificate);
        }
        let mut rows =
            |rows: &'a [ZoneCertificate]| rows.iter().map(|row| ListedRow::new(row, &mut indexes)).collect();
        // DNS records are read again after a start
        let [associations, zone_level, settings, _] = PartKind::ALL.map(|kind| zone.part(kind));
        Self {
            zone: zone.key().as_str().into(),
            account: zone.account().into(),
            configured_id: zone.target().id().map(Text),
            id: zone.id().map(Text),
            last_success: associations.last_success.map(Seconds),
            failure: associations.failure().map(Label),
            since: associations.since.map(Seconds),
            removed_at: zone.removed_at().map(Seconds),
            zone_level_last_success: zone_level.last_success.map(Seconds),
            zone_level_failure: zone_level.failure().map(Label),
            zone_level_since: zone_level.since.map(Seconds),
            zone_level_enabled: zone.zone_level_enabled(),
            settings_last_success: settings.last_success.map(Seconds),
            settings_failure: settings.failure().map(Label),
            settings_since: settings.since.map(Seconds),
            global_enabled: zone.global_enabled(),
            ssl_mode: zone.ssl_mode().map(Label),
            listed_at: zone.listed_at().map(Seconds),
            listed: zone.listed().map(&mut rows),
            zone_certificates: rows(zone.zone_certificates()),
            certificates: indexes.rows(),
            origins: Origins::new(zone.origins()),
            hostnames: Hostnames { entries: zone.entries(), indexes },
        }
    }
}

impl ZoneRow<Vec<HostnameRow>> {
    /// Returns the stored zone. Its certificates are shared again by all their users.
    pub(super) fn stored(self) -> serde_json::Result<StoredZone> {
        let found = Found::new(self.certificates);
        let hostnames = self.hostnames.into_iter().map(|row| {
            Ok(StoredHostname {
                hostname: row.hostname.0,
                reading: row.reading.map(|reading| reading.reading(&found)).transpose()?,
                failure: row.failure.map(|Label(reason)| reason),
                since: row.since.map(|Seconds(at)| at),
            })
        });
        let certificates = |rows: Vec<ListedRow>, level| -> serde_json::Result<Vec<ZoneCertificate>> {
            rows.into_iter().map(|row| row.certificate(level, &found)).collect()
        };
        Ok(StoredZone {
            target: target(&self.zone, self.account.into(), self.configured_id.map(|Text(id)| id))?,
            id: self.id.map(|Text(id)| id),
            associations: part(self.last_success, self.failure, self.since),
            zone_level: part(self.zone_level_last_success, self.zone_level_failure, self.zone_level_since),
            settings: part(self.settings_last_success, self.settings_failure, self.settings_since),
            global_enabled: self.global_enabled,
            ssl_mode: self.ssl_mode.map(|Label(mode)| mode),
            removed_at: self.removed_at.map(|Seconds(at)| at),
            zone_level_enabled: self.zone_level_enabled,
            listed_at: self.listed_at.map(|Seconds(at)| at),
            listed: self.listed.map(|rows| certificates(rows, Level::Hostname)).transpose()?,
            zone_certificates: certificates(self.zone_certificates, Level::Zone)?,
            hostnames: hostnames.collect::<serde_json::Result<_>>()?,
            origins: self.origins.stored()?,
        })
    }
}

pub(super) fn part(
    last_success: Option<Seconds>,
    failure: Option<Label<Reason>>,
    since: Option<Seconds>,
) -> Part {
    let date = |Seconds(at)| at;
    Part::restored(last_success.map(date), failure.map(|Label(reason)| reason), since.map(date))
}

/// Returns the target with this label.
fn target(label: &str, account: Arc<str>, configured_id: Option<ZoneId>) -> serde_json::Result<ZoneTarget> {
    // restores discovered hostnames and the zone level; `retarget` then drops what the configuration does not watch
    let extent = Extent { zone_level: true, discovered: Some(Expected::Any), ..Extent::default() };
    let target = match label.parse() {
        Ok(id) => ZoneTarget::identified(account, id),
        Err(_) => {
            ZoneTarget::named(account, label.parse().map_err(serde_json::Error::custom)?, configured_id)
        }
    };
    Ok(target.with_extent(extent))
}
