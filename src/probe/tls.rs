//! The TLS client of a probe. It accepts any server, and records what the server sends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::Observation;
use crate::domain::{AcceptedIssuers, Date, IssuerName, Pem};

/// The versions to offer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Versions {
    Both,
    Tls12,
}

/// Records the server's messages in one handshake. They are lost otherwise if the handshake fails.
#[derive(Debug)]
pub(super) struct Witness {
    /// The certificate to present.
    presented: Option<Arc<CertifiedKey>>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The authorities that a CertificateRequest names, also as text.
    asked: Option<(AcceptedIssuers, Vec<String>)>,
    certificate_not_after: Option<Date>,
}

impl Witness {
    pub(super) fn new(presented: Option<Arc<CertifiedKey>>) -> Self {
        Self { presented, seen: Mutex::default() }
    }

    /// Returns a configuration for one connection.
    ///
    /// Connections share no configuration, since a resumed session has no CertificateRequest.
    pub(super) fn config(self: &Arc<Self>, versions: Versions) -> Result<ClientConfig, Error> {
        let versions: &[&SupportedProtocolVersion] = match versions {
            Versions::Both => &[&TLS13, &TLS12],
            Versions::Tls12 => &[&TLS12],
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)?
            .dangerous()
            // the probe sends nothing secret, so a server that pretends to be the origin can do no harm
            .with_custom_certificate_verifier(Arc::clone(self) as Arc<dyn ServerCertVerifier>)
            .with_client_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesClientCert>);
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Adds the recorded messages to `seen`.
    pub(super) fn report(&self, seen: &mut Observation) {
        let Seen { asked, certificate_not_after } = std::mem::take(&mut *self.seen());
        seen.asked = asked.is_some();
        (seen.accepted, seen.accepted_names) =
            asked.map_or((None, Vec::new()), |(names, texts)| (Some(names), texts));
        seen.certificate_not_after = certificate_not_after;
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesClientCert for Witness {
    fn resolve(&self, names: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let accepted = AcceptedIssuers::from_ders(names.iter().copied());
        let texts =
            names.iter().take(AcceptedIssuers::MAX_NAMES).map(|name| IssuerName::text(name)).collect();
        self.seen().asked = Some((accepted, texts));
        self.presented.clone()
    }

    fn has_certs(&self) -> bool {
        self.presented.is_some()
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.seen().certificate_not_after = Pem::not_after_of(end_entity);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        use SignatureScheme as Scheme;
        vec![
            Scheme::ECDSA_NISTP256_SHA256,
            Scheme::ECDSA_NISTP384_SHA384,
            Scheme::ECDSA_NISTP521_SHA512,
            Scheme::ED25519,
            Scheme::ED448,
            Scheme::RSA_PSS_SHA256,
            Scheme::RSA_PSS_SHA384,
            Scheme::RSA_PSS_SHA512,
            Scheme::RSA_PKCS1_SHA256,
            Scheme::RSA_PKCS1_SHA384,
            Scheme::RSA_PKCS1_SHA512,
            // an old server may support nothing else
            Scheme::RSA_PKCS1_SHA1,
            Scheme::ECDSA_SHA1_Legacy,
        ]
    }
}
