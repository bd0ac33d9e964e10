//! The rows of the status as JSON. Dates are RFC 3339; what is not known is null.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::{
    AccountState, Certificate, Date, Entry, Judge, Reason, SslMode, Status, Thresholds, Told,
    ZoneCertificate, ZoneState,
};

pub(super) fn time(date: Date) -> Timestamp {
    date.into()
}

/// In seconds.
#[derive(Serialize)]
pub(super) struct ThresholdsRow {
    warning: i64,
    critical: i64,
    pending: i64,
}

impl From<Thresholds> for ThresholdsRow {
    fn from(Thresholds { warning, critical, pending }: Thresholds) -> Self {
        Self { warning, critical, pending }
    }
}

/// The verdict on a thing, and why.
#[derive(Serialize)]
pub struct Judged {
    verdict: &'static str,
    findings: Vec<FindingRow>,
}

#[derive(Serialize)]
struct FindingRow {
    finding: &'static str,
    severity: &'static str,
    message: String,
}

impl From<Vec<Told>> for Judged {
    fn from(told: Vec<Told>) -> Self {
        let verdict = Told::worst(&told).label();
        let findings = told.into_iter().map(|Told { finding, severity, message }| FindingRow {
            finding: finding.code(),
            severity: severity.label(),
            message,
        });
        Self { verdict, findings: findings.collect() }
    }
}

#[derive(Serialize)]
pub(super) struct AccountRow<'a> {
    account: &'a str,
    #[serde(flatten)]
    judged: Judged,
    up: bool,
    token_valid: Option<bool>,
    token_expires_on: Option<Timestamp>,
    rate_limited_at: Option<Timestamp>,
}

impl<'a> AccountRow<'a> {
    pub(super) fn new(judge: &Judge, account: &'a AccountState) -> Self {
        let facts = account.facts();
        Self {
            account: account.name(),
            judged: judge.tell_account(account).into(),
            up: judge.is_up(account),
            token_valid: facts.token.valid,
            token_expires_on: facts.token.expires.map(time),
            rate_limited_at: facts.rate_limited_at.map(time),
        }
    }
}

#[derive(Serialize)]
pub(super) struct ZoneRow<'a> {
    zone: &'a str,
    zone_id: Option<String>,
    account: &'a str,
    #[serde(flatten)]
    judged: Judged,
    up: bool,
    failure: Option<&'static str>,
    last_success: Option<Timestamp>,
    hostnames: usize,
    hostnames_removed: u64,
    zone_level_enabled: Option<bool>,
    global_enabled: Option<bool>,
    /// The end of the CA that Cloudflare shares among all zones, while the global switch is on.
    global_certificate_not_after: Option<Timestamp>,
    ssl_mode: Option<&'static str>,
}

impl<'a> ZoneRow<'a> {
    pub(super) fn new(judge: &Judge, zone: &'a ZoneState) -> Self {
        Self {
            zone: zone.key().as_str(),
            zone_id: zone.id().map(|id| id.to_string()),
            account: zone.account(),
            judged: judge.tell_zone(zone).into(),
            up: zone.is_up(),
            failure: zone.failure().map(Reason::label),
            last_success: zone.last_success().map(time),
            hostnames: zone.entries().len(),
            hostnames_removed: zone.removed(),
            zone_level_enabled: zone.zone_level_enabled(),
            global_enabled: zone.global_enabled(),
            global_certificate_not_after: zone.shared_ca_ends().map(time),
            ssl_mode: zone.ssl_mode().map(SslMode::label),
        }
    }
}

#[derive(Serialize)]
pub(super) struct CertificateRow<'a> {
    zone: &'a str,
    level: &'static str,
    #[serde(flatten)]
    judged: Judged,
    status: Option<&'static str>,
    uploaded_on: Option<Timestamp>,
    hostnames: Option<u32>,
    #[serde(flatten)]
    certificate: Described<'a>,
}

impl<'a> CertificateRow<'a> {
    pub(super) fn new(judge: &Judge, zone: &'a ZoneState, known: &'a ZoneCertificate) -> Self {
        Self {
            zone: zone.key().as_str(),
            level: known.level.label(),
            judged: judge.tell_certificate(zone, known).into(),
            status: known.status.map(Status::label),
            uploaded_on: known.uploaded_on.map(time),
            hostnames: known.hostnames,
            certificate: Described { id: Some(known.id.as_str()), ..Described::new(&known.certificate) },
        }
    }
}

#[derive(Serialize)]
pub(super) struct HostnameRow<'a> {
    zone: &'a str,
    hostname: &'a str,
    #[serde(flatten)]
    judged: Judged,
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
    read_at: Timestamp,
    association: &'static str,
    status: Option<&'static str>,
    certificate_status: Option<&'static str>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    certificate_uploaded_on: Option<Timestamp>,
    certificate_updated_at: Option<Timestamp>,
    certificate: Option<Described<'a>>,
}

impl<'a> HostnameRow<'a> {
    pub(super) fn new(judge: &Judge, zone: &'a ZoneState, entry: &'a Entry) -> Self {
        Self {
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
            reading: entry.reading().map(|reading| ReadingRow {
                read_at: time(reading.read_at),
                association: reading.association.label(),
                status: reading.status.map(Status::label),
                certificate_status: reading.certificate_status.map(Status::label),
                created_at: reading.created_at.map(time),
                updated_at: reading.updated_at.map(time),
                certificate_uploaded_on: reading.certificate_uploaded_on.map(time),
                certificate_updated_at: reading.certificate_updated_at.map(time),
                certificate: reading.certificate.as_deref().map(Described::new),
            }),
        }
    }
}

/// What is known of a certificate itself.
#[derive(Serialize)]
struct Described<'a> {
    id: Option<&'a str>,
    issuer: Option<&'a str>,
    serial_number: Option<&'a str>,
    signature: Option<&'a str>,
    expires: Option<Timestamp>,
    pem_not_before: Option<Timestamp>,
    pem_not_after: Option<Timestamp>,
    metadata_match: Option<bool>,
}

impl<'a> Described<'a> {
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
