//! PEM certificates.

mod chain;
mod x509;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Date, IssuerName};
pub use chain::{ChainLink, KeyKind, PublicKey};
use x509::Certificate;

/// The parsed fields of a certificate (RFC 5280, section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pem {
    /// The start of the validity period.
    pub not_before: Date,
    /// The end of the validity period.
    pub not_after: Date,
    /// The serial number as the bytes of a signed big-endian integer.
    pub serial: Box<[u8]>,
    /// The subject (RFC 4514).
    pub subject: Box<str>,
    /// The issuer (RFC 4514).
    pub issuer: Box<str>,
    /// The issuers of this certificate and of the certificates presented with it. An origin may accept it by any of
    /// them.
    pub issuers: Box<[IssuerName]>,
}

/// The reason why a text is not a PEM certificate.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// The text is larger than any chain of certificates, and would be kept in memory.
    #[error("expected at most 64 KiB, found {0} bytes")]
    TooLarge(usize),
    /// The text has no CERTIFICATE section (RFC 7468).
    #[error("expected a section \"-----BEGIN CERTIFICATE-----\", found none")]
    Missing,
    /// The section is not base64.
    #[error("not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The section does not contain a certificate.
    #[error("not an X.509 certificate")]
    X509,
}

/// Lenient base64, which accepts missing padding and nonzero trailing bits.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

impl Pem {
    /// Parses the first certificate in `text` that is not a CA certificate, or else the first CA certificate.
    ///
    /// # Errors
    /// Fails if there is no certificate, none can be parsed, or the text is too long.
    pub fn parse(text: &str) -> Result<Self, PemError> {
        const MAX_SIZE: usize = 64 << 10;
        if text.len() > MAX_SIZE {
            return Err(PemError::TooLarge(text.len()));
        }
        let (mut own, mut authority, mut error) = (None, None, None);
        let mut issuers = Vec::new();
        for section in sections(text) {
            match decoded(section).and_then(|der| Certificate::parse(&der).ok_or(PemError::X509)) {
                Ok(Certificate { pem, is_authority, issuer }) => {
                    issuers.push(issuer);
                    let slot = if is_authority { &mut authority } else { &mut own };
                    slot.get_or_insert(pem);
                }
                Err(what) => error = error.or(Some(what)),
            }
        }
        let pem = own.or(authority).ok_or(error.unwrap_or(PemError::Missing))?;
        Ok(Self { issuers: issuers.into(), ..pem })
    }

    /// Returns true if both are the same certificate, regardless of the certificates presented with them.
    pub fn is_same_as(&self, other: &Self) -> bool {
        *self == Self { issuers: self.issuers.clone(), ..other.clone() }
    }

    /// Returns the expiry date of a DER certificate, if it can be parsed.
    pub fn not_after_of(der: &[u8]) -> Option<Date> {
        Certificate::parse(der).map(|certificate| certificate.pem.not_after)
    }
}

/// Returns the contents of the certificate sections, with any of the labels that OpenSSL accepts. Text outside of
/// sections is ignored.
fn sections(text: &str) -> impl Iterator<Item = &str> {
    text.split("-----BEGIN ").skip(1).filter_map(|section| {
        let (label, content) = section.split_once("-----")?;
        let is_certificate = matches!(label, "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE");
        is_certificate.then(|| content.split_once("-----").map_or(content, |(content, _)| content))
    })
}

/// Decodes the base64 of a section, without its headers (RFC 1421, section 4.6).
fn decoded(section: &str) -> Result<Vec<u8>, PemError> {
    let lines = section.lines().filter(|line| !line.contains(':'));
    let base64: String = lines.flat_map(str::split_whitespace).collect();
    Ok(BASE64.decode(base64)?)
}

#[cfg(test)]
mod tests;
