//! Origins of the demo: TLS servers on this machine, one for each way to treat a connection without a client
//! certificate.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::authority::Authority;
use super::world::{World, WorldError};
use crate::domain::Hostname;

/// The client certificate policy of a simulated origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Requires a certificate of the CA that signs the certificates in the simulated API.
    Required,
    /// Requests a certificate of the same CA, but also serves without one.
    Optional,
    /// Requests no certificate.
    Unprotected,
    /// Requires a certificate of another CA.
    OtherAuthority,
    /// Accepts connections and never answers.
    Hangs,
    /// Refuses the request like an Apache that would request a certificate after the handshake.
    AsksLate,
}

impl Origin {
    /// Returns its name in the demo: the label `origin`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::Unprotected => "unprotected",
            Self::OtherAuthority => "other-authority",
            Self::Hangs => "hangs",
            Self::AsksLate => "asks-late",
        }
    }

    const fn answer(self) -> &'static [u8] {
        match self {
            Self::AsksLate => {
                b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n\
                  Reason: Cannot perform Post-Handshake Authentication.\n"
            }
            _ => b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n",
        }
    }
}

/// An origin that is ready to serve.
#[derive(Clone)]
pub struct OriginServer {
    origin: Origin,
    tls: TlsAcceptor,
}

/// The maximum duration of a connection.
const LONGEST: Duration = Duration::from_secs(60);
/// The pause after a failure to accept a connection.
const PAUSE: Duration = Duration::from_millis(100);

impl World {
    /// Creates an origin for a hostname. Its certificate is valid for 90 days from `now`.
    ///
    /// # Errors
    /// Fails if no keys or certificates can be made.
    pub fn origin(
        &self,
        origin: Origin,
        hostname: &Hostname,
        now: Timestamp,
    ) -> Result<OriginServer, WorldError> {
        let other = Authority::named("Another Origin Pull CA")?;
        let accepted = if origin == Origin::OtherAuthority { &other } else { self.authority() };
        let provider = Arc::new(default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(accepted.certificate())?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = match origin {
            Origin::Required | Origin::OtherAuthority => verifier.build(),
            Origin::Optional => verifier.allow_unauthenticated().build(),
            Origin::Unprotected | Origin::Hangs | Origin::AsksLate => {
                Ok(WebPkiClientVerifier::no_client_auth())
            }
        };
        let verifier = verifier.map_err(|error| rustls::Error::General(error.to_string()))?;
        let hour = SignedDuration::from_hours(1);
        let (certificate, key) =
            self.authority().issue_server(hostname.as_str(), now - hour, now + hour * (24 * 90))?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], key)?;
        Ok(OriginServer { origin, tls: Arc::new(config).into() })
    }
}

impl OriginServer {
    /// Serves until it is dropped.
    pub async fn serve(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let server = self.clone();
                    tokio::spawn(async move { timeout(LONGEST, server.answer(stream)).await });
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Reads the start of a request, and answers it.
    async fn answer(self, mut stream: TcpStream) -> io::Result<()> {
        if self.origin == Origin::Hangs {
            // waits until the client has closed the connection
            while stream.read(&mut [0; 1024]).await? > 0 {}
            return Ok(());
        }
        let mut stream = self.tls.accept(stream).await?;
        if stream.read(&mut [0; 4096]).await? == 0 {
            return Ok(());
        }
        stream.write_all(self.origin.answer()).await?;
        stream.shutdown().await
    }
}

#[cfg(test)]
mod tests {
    use rustls::ClientConfig;
    use rustls_pki_types::ServerName;
    use tokio_rustls::TlsConnector;

    use super::*;
    use crate::clock::Clock;

    /// Returns the response to a client that presents a certificate of this CA.
    async fn heard(world: &World, origin: Origin, presented: &Authority) -> io::Result<String> {
        let (now, hostname) = (Clock::system().now(), "app.example.com".parse().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(world.origin(origin, &hostname, now).unwrap().serve(listener));
        let mut roots = RootCertStore::empty();
        roots.add(world.authority().certificate()).unwrap();
        let hour = SignedDuration::from_hours(1);
        let (certificate, key) = presented.issue_server("client", now - hour, now + hour).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate], key)
            .unwrap();
        let name = ServerName::try_from("app.example.com").unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn an_origin_accepts_only_certificates_of_its_own_authority() {
        let world = World::new(1, Clock::system().now()).unwrap();
        let other = Authority::named("Another Origin Pull CA").unwrap();
        for origin in [Origin::Required, Origin::Optional] {
            assert!(heard(&world, origin, world.authority()).await.unwrap().ends_with("ok\n"), "{origin:?}");
            assert!(heard(&world, origin, &other).await.is_err(), "{origin:?}");
        }
        assert!(heard(&world, Origin::OtherAuthority, world.authority()).await.is_err());
        assert!(heard(&world, Origin::Unprotected, &other).await.unwrap().ends_with("ok\n"));
    }
}
