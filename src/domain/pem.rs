//! Certificates in PEM.

mod chain;
mod x509;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Date, IssuerName};
pub use chain::{ChainLink, KeyKind, PublicKey};
use x509::Certificate;

/// What a certificate says of itself (RFC 5280, section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pem {
    /// From when on it is valid.
    pub not_before: Date,
    /// Until when it is valid.
    pub not_after: Date,
    /// Its serial number: the octets of a signed big-endian integer.
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
    /// There is no section of the kind CERTIFICATE (RFC 7468).
    #[error("expected a section \"-----BEGIN CERTIFICATE-----\", found none")]
    Missing,
    /// The section is not base64.
    #[error("not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The section does not hold a certificate.
    #[error("not an X.509 certificate")]
    X509,
}

/// Lenient: without padding, or with bits beyond the last octet, it is base64 all the same.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

impl Pem {
    /// Reads the first certificate in `text` that is no certificate authority's, else the first one.
    ///
    /// # Errors
    /// If there is none, none can be read, or the text is longer than any chain of them.
    pub fn parse(text: &str) -> Result<Self, PemError> {
        const LARGEST: usize = 64 << 10;
        if text.len() > LARGEST {
            return Err(PemError::TooLarge(text.len()));
        }
        let (mut authority, mut error) = (None, None);
        for section in sections(text) {
            match decoded(section).and_then(|der| Certificate::parse(&der).ok_or(PemError::X509)) {
                Ok(Certificate { pem, is_authority: false, .. }) => return Ok(pem),
                Ok(Certificate { pem, .. }) => authority = authority.or(Some(pem)),
                Err(what) => error = error.or(Some(what)),
            }
        }
        authority.ok_or(error.unwrap_or(PemError::Missing))
    }

    /// Returns the end of a certificate in DER, if it can be read.
    pub fn not_after_of(der: &[u8]) -> Option<Date> {
        Certificate::parse(der).map(|certificate| certificate.pem.not_after)
    }

    /// Returns the issuer of each certificate in `text` that can be read: of the certificate, and of the intermediates
    /// that are presented with it.
    pub fn issuer_names(text: &str) -> Vec<IssuerName> {
        let ders = sections(text).filter_map(|section| decoded(section).ok());
        ders.filter_map(|der| Some(Certificate::parse(&der)?.issuer)).collect()
    }
}

/// The contents of the sections that hold a certificate, by any of the names that OpenSSL reads. What stands around the
/// sections is ignored.
fn sections(text: &str) -> impl Iterator<Item = &str> {
    text.split("-----BEGIN ").skip(1).filter_map(|section| {
        let (label, content) = section.split_once("-----")?;
        let is_certificate = matches!(label, "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE");
        is_certificate.then(|| content.split_once("-----").map_or(content, |(content, _)| content))
    })
}

/// The octets of a section, without its headers (RFC 1421, section 4.6).
fn decoded(section: &str) -> Result<Vec<u8>, PemError> {
    let lines = section.lines().filter(|line| !line.contains(':'));
    let base64: String = lines.flat_map(str::split_whitespace).collect();
    Ok(BASE64.decode(base64)?)
}

#[cfg(test)]
mod tests;
