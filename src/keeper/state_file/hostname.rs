//! The rows of hostnames.

use serde::{Deserialize, Serialize, Serializer};

use super::certificate::{Found, Indexes};
use super::value::{Label, Seconds, Text};
use crate::domain::{Association, Entry, Hostname, Reading, Reason, Status};

/// The hostnames of a zone. Each row is created while it is written.
pub(super) struct Hostnames<'a> {
    pub(super) entries: &'a [Entry],
    pub(super) indexes: Indexes<'a>,
}

impl Serialize for Hostnames<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.entries.iter().map(|entry| HostnameRow {
            hostname: Text(entry.hostname().clone()),
            failure: entry.failure().map(Label),
            since: entry.since().map(Seconds),
            reading: entry.reading().map(|reading| ReadingRow::new(reading, &self.indexes)),
        }))
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct HostnameRow {
    pub(super) hostname: Text<Hostname>,
    pub(super) failure: Option<Label<Reason>>,
    pub(super) since: Option<Seconds>,
    pub(super) reading: Option<ReadingRow>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ReadingRow {
    read_at: Seconds,
    association: Label<Association>,
    status: Option<Label<Status>>,
    certificate_status: Option<Label<Status>>,
    certificate: Option<usize>,
    created_at: Option<Seconds>,
    updated_at: Option<Seconds>,
    certificate_uploaded_on: Option<Seconds>,
    certificate_updated_at: Option<Seconds>,
}

impl ReadingRow {
    fn new(reading: &Reading, indexes: &Indexes<'_>) -> Self {
        Self {
            read_at: Seconds(reading.read_at),
            association: Label(reading.association),
            status: reading.status.map(Label),
            certificate_status: reading.certificate_status.map(Label),
            certificate: reading.certificate.as_ref().and_then(|certificate| indexes.of(certificate)),
            created_at: reading.created_at.map(Seconds),
            updated_at: reading.updated_at.map(Seconds),
            certificate_uploaded_on: reading.certificate_uploaded_on.map(Seconds),
            certificate_updated_at: reading.certificate_updated_at.map(Seconds),
        }
    }

    /// Returns the reading with its original time, even if the clock is behind at startup. Otherwise it would
    /// be saved as older than it is.
    pub(super) fn reading(self, found: &Found) -> serde_json::Result<Reading> {
        let (date, status) = (|Seconds(at)| at, |Label(status)| status);
        Ok(Reading {
            read_at: self.read_at.0,
            association: self.association.0,
            status: self.status.map(status),
            certificate_status: self.certificate_status.map(status),
            certificate: self.certificate.map(|index| found.at(index)).transpose()?,
            created_at: self.created_at.map(date),
            updated_at: self.updated_at.map(date),
            certificate_uploaded_on: self.certificate_uploaded_on.map(date),
            certificate_updated_at: self.certificate_updated_at.map(date),
        })
    }
}
