//! Measures the time to turn one API response into a reading, which is the cost of a poll besides the request itself.
#![expect(clippy::unwrap_used, reason = "a panic says where the bench failed")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::cloudflare::{Budget, Client, Options, RateLimit};
use cloudflare_aop_exporter::domain::Hostname;
use cloudflare_aop_exporter::telemetry::Telemetry;
use criterion::{Criterion, Throughput};
use tokio::sync::watch;

/// The example response in Cloudflare's documentation.
const ANSWER: &str = include_str!("../tests/fixtures/reference.json");

fn main() {
    let mut criterion = Criterion::default().measurement_time(Duration::from_secs(2)).configure_from_args();
    let hostname: Hostname = "app.example.com".parse().unwrap();
    let client = client();
    let read = || client.read_hostname(&hostname, ANSWER.as_bytes()).unwrap();
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Bytes(ANSWER.len() as u64));
    // a certificate is shared while a reading holds it, and parsed again after that
    group.bench_function("response with a new certificate", |bencher| bencher.iter(read));
    let _held = read();
    group.bench_function("response with a known certificate", |bencher| bencher.iter(read));
    group.finish();
    criterion.final_summary();
}

/// Returns a client that sends no requests.
fn client() -> Client {
    let options = Options {
        account: "default".into(),
        account_id: None,
        base_url: "http://127.0.0.1:9/".parse().unwrap(),
        timeout: Duration::from_secs(1),
        max_concurrent_requests: 1,
        extra_ca: None,
    };
    let limit = RateLimit { requests: NonZeroU32::MAX, per: Duration::from_secs(1) };
    let (_, token) = watch::channel("token".parse().unwrap());
    let telemetry = Arc::new(Telemetry::new().unwrap());
    Client::new(options, token, Arc::new(Budget::new(limit)), telemetry, Clock::system()).unwrap()
}
