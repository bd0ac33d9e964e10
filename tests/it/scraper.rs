//! Clients of the exporter that mean it harm.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::domain::Snapshot;
use cloudflare_aop_exporter::http::{self, App};
use cloudflare_aop_exporter::listener::Limits;
use cloudflare_aop_exporter::metrics::Source;
use cloudflare_aop_exporter::telemetry::Telemetry;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

/// What a socket may buffer in each direction, so that what is taken of a client is what the exporter takes.
const SOCKET: u32 = 16 << 10;
/// What may be taken of a client that reads nothing: what four sockets buffer, and hyper for reading and writing.
const TAKEN: usize = 256 << 10;
/// What such a client offers.
const OFFERED: usize = 16 << 20;

async fn served() -> SocketAddr {
    let snapshot = watch::channel(Arc::new(Snapshot::default())).1;
    let (telemetry, clock) = (Arc::new(Telemetry::new().unwrap()), Clock::fixed(Timestamp::UNIX_EPOCH));
    let (options, reload) = (watch::channel(Arc::default()).1, mpsc::channel(1).0);
    let app = App::new(Source { snapshot, telemetry, clock }, options, reload, Instant::now());
    let socket = small_socket();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(16).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(http::serve(listener, app, Limits::default(), std::future::pending()));
    address
}

/// A socket whose buffers do not grow; connections inherit them from their listener.
fn small_socket() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(SOCKET).unwrap();
    socket.set_send_buffer_size(SOCKET).unwrap();
    socket
}

/// What is answered until the connection ends.
async fn answers(address: SocketAddr, requests: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answers = Vec::new();
    let (mut reading, mut writing) = stream.split();
    let (_, _) = tokio::join!(
        // it may close before it has read all
        writing.write_all(requests.as_bytes()),
        timeout(Duration::from_secs(20), reading.read_to_end(&mut answers)),
    );
    String::from_utf8(answers).unwrap()
}

/// How much is taken of `again`, sent again and again by a client that reads nothing.
async fn taken(address: SocketAddr, first: &str, again: &str) -> usize {
    let mut stream = small_socket().connect(address).await.unwrap();
    stream.write_all(first.as_bytes()).await.unwrap();
    let (again, mut taken) = (again.repeat((4 << 10) / again.len()), 0);
    while taken < OFFERED {
        // the time does not limit how much is taken: it tells that nothing more is
        match timeout(Duration::from_secs(1), stream.write(again.as_bytes())).await {
            Ok(Ok(written)) => taken += written,
            Ok(Err(_)) | Err(_) => break,
        }
    }
    taken
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let address = served().await;
    let long = "x".repeat(64 << 10);
    for head in [
        format!("GET /metrics HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n"),
        format!("GET /metrics?{long} HTTP/1.1\r\nhost: a\r\n\r\n"),
        format!("GET /metrics HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(200)),
        format!("{long}{long}"),
    ] {
        let answer = answers(address, &head).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    assert!(answers(address, "GET /-/healthy HTTP/1.0\r\n\r\n").await.ends_with("healthy\n"));
}

#[tokio::test]
async fn requests_that_are_sent_ahead_are_answered_in_their_order() {
    let address = served().await;
    let ahead =
        "GET /-/healthy HTTP/1.1\r\nhost: a\r\n\r\nGET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n".repeat(500);
    let answers =
        answers(address, &(ahead + "GET /-/ready HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")).await;
    let statuses: Vec<_> =
        answers.match_indices("HTTP/1.1 ").map(|(at, _)| &answers[at + 9..at + 12]).collect();
    assert_eq!(statuses, [["200", "404"].repeat(500), vec!["200"]].concat());
}

#[tokio::test]
async fn no_more_is_taken_of_a_client_than_it_takes_itself() {
    let address = served().await;
    let requests = taken(address, "", "GET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let head = "POST /metrics HTTP/1.1\r\nhost: a\r\ncontent-length: 10000000000\r\n\r\n";
    let body = taken(address, head, "x").await;
    let chunked = "POST /-/reload HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunks = taken(address, chunked, "1\r\nx\r\n").await;
    println!("taken: {requests} bytes of requests, {body} of a body, {chunks} of chunks");
    for taken in [requests, body, chunks] {
        assert!(taken < TAKEN, "{taken} bytes");
    }
    assert!(answers(address, "GET /-/healthy HTTP/1.0\r\n\r\n").await.ends_with("healthy\n"));
}
