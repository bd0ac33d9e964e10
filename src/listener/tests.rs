use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Mutex;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;

type Answer = UnsyncBoxBody<Bytes, Infallible>;

/// Long enough that a test which waits for it has failed.
const NEVER: Duration = Duration::from_secs(30);

const PATIENT: Limits = Limits { connections: 16, head: NEVER, write_progress: NEVER, drain: NEVER };

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A listener that answers each request by the next of the given bodies, and "ok" after the last.
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
        let ended = tokio::spawn(serve(listener, limits, secured, service, async move {
            let _ = stopped.await;
        }));
        Self { address, stop: Some(stop), tls, ended }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Tells it to stop, and waits until it takes no more connections.
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

/// Waits for an event that is bound to come.
async fn soon<T>(event: impl Future<Output = T>) -> T {
    timeout(NEVER / 2, event).await.expect("an event that never came")
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Sends a request and reads until the answer ends in `end`.
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

    /// Reads all there is until the other side closes, however it does.
    async fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = soon(self.0.read_to_end(&mut bytes)).await;
        bytes
    }
}

fn whole(text: impl Into<Bytes>) -> Answer {
    Full::new(text.into()).boxed_unsync()
}

/// A body of the frames that are sent to it.
struct Frames {
    frames: mpsc::Receiver<&'static str>,
    /// Tells of its end by being dropped.
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

/// A body without end, and what resolves once it was dropped.
fn endless() -> (oneshot::Receiver<()>, Answer) {
    let (alive, dropped) = oneshot::channel();
    let (sender, frames) = mpsc::channel(1);
    tokio::spawn(async move {
        let text: &str = "x".repeat(64 * 1024).leak();
        while sender.send(text).await.is_ok() {}
    });
    (dropped, Frames { frames, _alive: Some(alive) }.boxed_unsync())
}

#[tokio::test]
async fn a_head_that_takes_too_long_is_cut_off() {
    let head = Duration::from_millis(100);
    let served = Served::start(Limits { head, ..PATIENT }, []).await;
    let started = Instant::now();
    let mut client = served.connect().await;
    client.send(b"GET / HTTP/1.1\r\nHo").await;
    assert_eq!(client.read_to_end().await, b"");
    assert!(started.elapsed() >= head);
}

#[tokio::test]
async fn a_connection_that_stays_idle_after_a_request_is_closed() {
    let head = Duration::from_millis(100);
    let served = Served::start(Limits { head, ..PATIENT }, []).await;
    let mut client = served.connect().await;
    let asked = Instant::now();
    client.ask("ok").await;
    assert_eq!(client.read_to_end().await, b"");
    assert!(asked.elapsed() >= head);
}

#[tokio::test]
async fn who_has_said_that_no_request_follows_is_answered_all_the_same() {
    let (frames, body) = frames();
    let served = Served::start(PATIENT, [body]).await;
    let mut client = served.connect().await;
    client.send(REQUEST).await;
    client.0.shutdown().await.unwrap();
    frames.send("late").await.unwrap();
    client.read_until("late\r\n").await;
    drop(frames);
    assert!(client.read_to_end().await.ends_with(b"0\r\n\r\n"));
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let (dropped, body) = endless();
    let limits = Limits { write_progress: Duration::from_millis(100), ..PATIENT };
    let served = Served::start(limits, [body]).await;
    let mut client = served.connect().await;
    client.send(REQUEST).await;
    let _ = soon(dropped).await;
    assert!(!client.read_to_end().await.ends_with(b"0\r\n\r\n"));
}

#[tokio::test]
async fn a_connection_too_many_closes_the_one_that_was_idle_longest_and_no_other() {
    let served = Served::start(Limits { connections: 3, ..PATIENT }, []).await;
    let (mut first, mut second, mut third) =
        (served.connect().await, served.connect().await, served.connect().await);
    for client in [&mut second, &mut third, &mut first] {
        client.ask("ok").await;
    }
    // one that has left before must not be mistaken for the one that makes room
    third.0.shutdown().await.unwrap();
    assert_eq!(third.read_to_end().await, b"");
    let mut third = served.connect().await;
    third.ask("ok").await;
    let mut newest = served.connect().await;
    newest.ask("ok").await;
    assert_eq!(second.read_to_end().await, b"");
    for client in [&mut first, &mut third, &mut newest] {
        client.ask("ok").await;
    }
}

#[tokio::test]
async fn a_connection_too_many_waits_until_one_of_the_busy_ones_is_idle() {
    let (frames, body) = frames();
    let served = Served::start(Limits { connections: 1, ..PATIENT }, [body]).await;
    let mut busy = served.connect().await;
    busy.send(REQUEST).await;
    frames.send("under way").await.unwrap();
    busy.read_until("under way\r\n").await;
    let mut waiting = served.connect().await;
    waiting.send(REQUEST).await;
    drop(frames);
    waiting.read_until("ok").await;
    assert_eq!(busy.read_to_end().await, b"0\r\n\r\n");
}

#[tokio::test]
async fn all_who_came_at_once_with_a_request_are_answered() {
    let served = Served::start(Limits { connections: 2, ..PATIENT }, []).await;
    // none is accepted before all are there
    let clients: Vec<_> = (0..50)
        .map(|_| {
            let mut client = std::net::TcpStream::connect(served.address).unwrap();
            io::Write::write_all(&mut client, REQUEST).unwrap();
            client.set_nonblocking(true).unwrap();
            Client(TcpStream::from_std(client).unwrap())
        })
        .collect();
    for mut client in clients {
        client.read_until("ok").await;
    }
}

#[tokio::test]
async fn where_none_is_idle_the_one_whose_client_has_taken_nothing_for_longest_makes_room() {
    let ((dropped, first), (mut kept, second)) = (endless(), endless());
    let served = Served::start(Limits { connections: 2, ..PATIENT }, [first, second]).await;
    let (mut stuck, mut taking) = (served.connect().await, served.connect().await);
    stuck.send(REQUEST).await;
    stuck.read_until("x").await;
    taking.send(REQUEST).await;
    // until all buffers of the first are full, and the second has taken something after that
    let mut octets = vec![0; 1 << 20];
    for _ in 0..64 {
        soon(taking.0.read(&mut octets)).await.unwrap();
    }
    let mut newest = served.connect().await;
    newest.send(REQUEST).await;
    while timeout(Duration::from_millis(1), newest.0.readable()).await.is_err() {
        soon(taking.0.read(&mut octets)).await.unwrap();
    }
    newest.read_until("ok").await;
    let _ = soon(dropped).await;
    assert!(kept.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
}

#[tokio::test]
async fn a_body_that_panics_ends_its_connection_and_no_other() {
    struct Broken;

    impl Body for Broken {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("a page");
        }
    }

    let served =
        Served::start(Limits { connections: 2, ..PATIENT }, [whole("ok"), Broken.boxed_unsync()]).await;
    let (mut other, mut broken) = (served.connect().await, served.connect().await);
    other.ask("ok").await;
    broken.send(REQUEST).await;
    assert!(!broken.read_to_end().await.ends_with(b"0\r\n\r\n"));
    other.ask("ok").await;
    // its slot is free again
    served.connect().await.ask("ok").await;
    other.ask("ok").await;
}

#[tokio::test]
async fn a_response_under_way_is_finished_after_the_stop() {
    let (frames, body) = frames();
    let mut served = Served::start(PATIENT, [body]).await;
    let mut client = served.connect().await;
    client.send(REQUEST).await;
    frames.send("before").await.unwrap();
    client.read_until("before\r\n").await;
    served.stop().await;
    frames.send("after").await.unwrap();
    drop(frames);
    assert_eq!(client.read_to_end().await, b"5\r\nafter\r\n0\r\n\r\n");
    served.ends().await;
}

#[tokio::test]
async fn once_connections_are_secured_otherwise_those_that_are_open_end_with_the_answer_under_way() {
    let (frames, body) = frames();
    let served = Served::start(PATIENT, [body]).await;
    let (mut busy, mut idle, mut half) =
        (served.connect().await, served.connect().await, served.connect().await);
    busy.send(REQUEST).await;
    frames.send("before").await.unwrap();
    busy.read_until("before\r\n").await;
    idle.ask("ok").await;
    half.ask("ok").await;
    half.send(b"GET / HTTP/1.1\r\nHo").await;
    served.tls.send(None).unwrap();
    for client in [&mut idle, &mut half] {
        assert_eq!(client.read_to_end().await, b"");
    }
    // a request that is sent ahead is not answered any more
    busy.send(REQUEST).await;
    frames.send("after").await.unwrap();
    drop(frames);
    assert_eq!(busy.read_to_end().await, b"5\r\nafter\r\n0\r\n\r\n");
    served.connect().await.ask("ok").await;
}

#[tokio::test]
async fn a_slow_client_gets_after_the_stop_what_was_written_before_it() {
    // more than the buffers of both sides hold, and handed over at once
    const SIZE: usize = 64 * 1024 * 1024;
    let mut served = Served::start(PATIENT, [whole(vec![b'x'; SIZE])]).await;
    let mut client = served.connect().await;
    client.send(REQUEST).await;
    assert_eq!(soon(client.0.read_u8()).await.unwrap(), b'H');
    served.stop().await;
    let rest = client.read_to_end().await;
    let (head, body) = rest.split_at(rest.len().saturating_sub(SIZE));
    assert!(head.ends_with(b"\r\n\r\n") && body.iter().all(|byte| *byte == b'x'));
    served.ends().await;
}

#[tokio::test]
async fn idle_connections_and_half_sent_heads_do_not_hold_up_the_stop() {
    let mut served = Served::start(PATIENT, []).await;
    let (mut fresh, mut idle, mut half) =
        (served.connect().await, served.connect().await, served.connect().await);
    idle.ask("ok").await;
    half.ask("ok").await;
    half.send(b"GET / HTTP/1.1\r\nHo").await;
    served.stop().await;
    served.ends().await;
    for client in [&mut fresh, &mut idle, &mut half] {
        assert_eq!(client.read_to_end().await, b"");
    }
}

#[tokio::test]
async fn a_response_that_outlasts_the_drain_is_cut_off() {
    let (dropped, body) = endless();
    let drain = Duration::from_millis(100);
    let mut served = Served::start(Limits { drain, ..PATIENT }, [body]).await;
    let mut client = served.connect().await;
    client.send(REQUEST).await;
    client.read_until("x").await;
    let stopped = Instant::now();
    served.stop().await;
    served.ends().await;
    assert!(stopped.elapsed() >= drain);
    let _ = soon(dropped).await;
}
