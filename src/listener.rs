//! The accept loop: how many connections there are, how slow they may be, and how they end.

mod connections;
mod stream;

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use connections::{Busy, Connections, Slot};
use stream::Stream;

/// The limits of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections may be open; beyond that the one that has been idle longest makes room, or else the one whose
    /// client has taken nothing for longest.
    pub connections: usize,
    /// How long a request's head may take, counted from the end of the response before it, or from the connection's
    /// start: so it is also how long a connection may stay idle. A TLS handshake may take as long.
    pub head: Duration,
    /// How long a client may take none of what is written to it; one that takes a little may go on.
    pub write_progress: Duration,
    /// How long responses under way may take after the listener was told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            head: Duration::from_secs(30),
            write_progress: Duration::from_secs(30),
            drain: Duration::from_secs(4),
        }
    }
}

/// Among the extensions of a request: its client has shown a certificate, and that was verified.
#[derive(Clone, Copy, Debug)]
pub struct Verified;

/// Serves HTTP/1.1 on `listener` until `shutdown`, then drains.
///
/// Each connection is secured by what `tls` holds as it comes; where that is none it is plain. Once that changes, or
/// when it stops, connections end with the response under way; those without one are closed, half-sent heads included.
pub async fn serve<S, F, B>(
    listener: TcpListener,
    limits: Limits,
    tls: watch::Receiver<Option<TlsAcceptor>>,
    service: S,
    shutdown: impl Future<Output = ()>,
) where
    S: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static,
{
    let connections = Arc::new(Connections::default());
    let stopping = CancellationToken::new();
    let tasks = TaskTracker::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let stream = tokio::select! {
            () = &mut shutdown => break,
            stream = accept(&listener, &connections) => stream,
        };
        let slot = tokio::select! {
            () = &mut shutdown => break,
            slot = connections.admit(limits.connections) => slot,
        };
        let ends = ends(stopping.clone(), tls.clone());
        tasks.spawn(converse(stream, slot, limits, tls.borrow().clone(), service.clone(), ends));
    }
    drop(listener);
    stopping.cancel();
    tasks.close();
    if timeout(limits.drain, tasks.wait()).await.is_err() {
        connections.close_all();
        tasks.wait().await;
    }
}

/// Waits for a connection. Errors are of a client that is gone already, or of descriptors that ran out.
async fn accept(listener: &TcpListener, connections: &Connections) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_of_one_client(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
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

/// Waits until connections that are secured as it is now have to end.
fn ends(
    stopping: CancellationToken,
    mut tls: watch::Receiver<Option<TlsAcceptor>>,
) -> impl Future<Output = ()> + Send {
    tls.mark_unchanged();
    async move {
        let changed = async {
            // who never changes it may be gone
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

/// Secures one connection, where that is asked for, and serves it to its end.
async fn converse<S, F, B>(
    stream: TcpStream,
    slot: Slot,
    limits: Limits,
    tls: Option<TlsAcceptor>,
    service: S,
    ends: impl Future<Output = ()>,
) where
    S: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>>,
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Unpin + 'static,
{
    // scrapes are a few large writes: waiting to merge them only delays the last one
    let _ = stream.set_nodelay(true);
    let stream = Stream::new(stream, limits.write_progress, slot.handle());
    let Some(tls) = tls else {
        return exchange(stream, false, slot, limits, service, ends).await;
    };
    let mut ends = pin!(ends);
    let secured = tokio::select! {
        secured = timeout(limits.head, tls.accept(stream)) => secured,
        () = slot.close.cancelled() => return,
        () = &mut ends => return,
    };
    match secured {
        Ok(Ok(stream)) => {
            let verified = stream.get_ref().1.peer_certificates().is_some();
            exchange(stream, verified, slot, limits, service, ends).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
}

/// Answers the requests on one connection.
async fn exchange<T, S, F, B>(
    stream: T,
    verified: bool,
    slot: Slot,
    limits: Limits,
    service: S,
    ends: impl Future<Output = ()>,
) where
    T: AsyncRead + AsyncWrite + Unpin,
    S: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>>,
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Unpin + 'static,
{
    let answer = service_fn(|mut request| {
        if verified {
            request.extensions_mut().insert(Verified);
        }
        let busy = slot.handle().busy();
        let response = service(request);
        async move { Ok::<_, Infallible>(response.await.map(|body| Guarded { body, _busy: busy })) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // who has sent all that it wants to ask may say so
        .half_close(true)
        .header_read_timeout(limits.head)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        // in this order, so that no request is read after that
        biased;
        () = slot.close.cancelled() => Ok(()),
        () = ends => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                result = &mut connection => result,
                () = slot.close.cancelled() => Ok(()),
                () = idle(&slot) => Ok(()),
            }
        }
        result = &mut connection => result,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

/// Waits until the connection is idle: a half-sent head would keep it open.
///
/// No waker is kept, since only the connection's own progress makes it idle, and that is polled by the same task.
async fn idle(slot: &Slot) {
    poll_fn(|_| if slot.is_idle() { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// A body that keeps its connection busy until it was sent.
struct Guarded<B> {
    body: B,
    _busy: Busy,
}

impl<B: Body + Unpin> Body for Guarded<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
