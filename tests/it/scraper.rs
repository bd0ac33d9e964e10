//! Clients of the exporter that mean it harm.

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

/// What a socket may buffer in each direction, so that what is taken of a client is what the exporter takes.
const SOCKET: u32 = 16 << 10;
/// What may be taken of a client that reads nothing: what four sockets buffer, and hyper for reading and writing.
const TAKEN: usize = 256 << 10;
/// What such a client offers.
const OFFERED: usize = 16 << 20;

async fn served() -> SocketAddr {
    serve("127.0.0.1:0", Snapshot::default())
}

/// Serves `snapshot`, on sockets that buffer little.
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
async fn requests_that_are_sent_ahead_are_answered_in_their_order() {
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
async fn no_more_is_taken_of_a_client_than_it_takes_itself() {
    let address = served().await;
    let requests = taken(address, "", "GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let head = "POST /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10000000000\r\n\r\n";
    let body = taken(address, head, "x").await;
    let chunked = "POST /-/reload HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunks = taken(address, chunked, "1\r\nx\r\n").await;
    println!("taken: {requests} bytes of requests, {body} of a body, {chunks} of chunks");
    for taken in [requests, body, chunks] {
        assert!(taken < TAKEN, "{taken} bytes");
    }
    assert!(answers(address, "GET /-/healthy HTTP/1.0\r\n\r\n").await.ends_with("healthy\n"));
}

/// A scrape from the address `from`; none if it is not answered in whole.
async fn scrape(from: &str, port: u16) -> Option<String> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(from.parse().unwrap()).unwrap();
    let mut stream = socket.connect(([127, 0, 0, 1], port).into()).await.ok()?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

/// Asks for `path` again and again, and reads next to nothing of the answers.
async fn read_slowly(path: &str, port: u16) {
    loop {
        let socket = small_socket();
        let Ok(mut stream) = socket.connect(([127, 0, 0, 1], port).into()).await else { continue };
        let asked = stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await;
        if asked.is_ok() {
            let mut octets = [0; 512];
            while stream.read(&mut octets).await.is_ok_and(|read| read > 0) {
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

#[tokio::test]
async fn slow_readers_of_one_address_delay_no_scrape_from_another() {
    const READERS: usize = 150;
    let hostnames = (0..2000).map(|number| HostnameTarget {
        hostname: format!("h{number}.example").parse().unwrap(),
        expectation: Expectation::default(),
    });
    let zone = ZoneTarget::named("default".into(), "example".parse().unwrap(), None);
    let targets = Targets::new([zone.with_hostnames(hostnames.collect())]);
    let port = serve("0.0.0.0:0", Snapshot::default().retarget(&targets)).port();
    let whole = scrape("127.0.0.2:0", port).await.unwrap().len();
    assert!(whole > 8 * SOCKET as usize, "{whole} octets");
    for path in ["/metrics", "/api/v1/hostnames?limit=1000"] {
        let readers: Vec<_> = (0..READERS).map(|_| tokio::spawn(read_slowly(path, port))).collect();
        sleep(Duration::from_secs(1)).await;
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            let started = Instant::now();
            // Prometheus gives up after 10 s by default; on an idle machine a scrape takes less than 0.1 s
            let answer = timeout(Duration::from_secs(10), scrape("127.0.0.2:0", port)).await;
            let answer = answer.expect("a scrape in time").unwrap();
            assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{}", answer.lines().next().unwrap());
            slowest = slowest.max(started.elapsed());
            // more than one round of evictions
            sleep(Duration::from_millis(100)).await;
        }
        println!("{READERS} slow readers of {path}: the slowest of 20 scrapes took {slowest:?}");
        readers.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
