//! The API's objects in their JSON form.

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::certificate::Certificate;
use super::zone::{Row, Zone};
use crate::domain::Level;

/// A hostname and its certificate.
#[derive(Serialize)]
pub(super) struct HostnameView<'a> {
    cert_id: &'a str,
    cert_status: &'a str,
    cert_updated_at: Timestamp,
    cert_uploaded_on: Timestamp,
    certificate: &'a str,
    created_at: Timestamp,
    enabled: Option<bool>,
    expires_on: &'a str,
    hostname: &'a str,
    issuer: &'a str,
    serial_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
    status: &'a str,
    updated_at: Timestamp,
}

/// The response to a change: the hostname with two more keys.
#[derive(Serialize)]
pub(super) struct ChangedHostnameView<'a> {
    #[serde(flatten)]
    hostname: HostnameView<'a>,
    id: &'a str,
    /// A fake key. Clients must not read it.
    private_key: &'static str,
}

/// A placeholder for a private key.
const PRIVATE_KEY: &str =
    "-----BEGIN PRIVATE KEY-----\nc2ltdWxhdGVkIHByaXZhdGUga2V5\n-----END PRIVATE KEY-----\n";

impl<'a> HostnameView<'a> {
    pub(super) fn new(zone: &'a Zone, row: &'a Row, now: Instant) -> Option<Self> {
        let certificate = zone.store(Level::Hostname).at(row.certificate)?;
        Some(Self {
            cert_id: certificate.id.as_str(),
            cert_status: certificate.progress.at(now),
            cert_updated_at: certificate.updated_at,
            cert_uploaded_on: certificate.uploaded_on,
            certificate: &certificate.pem,
            created_at: row.created_at,
            enabled: row.enabled,
            expires_on: &certificate.expires_on,
            hostname: row.hostname.as_str(),
            issuer: &certificate.issuer,
            serial_number: &certificate.serial_number,
            signature: certificate.signature.as_deref(),
            status: row.progress.at(now),
            updated_at: row.updated_at,
        })
    }

    pub(super) fn changed(self) -> ChangedHostnameView<'a> {
        ChangedHostnameView { id: self.cert_id, hostname: self, private_key: PRIVATE_KEY }
    }
}

/// A row of the list of associations.
#[derive(Serialize)]
pub(super) struct AssociationView<'a> {
    cert_id: &'a str,
    created_at: Timestamp,
    enabled: Option<bool>,
    hostname: &'a str,
    status: &'a str,
    updated_at: Timestamp,
}

impl<'a> AssociationView<'a> {
    pub(super) fn new(zone: &'a Zone, row: &'a Row, now: Instant) -> Option<Self> {
        Some(Self {
            cert_id: zone.store(Level::Hostname).at(row.certificate)?.id.as_str(),
            created_at: row.created_at,
            enabled: row.enabled,
            hostname: row.hostname.as_str(),
            status: row.progress.at(now),
            updated_at: row.updated_at,
        })
    }
}

/// A certificate of either store.
#[derive(Serialize)]
pub(super) struct CertificateView<'a> {
    id: &'a str,
    certificate: &'a str,
    expires_on: &'a str,
    issuer: &'a str,
    serial_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
    status: &'a str,
    uploaded_on: Timestamp,
}

impl<'a> CertificateView<'a> {
    pub(super) fn new(certificate: &'a Certificate, now: Instant) -> Self {
        Self {
            id: certificate.id.as_str(),
            certificate: &certificate.pem,
            expires_on: &certificate.expires_on,
            issuer: &certificate.issuer,
            serial_number: &certificate.serial_number,
            signature: certificate.signature.as_deref(),
            status: certificate.progress.at(now),
            uploaded_on: certificate.uploaded_on,
        }
    }
}

/// A zone.
#[derive(Serialize)]
pub(super) struct ZoneView<'a> {
    id: String,
    name: &'a str,
    status: &'a str,
    paused: bool,
    #[serde(rename = "type")]
    kind: &'a str,
    account: AccountView<'a>,
}

#[derive(Serialize)]
struct AccountView<'a> {
    id: &'a str,
    name: &'a str,
}

impl<'a> ZoneView<'a> {
    pub(super) fn new(zone: &'a Zone) -> Self {
        Self {
            id: zone.id().to_string(),
            name: zone.name().as_str(),
            status: &zone.facts.status,
            paused: false,
            kind: &zone.facts.kind,
            account: AccountView { id: &zone.account.id, name: &zone.account.name },
        }
    }
}
