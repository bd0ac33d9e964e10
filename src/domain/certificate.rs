//! A client certificate: what the API says of it, and what the certificate itself says.

use std::cmp::min;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::Decode;
use x509_cert::time::Time;

use super::{CertId, Date};

/// A client certificate as last described, by the API and by its own PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    details: CertificateDetails,
    pem: Option<Pem>,
    metadata_match: Option<bool>,
}

/// What the API says of a certificate beside its PEM; any of it may be missing.
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
    /// When it expires (`expires_on`).
    pub expires_on: Option<Date>,
}

impl Certificate {
    /// Puts together what the API says and what the certificate itself says.
    pub fn new(details: CertificateDetails, pem: Option<Pem>) -> Self {
        let metadata_match = metadata_match(&details, pem.as_ref());
        Self { details, pem, metadata_match }
    }

    /// The API's identifier.
    pub fn id(&self) -> Option<&CertId> {
        self.details.id.as_ref()
    }

    /// What the API says.
    pub fn details(&self) -> &CertificateDetails {
        &self.details
    }

    /// What the certificate itself says.
    pub fn pem(&self) -> Option<&Pem> {
        self.pem.as_ref()
    }

    /// When it expires: the API's word, the certificate's own where that is missing.
    pub fn expires(&self) -> Option<Date> {
        let not_after = self.pem.as_ref().map(|pem| pem.not_after);
        self.details.expires_on.or(not_after)
    }

    /// When it stops being accepted: the earlier of the API's word and the certificate's own.
    pub fn ends(&self) -> Option<Date> {
        let expires = self.expires()?;
        let not_after = self.pem.as_ref().map_or(expires, |pem| pem.not_after);
        Some(min(expires, not_after))
    }

    /// Whether the API and the certificate agree on expiry and serial number; none unless all four are known.
    pub fn metadata_match(&self) -> Option<bool> {
        self.metadata_match
    }
}

fn metadata_match(details: &CertificateDetails, pem: Option<&Pem>) -> Option<bool> {
    let (pem, expires_on) = (pem?, details.expires_on?);
    // what is no number is not the certificate's
    let serial = integer(details.serial_number.as_deref()?);
    Some(expires_on == pem.not_after && serial.as_deref() == Some(without_leading_zeros(&pem.serial)))
}

/// The big-endian octets of a number in decimal digits, without leading zeros.
///
/// Serial numbers have up to 20 octets (RFC 5280, section 4.1.2.2); 100 digits leave room for liberal issuers.
fn integer(decimal: &str) -> Option<Box<[u8]>> {
    if decimal.is_empty() || decimal.len() > 100 {
        return None;
    }
    let mut octets: Vec<u8> = Vec::new(); // little-endian while it grows
    for byte in decimal.bytes() {
        let mut carry = u16::from(byte.is_ascii_digit().then(|| byte - b'0')?);
        for octet in &mut octets {
            let [low, high] = (u16::from(*octet) * 10 + carry).to_le_bytes();
            *octet = low;
            carry = u16::from(high);
        }
        if carry > 0 {
            octets.push(carry.to_le_bytes()[0]);
        }
    }
    octets.reverse();
    Some(octets.into())
}

fn without_leading_zeros(octets: &[u8]) -> &[u8] {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    &octets[zeros..]
}

/// What a certificate says of itself (RFC 5280, section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pem {
    /// From when on it is valid.
    pub not_before: Date,
    /// Until when it is valid.
    pub not_after: Date,
    /// Its serial number, big-endian.
    pub serial: Box<[u8]>,
    /// Whom it was issued to (RFC 4514).
    pub subject: Box<str>,
    /// Who issued it (RFC 4514).
    pub issuer: Box<str>,
}

/// Why a text is not a certificate in PEM.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// It is larger than any certificate, and would be kept in memory.
    #[error("expected at most 64 KiB, found {0} octets")]
    TooLarge(usize),
    /// There is no PEM section of the kind CERTIFICATE (RFC 7468).
    #[error("no certificate in PEM: {0}")]
    Pem(#[from] rustls_pki_types::pem::Error),
    /// The section does not hold a certificate.
    #[error("not an X.509 certificate: {0}")]
    Der(#[from] x509_cert::der::Error),
}

impl Pem {
    /// Reads the first certificate in `text`.
    ///
    /// # Errors
    /// Where there is none, it is not X.509, or the text is longer than any chain of them.
    pub fn parse(text: &str) -> Result<Self, PemError> {
        const LARGEST: usize = 64 << 10;
        if text.len() > LARGEST {
            return Err(PemError::TooLarge(text.len()));
        }
        let der = CertificateDer::from_pem_slice(text.as_bytes())?;
        // the raw profile takes the serial numbers of liberal issuers too
        let certificate = CertificateInner::<Raw>::from_der(&der)?;
        let certificate = certificate.tbs_certificate();
        let validity = certificate.validity();
        Ok(Self {
            not_before: date(validity.not_before),
            not_after: date(validity.not_after),
            serial: certificate.serial_number().as_bytes().into(),
            subject: certificate.subject().to_string().into(),
            issuer: certificate.issuer().to_string().into(),
        })
    }
}

/// X.509 dates lie between 1970 and 9999; the last day of that, which stands for "never" (RFC 5280, section 4.1.2.5),
/// is a little later than the latest date there is here.
fn date(time: Time) -> Date {
    let seconds = time.to_unix_duration().as_secs();
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The certificate in the API reference's example.
    const REFERENCE: &str = include_str!("../../tests/fixtures/reference.pem");

    fn at(text: &str) -> Date {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    fn certificate(expires_on: Option<&str>, serial_number: Option<&str>) -> Certificate {
        let details = CertificateDetails {
            expires_on: expires_on.map(at),
            serial_number: serial_number.map(Into::into),
            ..CertificateDetails::default()
        };
        Certificate::new(details, Pem::parse(REFERENCE).ok())
    }

    #[test]
    fn the_reference_certificate_says_when_it_was_valid_and_whose_it_is() {
        let pem = Pem::parse(REFERENCE).unwrap();
        assert_eq!(pem.not_before, at("2016-08-24T16:43:01Z"));
        assert_eq!(pem.not_after, at("2016-11-22T16:43:01Z"));
        assert_eq!(*pem.serial, [0x00, 0xc1, 0xc0, 0xc1, 0xf5, 0xd9, 0xe7, 0xf3, 0xd6]);
        assert_eq!(&*pem.subject, "O=Internet Widgits Pty Ltd,ST=Some-State,C=AU");
        assert_eq!(pem.issuer, pem.subject);
    }

    #[test]
    fn a_text_that_holds_no_certificate_is_refused() {
        assert!(matches!(Pem::parse(""), Err(PemError::Pem(_))));
        let other = REFERENCE.replace("CERTIFICATE", "PUBLIC KEY");
        assert!(matches!(Pem::parse(&other), Err(PemError::Pem(_))));
        let empty = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        assert!(matches!(Pem::parse(empty), Err(PemError::Der(_))));
        let longest = format!("{REFERENCE}{}", " ".repeat((64 << 10) - REFERENCE.len()));
        assert!(Pem::parse(&longest).is_ok());
        let long = format!("{longest} ");
        assert!(matches!(Pem::parse(&long), Err(PemError::TooLarge(_))));
    }

    #[test]
    fn what_the_api_says_and_what_the_certificate_says_are_kept_apart() {
        let certificate = certificate(None, Some("1"));
        assert_eq!(certificate.details().serial_number.as_deref(), Some("1"));
        assert_eq!(certificate.pem().unwrap().subject, Pem::parse(REFERENCE).unwrap().subject);
    }

    #[test]
    fn expiry_is_the_apis_word_and_the_end_is_the_earlier_one() {
        let later = certificate(Some("2100-01-01T05:20:00Z"), None);
        assert_eq!(later.expires(), Some(at("2100-01-01T05:20:00Z")));
        assert_eq!(later.ends(), Some(at("2016-11-22T16:43:01Z")));

        let earlier = certificate(Some("2016-01-01T00:00:00Z"), None);
        assert_eq!(earlier.ends(), Some(at("2016-01-01T00:00:00Z")));

        let silent = certificate(None, None);
        assert_eq!(silent.expires(), Some(at("2016-11-22T16:43:01Z")));
        assert_eq!(silent.ends(), silent.expires());
    }

    #[test]
    fn metadata_match_means_the_same_second_and_the_same_integer() {
        let (date, serial) = (Some("2016-11-22T16:43:01.9Z"), Some("13961372106515542998"));
        assert_eq!(certificate(date, serial).metadata_match(), Some(true));
        assert_eq!(certificate(date, Some("0013961372106515542998")).metadata_match(), Some(true));
        assert_eq!(certificate(date, Some("13961372106515542999")).metadata_match(), Some(false));
        assert_eq!(certificate(Some("2016-11-22T16:43:02Z"), serial).metadata_match(), Some(false));
        assert_eq!(certificate(date, Some("0xc0c0")).metadata_match(), Some(false));
    }

    #[test]
    fn metadata_match_is_unknown_where_something_is_missing() {
        let date = Some("2016-11-22T16:43:01Z");
        assert_eq!(certificate(None, Some("1")).metadata_match(), None);
        assert_eq!(certificate(date, None).metadata_match(), None);
        let without_pem = Certificate::new(certificate(date, Some("1")).details().clone(), None);
        assert_eq!(without_pem.metadata_match(), None);
    }

    #[test]
    fn decimal_digits_become_octets() {
        assert!(integer("0").unwrap().is_empty());
        assert_eq!(*integer("255").unwrap(), [255]);
        assert_eq!(*integer("256").unwrap(), [1, 0]);
        assert_eq!(*integer("18446744073709551616").unwrap(), [1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(*integer("0065536").unwrap(), [1, 0, 0]);
        assert!(integer(&"9".repeat(100)).is_some());
        assert_eq!(integer(&"9".repeat(101)), None);
    }
}
