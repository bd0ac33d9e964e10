//! The certificates of a zone.

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use tokio::time::Instant;

use super::authority::{self, Authority};
use super::progress::{DELETED, Progress};
use crate::domain::{CertId, Pem};

/// A certificate, as the API describes it.
pub(super) struct Certificate {
    pub(super) id: CertId,
    /// The certificate itself.
    pub(super) pem: String,
    /// The expiry in RFC 3339, as text to preserve its fraction.
    pub(super) expires_on: String,
    pub(super) issuer: String,
    /// The serial number in decimal digits.
    pub(super) serial_number: String,
    /// The signature algorithm; none for uploaded certificates.
    pub(super) signature: Option<Cow<'static, str>>,
    pub(super) progress: Progress,
    pub(super) uploaded_on: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl Certificate {
    /// Issues a certificate of the simulator's own authority. It is deployed, and valid for a year until
    /// `not_after`.
    pub(super) fn issued(
        authority: &Authority,
        common_name: &str,
        identity: u128,
        not_after: Timestamp,
        now: Timestamp,
    ) -> Result<Self, rcgen::Error> {
        let days = i64::try_from(identity % 90).unwrap_or(0);
        let uploaded_on = earlier(not_after.min(now), (days + 1) * DAY + 1);
        // as in the API, uploads are dated to the microsecond
        let fraction = i64::try_from(identity % 1_000_000).unwrap_or(0);
        let uploaded_on = uploaded_on + jiff::SignedDuration::from_micros(fraction);
        let mut certificate = Self {
            id: cert_id(identity),
            pem: String::new(),
            expires_on: String::new(),
            issuer: authority::NAME.into(),
            serial_number: String::new(),
            signature: Some(authority::SIGNATURE.into()),
            progress: Progress::resting(super::progress::ACTIVE),
            uploaded_on,
            updated_at: uploaded_on,
        };
        certificate.reissue(authority, common_name, identity, not_after)?;
        Ok(certificate)
    }

    /// Replaces it with a new certificate under the same id.
    pub(super) fn reissue(
        &mut self,
        authority: &Authority,
        common_name: &str,
        identity: u128,
        not_after: Timestamp,
    ) -> Result<(), rcgen::Error> {
        // a serial number is positive (RFC 5280, section 4.1.2.2) and here always longer than 64 bits
        let serial = identity >> 1 | 1 << 126;
        self.pem = authority.issue(common_name, serial, earlier(not_after, 365 * DAY), not_after)?;
        let whole = Timestamp::from_second(not_after.as_second()).unwrap_or(not_after);
        let zulu = whole.to_string();
        let fractional = identity.is_multiple_of(3);
        self.expires_on = if fractional { zulu.replace('Z', ".00000Z") } else { zulu };
        self.serial_number = serial.to_string();
        Ok(())
    }

    /// Creates an uploaded certificate.
    pub(super) fn uploaded(
        text: &str,
        pem: &Pem,
        identity: u128,
        progress: Progress,
        now: Timestamp,
    ) -> Self {
        let common_name = pem.issuer.split(',').find_map(|part| part.strip_prefix("CN="));
        Self {
            id: cert_id(identity),
            pem: text.to_owned(),
            expires_on: Timestamp::from(pem.not_after).to_string(),
            issuer: common_name.unwrap_or(&pem.issuer).to_owned(),
            serial_number: decimal(&pem.serial),
            signature: None,
            progress,
            uploaded_on: now,
            updated_at: now,
        }
    }
}

/// A change of a certificate. Missing fields stay unchanged.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CertificateChange {
    /// Its status, which then no longer changes by itself.
    pub status: Option<String>,
    /// Replaces it with a certificate that expires in this many seconds. PEM and metadata agree.
    pub expires_in: Option<i64>,
    /// Another expiry in the metadata only, verbatim.
    pub expires_on: Option<String>,
    /// Another serial number in the metadata only, verbatim.
    pub serial_number: Option<String>,
    /// Another issuer in the metadata only, verbatim.
    pub issuer: Option<String>,
}

/// One of the two certificate stores of a zone. Deleted certificates stay readable.
#[derive(Default)]
pub(super) struct Store {
    list: Vec<Certificate>,
    indexes: HashMap<CertId, usize>,
}

impl Store {
    pub(super) fn add(&mut self, certificate: Certificate) -> usize {
        let index = self.list.len();
        self.indexes.insert(certificate.id.clone(), index);
        self.list.push(certificate);
        index
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn index(&self, id: &CertId) -> Option<usize> {
        self.indexes.get(id).copied()
    }

    pub(super) fn at(&self, index: usize) -> Option<&Certificate> {
        self.list.get(index)
    }

    pub(super) fn at_mut(&mut self, index: usize) -> Option<&mut Certificate> {
        self.list.get_mut(index)
    }

    /// Returns all certificates.
    pub(super) fn all(&self) -> impl Iterator<Item = &Certificate> {
        self.list.iter()
    }

    /// Returns the certificates that are not deleted.
    pub(super) fn present(&self, now: Instant) -> impl Iterator<Item = &Certificate> + Clone {
        self.list.iter().filter(move |certificate| certificate.progress.at(now) != DELETED)
    }
}

const DAY: i64 = 86_400;

fn earlier(time: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_second(time.as_second().saturating_sub(seconds)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Returns an id in the form of a UUID.
fn cert_id(identity: u128) -> CertId {
    let hex = format!("{identity:032x}");
    let id = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    id.parse().expect("36 hexadecimal digits and hyphens are an id")
}

/// Formats a big-endian number in decimal digits.
fn decimal(bytes: &[u8]) -> String {
    let mut digits: Vec<u8> = vec![0]; // little-endian while it grows
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            let value = u32::from(*digit) * 256 + carry;
            *digit = u8::try_from(value % 10).unwrap_or(0);
            carry = value / 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or(0));
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_decimal_digits() {
        assert_eq!(decimal(&[]), "0");
        assert_eq!(decimal(&[0, 0, 255]), "255");
        assert_eq!(decimal(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), "18446744073709551616");
    }

    #[test]
    fn an_issued_certificate_agrees_with_its_metadata() {
        let authority = Authority::new().unwrap();
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let not_after: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let issued = Certificate::issued(&authority, "a.example", u128::MAX, not_after, now).unwrap();
        let pem = Pem::parse(&issued.pem).unwrap();
        assert_eq!(pem.not_after, not_after.into());
        assert_eq!(decimal(&pem.serial), issued.serial_number);
        assert_eq!(issued.serial_number, "170141183460469231731687303715884105727");
        assert_eq!(issued.expires_on, "2027-01-01T00:00:00.00000Z");
        assert_eq!(issued.id.as_str(), "ffffffff-ffff-ffff-ffff-ffffffffffff");
    }
}
