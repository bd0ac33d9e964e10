mod drain;
mod limits;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;

type Answer = UnsyncBoxBody<Bytes, Infallible>;

/// A timeout that is only reached in a failing test.
const NEVER: Duration = Duration::from_secs(30);

const PATIENT: Limits =
    Limits { connections: 16, idle: NEVER, head: NEVER, write_progress: NEVER, drain: NEVER };

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A listener that answers each request with the next of the given bodies, and with "ok" after the last of them.
struct Served {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    tls: watch::Sender<Option<TlsAcceptor>>,
    ended: JoinHandle<()>,
}

impl Served {
    async fn start(limits: Limits, answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers: Vec<_> = answers.into_iter().collect();
        let answers = Arc::new(Mutex::new(answers.into_iter()));
        let service = move |_| {
            let body = answers.lock().unwrap().next();
            std::future::ready(Response::new(body.unwrap_or_else(|| whole("ok"))))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let (tls, secured) = watch::channel(None);
        let ended = tokio::spawn(serve(listener, limits, secured, service, Arc::new(()), async move {
            let _ = stopped.await;
        }));
        Self { address, stop: Some(stop), tls, ended }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Stops the listener and waits until it refuses connections.
    async fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        while TcpStream::connect(self.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    async fn ends(self) {
        soon(self.ended).await.unwrap();
    }
}

/// Waits for an event that must come.
async fn soon<T>(event: impl Future<Output = T>) -> T {
    timeout(NEVER / 2, event).await.expect("the event did not come in time")
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Sends a request and reads until the response ends with `end`.
    async fn ask(&mut self, end: &str) {
        self.send(REQUEST).await;
        self.read_until(end).await;
    }

    async fn read_until(&mut self, end: &str) {
        let mut answer = Vec::new();
        while !answer.ends_with(end.as_bytes()) {
            assert_ne!(soon(self.0.read_buf(&mut answer)).await.unwrap(), 0, "closed before {end:?}");
        }
    }

    /// Reads until the connection is closed or reset.
    async fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = soon(self.0.read_to_end(&mut bytes)).await;
        bytes
    }
}

fn whole(text: impl Into<Bytes>) -> Answer {
    Full::new(text.into()).boxed_unsync()
}

/// A body made of the frames sent to its channel.
struct Frames {
    frames: mpsc::Receiver<&'static str>,
    /// Dropped with the body.
    _alive: Option<oneshot::Sender<()>>,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = self.frames.poll_recv(cx);
        frame.map(|frame| frame.map(|text| Ok(Frame::data(text.into()))))
    }
}

fn frames() -> (mpsc::Sender<&'static str>, Answer) {
    let (sender, frames) = mpsc::channel(1);
    (sender, Frames { frames, _alive: None }.boxed_unsync())
}

/// An endless body and a receiver that resolves once the body is dropped.
fn endless() -> (oneshot::Receiver<()>, Answer) {
    let (alive, dropped) = oneshot::channel();
    let (sender, frames) = mpsc::channel(1);
    tokio::spawn(async move {
        let text: &str = "x".repeat(64 * 1024).leak();
        while sender.send(text).await.is_ok() {}
    });
    (dropped, Frames { frames, _alive: Some(alive) }.boxed_unsync())
}
