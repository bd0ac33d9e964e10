//! A client certificate: its fields in the API, and its own content.

mod serial;

use std::cmp::min;

use super::{CertId, Date, Pem};

/// A client certificate: its latest fields in the API, and its parsed PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    details: CertificateDetails,
    pem: Option<Pem>,
    metadata_match: Option<bool>,
}

/// The fields that the API gives with a certificate's PEM. Any of them may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateDetails {
    /// The API's identifier.
    pub id: Option<CertId>,
    /// The name of the authority that issued it.
    pub issuer: Option<Box<str>>,
    /// The serial number, in decimal digits.
    pub serial_number: Option<Box<str>>,
    /// The signature's hash and algorithm.
    pub signature: Option<Box<str>>,
    /// The expiry date (`expires_on`).
    pub expires_on: Option<Date>,
}

impl Certificate {
    /// Combines the fields of the API with the parsed PEM.
    pub fn new(details: CertificateDetails, pem: Option<Pem>) -> Self {
        let metadata_match = metadata_match(&details, pem.as_ref());
        Self { details, pem, metadata_match }
    }

    /// The API's identifier.
    pub fn id(&self) -> Option<&CertId> {
        self.details.id.as_ref()
    }

    /// Returns the fields of the API.
    pub fn details(&self) -> &CertificateDetails {
        &self.details
    }

    /// Returns the parsed PEM.
    pub fn pem(&self) -> Option<&Pem> {
        self.pem.as_ref()
    }

    /// Returns the expiry date of the API, or the PEM's if the API gives none.
    pub fn expires(&self) -> Option<Date> {
        let not_after = self.pem.as_ref().map(|pem| pem.not_after);
        self.details.expires_on.or(not_after)
    }

    /// Returns the date when it stops being accepted: the earlier one of the API's and the PEM's.
    pub fn ends(&self) -> Option<Date> {
        let expires = self.expires()?;
        let not_after = self.pem.as_ref().map_or(expires, |pem| pem.not_after);
        Some(min(expires, not_after))
    }

    /// Returns true if the API and the PEM agree on expiry and serial number; `None` unless all four are known.
    pub fn metadata_match(&self) -> Option<bool> {
        self.metadata_match
    }

    /// Returns true if it is the certificate with this PEM, which has the same serial number and issuer.
    pub fn is_twin_of(&self, pem: &Pem) -> bool {
        if let Some(own) = &self.pem {
            return own.serial == pem.serial && own.issuer == pem.issuer;
        }
        // the API may give only a part of the issuer's name
        let is_issuer = |issuer: &str| !issuer.is_empty() && pem.issuer.contains(issuer);
        let serial_number = self.details.serial_number.as_deref();
        serial_number.is_some_and(|serial_number| serial::is_equal(serial_number, &pem.serial))
            && self.details.issuer.as_deref().is_some_and(is_issuer)
    }

    /// Returns the certificate with its missing fields taken from `known`, an earlier state of the same certificate.
    /// `None` if nothing changes, or if `known` is another certificate. Ids identify a certificate, or its serial
    /// number and issuer if an id is missing.
    pub fn completed_by(&self, known: &Self) -> Option<Self> {
        if !self.is_same_as(known) {
            return None;
        }
        let (ours, theirs) = (&self.details, &known.details);
        let details = CertificateDetails {
            id: ours.id.clone().or_else(|| theirs.id.clone()),
            issuer: ours.issuer.clone().or_else(|| theirs.issuer.clone()),
            serial_number: ours.serial_number.clone().or_else(|| theirs.serial_number.clone()),
            signature: ours.signature.clone().or_else(|| theirs.signature.clone()),
            expires_on: ours.expires_on.or(theirs.expires_on),
        };
        let completed = Self::new(details, self.pem.clone().or_else(|| known.pem.clone()));
        (completed != *self).then_some(completed)
    }

    fn is_same_as(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.details, &other.details);
        let serial_numbers = ours.serial_number.as_ref().zip(theirs.serial_number.as_ref());
        let pems = self.pem.as_ref().zip(other.pem.as_ref());
        let serial_numbers_differ = serial_numbers.is_some_and(|(ours, theirs)| serial::differ(ours, theirs));
        // the certificate may have been replaced under the same id
        if serial_numbers_differ || pems.is_some_and(|(a, b)| !a.is_same_as(b)) {
            return false;
        }
        match (&ours.id, &theirs.id) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => serial_numbers.is_some() && ours.issuer.is_some() && ours.issuer == theirs.issuer,
        }
    }
}

fn metadata_match(details: &CertificateDetails, pem: Option<&Pem>) -> Option<bool> {
    let (pem, expires_on) = (pem?, details.expires_on?);
    let serial_number = details.serial_number.as_deref()?;
    Some(expires_on == pem.not_after && serial::is_equal(serial_number, &pem.serial))
}

#[cfg(test)]
mod tests;
