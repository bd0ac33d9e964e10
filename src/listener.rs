//! The HTTP listener. It accepts connections, limits how many there are and how slow they may be, and drains them on
//! shutdown.

mod connection;
mod connections;
mod head;
mod socket;
mod stream;

use std::fmt::Display;
use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Bytes, Incoming};
use hyper::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use connections::Connections;

pub use socket::Connection;

/// The limits of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The maximum number of open connections. To make room for another, the connection that has been idle longest is
    /// closed. If none is idle, it is the one whose client has read nothing for longest.
    pub connections: usize,
    /// The idle timeout, from the start of the connection or the end of a response to the end of the next request head.
    /// It exceeds the common scrape interval of a minute, so that a scraper keeps its connection.
    pub idle: Duration,
    /// The timeout for a request head from its first byte, and for a TLS handshake.
    pub head: Duration,
    /// The timeout of a client that reads nothing of its response. A client that reads slowly is not affected.
    pub write_progress: Duration,
    /// The time that responses get to finish after shutdown begins.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            idle: Duration::from_secs(120),
            head: Duration::from_secs(30),
            write_progress: Duration::from_secs(30),
            drain: Duration::from_secs(4),
        }
    }
}

/// A request extension, present if the client has presented a verified certificate.
#[derive(Clone, Copy, Debug)]
pub struct Verified;

/// A request extension with the client's address. IPv4-mapped addresses are converted to IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// Returns the address that identifies a client. For IPv6 this is the /64 network, since one host usually
    /// has all of it.
    pub fn network(self) -> IpAddr {
        match self.0 {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address => address,
        }
    }
}

/// Observes the events of a listener.
pub trait Observer: Send + Sync {
    /// Called with the number of open connections whenever it changes.
    fn connections(&self, open: usize);

    /// Called when a TLS handshake fails after the peer has sent something.
    fn handshake_failed(&self, peer: Peer, why: &dyn Display);
}

impl Observer for () {
    fn connections(&self, _: usize) {}

    fn handshake_failed(&self, _: Peer, _: &dyn Display) {}
}

/// Serves HTTP/1.1 on `listener` until `shutdown`, then drains.
///
/// A new connection uses the current acceptor of `tls`, or plain HTTP if there is none. When the acceptor changes and
/// on shutdown, connections are closed after their current response. Connections without one are closed at once, even
/// if they have received part of a request head.
pub async fn serve<S, F, B>(
    listener: TcpListener,
    limits: Limits,
    tls: watch::Receiver<Option<TlsAcceptor>>,
    service: S,
    observer: Arc<dyn Observer>,
    shutdown: impl Future<Output = ()>,
) where
    S: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static,
{
    let connections = Arc::new(Connections::new(observer));
    let stopping = CancellationToken::new();
    let tasks = TaskTracker::new();
    let (mut shutdown, mut failing) = (pin!(shutdown), None);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &connections, &mut failing) => accepted,
        };
        let slot = tokio::select! {
            () = &mut shutdown => break,
            slot = connections.admit(limits.connections, peer) => slot,
        };
        let end = end(stopping.clone(), tls.clone());
        tasks.spawn(connection::serve(stream, slot, limits, tls.borrow().clone(), service.clone(), end));
    }
    drop(listener);
    stopping.cancel();
    tasks.close();
    if timeout(limits.drain, tasks.wait()).await.is_err() {
        connections.close_all();
        tasks.wait().await;
    }
}

/// Accept errors further apart than this are logged separately.
const QUIET_PERIOD: Duration = Duration::from_secs(60);

/// Waits for a connection. Accepting fails if a client has already gone or file descriptors have run out.
///
/// `failing` holds the times of the first and the last error of a run, so that a run of errors is logged once.
async fn accept(
    listener: &TcpListener,
    connections: &Connections,
    failing: &mut Option<(Instant, Instant)>,
) -> (TcpStream, Peer) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                if failing.is_some_and(|(_, latest)| latest.elapsed() > QUIET_PERIOD) {
                    let seconds = failing.take().map(|(first, _)| first.elapsed().as_secs());
                    tracing::info!(seconds, "connections are accepted again");
                }
                return (stream, Peer(address.ip().to_canonical()));
            }
            Err(error) if is_client_error(&error) => {}
            Err(error) => {
                let now = Instant::now();
                match failing {
                    Some((_, latest)) => *latest = now,
                    None => {
                        *failing = Some((now, now));
                        tracing::warn!(%error, "cannot accept a connection");
                    }
                }
                tracing::debug!(%error, "cannot accept a connection");
                connections.evict_one();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn is_client_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Waits until connections with the current acceptor must close.
fn end(
    stopping: CancellationToken,
    mut tls: watch::Receiver<Option<TlsAcceptor>>,
) -> impl Future<Output = ()> + Send {
    tls.mark_unchanged();
    async move {
        let changed = async {
            // without a sender, the acceptor never changes
            if tls.changed().await.is_err() {
                pending::<()>().await;
            }
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = changed => {}
        }
    }
}

#[cfg(test)]
mod tests;
