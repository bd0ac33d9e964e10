//! Tests against malicious clients.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::domain::{Expectation, HostnameTarget, Snapshot, Targets, ZoneTarget};
use cloudflare_aop_exporter::http::{self, App};
use cloudflare_aop_exporter::listener::Limits;
use cloudflare_aop_exporter::metrics::Source;
use cloudflare_aop_exporter::telemetry::Telemetry;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

/// The buffer size of sockets, small enough that the bytes accepted from a client are mostly buffered by the exporter.
const SOCKET: u32 = 16 << 10;
/// The limit on bytes accepted from a client that reads nothing, which the sockets and hyper's buffers may hold.
const ACCEPTED_MAX: usize = 256 << 10;
/// The bytes that such a client tries to send.
const OFFERED: usize = 16 << 20;

async fn served() -> SocketAddr {
    serve("127.0.0.1:0", Snapshot::default())
}

/// Serves `snapshot` on sockets with small buffers.
fn serve(listen: &str, snapshot: Snapshot) -> SocketAddr {
    let snapshot = watch::channel(Arc::new(snapshot)).1;
    let (telemetry, clock) = (Arc::new(Telemetry::new().unwrap()), Clock::fixed(Timestamp::UNIX_EPOCH));
    let (options, reload) = (watch::channel(Arc::default()).1, mpsc::channel(1).0);
    let app = App::new(Source { snapshot, telemetry, clock }, options, reload, Instant::now());
    let socket = small_socket();
    socket.bind(listen.parse().unwrap()).unwrap();
    let listener = socket.listen(1024).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(http::serve(listener, app, Limits::default(), std::future::pending()));
    address
}

/// Returns a socket with fixed buffers. Connections inherit them from their listener.
fn small_socket() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(SOCKET).unwrap();
    socket.set_send_buffer_size(SOCKET).unwrap();
    socket
}

/// Sends requests and returns all responses until the connection ends.
async fn answers(address: SocketAddr, requests: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answers = Vec::new();
    let (mut reading, mut writing) = stream.split();
    let (_, _) = tokio::join!(
        // the server may close the connection before it has read everything
        writing.write_all(requests.as_bytes()),
        timeout(Duration::from_secs(20), reading.read_to_end(&mut answers)),
    );
    String::from_utf8(answers).unwrap()
}

/// Sends `first`, then `again` repeatedly without reading, and returns the number of bytes accepted.
async fn accepted(address: SocketAddr, first: &str, again: &str) -> usize {
    let mut stream = small_socket().connect(address).await.unwrap();
    stream.write_all(first.as_bytes()).await.unwrap();
    let (again, mut taken) = (again.repeat((4 << 10) / again.len()), 0);
    while taken < OFFERED {
        // a write that blocks this long means that no more is accepted
        match timeout(Duration::from_secs(1), stream.write(again.as_bytes())).await {
            Ok(Ok(written)) => taken += written,
            Ok(Err(_)) | Err(_) => break,
        }
    }
    taken
}

#[tokio::test]
async fn an_overlong_head_is_refused() {
    let address = served().await;
    let long = "x".repeat(64 << 10);
    for head in [
        format!("GET /metrics HTTP/1.1\r\nhost: localhost\r\nx: {long}\r\n\r\n"),
        format!("GET /metrics?{long} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        format!("GET /metrics HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(200)),
        format!("{long}{long}"),
    ] {
        let answer = answers(address, &head).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    assert!(answers(address, "GET /-/healthy HTTP/1.0\r\n\r\n").await.ends_with("healthy\n"));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let address = served().await;
    let ahead =
        "GET /-/healthy HTTP/1.1\r\nhost: localhost\r\n\r\nGET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n"
            .repeat(500);
    let answers =
        answers(address, &(ahead + "GET /-/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"))
            .await;
    let statuses: Vec<_> =
        answers.match_indices("HTTP/1.1 ").map(|(at, _)| &answers[at + 9..at + 12]).collect();
    assert_eq!(statuses, [["200", "404"].repeat(500), vec!["200"]].concat());
}

#[tokio::test]
async fn a_client_that_reads_nothing_cannot_send_without_limit() {
    let address = served().await;
    let requests = accepted(address, "", "GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let head = "POST /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10000000000\r\n\r\n";
    let body = accepted(address, head, "x").await;
    let chunked = "POST /-/reload HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunks = accepted(address, chunked, "1\r\nx\r\n").await;
    println!("accepted: {requests} bytes of requests, {body} of a body, {chunks} of chunks");
    for taken in [requests, body, chunks] {
        assert!(taken < ACCEPTED_MAX, "{taken} bytes");
    }
    assert!(answers(address, "GET /-/healthy HTTP/1.0\r\n\r\n").await.ends_with("healthy\n"));
}

/// Scrapes from the address `from`. None if the response is incomplete.
async fn scrape(from: &str, port: u16) -> Option<String> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(from.parse().unwrap()).unwrap();
    let mut stream = socket.connect(([127, 0, 0, 1], port).into()).await.ok()?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

/// Requests `path` repeatedly and reads almost nothing of the responses.
async fn read_slowly(path: &str, port: u16) {
    loop {
        let socket = small_socket();
        let Ok(mut stream) = socket.connect(([127, 0, 0, 1], port).into()).await else { continue };
        let asked = stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await;
        if asked.is_ok() {
            let mut bytes = [0; 512];
            while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

#[tokio::test]
async fn slow_readers_at_one_address_do_not_delay_scrapes_from_another() {
    const READERS: usize = 150;
    let hostnames = (0..2000).map(|number| HostnameTarget {
        hostname: format!("h{number}.example").parse().unwrap(),
        expectation: Expectation::default(),
    });
    let zone = ZoneTarget::named("default".into(), "example".parse().unwrap(), None);
    let targets = Targets::new([zone.with_hostnames(hostnames.collect())]);
    let port = serve("0.0.0.0:0", Snapshot::default().retarget(&targets)).port();
    let whole = scrape("127.0.0.2:0", port).await.unwrap().len();
    assert!(whole > 8 * SOCKET as usize, "{whole} bytes");
    for path in ["/metrics", "/api/v1/hostnames?limit=1000"] {
        let readers: Vec<_> = (0..READERS).map(|_| tokio::spawn(read_slowly(path, port))).collect();
        sleep(Duration::from_secs(1)).await;
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            let started = Instant::now();
            // the default scrape timeout is 10 s; on an idle machine a scrape takes less than 0.1 s
            let answer = timeout(Duration::from_secs(10), scrape("127.0.0.2:0", port)).await;
            let answer = answer.expect("a scrape in time").unwrap();
            assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{}", answer.lines().next().unwrap());
            slowest = slowest.max(started.elapsed());
            // the pauses let the test span several rounds of evictions
            sleep(Duration::from_millis(100)).await;
        }
        println!("{READERS} slow readers of {path}: the slowest of 20 scrapes took {slowest:?}");
        readers.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
