//! Client certificates with their private keys, checked before they are sent anywhere.

mod key;

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;

use crate::domain::{ChainLink, Date, Distance, IssuerName, KeyKind, Pem, PemError, PublicKey};
pub use key::{KeyError, PrivateKey};

/// A certificate with its chain and the private key that belongs to it, valid now.
#[derive(Debug)]
pub struct KeyPair {
    /// The certificate first, followed by its chain of issuers.
    chain: Vec<ChainLink>,
    pem: String,
    key: PrivateKey,
    certified: Arc<CertifiedKey>,
}

/// The reason why a certificate and a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The file begins with a private key.
    #[error("the file begins with a private key: give the certificate first, and the key with --key")]
    KeyFirst,
    /// There is no certificate, or one cannot be read.
    #[error("certificate {0} of the file")]
    Certificate(usize, #[source] PemError),
    /// The key belongs to another certificate of the file.
    #[error(
        "the chain is in the wrong order: the private key belongs to certificate {0} of the file, put that first"
    )]
    LeafNotFirst(usize),
    /// The key belongs to no certificate of the file.
    #[error(
        "the private key does not belong to the certificate of {subject}: it is {key}, the certificate's is {expected}"
    )]
    OtherKey {
        /// The certificate's subject.
        subject: Box<str>,
        /// The kind of the private key.
        key: KeyKind,
        /// The kind of the certificate's key.
        expected: KeyKind,
    },
    /// A certificate of the chain did not issue the one before it.
    #[error(
        "the chain is in the wrong order or lacks a certificate: certificate {number} of the file is of {found}, \
         expected the issuer of the one before it, {expected}"
    )]
    Order {
        /// The number of the certificate in the file, counted from 1.
        number: usize,
        /// The subject of that certificate.
        found: Box<str>,
        /// The subject that the certificate should have.
        expected: Box<str>,
    },
    /// The certificate has expired.
    #[error("the certificate expired {}", Distance(*.0))]
    Expired(i64),
    /// The certificate is not valid yet.
    #[error("the certificate is not valid yet: it will be {}. Is the clock of this machine right?", Distance(*.0))]
    NotYetValid(i64),
    /// The extended key usage does not include clients.
    #[error("the certificate's extended key usage lacks clientAuth: origins refuse it from a client")]
    NotForClients,
    /// The key is too small.
    #[error("the key is RSA with {0} bits, and Cloudflare accepts 2048 to 4096")]
    TooSmall(usize),
    /// The key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// An unusual property of a certificate that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// The certificate is a CA certificate.
    Authority,
    /// The key is of a kind that Cloudflare may refuse.
    Key(KeyKind),
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authority => f.write_str(
                "the certificate is a CA certificate (CA:TRUE), as \"openssl req -x509\" creates by default: whoever has its \
                 key can issue other certificates that the origin trusts",
            ),
            Self::Key(kind) => write!(
                f,
                "the key is {kind}: Cloudflare accepts RSA of 2048 to 4096 bits, and ECDSA with P-256 or P-384"
            ),
        }
    }
}

impl KeyPair {
    /// Checks that the certificate in `text` can be presented at `now`, and that `key` belongs to it.
    ///
    /// # Errors
    /// Fails with the first error.
    pub fn new(text: &str, key: PrivateKey, now: Date) -> Result<Self, PairError> {
        let first = text.split("-----BEGIN ").nth(1).unwrap_or_default();
        let label = first.split("-----").next().unwrap_or_default();
        if label.ends_with("PRIVATE KEY") {
            return Err(PairError::KeyFirst);
        }
        let chain = Pem::chain(text).map_err(|(number, error)| PairError::Certificate(number, error))?;
        let leaf = &chain[0];
        if let KeyKind::Rsa(bits @ ..2048) = leaf.key.kind {
            return Err(PairError::TooSmall(bits));
        }
        let signing = key.signing()?;
        let public = signing.public_key().and_then(|spki| PublicKey::from_spki(&spki));
        let public = public.ok_or(KeyError::Unusable)?;
        if public != leaf.key {
            let other = chain.iter().position(|link| link.key == public);
            return Err(other.map_or_else(
                || PairError::OtherKey {
                    subject: leaf.pem.subject.clone(),
                    key: public.kind,
                    expected: leaf.key.kind,
                },
                |index| PairError::LeafNotFirst(index + 1),
            ));
        }
        for (index, pair) in chain.windows(2).enumerate() {
            if !pair[0].issuer.is_same(&pair[1].subject) {
                let (found, expected) = (pair[1].pem.subject.clone(), pair[0].pem.issuer.clone());
                return Err(PairError::Order { number: index + 2, found, expected });
            }
        }
        let [begins, ends] = [leaf.pem.not_before, leaf.pem.not_after].map(|date| date.seconds_from(now));
        match () {
            () if ends <= 0 => return Err(PairError::Expired(ends)),
            () if begins > 0 => return Err(PairError::NotYetValid(begins)),
            () if leaf.client_auth == Some(false) => return Err(PairError::NotForClients),
            () => {}
        }
        let ders = chain.iter().map(|link| CertificateDer::from(link.der.clone())).collect();
        let certified = Arc::new(CertifiedKey::new(ders, signing));
        Ok(Self { pem: pem(&chain), chain, key, certified })
    }

    /// The certificate.
    pub fn leaf(&self) -> &Pem {
        &self.chain[0].pem
    }

    /// Returns the certificates in PEM, without any other content of the file.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The private key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// Returns the pair in the form that TLS presents.
    pub fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }

    /// Returns the issuers of the certificate and of its chain.
    pub fn issuers(&self) -> Vec<IssuerName> {
        self.chain.iter().map(|link| link.issuer).collect()
    }

    /// Returns the unusual properties of the certificate.
    pub fn oddities(&self) -> Vec<Oddity> {
        let leaf = &self.chain[0];
        let is_taken = matches!(leaf.key.kind, KeyKind::Rsa(2048..=4096) | KeyKind::P256 | KeyKind::P384);
        let key = (!is_taken).then_some(Oddity::Key(leaf.key.kind));
        leaf.is_authority.then_some(Oddity::Authority).into_iter().chain(key).collect()
    }
}

/// Encodes the certificates in PEM.
fn pem(chain: &[ChainLink]) -> String {
    let mut pem = String::new();
    for link in chain {
        let base64 = STANDARD.encode(&link.der);
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in base64.as_bytes().chunks(64) {
            pem.extend(line.iter().map(|byte| char::from(*byte)).chain(['\n']));
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem
}

#[cfg(test)]
mod tests;
