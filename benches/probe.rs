//! Measures the time and memory of many probes, run directly and by the daemon. Run it with `cargo bench --bench probe`. The origins listen on loopback
//! addresses in a separate process. The exit code is 1 if a limit is exceeded.
#![expect(clippy::print_stdout, reason = "the program prints its results")]
#![expect(clippy::unwrap_used, reason = "a panic says where the bench failed")]

#[path = "../tests/it/support"]
#[expect(dead_code, unreachable_pub, reason = "the tests use the rest")]
mod support {
    pub mod origin;
}

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::domain::{
    Demand, Expectation, HostnameTarget, OriginReading, OriginTarget, Snapshot, Targets, ZoneTarget,
};
use cloudflare_aop_exporter::keeper::Keeper;
use cloudflare_aop_exporter::probe::{Options, Prober, Rounds, Target};
use jiff::Timestamp;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::support::origin::{Asks, authority, tls};

const SLOTS: usize = 64;
const TIMEOUT: Duration = Duration::from_secs(10);
/// The third byte of the addresses of origins that never answer.
const HANGING: u8 = 9;
const MAX_RESULT_SIZE: usize = 400;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let has = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    if has("serve") {
        serve().await;
    }
    // does nothing in `cargo test`, which does not pass --bench
    if !has("--bench") {
        return ExitCode::SUCCESS;
    }
    let origins = Origins::start();
    // the first probe allocates what all others share
    probe(&origins.targets(1, 0), 0).await;
    let before = memory("VmRSS");
    let mut held = true;
    println!(
        "{SLOTS} probes at a time, with a separate limit for slow ones, timeout {} s:",
        TIMEOUT.as_secs()
    );
    for (count, hanging, seconds, megabytes) in
        [(1000, 0, 2.0, 10), (1000, 100, 3.0, 10), (10_000, 0, 15.0, 20)]
    {
        let found = probe(&origins.targets(count, hanging), before).await;
        assert_eq!(found.healthy, count - hanging, "an origin has the wrong verdict");
        held &= found.took.as_secs_f64() < seconds && found.grown < megabytes << 20;
        println!(
            "{count:>6} origins, {hanging:>3} of them hang: healthy ones in {:.2} s, at most {seconds} s; {:.1} MB, at \
             most {megabytes} MB{}",
            found.took.as_secs_f64(),
            found.grown as f64 / 1e6,
            verdict(found.took.as_secs_f64() < seconds && found.grown < megabytes << 20)
        );
        if count == 10_000 {
            held &= found.result_size <= MAX_RESULT_SIZE;
            println!(
                "a result: {} B, at most {MAX_RESULT_SIZE} B{}",
                found.result_size,
                verdict(found.result_size <= MAX_RESULT_SIZE)
            );
        }
    }
    let alone = kept(&origins.targets(5000, 0)).await;
    let found = kept(&origins.targets(10_000, 0)).await;
    let is_linear = found.busy < alone.busy.mul_f64(2.5);
    held &= is_linear && found.result_size <= MAX_RESULT_SIZE;
    println!(
        "{:>6} origins of one zone in the daemon: in {:.2} s, {:.2} s of them busy, at most 2.5 times the {:.2} s of half \
         as many{}; {} B kept of each, at most {MAX_RESULT_SIZE} B{}",
        10_000,
        found.took.as_secs_f64(),
        found.busy.as_secs_f64(),
        alone.busy.as_secs_f64(),
        verdict(is_linear),
        found.result_size,
        verdict(found.result_size <= MAX_RESULT_SIZE)
    );
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

const fn verdict(held: bool) -> &'static str {
    if held { "" } else { "  MISSED" }
}

struct Found {
    /// The time until the last origin that answers has its verdict.
    took: Duration,
    healthy: usize,
    /// The peak memory on top of the memory before.
    grown: usize,
    /// The size of a result in bytes.
    result_size: usize,
}

/// Probes these targets. `before` is the memory of the process before the first probe.
async fn probe(targets: &[Target], before: usize) -> Found {
    let prober = Prober::new(Options { timeout: TIMEOUT, max_concurrent: SLOTS, ..Options::default() });
    let mut readings: Vec<OriginReading> = Vec::with_capacity(targets.len());
    // reset the peak to the current memory
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let (start, mut found) = (Instant::now(), 0);
    let (mut took, read_at) = (Duration::ZERO, Timestamp::UNIX_EPOCH.into());
    prober
        .probe_all(targets, |_, probed| {
            if probed.demand == Demand::Required {
                (took, found) = (start.elapsed(), found + 1);
            }
            readings.push(prober.reading(&probed, read_at));
        })
        .await;
    let mut lists: Vec<_> = readings.iter().filter_map(|reading| reading.accepted.as_ref()).collect();
    lists.sort_by_key(|list| Arc::as_ptr(list));
    lists.dedup_by(|one, other| Arc::ptr_eq(one, other));
    let shared: usize = lists.iter().map(|list| size_of_val(list.names())).sum();
    let result_size = size_of::<OriginReading>() + shared / readings.len();
    Found { took, healthy: found, grown: memory("VmHWM").saturating_sub(before), result_size }
}

struct Kept {
    took: Duration,
    /// The processor time of this process.
    busy: Duration,
    /// The size of an origin with its result in the snapshot, in bytes.
    result_size: usize,
}

/// Probes these targets as the daemon does at its start. They belong to one zone, whose hostnames have one origin each.
async fn kept(targets: &[Target]) -> Kept {
    let name = |place: usize| format!("h{place}.example.com").parse().unwrap();
    let origin = |(place, target): (usize, &Target)| OriginTarget {
        hostname: name(place),
        label: target.address.to_string().into(),
        address: target.address.clone(),
        server_name: target.server_name.clone(),
        path: Arc::clone(&target.path),
        from_dns: false,
    };
    let hostname = |place| HostnameTarget { hostname: name(place), expectation: Expectation::default() };
    let zone = ZoneTarget::named("main".into(), "example.com".parse().unwrap(), None)
        .with_hostnames((0..targets.len()).map(hostname).collect())
        .with_origins(targets.iter().enumerate().map(origin).collect());
    let (keeper, handle) = Keeper::new(Snapshot::default().retarget(&Targets::new([zone])));
    let (stop, (_tick, ticks)) = (CancellationToken::new(), mpsc::channel(1));
    let options = Options { timeout: TIMEOUT, max_concurrent: SLOTS, ..Options::default() };
    let rounds = Rounds::new(watch::channel(options).1, handle.clone(), Clock::system());
    let (start, busy_before) = (Instant::now(), busy());
    let tasks = [tokio::spawn(keeper.run(stop.clone())), tokio::spawn(rounds.run(ticks, stop.clone()))];
    let mut published = handle.follow();
    let is_probed =
        |known: &Arc<Snapshot>| known.zones()[0].origins().iter().all(|origin| origin.reading().is_some());
    published.wait_for(is_probed).await.unwrap();
    let (took, busy) = (start.elapsed(), busy() - busy_before);
    stop.cancel();
    for task in tasks {
        task.await.unwrap();
    }
    let known = handle.snapshot();
    let origins = known.zones()[0].origins();
    let texts = origins.iter().map(|origin| {
        let OriginTarget { hostname, label, server_name, path, .. } = origin.target();
        // each text with the two counters of its `Arc`, as if no two origins shared it
        [hostname.as_str(), label, server_name.as_str(), path]
            .map(|text| text.len() + 16)
            .iter()
            .sum::<usize>()
    });
    let result_size = (size_of_val(origins) + texts.sum::<usize>()) / origins.len();
    Kept { took, busy, result_size }
}

/// The processor time that this process has taken.
fn busy() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
    Duration::from_millis(ticks.map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum())
}

fn memory(key: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// The process that runs the origins.
struct Origins {
    process: Child,
    port: u16,
}

impl Origins {
    fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut process = command.arg("serve").stdout(Stdio::piped()).stdin(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { process, port: line.trim().parse().unwrap() }
    }

    /// Returns this many origins, each with its own address. Those that hang are spread among them.
    fn targets(&self, count: usize, hanging: usize) -> Vec<Target> {
        let every = count.checked_div(hanging).unwrap_or(usize::MAX);
        let target = |index: usize| {
            let [.., high, low] = index.to_be_bytes();
            let third = if hanging > 0 && index.is_multiple_of(every) { HANGING } else { 1 };
            let ip = IpAddr::V4(Ipv4Addr::new(127, third, high, low));
            Target {
                address: SocketAddr::new(ip, self.port).into(),
                server_name: "app.example.com".parse().unwrap(),
                path: "/".into(),
                only_public: false,
            }
        };
        (0..count).map(target).collect()
    }
}

impl Drop for Origins {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves until the parent process ends.
async fn serve() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let names = (0..20).map(|number| authority(&format!("Origin Pull CA {number}"))).collect();
    let acceptor = TlsAcceptor::from(Arc::new(tls(Asks::Required(names), &[&TLS13, &TLS12])));
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("0.0.0.0:0".parse().unwrap()).unwrap();
    let listener: TcpListener = socket.listen(4096).unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let SocketAddr::V4(address) = stream.local_addr().unwrap() else { continue };
        let hangs = address.ip().octets()[1] == HANGING;
        tokio::spawn(origin(stream, acceptor.clone(), hangs));
    }
}

async fn origin(mut stream: TcpStream, acceptor: TlsAcceptor, hangs: bool) {
    if hangs {
        // until the client times out
        while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
        return;
    }
    if let Ok(mut stream) = acceptor.accept(stream).await {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        let _ = stream.shutdown().await;
    }
}
