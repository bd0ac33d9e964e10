//! The fields that decide if a certificate can be presented: its key, its uses and its issuer.

use std::fmt;

use x509_cert::der::Tag;

use super::x509::{Certificate, Elements, extension};
use super::{Pem, PemError, decoded, sections};
use crate::domain::IssuerName;

/// A certificate of a chain that is presented.
#[derive(Clone, Debug)]
pub struct ChainLink {
    /// The parsed fields.
    pub pem: Pem,
    /// The DER encoding.
    pub der: Vec<u8>,
    /// True if its basic constraints are those of a certificate authority.
    pub is_authority: bool,
    /// True if its extended key usage includes the authentication of clients; `None` without that extension.
    pub client_auth: Option<bool>,
    /// The key that it certifies.
    pub key: PublicKey,
    /// The name of its subject.
    pub subject: IssuerName,
    /// The name of its issuer.
    pub issuer: IssuerName,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// The algorithm and size.
    pub kind: KeyKind,
    bytes: Box<[u8]>,
}

/// The algorithm of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA, with the number of bits of the modulus.
    Rsa(usize),
    /// ECDSA with P-256.
    P256,
    /// ECDSA with P-384.
    P384,
    /// ECDSA with P-521.
    P521,
    /// Ed25519.
    Ed25519,
    /// Any other algorithm.
    Other,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA with {bits} bits"),
            Self::P256 => f.write_str("ECDSA with P-256"),
            Self::P384 => f.write_str("ECDSA with P-384"),
            Self::P521 => f.write_str("ECDSA with P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other => f.write_str("of an unknown algorithm"),
        }
    }
}

impl Pem {
    /// Parses all certificates in `text`, in their order.
    ///
    /// # Errors
    /// Fails with the number, counted from 1, of the first certificate that cannot be parsed.
    pub fn chain(text: &str) -> Result<Vec<ChainLink>, (usize, PemError)> {
        let links = sections(text).enumerate().map(|(index, section)| {
            let link = decoded(section).and_then(|der| ChainLink::parse(der).ok_or(PemError::X509));
            link.map_err(|error| (index + 1, error))
        });
        let links: Vec<_> = links.collect::<Result<_, _>>()?;
        if links.is_empty() { Err((1, PemError::Missing)) } else { Ok(links) }
    }
}

impl ChainLink {
    fn parse(der: Vec<u8>) -> Option<Self> {
        const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
        /// anyExtendedKeyUsage, and id-kp-clientAuth.
        const FOR_CLIENTS: [&[u8]; 2] =
            [&[0x55, 0x1d, 0x25, 0x00], &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02]];
        let (Certificate { pem, is_authority, issuer }, subject, fields) = Certificate::read(&der)?;
        let usages = extension(fields.clone(), EXTENDED_KEY_USAGE);
        let usages = usages.and_then(|mut usages| Elements::of(usages.tagged(Tag::Sequence)?));
        let client_auth = usages.map(|mut usages| usages.any(|usage| FOR_CLIENTS.contains(&usage.value())));
        let key = PublicKey::read(fields)?;
        Some(Self { pem, is_authority, client_auth, key, subject, issuer, der })
    }
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) in DER.
    pub fn from_spki(der: &[u8]) -> Option<Self> {
        Self::read(Elements::new(der)?)
    }

    fn read(mut fields: Elements<'_>) -> Option<Self> {
        let mut info = Elements::of(fields.tagged(Tag::Sequence)?)?;
        let mut algorithm = Elements::of(info.tagged(Tag::Sequence)?)?;
        let id = algorithm.tagged(Tag::ObjectIdentifier)?.value();
        let parameters = algorithm.next().map(|parameters| parameters.value());
        // the first byte counts the unused bits of the last byte
        let (_, bytes) = info.tagged(Tag::BitString)?.value().split_first()?;
        let kind = match (id, parameters) {
            ([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1], _) => KeyKind::Rsa(modulus_bits(bytes)?),
            ([0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], Some([0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7])) => {
                KeyKind::P256
            }
            ([0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], Some([0x2b, 0x81, 4, 0, 0x22])) => KeyKind::P384,
            ([0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], Some([0x2b, 0x81, 4, 0, 0x23])) => KeyKind::P521,
            ([0x2b, 0x65, 0x70], _) => KeyKind::Ed25519,
            _ => KeyKind::Other,
        };
        Some(Self { kind, bytes: bytes.into() })
    }
}

/// Returns the number of bits of the modulus of an RSA key (RFC 8017, appendix A.1.1).
fn modulus_bits(key: &[u8]) -> Option<usize> {
    let modulus = Elements::of(Elements::new(key)?.tagged(Tag::Sequence)?)?.tagged(Tag::Integer)?.value();
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros)?;
    Some((modulus.len() - zeros) * 8 - usize::try_from(first.leading_zeros()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_certificate_has_an_rsa_key_and_is_an_authority() {
        let links = Pem::chain(include_str!("../../../tests/fixtures/reference.pem")).unwrap();
        let [link] = &links[..] else { panic!("{links:?}") };
        assert_eq!((link.key.kind, link.is_authority, link.client_auth), (KeyKind::Rsa(2048), true, None));
        assert_eq!(link.subject, link.issuer);
    }
}
