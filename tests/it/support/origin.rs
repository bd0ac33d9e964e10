//! Origin servers with configurable client certificate requests and responses.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme, SupportedProtocolVersion,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// The certificate request of an origin, with the names of authorities it sends.
#[derive(Clone, Debug)]
pub enum Asks {
    No,
    Optional(Vec<DistinguishedName>),
    Required(Vec<DistinguishedName>),
}

/// The reaction of an origin to the first data from a client, outside or inside TLS.
#[derive(Clone, Debug)]
pub enum Does {
    Hang,
    Close,
    Reset,
    /// Sends these bytes and closes the connection.
    Says(Vec<u8>),
    /// Sends the first bytes, then repeats the others endlessly.
    Endless(Vec<u8>, Vec<u8>),
    /// Sends these bytes repeatedly, with a pause after each.
    Drip(Vec<u8>),
}

/// An origin that listens until it is dropped.
pub struct Origin {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<u8>>>,
    task: JoinHandle<()>,
}

impl Origin {
    /// Starts an origin with or without TLS.
    pub async fn start(tls: Option<ServerConfig>, does: Does) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), tls, does)
    }

    /// Starts an origin with or without TLS on what listens already.
    pub fn on(listener: TcpListener, tls: Option<ServerConfig>, does: Does) -> Self {
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (counted, hearing) = (Arc::clone(&connections), Arc::clone(&heard));
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                if matches!(does, Does::Reset) {
                    stream.set_zero_linger().unwrap();
                }
                let (acceptor, does, heard) = (acceptor.clone(), does.clone(), Arc::clone(&hearing));
                tokio::spawn(async move {
                    match acceptor {
                        // a failed handshake ends the connection
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                act(stream, does, &heard).await;
                            }
                        }
                        None => act(stream, does, &heard).await,
                    }
                });
            }
        });
        Self { address, connections, heard, task }
    }

    /// Returns the first data from the last client, outside or inside TLS.
    pub fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned()
    }

    /// Returns the number of connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn act<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, does: Does, heard: &Mutex<Vec<u8>>) {
    let mut first = [0; 4096];
    let Ok(length) = stream.read(&mut first).await else { return };
    *heard.lock().unwrap() = first[..length].to_vec();
    match does {
        Does::Hang => std::future::pending().await,
        Does::Close | Does::Reset => {}
        Does::Says(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            // a reset would discard the sent data
            let _ = stream.read(&mut [0; 4096]).await;
        }
        Does::Endless(first, again) => {
            let mut sent = stream.write_all(&first).await;
            while sent.is_ok() {
                sent = stream.write_all(&again).await;
            }
        }
        Does::Drip(bytes) => {
            while stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

/// Returns the TLS configuration of an origin.
pub fn tls(asks: Asks, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(["app.example.com".to_owned()]).unwrap().self_signed(&key).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match asks {
        Asks::No => builder.with_no_client_auth(),
        Asks::Optional(names) => {
            builder.with_client_cert_verifier(Arc::new(Verifier { mandatory: false, names }))
        }
        Asks::Required(names) => {
            builder.with_client_cert_verifier(Arc::new(Verifier { mandatory: true, names }))
        }
    };
    builder.with_single_cert(vec![certificate.der().clone()], key).unwrap()
}

/// Returns the name of an authority.
pub fn authority(common_name: &str) -> DistinguishedName {
    let der = |tag: u8, value: &[u8]| [&[tag, u8::try_from(value.len()).unwrap()], value].concat();
    let attribute = [&[6, 3, 0x55, 4, 3], der(12, common_name.as_bytes()).as_slice()].concat();
    DistinguishedName::from(der(0x30, &der(0x31, &der(0x30, &attribute))))
}

/// Accepts any certificate.
#[derive(Debug)]
struct Verifier {
    mandatory: bool,
    names: Vec<DistinguishedName>,
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.names
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::RSA_PSS_SHA256]
    }
}
