//! How soon pages and lists of 100,000 hostnames are answered over a loopback socket, how much of that is time of the
//! thread that serves, and how long other requests wait: `cargo bench --bench pages`. The exit code is 1 where a limit is
//! missed.
#![expect(clippy::print_stdout, reason = "it is what this program is for")]
#![expect(clippy::unwrap_used, reason = "a panic is how it fails")]

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
/// Of one answer: the time of the thread that serves, and the time in all at the median.
const OF_THREAD: Duration = Duration::from_millis(2);
const IN_ALL: Duration = Duration::from_millis(50);
/// Of another request, while eight answers are asked for at once.
const OTHERS: Duration = Duration::from_millis(10);
const AT_ONCE: u8 = 8;

const ASKED: [&str; 13] = [
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
    // a run of all tests is not meant
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let (targets, outcomes) = answers(HOSTNAMES);
    let snapshot = Snapshot::default().retarget(&targets).fold(outcomes);
    let (sender, receiver) = watch::channel(Arc::new(snapshot));
    let address = serve(receiver).await;
    let before = resident();
    let mut held = builds(&sender, address).await;
    println!("an index beside the snapshot takes {} MB\n", resident().saturating_sub(before) / 1_000_000);
    println!("{:<50}{:>12}{:>12}", "at the median of 21", "thread", "in all");
    println!("{:<50}{:>9} ms{:>9} ms", "at most", OF_THREAD.as_millis(), IN_ALL.as_millis());
    for path in ASKED {
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

/// Prints how long an answer takes if its index is not built yet.
async fn builds(snapshot: &watch::Sender<Arc<Snapshot>>, address: SocketAddr) -> bool {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        // the same readings in another snapshot
        snapshot.send_modify(|snapshot| *snapshot = Arc::new(Snapshot::clone(snapshot)));
        times.push(measured("/api/v1/status", address).await);
    }
    println!("an answer that has to build the index first:");
    line("/api/v1/status", times)
}

/// Prints how long an answer takes.
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
    let (of_thread, in_all) = (median(|time| time.0), median(|time| time.1));
    let held = of_thread <= OF_THREAD && in_all <= IN_ALL;
    println!(
        "{what:<50}{:>9.2} ms{:>9.2} ms{}",
        milliseconds(of_thread),
        milliseconds(in_all),
        verdict(held)
    );
    held
}

/// The time of this thread, which serves, and the time in all until an answer is read.
async fn measured(path: &'static str, address: SocketAddr) -> (Duration, Duration) {
    let (started, used) = (Instant::now(), of_this_thread());
    spawn_blocking(move || get([127, 0, 0, 1], path, address)).await.unwrap();
    (of_this_thread() - used, started.elapsed())
}

/// Prints how long health probes wait while eight clients ask for one answer after the other.
async fn others(address: SocketAddr) -> bool {
    let ends = Arc::new(AtomicBool::new(false));
    let clients = (1..=AT_ONCE).map(|number| {
        let ends = Arc::clone(&ends);
        thread::spawn(move || {
            for path in ASKED.into_iter().cycle().skip(number.into()) {
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
    let held = late <= OTHERS;
    println!(
        "\n/-/healthy while {AT_ONCE} clients ask at once: {:.2} ms at the median, {:.2} ms for 99 of 100, at most {} ms{}",
        milliseconds(median),
        milliseconds(late),
        OTHERS.as_millis(),
        verdict(held)
    );
    held
}

/// Prints whether a walk by cursor shows every hostname once while snapshots come and go.
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
            "a walk by {sort} during {polls} polls: {rows} rows, {once} hostnames, {:.1} s{}",
            started.elapsed().as_secs_f64(),
            verdict(is_whole)
        );
        held &= is_whole;
    }
    held
}

/// Asks from an address of this machine, and returns the body.
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

/// The time that this thread has run for.
fn of_this_thread() -> Duration {
    let times = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(times.split(' ').next().unwrap().parse().unwrap())
}

/// The octets of this process in memory.
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
