//! A certificate as JSON.

use jiff::Timestamp;
use serde::Serialize;

use super::{Judged, time};
use crate::domain::{Certificate, Judge, Status, ZoneCertificate, ZoneState};

/// A row of `/api/v1/certificates`.
#[derive(Serialize)]
pub struct CertificateRow<'a> {
    account: &'a str,
    zone: &'a str,
    cert_id: &'a str,
    level: &'static str,
    #[serde(flatten)]
    judged: Judged,
    status: Option<&'static str>,
    hostnames: Option<u32>,
    #[serde(flatten)]
    certificate: CertificateFields<'a>,
    uploaded_on: Option<Timestamp>,
}

/// The details of a certificate.
#[derive(Default, Serialize)]
pub struct CertificateFields<'a> {
    /// The authority that issued it.
    pub issuer: Option<&'a str>,
    /// Its serial number in decimal digits.
    pub serial_number: Option<&'a str>,
    /// The hash and algorithm of its signature.
    pub signature: Option<&'a str>,
    /// The expiry date according to the API.
    pub expires_on: Option<Timestamp>,
    /// The start of its validity according to its PEM.
    pub pem_not_before: Option<Timestamp>,
    /// The end of its validity according to its PEM.
    pub pem_not_after: Option<Timestamp>,
    /// The earlier of both end dates.
    pub ends: Option<Timestamp>,
    /// True if the API and the PEM agree.
    pub metadata_match: Option<bool>,
}

impl<'a> From<Option<&'a Certificate>> for CertificateFields<'a> {
    fn from(certificate: Option<&'a Certificate>) -> Self {
        let Some(certificate) = certificate else { return Self::default() };
        let details = certificate.details();
        Self {
            issuer: details.issuer.as_deref(),
            serial_number: details.serial_number.as_deref(),
            signature: details.signature.as_deref(),
            expires_on: details.expires_on.map(time),
            pem_not_before: certificate.pem().map(|pem| time(pem.not_before)),
            pem_not_after: certificate.pem().map(|pem| time(pem.not_after)),
            ends: certificate.ends().map(time),
            metadata_match: certificate.metadata_match(),
        }
    }
}

impl<'a> CertificateRow<'a> {
    /// Creates the row of a certificate of `zone`.
    pub fn new(judge: &Judge, zone: &'a ZoneState, known: &'a ZoneCertificate) -> Self {
        Self {
            account: zone.account(),
            zone: zone.key().as_str(),
            cert_id: known.id.as_str(),
            level: known.level.label(),
            judged: judge.tell_certificate(zone, known).into(),
            status: known.status.map(Status::label),
            hostnames: known.hostnames,
            certificate: Some(&*known.certificate).into(),
            uploaded_on: known.uploaded_on.map(time),
        }
    }
}
