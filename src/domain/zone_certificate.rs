//! The certificates of a zone.

use std::cmp::Reverse;
use std::sync::Arc;

use super::{CertId, Certificate, Date, Entry, Reading, Status};

/// A certificate in one of a zone's two stores.
#[derive(Clone, Debug)]
pub struct ZoneCertificate {
    /// The id of the certificate.
    pub id: CertId,
    /// The store that it is in.
    pub level: Level,
    /// The status in the latest response.
    pub status: Option<Status>,
    /// The time since which lists have shown this status.
    pub since: Option<Date>,
    /// The time when it was uploaded.
    pub uploaded_on: Option<Date>,
    /// The certificate in the latest response.
    pub certificate: Arc<Certificate>,
    /// The number of hostnames that it is associated with, if they were listed.
    pub hostnames: Option<u32>,
}

/// The two stores of certificates that a zone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Certificates for single hostnames.
    Hostname,
    /// Certificates for the whole zone.
    Zone,
}

impl Level {
    /// Returns the value of the label `level`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Hostname => "hostname",
            Self::Zone => "zone",
        }
    }
}

/// Sorts by id and level, keeps the first row of each, and drops deleted certificates. A deleted zone-level certificate
/// stays if it is the last one, since Cloudflare has no other to present while the switch is on.
pub(super) fn sorted(mut rows: Vec<ZoneCertificate>) -> Vec<ZoneCertificate> {
    rows.sort_by(|a, b| (&a.id, a.level).cmp(&(&b.id, b.level)));
    rows.dedup_by(|b, a| (&a.id, a.level) == (&b.id, b.level));
    let is_deleted = |row: &ZoneCertificate| row.status == Some(Status::Deleted);
    let replaced = rows.iter().any(|row| row.level == Level::Zone && !is_deleted(row));
    rows.retain(|row| !is_deleted(row) || (row.level == Level::Zone && !replaced));
    rows
}

/// Returns the certificates of the hostname store, from the list read at the given time and from readings of hostnames.
/// The latest response about each certificate counts.
pub(super) fn of_hostnames<'a>(
    listed: Option<(Option<Date>, &'a [ZoneCertificate])>,
    entries: &'a [Entry],
) -> impl Iterator<Item = ZoneCertificate> + use<'a> {
    let (listed_at, listed) = listed.unwrap_or_default();
    let told = of_readings(entries).into_iter().map(move |(id, reading, certificate)| {
        let row = listed.iter().find(|row| row.id == *id);
        match row.filter(|_| Some(reading.read_at) <= listed_at) {
            Some(listed) => listed.clone(),
            None => ZoneCertificate {
                id: id.clone(),
                level: Level::Hostname,
                status: reading.certificate_status,
                since: None,
                uploaded_on: reading.certificate_uploaded_on,
                certificate: Arc::clone(certificate),
                hostnames: row.and_then(|row| row.hostnames),
            },
        }
    });
    // of two rows with the same id, the first is kept
    told.chain(listed.iter().cloned())
}

type Told<'a> = (&'a CertId, &'a Reading, &'a Arc<Certificate>);

/// Returns the certificates in readings, by id. If readings disagree on a certificate, the latest counts.
fn of_readings(entries: &[Entry]) -> Vec<Told<'_>> {
    let mut told: Vec<Told<'_>> = Vec::new();
    for reading in entries.iter().filter_map(Entry::reading) {
        let Some(certificate) = &reading.certificate else {
            continue;
        };
        let Some(id) = certificate.id() else { continue };
        match told.last_mut() {
            // neighbouring hostnames tend to share a certificate
            Some((_, latest, shared)) if Arc::ptr_eq(shared, certificate) => {
                if latest.read_at < reading.read_at {
                    *latest = reading;
                }
            }
            _ => told.push((id, reading, certificate)),
        }
    }
    told.sort_by_key(|(id, reading, _)| (*id, Reverse(reading.read_at)));
    told.dedup_by_key(|(id, ..)| *id);
    told
}
