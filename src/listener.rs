//! The accept loop: how many connections there are, how slow they may be, and how they end.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The limits of a listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections may be open; beyond that the one that has been idle longest makes room.
    pub connections: usize,
    /// How long a request's head may take, and how long a connection may stay idle.
    pub head: Duration,
    /// How long a client may take none of what is written to it.
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

/// Serves HTTP/1.1 on `listener` until `shutdown`, then drains.
///
/// Connections without a request in flight are closed when it stops, half-sent heads included.
pub async fn serve<S, F, B>(
    listener: TcpListener,
    limits: Limits,
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
        tasks.spawn(converse(stream, slot, limits, service.clone(), stopping.clone()));
    }
    drop(listener);
    stopping.cancel();
    tasks.close();
    if tokio::time::timeout(limits.drain, tasks.wait()).await.is_err() {
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
                connections.close_idlest();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn is_of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Serves one connection to its end.
async fn converse<S, F, B>(
    stream: TcpStream,
    slot: Slot,
    limits: Limits,
    service: S,
    stopping: CancellationToken,
) where
    S: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>>,
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Unpin + 'static,
{
    // scrapes are a few large writes: waiting to merge them only delays the last one
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.write_progress));
    let answer = service_fn(|request| {
        let busy = slot.busy();
        let response = service(request);
        async move { Ok::<_, Infallible>(response.await.map(|body| Guarded { body, _busy: busy })) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(Box::pin(stream)), answer);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        result = &mut connection => result,
        () = slot.close.cancelled() => Ok(()),
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                result = &mut connection => result,
                () = slot.close.cancelled() => Ok(()),
                () = slot.idle() => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

/// The open connections, by the order in which they came.
#[derive(Default)]
struct Connections {
    open: Mutex<Open>,
    left: Notify,
}

#[derive(Default)]
struct Open {
    next: u64,
    states: BTreeMap<u64, State>,
}

struct State {
    /// None while a request is in flight.
    idle_since: Option<Instant>,
    close: CancellationToken,
}

impl Connections {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a slot, as soon as there is one.
    async fn admit(self: &Arc<Self>, most: usize) -> Slot {
        while self.open().states.len() >= most {
            self.close_idlest();
            self.left.notified().await;
        }
        let close = CancellationToken::new();
        let state = State { idle_since: Some(Instant::now()), close: close.clone() };
        let mut open = self.open();
        let id = open.next;
        open.next += 1;
        open.states.insert(id, state);
        Slot { id, close, connections: Arc::clone(self) }
    }

    fn close_idlest(&self) {
        let open = self.open();
        let waiting = open.states.values().filter(|state| !state.close.is_cancelled());
        let idle = waiting.filter_map(|state| Some((state.idle_since?, state)));
        if let Some((_, idlest)) = idle.min_by_key(|(since, _)| *since) {
            idlest.close.cancel();
        }
    }

    fn close_all(&self) {
        for state in self.open().states.values() {
            state.close.cancel();
        }
    }
}

/// The place of one open connection.
struct Slot {
    id: u64,
    close: CancellationToken,
    connections: Arc<Connections>,
}

impl Slot {
    fn busy(&self) -> Busy {
        self.connections.set_idle_since(self.id, None);
        Busy { id: self.id, connections: Arc::clone(&self.connections) }
    }

    /// Waits until no request is in flight, with time for the last bytes of a response to leave.
    async fn idle(&self) {
        const FLUSH: Duration = Duration::from_millis(250);
        loop {
            tokio::time::sleep(FLUSH).await;
            let open = self.connections.open();
            let state = open.states.get(&self.id);
            if state.and_then(|state| state.idle_since).is_some_and(|since| since.elapsed() >= FLUSH) {
                return;
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.connections.open().states.remove(&self.id);
        self.connections.left.notify_one();
    }
}

impl Connections {
    fn set_idle_since(&self, id: u64, since: Option<Instant>) {
        if let Some(state) = self.open().states.get_mut(&id) {
            state.idle_since = since;
        }
    }
}

/// A request in flight: from its head to the end of its response's body.
struct Busy {
    id: u64,
    connections: Arc<Connections>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.connections.set_idle_since(self.id, Some(Instant::now()));
    }
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
