//! The rows of certificates. Users of a certificate refer to it by its index in the zone's list, so that it
//! is written once and shared again after reading.

use std::collections::HashMap;
use std::sync::Arc;

use serde::de::Error;
use serde::{Deserialize, Serialize};

use super::value::{Label, Seconds, Text};
use crate::domain::{
    CertId, Certificate, CertificateDetails, IssuerName, Level, Pem, Status, ZoneCertificate,
};

/// The certificates of a zone being written.
#[derive(Default)]
pub(super) struct Indexes<'a> {
    certificates: Vec<&'a Certificate>,
    known: HashMap<*const Certificate, usize>,
}

impl<'a> Indexes<'a> {
    /// Returns the index of a certificate, adding it if needed.
    pub(super) fn add(&mut self, certificate: &'a Arc<Certificate>) -> usize {
        *self.known.entry(Arc::as_ptr(certificate)).or_insert_with(|| {
            self.certificates.push(certificate);
            self.certificates.len() - 1
        })
    }

    /// Returns the index of a certificate that was added.
    pub(super) fn of(&self, certificate: &Arc<Certificate>) -> Option<usize> {
        self.known.get(&Arc::as_ptr(certificate)).copied()
    }

    pub(super) fn rows(&self) -> Vec<CertificateRow> {
        self.certificates.iter().map(|certificate| CertificateRow::new(certificate)).collect()
    }
}

/// The certificates of a zone that was read.
pub(super) struct Found(Vec<Arc<Certificate>>);

impl Found {
    pub(super) fn new(rows: Vec<CertificateRow>) -> Self {
        Self(rows.into_iter().map(|row| Arc::new(row.certificate())).collect())
    }

    pub(super) fn at(&self, index: usize) -> serde_json::Result<Arc<Certificate>> {
        let missing = || serde_json::Error::custom(format_args!("there is no certificate {index}"));
        self.0.get(index).cloned().ok_or_else(missing)
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct CertificateRow {
    id: Option<Text<CertId>>,
    issuer: Option<Box<str>>,
    serial_number: Option<Box<str>>,
    signature: Option<Box<str>>,
    expires_on: Option<Seconds>,
    pem: Option<PemRow>,
}

/// The stored facts of a PEM.
#[derive(Serialize, Deserialize)]
struct PemRow {
    not_before: Seconds,
    not_after: Seconds,
    serial: Box<[u8]>,
    subject: Box<str>,
    issuer: Box<str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    issuers: Vec<[u64; 2]>,
}

impl CertificateRow {
    fn new(certificate: &Certificate) -> Self {
        let (details, pem) = (certificate.details().clone(), certificate.pem().cloned());
        Self {
            id: details.id.map(Text),
            issuer: details.issuer,
            serial_number: details.serial_number,
            signature: details.signature,
            expires_on: details.expires_on.map(Seconds),
            pem: pem.map(|pem| PemRow {
                not_before: Seconds(pem.not_before),
                not_after: Seconds(pem.not_after),
                serial: pem.serial,
                subject: pem.subject,
                issuer: pem.issuer,
                issuers: pem.issuers.iter().map(|name| name.hashes()).collect(),
            }),
        }
    }

    fn certificate(self) -> Certificate {
        let details = CertificateDetails {
            id: self.id.map(|Text(id)| id),
            issuer: self.issuer,
            serial_number: self.serial_number,
            signature: self.signature,
            expires_on: self.expires_on.map(|Seconds(at)| at),
        };
        let pem = self.pem.map(|pem| Pem {
            not_before: pem.not_before.0,
            not_after: pem.not_after.0,
            serial: pem.serial,
            subject: pem.subject,
            issuer: pem.issuer,
            issuers: pem.issuers.into_iter().map(IssuerName::from_hashes).collect(),
        });
        Certificate::new(details, pem)
    }
}

/// A certificate that is stored separately from the hostnames that use it.
#[derive(Serialize, Deserialize)]
pub(super) struct ListedRow {
    id: Text<CertId>,
    status: Option<Label<Status>>,
    since: Option<Seconds>,
    uploaded_on: Option<Seconds>,
    certificate: usize,
    hostnames: Option<u32>,
}

impl ListedRow {
    pub(super) fn new<'a>(listed: &'a ZoneCertificate, indexes: &mut Indexes<'a>) -> Self {
        Self {
            id: Text(listed.id.clone()),
            status: listed.status.map(Label),
            since: listed.since.map(Seconds),
            uploaded_on: listed.uploaded_on.map(Seconds),
            certificate: indexes.add(&listed.certificate),
            hostnames: listed.hostnames,
        }
    }

    pub(super) fn certificate(self, level: Level, found: &Found) -> serde_json::Result<ZoneCertificate> {
        Ok(ZoneCertificate {
            id: self.id.0,
            level,
            status: self.status.map(|Label(status)| status),
            since: self.since.map(|Seconds(at)| at),
            uploaded_on: self.uploaded_on.map(|Seconds(at)| at),
            certificate: found.at(self.certificate)?,
            hostnames: self.hostnames,
        })
    }
}
