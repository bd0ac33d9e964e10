//! A certificate authority for the tests' own servers.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The TLS configurations of a test server.
pub struct Authority {
    /// The authority that clients must trust, in PEM.
    pub pem: String,
    /// A certificate signed by the authority.
    pub good: Arc<ServerConfig>,
    /// An expired certificate signed by the authority.
    pub expired: Arc<ServerConfig>,
    /// A certificate signed by another authority.
    pub untrusted: Arc<ServerConfig>,
}

impl Authority {
    /// Creates an authority with servers of these names and addresses that speak HTTP/2 and HTTP/1.1.
    pub fn of(names: &[String]) -> Self {
        let (pem, issuer) = new_issuer();
        let (_, other) = new_issuer();
        Self {
            pem,
            good: server(names, &issuer, 4096),
            expired: server(names, &issuer, 2001),
            untrusted: server(names, &other, 4096),
        }
    }
}

fn new_issuer() -> (String, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    (params.self_signed(&key).unwrap().pem(), Issuer::new(params, key))
}

fn server(names: &[String], issuer: &Issuer<'static, KeyPair>, until: i32) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let certificate = params.signed_by(&key, issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}
