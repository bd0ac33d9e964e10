//! TLS 1.2 (RFC 5246) and 1.3 (RFC 8446) for the exporter's own port, with optional client certificates.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, Digest, SHA256};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio_rustls::TlsAcceptor;

/// The TLS configuration of the listener.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    wants_client: bool,
    /// The digest of the material and the minimum version.
    digest: Digest,
}

/// Certificates and a private key in PEM.
pub struct Material<'p> {
    /// The server's certificate, followed by its chain.
    pub certificates: &'p [u8],
    /// The private key of the server's certificate.
    pub key: &'p [u8],
    /// The CAs that issue client certificates. If given, clients need a certificate of one of them.
    pub client_authorities: Option<&'p [u8]>,
}

/// The minimum TLS version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinVersion {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// The reason why material cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The server's certificates are not PEM.
    #[error("expected certificates in PEM{0}")]
    Certificates(Found),
    /// The private key is not PEM.
    #[error("expected a private key in PEM{0}")]
    Key(Found),
    /// The key does not belong to the certificate.
    #[error("expected the private key of the certificate: {0}")]
    Pair(#[from] rustls::Error),
    /// The CA certificates are not PEM.
    #[error("expected CA certificates in PEM: {0}")]
    ClientAuthorities(pem::Error),
    /// One of the CA certificates cannot be parsed.
    #[error("expected CA certificates: {0}")]
    ClientAuthority(rustls::Error),
    /// No client verifier can be built from the CA certificates.
    #[error("expected CA certificates: {0}")]
    Verifier(#[from] VerifierBuilderError),
}

/// The actual content of a file that does not hold what was expected.
#[derive(Debug)]
pub enum Found {
    /// A private key that needs a passphrase.
    EncryptedKey,
    /// A private key.
    Key,
    /// A certificate.
    Certificate,
    /// Anything else, including damaged PEM.
    Other(pem::Error),
}

impl Found {
    fn of(file: &[u8], error: pem::Error) -> Self {
        let has = |text: &[u8]| file.windows(text.len()).any(|part| part == text);
        match error {
            _ if has(b"ENCRYPTED") => Self::EncryptedKey,
            pem::Error::NoItemsFound if has(b"PRIVATE KEY-----") => Self::Key,
            pem::Error::NoItemsFound if has(b"-----BEGIN CERTIFICATE-----") => Self::Certificate,
            error => Self::Other(error),
        }
    }
}

/// Writes the end of an error message.
impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EncryptedKey => f.write_str(
                ", found an encrypted private key: decrypt it with `openssl pkey -in OLD -out NEW`",
            ),
            Self::Key => f.write_str(", found a private key"),
            Self::Certificate => f.write_str(", found a certificate"),
            Self::Other(error) => write!(f, ": {error}"),
        }
    }
}

impl Tls {
    /// Builds the configuration from `material`.
    ///
    /// # Errors
    /// Fails if a part is not valid PEM, or the key and the certificate do not match.
    pub fn new(material: &Material<'_>, min_version: MinVersion) -> Result<Self, TlsError> {
        let chain = certificates(material.certificates)
            .map_err(|error| TlsError::Certificates(Found::of(material.certificates, error)))?;
        let key = PrivateKeyDer::from_pem_slice(material.key)
            .map_err(|error| TlsError::Key(Found::of(material.key, error)))?;
        let provider = Arc::new(default_provider());
        let versions: &[&SupportedProtocolVersion] = match min_version {
            MinVersion::Tls12 => &[&TLS13, &TLS12],
            MinVersion::Tls13 => &[&TLS13],
        };
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions)?;
        let builder = match material.client_authorities {
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(pem).map_err(TlsError::ClientAuthorities)? {
                    roots.add(authority).map_err(TlsError::ClientAuthority)?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                // health probes have no certificate, so the routes check for one
                builder.with_client_cert_verifier(verifier.allow_unauthenticated().build()?)
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            wants_client: material.client_authorities.is_some(),
            digest: material.digest(min_version),
        })
    }

    /// Returns the acceptor for new connections.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Returns true if clients need a certificate.
    pub fn wants_client(&self) -> bool {
        self.wants_client
    }
}

impl PartialEq for Tls {
    /// Returns true if both were built from the same material.
    fn eq(&self, other: &Self) -> bool {
        self.digest.as_ref() == other.digest.as_ref()
    }
}

impl Material<'_> {
    fn digest(&self, min_version: MinVersion) -> Digest {
        let mut all = Context::new(&SHA256);
        for part in [Some(self.certificates), Some(self.key), self.client_authorities] {
            // the length separates parts, and tells a missing part from an empty one
            all.update(&part.map_or(usize::MAX, <[u8]>::len).to_be_bytes());
            all.update(part.unwrap_or_default());
        }
        all.update(&[min_version as u8]);
        all.finish()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("wants_client", &self.wants_client).finish_non_exhaustive()
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>()?;
    if certificates.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(certificates) }
}
