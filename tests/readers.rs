//! Clients that read a large page slowly. It is a separate crate because it measures the memory of its process.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::sync::Arc;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::domain::{
    Association, Expectation, Hostname, HostnameTarget, Outcome, Reading, Snapshot, Targets, ZoneTarget,
};
use cloudflare_aop_exporter::http::{self, App};
use cloudflare_aop_exporter::listener::Limits;
use cloudflare_aop_exporter::metrics::Source;
use cloudflare_aop_exporter::telemetry::Telemetry;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

const HOSTNAMES: usize = 20_000;
const READERS: usize = 48;

#[tokio::test]
async fn slow_readers_of_changing_snapshots_hold_at_most_eight_of_them() {
    let (publish, snapshot) = watch::channel(read());
    let (telemetry, clock) = (Arc::new(Telemetry::new().unwrap()), Clock::fixed(Timestamp::UNIX_EPOCH));
    let (options, reload) = (watch::channel(Arc::default()).1, mpsc::channel(1).0);
    let app = App::new(Source { snapshot, telemetry, clock }, options, reload, Instant::now());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(http::serve(listener, app, Limits::default(), std::future::pending()));

    let before = memory();
    let held: Vec<_> = (0..8).map(|_| read()).collect();
    let of_one = (memory() - before) / 8;
    drop(held);

    let (before, mut readers) = (memory(), Vec::new());
    for _ in 0..READERS {
        publish.send_replace(read());
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut reader = socket.connect(address).await.unwrap();
        assert!(asked(&mut reader).await.starts_with(b"HTTP/1.1 200 OK\r\n"));
        readers.push(reader);
    }
    let grown = memory().saturating_sub(before);
    println!("{} KiB for {READERS} readers of snapshots of {} KiB", grown >> 10, of_one >> 10);
    // eight snapshots, plus the unread output of each reader
    assert!(grown < 12 * of_one + READERS * (256 << 10), "{grown} bytes, {of_one} per snapshot");
    // slow readers do not lock out others
    let mut other = TcpStream::connect(address).await.unwrap();
    assert!(asked(&mut other).await.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

/// Returns a snapshot in which all hostnames have been read.
fn read() -> Arc<Snapshot> {
    let names: Vec<Hostname> =
        (0..HOSTNAMES).map(|number| format!("h{number}.example").parse().unwrap()).collect();
    let targets = names.iter().cloned();
    let targets = targets.map(|hostname| HostnameTarget { hostname, expectation: Expectation::default() });
    let zone = ZoneTarget::named("default".into(), "example".parse().unwrap(), None)
        .with_hostnames(targets.collect());
    let now = Timestamp::UNIX_EPOCH.into();
    let key = zone.key().clone();
    let reading = Reading::bare(Association::Enabled, now);
    let read = names.into_iter().map(|name| Outcome::Read(name, Ok(reading.clone())));
    let outcomes = read.chain([Outcome::Ended { result: Ok(()), at: now }]);
    let outcomes = outcomes.map(|outcome| (key.clone(), outcome));
    Arc::new(Snapshot::default().retarget(&Targets::new([zone])).fold(outcomes))
}

/// Requests the page and reads only the start of the response.
async fn asked(stream: &mut TcpStream) -> Vec<u8> {
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut start = vec![0; 17];
    stream.read_exact(&mut start).await.unwrap();
    start
}

/// Returns the resident memory of this process in bytes.
fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
