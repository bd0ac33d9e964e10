//! A hostname as JSON.

use jiff::Timestamp;
use serde::Serialize;

use super::origin::{NoOriginRow, OriginRow};
use super::{CertificateFields, Judged, time};
use crate::domain::{Association, Entry, Judge, Reading, Reason, Status, ZoneState};

#[derive(Serialize)]
pub(super) struct HostnameRow<'a> {
    account: &'a str,
    zone: &'a str,
    hostname: &'a str,
    #[serde(flatten)]
    judged: Judged,
    up: bool,
    failure: Option<&'static str>,
    expected: ExpectedRow<'a>,
    drifted: Option<bool>,
    read_at: Option<Timestamp>,
    #[serde(flatten)]
    reading: ReadingFields<'a>,
    origins: Vec<OriginRow<'a>>,
    no_origin: Vec<NoOriginRow>,
}

#[derive(Serialize)]
struct ExpectedRow<'a> {
    association: &'static str,
    cert_id: Option<&'a str>,
}

/// The fields of a hostname's reading.
#[derive(Serialize)]
pub struct ReadingFields<'a> {
    /// Null if it was never read.
    pub association: Option<&'static str>,
    /// The status of the association.
    pub status: Option<&'static str>,
    /// The id of its certificate.
    pub cert_id: Option<&'a str>,
    /// The status of its certificate.
    pub cert_status: Option<&'static str>,
    /// The certificate itself.
    #[serde(flatten)]
    pub certificate: CertificateFields<'a>,
    /// When the association was made.
    pub created_at: Option<Timestamp>,
    /// When the association was last changed.
    pub updated_at: Option<Timestamp>,
    /// When the certificate was uploaded.
    pub cert_uploaded_on: Option<Timestamp>,
    /// When the certificate was last changed.
    pub cert_updated_at: Option<Timestamp>,
}

impl<'a> From<Option<&'a Reading>> for ReadingFields<'a> {
    fn from(reading: Option<&'a Reading>) -> Self {
        let certificate = reading.and_then(|reading| reading.certificate.as_deref());
        Self {
            association: reading.map(|reading| reading.association).map(Association::label),
            status: reading.and_then(|reading| reading.status).map(Status::label),
            cert_id: certificate.and_then(|certificate| certificate.id()).map(|id| id.as_str()),
            cert_status: reading.and_then(|reading| reading.certificate_status).map(Status::label),
            certificate: certificate.into(),
            created_at: reading.and_then(|reading| reading.created_at).map(time),
            updated_at: reading.and_then(|reading| reading.updated_at).map(time),
            cert_uploaded_on: reading.and_then(|reading| reading.certificate_uploaded_on).map(time),
            cert_updated_at: reading.and_then(|reading| reading.certificate_updated_at).map(time),
        }
    }
}

impl<'a> HostnameRow<'a> {
    pub(super) fn new(judge: &Judge, zone: &'a ZoneState, entry: &'a Entry) -> Self {
        Self {
            account: zone.account(),
            zone: zone.key().as_str(),
            hostname: entry.hostname().as_str(),
            judged: judge.tell_hostname(zone, entry).into(),
            up: entry.is_up(),
            failure: entry.failure().map(Reason::label),
            expected: ExpectedRow {
                association: entry.expectation().association.label(),
                cert_id: entry.expectation().cert_id.as_ref().map(|id| id.as_str()),
            },
            drifted: entry.is_drifted(),
            read_at: entry.reading().map(|reading| time(reading.read_at)),
            reading: entry.reading().into(),
            origins: zone
                .origins_of(entry.hostname())
                .iter()
                .map(|origin| OriginRow::new(judge, zone, origin))
                .collect(),
            no_origin: zone.no_origin(entry.hostname()).map(NoOriginRow::from).collect(),
        }
    }
}
