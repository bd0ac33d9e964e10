//! Serves one connection from its TLS handshake to its last response.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::connections::{Busy, Slot};
use super::head::TimedHead;
use super::socket::{Connection, Socket};
use super::stream::Stream;
use super::{Limits, Verified};

/// Serves one connection until `end` resolves, with TLS if there is an acceptor.
pub(super) async fn serve<S, F, B>(
    stream: TcpStream,
    slot: Slot,
    limits: Limits,
    tls: Option<TlsAcceptor>,
    service: S,
    end: impl Future<Output = ()>,
) where
    S: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>>,
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Unpin + 'static,
{
    // a scrape is a few large writes, so Nagle's algorithm would only delay the last one
    let _ = stream.set_nodelay(true);
    let socket = Socket::new(stream);
    let connection = socket.connection();
    let stream = Stream::new(socket, limits.write_progress, slot.handle());
    let Some(tls) = tls else {
        let client = Client { connection, verified: false };
        return exchange(stream, client, slot, limits, service, end).await;
    };
    let mut end = pin!(end);
    let secured = tokio::select! {
        secured = timeout(limits.head, tls.accept(stream)) => secured,
        () = slot.close.cancelled() => return,
        () = &mut end => return,
    };
    match secured {
        Ok(Ok(stream)) => {
            let verified = stream.get_ref().1.peer_certificates().is_some();
            let client = Client { connection, verified };
            exchange(stream, client, slot, limits, service, end).await;
        }
        // a client that hangs up may only have checked that the port is open
        Ok(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => {
            tracing::debug!(%error, "TLS handshake failed");
        }
        Ok(Err(error)) => slot.handshake_failed(&error),
        Err(_) => slot.handshake_failed(&"timed out"),
    }
}

/// Facts about the client, passed on as request extensions.
struct Client {
    connection: Connection,
    /// True if the client has presented a verified certificate.
    verified: bool,
}

/// Answers the requests on one connection.
async fn exchange<T, S, F, B>(
    stream: T,
    client: Client,
    slot: Slot,
    limits: Limits,
    service: S,
    end: impl Future<Output = ()>,
) where
    T: AsyncRead + AsyncWrite + Unpin,
    S: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>>,
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Unpin + 'static,
{
    let answer = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(slot.peer);
        request.extensions_mut().insert(client.connection.clone());
        if client.verified {
            request.extensions_mut().insert(Verified);
        }
        let busy = slot.handle().busy();
        let response = service(request);
        async move { Ok::<_, Infallible>(response.await.map(|body| Guarded { body, _busy: busy })) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // a client may shut down its sending side after its last request
        .half_close(true)
        .header_read_timeout(limits.idle)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(TimedHead::new(stream, limits.head, slot.handle())), answer);
    let mut connection = pin!(connection);
    let result = tokio::select! {
        // `end` comes first, so that no further request is read
        biased;
        () = slot.close.cancelled() => Ok(()),
        () = end => {
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
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}

/// Waits until the connection is idle. hyper would also wait for the rest of a partial request head.
///
/// It registers no waker, since the same task polls the connection, which is all that can change the result.
async fn idle(slot: &Slot) {
    poll_fn(|_| if slot.is_idle() { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// A body that marks its connection as busy until it is sent.
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
