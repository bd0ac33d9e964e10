//! Checks that memory and file descriptors stay level. Run it with `cargo bench --bench soak -- MINUTES` (default 2).
//!
//! This process polls up to twenty times a second, reloads once a second and serves its snapshot. A second process runs
//! the simulated API, with constant changes and faults, and fifty scrapers that read every page to its end. The exit code
//! is 1 if memory or descriptors grow from the second to the last quarter of the time, if a page cannot be read, or if too
//! few polls end.
#![expect(clippy::print_stdout, reason = "the program prints its results")]
#![expect(clippy::unwrap_used, reason = "a panic says where the bench failed")]

#[path = "soak/faults.rs"]
mod faults;
#[path = "../tests/it/support"]
#[expect(dead_code, unreachable_pub, reason = "the tests use the rest")]
mod support {
    pub mod exposition;
    pub mod harness;
}

use std::convert::Infallible;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write, stdin};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::domain::{
    CertId, Expectation, Expected, Extent, HostnameTarget, Level, Strategy, ZoneTarget,
};
use cloudflare_aop_exporter::http::{self, App};
use cloudflare_aop_exporter::listener::Limits;
use cloudflare_aop_exporter::metrics::Source;
use cloudflare_aop_exporter::simulator::CertificateChange;
use futures_util::future::join_all;
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::support::exposition;
use crate::support::harness::{Api, Asking, Running, budget, hostname, now, setup, world};

const SCRAPERS: usize = 50;
const POLLS_A_SECOND: u32 = 20;
/// The interval between reloads, which find no change.
const RELOAD_INTERVAL: Duration = Duration::from_secs(1);
/// The interval at which the account gets a new budget, which lifts a block.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);
const HOSTNAMES: usize = 40;
/// The allowed growth from the second to the last quarter.
const MEMORY: f64 = 1.03;
const DESCRIPTORS: f64 = 3.0;
/// The minimum number of polls per second that must end despite the faults.
const ENDED: f64 = 0.5;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().collect();
    if arguments.iter().any(|argument| argument == "--world") {
        World::run().await;
    } else if arguments.iter().any(|argument| argument == "--bench") {
        let minutes = arguments.iter().filter_map(|argument| argument.parse::<f64>().ok()).next_back();
        return soak(Duration::from_secs_f64(60.0 * minutes.unwrap_or(2.0))).await;
    }
    // does nothing in `cargo test`, which does not pass --bench
    ExitCode::SUCCESS
}

async fn soak(time: Duration) -> ExitCode {
    let mut other = Other::start();
    let (mut exporter, address) = exporter(&other.base_url).await;
    other.scrape(address);
    let samples = sampled(time, &mut exporter).await;
    let polls = exporter.polls();
    let Report { scrapes, refused, bad, faults } = other.stop();

    let quarter = samples.len() / 4;
    let (second, last) = (&samples[quarter..2 * quarter], &samples[samples.len() - quarter..]);
    let mean = |samples: &[(f64, f64)]| {
        let sum = samples.iter().fold((0.0, 0.0), |sum, sample| (sum.0 + sample.0, sum.1 + sample.1));
        (sum.0 / samples.len() as f64, sum.1 / samples.len() as f64)
    };
    let ((memory, descriptors), (memory_last, descriptors_last)) = (mean(second), mean(last));
    println!("{polls} polls and {faults} faults in {:.0} s, {refused} scrapes refused", time.as_secs_f64());
    let course =
        samples.chunks(samples.len().div_ceil(10)).map(|tenth| format!("{:.2}", mean(tenth).0 / 1e6));
    println!("resident in each tenth of the time, MB: {}", course.collect::<Vec<_>>().join(" "));
    let figures = [
        ("resident in the last quarter, MB", memory_last / 1e6, "at most", memory * MEMORY / 1e6),
        ("descriptors in the last quarter", descriptors_last, "at most", descriptors + DESCRIPTORS),
        ("pages that cannot be read", bad as f64, "at most", 0.0),
        ("pages read", scrapes as f64, "at least", 1.0),
        ("polls ended", polls, "at least", ENDED * time.as_secs_f64()),
    ];
    let mut missed = false;
    for (what, figure, bound, limit) in figures {
        let held = if bound == "at most" { figure <= limit } else { figure >= limit };
        println!("{what}: {figure:.2}, {bound} {limit:.2}{}", if held { "" } else { "  MISSED" });
        missed |= !held;
    }
    ExitCode::from(u8::from(missed))
}

/// Starts an exporter that polls and serves its snapshot.
async fn exporter(base_url: &str) -> (Running, SocketAddr) {
    let mut asking = Asking::new(base_url);
    asking.clock = Clock::system();
    asking.options.timeout = Duration::from_millis(300);
    let running = Running::start(asking, zones());
    let Asking { telemetry, clock, .. } = &running.asking;
    let (snapshot, telemetry, clock) = (running.snapshot.clone(), Arc::clone(telemetry), clock.clone());
    let (options, reload) = (watch::channel(Arc::default()).1, mpsc::channel(1).0);
    let app = App::new(Source { snapshot, telemetry, clock }, options, reload, Instant::now());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(http::serve(listener, app, Limits::default(), std::future::pending()));
    (running, address)
}

/// Returns a zone read by lists with discovery and the zone level, and a zone read by default.
fn zones() -> impl Iterator<Item = ZoneTarget> {
    let lists = Extent {
        strategy: Strategy::List,
        discovered: Some(Expected::Any),
        zone_level: true,
        ..Extent::PLAIN
    };
    [("example.com", lists), ("example.org", Extent::default())].into_iter().map(|(name, extent)| {
        let target = |number| HostnameTarget {
            hostname: hostname(&format!("h{number}.{name}")),
            expectation: Expectation::default(),
        };
        let zone = ZoneTarget::named("default".into(), name.parse().unwrap(), None);
        zone.with_hostnames((0..HOSTNAMES).map(target).collect()).with_extent(extent)
    })
}

/// Samples resident bytes and open descriptors every second while the exporter polls and reloads.
async fn sampled(time: Duration, exporter: &mut Running) -> Vec<(f64, f64)> {
    let mut ticks = interval(Duration::from_secs(1) / POLLS_A_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (start, mut samples) = (Instant::now(), Vec::new());
    let (mut reload, mut renew) = (start + RELOAD_INTERVAL, start + RENEW_INTERVAL);
    while start.elapsed() < time {
        let now = ticks.tick().await;
        if now >= renew {
            exporter.asking.budget = budget(1_000_000, Duration::from_secs(1));
            renew = now + RENEW_INTERVAL;
        }
        if now >= reload {
            exporter.reload(zones()).await;
            exporter.setup.send_replace(setup(&exporter.asking));
            reload = now + RELOAD_INTERVAL;
        }
        // a tick during a poll is dropped
        let _ = exporter.ticks.try_send(());
        if start.elapsed().as_secs() > samples.len() as u64 {
            samples.push((resident(), fs::read_dir("/proc/self/fd").unwrap().count() as f64));
        }
    }
    samples
}

fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}

/// The second process.
struct Other {
    child: Child,
    output: BufReader<ChildStdout>,
    base_url: String,
}

/// The counts it reports at the end.
struct Report {
    scrapes: u64,
    refused: u64,
    bad: u64,
    faults: u64,
}

impl Other {
    fn start() -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        let mut child = command.arg("--world").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut output, mut base_url) = (BufReader::new(child.stdout.take().unwrap()), String::new());
        output.read_line(&mut base_url).unwrap();
        Self { child, output, base_url: base_url.trim_end().to_owned() }
    }

    fn scrape(&mut self, address: SocketAddr) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{address}").unwrap();
    }

    fn stop(mut self) -> Report {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.output.read_to_string(&mut text).unwrap();
        assert!(self.child.wait().unwrap().success());
        let numbers: Vec<u64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
        Report { scrapes: numbers[0], refused: numbers[1], bad: numbers[2], faults: numbers[3] }
    }
}

/// The simulated API and the scrapers.
struct World {
    api: Api,
    url: String,
    scrapes: AtomicU64,
    refused: AtomicU64,
    bad: AtomicU64,
}

impl World {
    async fn run() {
        let mut world = world(&[]);
        let mut ids = Vec::new();
        for name in ["example.org", "example.com"] {
            let zone = world.add_zone(&name.parse().unwrap());
            let ends = now() + SignedDuration::from_hours(24);
            zone.add_certificate_at(Level::Zone, ends).unwrap();
            ids = (0..5).map(|_| zone.add_certificate(ends).unwrap()).collect();
            for number in 0..HOSTNAMES {
                let name = hostname(&format!("h{number}.{name}"));
                zone.associate(&name, &ids[number % ids.len()], Some(true)).unwrap();
            }
        }
        let api = Api::start(world).await;
        println!("{}", api.base_url);
        let mut lines = BufReader::new(stdin()).lines();
        let url = format!("http://{}/metrics", lines.next().unwrap().unwrap());
        let [scrapes, refused, bad] = [const { AtomicU64::new(0) }; 3];
        let world = Arc::new(Self { api, url, scrapes, refused, bad });
        let scraped = Arc::clone(&world);
        // a separate thread, so that reading pages does not delay the API
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(join_all((0..SCRAPERS).map(|number| Arc::clone(&scraped).scrape(number))));
        });
        // runs until the end of stdin
        let ended = tokio::task::spawn_blocking(move || drop(lines.next()));
        let faults = world.change(&ids, || ended.is_finished()).await;
        let [scrapes, refused, bad] =
            [&world.scrapes, &world.refused, &world.bad].map(|count| count.load(Ordering::Relaxed));
        println!("{scrapes} {refused} {bad} {faults}");
    }

    /// Reads pages. Half of the scrapers use OpenMetrics, and half open a new connection each time.
    async fn scrape(self: Arc<Self>, number: usize) -> Infallible {
        let open_metrics = number.is_multiple_of(2);
        let accept = if open_metrics { "application/openmetrics-text;version=1.0.0" } else { "text/plain" };
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
        let client = if number % 4 < 2 { client } else { client.pool_max_idle_per_host(0) };
        let client = client.build().unwrap();
        loop {
            sleep(Duration::from_millis(fastrand::u64(500..1500))).await;
            let answer = client.get(&self.url).header("accept", accept).send().await;
            let Ok(answer) = answer else {
                self.bad.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            let status = answer.status().as_u16();
            let samples = exposition::samples(&answer.text().await.unwrap_or_default(), open_metrics);
            let up = |name: &str| name == "cloudflare_aop_hostname_up";
            let whole = samples.is_ok_and(|samples| {
                samples.iter().filter(|sample| up(&sample.name)).count() >= 2 * HOSTNAMES
            });
            let count = match status {
                200 if whole => &self.scrapes,
                503 => &self.refused,
                _ => &self.bad,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds faults, renews certificates, and adds and removes hostnames until `is_over`. Returns the number of faults.
    async fn change(&self, ids: &[CertId], is_over: impl Fn() -> bool) -> u64 {
        let extra = |number: u64| hostname(&format!("x{number}.example.com"));
        let mut faults = 0;
        while !is_over() {
            self.api.simulator.add_fault(faults::any());
            self.api.simulator.with_world(|world| {
                let zone = world.zone("example.com").unwrap();
                let id = fastrand::choice(ids).unwrap();
                let renewed =
                    CertificateChange { expires_in: Some(fastrand::i64(1..9_999_999)), ..Default::default() };
                zone.change_certificate(id, renewed, now()).unwrap();
                zone.associate(&extra(faults), id, Some(true)).unwrap();
                if faults >= 10 {
                    zone.remove_association(&extra(faults - 10)).unwrap();
                }
            });
            faults += 1;
            sleep(Duration::from_millis(fastrand::u64(50..350))).await;
            self.api.simulator.clear_faults();
            // give polls with retries time to end
            sleep(Duration::from_millis(fastrand::u64(0..2000))).await;
        }
        faults
    }
}
