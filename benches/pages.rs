//! Measures the response time of pages and lists of 100,000 hostnames over a loopback socket, the share of it spent on
//! the serving thread, and the delay of other requests. Run it with `cargo bench --bench pages`. The exit code is 1 if
//! a limit is exceeded.
#![expect(clippy::print_stdout, reason = "the program prints its results")]
#![expect(clippy::unwrap_used, reason = "a panic says where the bench failed")]

#[path = "support/fixture.rs"]
mod fixture;

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::domain::Snapshot;
use cloudflare_aop_exporter::http::{self, App, Options};
use cloudflare_aop_exporter::listener::Limits;
use cloudflare_aop_exporter::metrics::Source;
use cloudflare_aop_exporter::telemetry::Telemetry;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::fixture::{NOW, answers};

const HOSTNAMES: usize = 100_000;
const ROUNDS: usize = 21;
/// The limits on one response at the median, for the time on the serving thread and for the total time.
const MAX_THREAD_TIME: Duration = Duration::from_millis(2);
const MAX_TOTAL_TIME: Duration = Duration::from_millis(50);
/// The limit on another request while eight clients send requests at once.
const MAX_DELAY: Duration = Duration::from_millis(10);
const CLIENTS: u8 = 8;

const PATHS: [&str; 13] = [
    "/",
    "/?sort=hostname",
    "/?q=app-0999.zone-099",
    "/zones",
    "/api/v1/status",
    "/api/v1/hostnames",
    "/api/v1/hostnames?sort=hostname",
    "/api/v1/hostnames?sort=ends",
    "/api/v1/hostnames?sort=verdict",
    "/api/v1/hostnames?q=app-0999.zone-099",
    "/api/v1/hostnames?q=nothing-is-named-like-this",
    "/api/v1/certificates?sort=verdict",
    "/api/v1/zones?sort=verdict",
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // does nothing in `cargo test`, which does not pass --bench
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let (targets, outcomes) = answers(HOSTNAMES);
    let snapshot = Snapshot::default().retarget(&targets).fold(outcomes);
    let (sender, receiver) = watch::channel(Arc::new(snapshot));
    let address = serve(receiver).await;
    let before = resident();
    let mut held = builds(&sender, address).await;
    println!(
        "an index takes {} MB in addition to the snapshot\n",
        resident().saturating_sub(before) / 1_000_000
    );
    println!("{:<50}{:>12}{:>12}", "median of 21", "thread", "total");
    println!("{:<50}{:>9} ms{:>9} ms", "at most", MAX_THREAD_TIME.as_millis(), MAX_TOTAL_TIME.as_millis());
    for path in PATHS {
        held &= asked(path, address).await;
    }
    held &= others(address).await;
    held &= walk(sender, address).await;
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn serve(snapshot: watch::Receiver<Arc<Snapshot>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let source = Source {
        snapshot,
        telemetry: Arc::new(Telemetry::new().unwrap()),
        clock: Clock::fixed(jiff::Timestamp::from_second(NOW).unwrap()),
    };
    let options = watch::channel(Arc::new(Options::default())).1;
    let app = App::new(source, options, mpsc::channel(1).0, Instant::now());
    tokio::spawn(http::serve(listener, app, Limits::default(), std::future::pending()));
    address
}

/// Prints the time of a response whose index is not built yet.
async fn builds(snapshot: &watch::Sender<Arc<Snapshot>>, address: SocketAddr) -> bool {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        // a new snapshot with the same readings
        snapshot.send_modify(|snapshot| *snapshot = Arc::new(Snapshot::clone(snapshot)));
        times.push(measured("/api/v1/status", address).await);
    }
    println!("a response that must build the index first:");
    line("/api/v1/status", times)
}

/// Prints the time of a response.
async fn asked(path: &'static str, address: SocketAddr) -> bool {
    measured(path, address).await;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        times.push(measured(path, address).await);
    }
    line(path, times)
}

fn line(what: &str, mut times: Vec<(Duration, Duration)>) -> bool {
    let mut median = |key: fn(&(Duration, Duration)) -> Duration| {
        times.sort_by_key(key);
        key(&times[times.len() / 2])
    };
    let (on_thread, total) = (median(|time| time.0), median(|time| time.1));
    let held = on_thread <= MAX_THREAD_TIME && total <= MAX_TOTAL_TIME;
    println!("{what:<50}{:>9.2} ms{:>9.2} ms{}", milliseconds(on_thread), milliseconds(total), verdict(held));
    held
}

/// Returns the time spent on this thread, which serves, and the total time until the response is read.
async fn measured(path: &'static str, address: SocketAddr) -> (Duration, Duration) {
    let (started, used) = (Instant::now(), of_this_thread());
    spawn_blocking(move || get([127, 0, 0, 1], path, address)).await.unwrap();
    (of_this_thread() - used, started.elapsed())
}

/// Prints the delay of health probes while eight clients send one request after the other.
async fn others(address: SocketAddr) -> bool {
    let ends = Arc::new(AtomicBool::new(false));
    let clients = (1..=CLIENTS).map(|number| {
        let ends = Arc::clone(&ends);
        thread::spawn(move || {
            for path in PATHS.into_iter().cycle().skip(number.into()) {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                get([127, 0, 1, number], path, address);
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    let probes = spawn_blocking(move || {
        let mut times = Vec::new();
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(3) {
            let asked = Instant::now();
            get([127, 0, 2, 1], "/-/healthy", address);
            times.push(asked.elapsed());
            thread::sleep(Duration::from_millis(5));
        }
        times
    });
    let mut times = probes.await.unwrap();
    ends.store(true, Ordering::Relaxed);
    spawn_blocking(move || clients.into_iter().for_each(|client| client.join().unwrap())).await.unwrap();
    times.sort();
    let (median, late) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    let held = late <= MAX_DELAY;
    println!(
        "\n/-/healthy while {CLIENTS} clients send requests: median {:.2} ms, 99th percentile {:.2} ms, at most {} ms{}",
        milliseconds(median),
        milliseconds(late),
        MAX_DELAY.as_millis(),
        verdict(held)
    );
    held
}

/// Prints if paging by cursor shows every hostname exactly once while snapshots change.
async fn walk(snapshot: watch::Sender<Arc<Snapshot>>, address: SocketAddr) -> bool {
    let mut held = true;
    for sort in ["zone", "hostname"] {
        let (started, ends) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let polls = {
            let (snapshot, ends) = (snapshot.clone(), Arc::clone(&ends));
            thread::spawn(move || {
                let (_, outcomes) = answers(10_000);
                let mut polls = 0;
                while !ends.load(Ordering::Relaxed) {
                    snapshot.send_modify(|known| *known = Arc::new(known.fold(outcomes.clone())));
                    polls += 1;
                    thread::sleep(Duration::from_millis(500));
                }
                polls
            })
        };
        let (rows, once) = spawn_blocking(move || {
            let (mut rows, mut once, mut cursor) = (0, HashSet::new(), String::new());
            loop {
                let path = format!("/api/v1/hostnames?limit=1000&sort={sort}&cursor={cursor}");
                let answer: serde_json::Value =
                    serde_json::from_slice(&get([127, 0, 0, 1], &path, address)).unwrap();
                for row in answer["items"].as_array().unwrap() {
                    rows += 1;
                    once.insert((row["zone"].to_string(), row["hostname"].to_string()));
                }
                match answer["next"].as_str() {
                    Some(next) => next.clone_into(&mut cursor),
                    None => return (rows, once.len()),
                }
            }
        })
        .await
        .unwrap();
        ends.store(true, Ordering::Relaxed);
        let polls = spawn_blocking(move || polls.join().unwrap()).await.unwrap();
        let is_whole = rows == HOSTNAMES && once == HOSTNAMES;
        println!(
            "paging by {sort} during {polls} polls: {rows} rows, {once} hostnames, {:.1} s{}",
            started.elapsed().as_secs_f64(),
            verdict(is_whole)
        );
        held &= is_whole;
    }
    held
}

/// Sends a request from the address `from` and returns the body.
fn get(from: [u8; 4], path: &str, address: SocketAddr) -> Vec<u8> {
    let socket =
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::from((from, 0))).unwrap();
    rustix::net::connect(&socket, &address).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_nodelay(true).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    assert!(answer.starts_with(b"HTTP/1.0 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer[..end]));
    let body = &answer[end + 4..];
    if path.contains("cursor") {
        let mut decoded = Vec::new();
        flate2::read::GzDecoder::new(body).read_to_end(&mut decoded).unwrap();
        return decoded;
    }
    body.to_vec()
}

/// Returns the CPU time of this thread.
fn of_this_thread() -> Duration {
    let times = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(times.split(' ').next().unwrap().parse().unwrap())
}

/// Returns the resident memory of this process in bytes.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

const fn verdict(held: bool) -> &'static str {
    if held { "" } else { "  MISSED" }
}
