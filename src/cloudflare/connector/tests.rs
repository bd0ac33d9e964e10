use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::aws_lc_rs::default_provider;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::*;

/// A server that speaks HTTP/2 over TLS, behind a relay that can go silent.
struct Peer {
    url: String,
    authority: Vec<u8>,
    connections: Arc<AtomicUsize>,
    /// Cancelled to make the open connections go silent.
    silence: CancellationToken,
}

impl Peer {
    async fn start() -> Self {
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        tokio::spawn(serve(server, acceptor(&signed)));

        let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/", relay.local_addr().unwrap().port());
        let (connections, silence) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let (counted, silent) = (Arc::clone(&connections), silence.clone());
        tokio::spawn(async move {
            loop {
                let (mut near, _) = relay.accept().await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                let (is_new, silent) = (silent.is_cancelled(), silent.clone());
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(address).await.unwrap();
                    let relayed = tokio::io::copy_bidirectional(&mut near, &mut far);
                    if is_new {
                        let _ = relayed.await;
                    } else {
                        let _ = silent.run_until_cancelled(relayed).await;
                        // both ends stay open
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        Self { url, authority: signed.cert.pem().into_bytes(), connections, silence }
    }

    /// Creates a client for this server.
    fn client(&self, keep_alive: KeepAlive) -> reqwest::Client {
        let options = Options {
            account: "default".into(),
            account_id: None,
            base_url: self.url.parse().unwrap(),
            timeout: Duration::from_secs(3),
            max_concurrent_requests: 1,
            extra_ca: Some(self.authority.clone()),
        };
        build(&options, keep_alive).unwrap()
    }
}

fn acceptor(signed: &rcgen::CertifiedKey<rcgen::KeyPair>) -> TlsAcceptor {
    let key = rustls_pki_types::PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der());
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key.into())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(async |_| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())));
            let builder = http2::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

#[tokio::test]
async fn a_connection_to_a_silent_peer_is_replaced() {
    let peer = Peer::start().await;
    let (interval, timeout) = (Duration::from_millis(300), Duration::from_secs(1));
    let client = peer.client(KeepAlive { interval, timeout });
    let ask = || client.get(&peer.url).timeout(Duration::from_secs(5)).send();
    assert_eq!(ask().await.unwrap().version(), Version::HTTP_2);
    let before = peer.connections.load(Ordering::Relaxed);

    peer.silence.cancel();
    // fails unless the connection was closed before
    let _ = ask().await;
    assert_eq!(ask().await.unwrap().status(), 200);
    assert!(peer.connections.load(Ordering::Relaxed) > before);
}
