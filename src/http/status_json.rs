//! The status as JSON, written hostname by hostname: for 100,000 of them it has tens of megabytes.

use serde::Serialize;

use super::page::Fill;
use super::status::Status;
use crate::domain::{Certificate, Date, Entry, Finding, ZoneState};

/// The status as JSON, written piece by piece.
pub(super) struct StatusJson {
    status: Status,
    cursor: Cursor,
}

/// What to write next.
#[derive(Clone, Copy)]
enum Cursor {
    Zones,
    Hostname { zone: usize, entry: usize, first: bool },
}

impl StatusJson {
    /// All of `status`.
    pub(super) fn new(status: Status) -> Self {
        Self { status, cursor: Cursor::Zones }
    }

    fn write_zones(&self, out: &mut Vec<u8>) {
        let zones = self.status.snapshot.zones().iter();
        out.extend_from_slice(b"{\"time\":");
        write(out, &time(self.status.now));
        out.extend_from_slice(b",\"zones\":");
        write(out, &zones.map(|zone| ZoneRow::new(zone)).collect::<Vec<_>>());
        out.extend_from_slice(b",\"hostnames\":[");
    }
}

impl Fill for StatusJson {
    fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool {
        if let Cursor::Zones = self.cursor {
            self.write_zones(out);
            self.cursor = Cursor::Hostname { zone: 0, entry: 0, first: true };
        }
        let zones = self.status.snapshot.zones();
        while let Cursor::Hostname { zone, entry, first } = self.cursor {
            if out.len() >= until {
                return true;
            }
            let Some(state) = zones.get(zone) else { break };
            let Some(known) = state.entries().get(entry) else {
                self.cursor = Cursor::Hostname { zone: zone + 1, entry: 0, first };
                continue;
            };
            if !first {
                out.push(b',');
            }
            write(out, &HostnameRow::new(&self.status, state, known));
            self.cursor = Cursor::Hostname { zone, entry: entry + 1, first: false };
        }
        out.extend_from_slice(b"]}\n");
        false
    }
}

/// Appends `value`. Serialising it into memory cannot fail: it has no maps, and no type whose `Serialize` fails.
fn write(out: &mut Vec<u8>, value: &impl Serialize) {
    let _ = serde_json::to_writer(out, value);
}

fn time(date: Date) -> jiff::Timestamp {
    date.into()
}

#[derive(Serialize)]
struct ZoneRow<'a> {
    zone: &'a str,
    zone_id: Option<String>,
    account: &'a str,
    up: bool,
    failure: Option<&'static str>,
    last_success: Option<jiff::Timestamp>,
    hostnames: usize,
    hostnames_removed: u64,
}

impl<'a> ZoneRow<'a> {
    fn new(zone: &'a ZoneState) -> Self {
        Self {
            zone: zone.key().as_str(),
            zone_id: zone.id().map(|id| id.to_string()),
            account: zone.account(),
            up: zone.is_up(),
            failure: zone.failure().map(|reason| reason.label()),
            last_success: zone.last_success().map(time),
            hostnames: zone.entries().len(),
            hostnames_removed: zone.removed(),
        }
    }
}

#[derive(Serialize)]
struct HostnameRow<'a> {
    zone: &'a str,
    hostname: &'a str,
    verdict: &'static str,
    findings: Vec<&'static str>,
    up: bool,
    failure: Option<&'static str>,
    expected: ExpectedRow<'a>,
    drifted: Option<bool>,
    /// The last reading; none if there is none yet.
    reading: Option<ReadingRow<'a>>,
}

#[derive(Serialize)]
struct ExpectedRow<'a> {
    association: &'static str,
    cert_id: Option<&'a str>,
}

#[derive(Serialize)]
struct ReadingRow<'a> {
    read_at: jiff::Timestamp,
    association: &'static str,
    status: Option<&'static str>,
    certificate_status: Option<&'static str>,
    created_at: Option<jiff::Timestamp>,
    updated_at: Option<jiff::Timestamp>,
    certificate_uploaded_on: Option<jiff::Timestamp>,
    certificate_updated_at: Option<jiff::Timestamp>,
    certificate: Option<CertificateRow<'a>>,
}

#[derive(Serialize)]
struct CertificateRow<'a> {
    id: Option<&'a str>,
    issuer: Option<&'a str>,
    serial_number: Option<&'a str>,
    signature: Option<&'a str>,
    expires: Option<jiff::Timestamp>,
    pem_not_before: Option<jiff::Timestamp>,
    pem_not_after: Option<jiff::Timestamp>,
    metadata_match: Option<bool>,
}

impl<'a> HostnameRow<'a> {
    fn new(status: &Status, zone: &'a ZoneState, entry: &'a Entry) -> Self {
        let findings = entry.findings(status.thresholds, status.now);
        Self {
            zone: zone.key().as_str(),
            hostname: entry.hostname().as_str(),
            verdict: status.verdict(entry).label(),
            findings: findings.into_iter().map(Finding::label).collect(),
            up: entry.is_up(),
            failure: entry.failure().map(|reason| reason.label()),
            expected: ExpectedRow {
                association: entry.expectation().association.label(),
                cert_id: entry.expectation().cert_id.as_ref().map(|id| id.as_str()),
            },
            drifted: entry.is_drifted(),
            reading: entry.reading().map(|reading| ReadingRow {
                read_at: time(reading.read_at),
                association: reading.association.label(),
                status: reading.status.map(|status| status.label()),
                certificate_status: reading.certificate_status.map(|status| status.label()),
                created_at: reading.created_at.map(time),
                updated_at: reading.updated_at.map(time),
                certificate_uploaded_on: reading.certificate_uploaded_on.map(time),
                certificate_updated_at: reading.certificate_updated_at.map(time),
                certificate: reading.certificate.as_deref().map(CertificateRow::new),
            }),
        }
    }
}

impl<'a> CertificateRow<'a> {
    fn new(certificate: &'a Certificate) -> Self {
        let details = certificate.details();
        Self {
            id: certificate.id().map(|id| id.as_str()),
            issuer: details.issuer.as_deref(),
            serial_number: details.serial_number.as_deref(),
            signature: details.signature.as_deref(),
            expires: certificate.expires().map(time),
            pem_not_before: certificate.pem().map(|pem| time(pem.not_before)),
            pem_not_after: certificate.pem().map(|pem| time(pem.not_after)),
            metadata_match: certificate.metadata_match(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{HostnameTarget, Snapshot, Targets, Thresholds, ZoneTarget};

    /// Unread zones with so many hostnames each.
    fn status(zones: &[usize]) -> Status {
        let zones = zones.iter().enumerate().map(|(zone, hostnames)| {
            let hostnames = (0..*hostnames).map(|number| HostnameTarget {
                hostname: format!("h{number}.z{zone}.example").parse().unwrap(),
                expectation: Default::default(),
            });
            let name = format!("z{zone}.example").parse().unwrap();
            ZoneTarget::named("default".into(), name, None).with_hostnames(hostnames.collect())
        });
        let snapshot = Arc::new(Snapshot::default().retarget(&Targets::new(zones)));
        Status { snapshot, thresholds: Thresholds::default(), now: jiff::Timestamp::UNIX_EPOCH.into() }
    }

    /// The number of pieces, and of hostnames in them.
    fn written(zones: &[usize], until: usize) -> (usize, usize) {
        let mut json = StatusJson::new(status(zones));
        let (mut pieces, mut all, mut piece) = (1, Vec::new(), Vec::new());
        while json.fill(&mut piece, until) {
            assert!(piece.len() >= until);
            pieces += 1;
            all.append(&mut piece);
        }
        all.append(&mut piece);
        let value: serde_json::Value = serde_json::from_slice(&all).unwrap();
        (pieces, value["hostnames"].as_array().unwrap().len())
    }

    #[test]
    fn pieces_make_one_document_with_every_hostname() {
        assert_eq!(written(&[], 1000), (1, 0));
        assert_eq!(written(&[0, 3, 0, 2, 0], 1), (7, 5));
        assert_eq!(written(&[0, 3, 0, 2, 0], 100_000), (1, 5));
        assert_eq!(written(&[2000], 64 * 1024).1, 2000);
    }
}
