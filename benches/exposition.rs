//! Measures the time to write a page, compared with a copy of the same bytes and with other crates writing the same
//! series. These are prometheus-client, and prometheus with a `Collector` or with a `GaugeVec` for each family.
//!
//! At the end it prints the nanoseconds per series for each size, the median of five. In production, a page also passes
//! hyper and possibly TLS, which costs the same for all of them.
#![expect(clippy::print_stdout, reason = "the program prints a summary")]
#![expect(clippy::unwrap_used, reason = "a panic says where the bench failed")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "exposition/peers.rs"]
mod peers;

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::domain::Snapshot;
use cloudflare_aop_exporter::metrics::{Format, Source, View};
use cloudflare_aop_exporter::telemetry::Telemetry;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::time::Instant;

use crate::fixture::{NOW, answers};
use crate::peers::PEERS;

/// The size of the pieces that the server sends.
const PIECE: usize = 64 * 1024;
/// The most hostnames for other crates, whose registries would take gigabytes for more.
const LARGEST_REGISTRY: usize = 10_000;

fn main() {
    // cargo bench passes --bench; a test run only needs to show that the benches work
    let measured = std::env::args().any(|argument| argument == "--bench");
    // registries come last, since the heap they leave behind slows down everything after them
    let sizes = if measured { &[100_000, 10_000][..] } else { &[] };
    let summaries: Vec<_> = sizes.iter().map(|hostnames| summary(*hostnames)).collect();
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    folds(&mut criterion);
    for hostnames in [100_000, 10_000] {
        pages(&mut criterion, hostnames);
    }
    criterion.final_summary();
    for summary in summaries {
        println!("{summary}");
    }
}

fn pages(criterion: &mut Criterion, hostnames: usize) {
    let source = source(hostnames);
    let text = whole(&source);
    let mut group = criterion.benchmark_group("exposition");
    group.throughput(Throughput::Elements(series(&text)));
    let size = |name| BenchmarkId::new(name, hostnames);
    let mut piece = Vec::with_capacity(PIECE * 2);
    for (name, format) in [("text", Format::Text), ("openmetrics", Format::OpenMetrics)] {
        group.bench_function(size(name), |bencher| bencher.iter(|| write(&source, format, &mut piece)));
    }
    group.bench_function(size("gzip"), |bencher| bencher.iter(|| compress(&source, &mut piece)));
    group.bench_function(size("memcpy"), |bencher| bencher.iter(|| copy(&text, &mut piece)));
    let mut buffer = String::new();
    for (name, peer) in PEERS.into_iter().filter(|_| hostnames <= LARGEST_REGISTRY) {
        let mut write = peer(&text);
        group.bench_function(size(name), |bencher| bencher.iter(|| rewrite(&mut write, &mut buffer)));
    }
    group.finish();
}

fn folds(criterion: &mut Criterion) {
    let (targets, outcomes) = answers(10_000);
    let unread = Snapshot::default().retarget(&targets);
    let read = unread.fold(outcomes.clone());
    let mut group = criterion.benchmark_group("fold");
    group.throughput(Throughput::Elements(10_000));
    for (name, known) in [("10000 first readings", &unread), ("10000 later readings", &read)] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(|| outcomes.clone(), |outcomes| known.fold(outcomes), BatchSize::LargeInput);
        });
    }
    group.finish();
}

/// Measures all ways to write the same page, one after the other in one process.
fn summary(hostnames: usize) -> String {
    let source = source(hostnames);
    let text = whole(&source);
    let count = series(&text);
    let mut piece = Vec::with_capacity(PIECE * 2);
    let plain = median(count, || write(&source, Format::Text, &mut piece));
    let gzip = median(count, || compress(&source, &mut piece));
    let memcpy = median(count, || copy(&text, &mut piece));
    let mut lines = vec![
        format!("{hostnames} hostnames, {count} series, {} bytes, nanoseconds per series:", text.len()),
        format!(
            "  plain {plain:.1}, gzip {gzip:.1}, memcpy {memcpy:.1} (plain is {:.1} times memcpy)",
            plain / memcpy
        ),
    ];
    let mut buffer = String::new();
    for (name, peer) in PEERS.into_iter().filter(|_| hostnames <= LARGEST_REGISTRY) {
        let mut write = peer(&text);
        let other = median(count, || rewrite(&mut write, &mut buffer));
        lines.push(format!("  {name} {other:.1} ({:.0} times plain)", other / plain));
    }
    lines.join("\n")
}

/// Returns the nanoseconds per series.
fn median(series: u64, mut run: impl FnMut() -> usize) -> f64 {
    let mut times = [(); 5].map(|()| {
        let start = Instant::now();
        black_box(run());
        start.elapsed()
    });
    times.sort();
    times[2].as_secs_f64() * 1e9 / series as f64
}

fn write(source: &Source, format: Format, piece: &mut Vec<u8>) -> usize {
    let mut page = source.page(format, View::default());
    let mut written = 0;
    loop {
        piece.clear();
        let more = page.fill(piece, PIECE);
        written += black_box(&*piece).len();
        if !more {
            return written;
        }
    }
}

fn compress(source: &Source, piece: &mut Vec<u8>) -> usize {
    let mut page = source.page(Format::Text, View::default());
    let mut stream = GzEncoder::new(Vec::with_capacity(PIECE), Compression::new(1));
    let mut written = 0;
    loop {
        piece.clear();
        let more = page.fill(piece, PIECE);
        stream.write_all(piece).unwrap();
        written += black_box(stream.get_mut()).len();
        stream.get_mut().clear();
        if !more {
            return written + stream.finish().unwrap().len();
        }
    }
}

fn copy(text: &str, piece: &mut Vec<u8>) -> usize {
    for part in text.as_bytes().chunks(PIECE) {
        piece.clear();
        piece.extend_from_slice(part);
        black_box(&*piece);
    }
    text.len()
}

fn rewrite(write: &mut peers::Write, buffer: &mut String) -> usize {
    buffer.clear();
    write(buffer)
}

fn whole(source: &Source) -> String {
    let (mut page, mut text) = (source.page(Format::Text, View::default()), Vec::new());
    while page.fill(&mut text, usize::MAX) {}
    String::from_utf8(text).unwrap()
}

fn series(text: &str) -> u64 {
    text.lines().filter(|line| !line.starts_with('#')).count() as u64
}

fn source(hostnames: usize) -> Source {
    let (targets, outcomes) = answers(hostnames);
    let snapshot = Snapshot::default().retarget(&targets).fold(outcomes);
    Source {
        snapshot: tokio::sync::watch::Sender::new(Arc::new(snapshot)).subscribe(),
        telemetry: Arc::new(Telemetry::new().unwrap()),
        clock: Clock::fixed(jiff::Timestamp::from_second(NOW).unwrap()),
    }
}
