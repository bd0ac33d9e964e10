//! Associations as rows of a table and as JSON objects.

use jiff::Timestamp;
use serde::Serialize;

use super::judged::Judged;
use super::view::date;
use crate::cli::columns::{columns, end, messages};
use crate::cloudflare::AssociationRow;
use crate::domain::{
    Association, CertId, Certificate, Date, Entry, Finding, Hostname, Judge, Status, Told, ZoneState,
};
use crate::http::Judged as Findings;

/// An association, or the reason why a zone or the zones of an account could not be read.
#[derive(Default)]
pub(super) struct Row<'a> {
    account: &'a str,
    zone: Option<&'a str>,
    hostname: Option<&'a Hostname>,
    association: Option<Association>,
    status: Option<Status>,
    cert_id: Option<&'a CertId>,
    created_at: Option<Date>,
    updated_at: Option<Date>,
    ends: Option<Date>,
    /// `None` if another row of the hostname counts.
    told: Option<Vec<Told>>,
}

impl<'a> Row<'a> {
    /// Returns a row of the list of one zone.
    pub(super) fn listed(row: &'a AssociationRow, judged: &'a Judged) -> Self {
        let found = found(row, judged);
        Self {
            account: judged.account(),
            zone: judged.zone_label(),
            hostname: Some(&row.hostname),
            association: row.association,
            status: row.status,
            cert_id: row.cert_id.as_ref(),
            created_at: row.created_at,
            updated_at: row.updated_at,
            ends: found.as_ref().and_then(|(_, ends)| *ends),
            told: found.map(|(told, _)| told),
        }
    }

    /// Returns a row with what a poll read of a hostname, or why it could not.
    pub(super) fn polled(zone: &'a ZoneState, entry: &'a Entry, judge: &Judge) -> Self {
        let reading = entry.reading();
        let certificate = reading.and_then(|reading| reading.certificate.as_deref());
        Self {
            hostname: Some(entry.hostname()),
            association: entry.association(),
            status: reading.and_then(|reading| reading.status),
            cert_id: certificate.and_then(Certificate::id),
            created_at: reading.and_then(|reading| reading.created_at),
            updated_at: reading.and_then(|reading| reading.updated_at),
            ends: certificate.and_then(Certificate::ends),
            told: Some(judge.tell_hostname(zone, entry)),
            ..Self::unread(zone.account(), Some(zone.key().as_str()), Vec::new())
        }
    }

    /// Returns a row that says why the zone could not be read, or, without a zone, why no zone of the account could be.
    pub(super) fn unread(account: &'a str, zone: Option<&'a str>, told: Vec<Told>) -> Self {
        Self { account, zone, told: Some(told), ..Self::default() }
    }

    /// Returns true if the findings say that something could not be read.
    pub(super) fn is_unread(&self) -> bool {
        self.told.iter().flatten().any(|told| told.finding == Finding::NotRead)
    }

    fn cells(&self, now: Date, is_any_zone: bool) -> Vec<String> {
        let told = self.told.as_deref();
        let zone = self.zone.map_or_else(|| format!("account {}", self.account), str::to_owned);
        let verdict = told.map_or("-", |told| Told::worst(told).label()).to_owned();
        let rest = [
            self.hostname.map_or("-", Hostname::as_str).to_owned(),
            self.association.map_or("-", Association::label).to_owned(),
            self.status.map_or("-", Status::label).to_owned(),
            self.cert_id.map_or("-", CertId::as_str).to_owned(),
            end(self.ends, now),
            date(self.updated_at),
            told.map(messages).unwrap_or_default(),
        ];
        [verdict].into_iter().chain(is_any_zone.then_some(zone)).chain(rest).collect()
    }
}

/// Returns the findings of a row's hostname and the end of its certificate; `None` if another row of the hostname is
/// the one that counts.
fn found(row: &AssociationRow, judged: &Judged) -> Option<(Vec<Told>, Option<Date>)> {
    let certificate = judged.reading(&row.hostname)?.certificate.as_deref();
    let counts = certificate.and_then(Certificate::id) == row.cert_id.as_ref();
    counts.then(|| Some((judged.tell(&row.hostname)?, certificate.and_then(Certificate::ends))))?
}

/// Formats one row per line. A column shows the zone if the rows are of several zones.
pub(super) fn table(rows: &[Row<'_>], now: Date, is_any_zone: bool) -> String {
    let header = ["HOSTNAME", "ASSOCIATION", "STATUS", "CERTIFICATE", "ENDS", "CHANGED", "FINDINGS"];
    let header: Vec<_> = ["VERDICT"].into_iter().chain(is_any_zone.then_some("ZONE")).chain(header).collect();
    columns(&header, rows.iter().map(|row| row.cells(now, is_any_zone)))
}

/// A row in JSON.
#[derive(Serialize)]
struct Object<'a> {
    account: &'a str,
    /// Null if the zones of the account could not be listed.
    zone: Option<&'a str>,
    /// Null if the zone could not be read.
    hostname: Option<&'a str>,
    /// Null if the list does not contain it.
    association: Option<&'static str>,
    status: Option<&'static str>,
    cert_id: Option<&'a str>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    /// The end of the certificate. Null, and verdict and findings are missing, if another row of the hostname is the
    /// one that counts.
    ends: Option<Timestamp>,
    #[serde(flatten)]
    judged: Option<Findings>,
}

/// Formats the rows as an array of objects.
pub(super) fn array(rows: Vec<Row<'_>>) -> serde_json::Result<String> {
    let objects = rows.into_iter().map(|row| Object {
        account: row.account,
        zone: row.zone,
        hostname: row.hostname.map(Hostname::as_str),
        association: row.association.map(Association::label),
        status: row.status.map(Status::label),
        cert_id: row.cert_id.map(CertId::as_str),
        created_at: row.created_at.map(Timestamp::from),
        updated_at: row.updated_at.map(Timestamp::from),
        ends: row.ends.map(Timestamp::from),
        judged: row.told.map(Findings::from),
    });
    crate::cli::json(&objects.collect::<Vec<_>>())
}
