//! The listener: it accepts connections, limits their number and slowness, and drains them at the end.

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
    /// How many connections may be open. For one more, the connection that is idle for longest is closed, or else the one
    /// whose client has read nothing for longest.
    pub connections: usize,
    /// How long a connection may be idle: from its start or the end of the previous response to the end of the next head.
    /// Longer than a common scrape interval of a minute, so that a scraper keeps its connection.
    pub idle: Duration,
    /// How long a request's head may take from its first octet on. A TLS handshake may take as long.
    pub head: Duration,
    /// How long a client may read nothing of what is written to it. One that reads slowly may go on.
    pub write_progress: Duration,
    /// How long responses may take once the listener is told to stop.
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

/// A request extension: the client has a verified certificate.
#[derive(Clone, Copy, Debug)]
pub struct Verified;

/// A request extension: the address of the client, as IPv4 if it is mapped to IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// The address by which clients are told apart: of IPv6 the network of 64 bits, which one host has to itself.
    pub fn network(self) -> IpAddr {
        match self.0 {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
            address => address,
        }
    }
}

/// Learns what happens at a listener.
pub trait Observer: Send + Sync {
    /// Takes the number of connections after each change.
    fn connections(&self, open: usize);

    /// Takes a TLS handshake that a peer began and did not complete.
    fn handshake_failed(&self, peer: Peer, why: &dyn Display);
}

impl Observer for () {
    fn connections(&self, _: usize) {}

    fn handshake_failed(&self, _: Peer, _: &dyn Display) {}
}

/// Serves HTTP/1.1 on `listener` until `shutdown`, then drains.
///
/// A connection uses the acceptor that `tls` holds when it is accepted; none for plain HTTP. Once the acceptor changes, and
/// at the end, connections are closed after their current response; those without one are closed at once, even in the
/// middle of a head.
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

/// Errors of accepting that are further apart than this are reported separately.
const CALM: Duration = Duration::from_secs(60);

/// Waits for a connection. An error means that a client has left already, or that descriptors ran out.
/// `failing` keeps when that began and was last so, so that a row of errors is reported once.
async fn accept(
    listener: &TcpListener,
    connections: &Connections,
    failing: &mut Option<(Instant, Instant)>,
) -> (TcpStream, Peer) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                if failing.is_some_and(|(_, latest)| latest.elapsed() > CALM) {
                    let seconds = failing.take().map(|(first, _)| first.elapsed().as_secs());
                    tracing::info!(seconds, "connections are accepted again");
                }
                return (stream, Peer(address.ip().to_canonical()));
            }
            Err(error) if is_of_one_client(&error) => {}
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
                connections.make_room();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn is_of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Waits until connections with the current acceptor have to end.
fn end(
    stopping: CancellationToken,
    mut tls: watch::Receiver<Option<TlsAcceptor>>,
) -> impl Future<Output = ()> + Send {
    tls.mark_unchanged();
    async move {
        let changed = async {
            // if the sender is gone, it never changes
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
