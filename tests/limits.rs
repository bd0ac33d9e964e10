//! Limits on the time and memory spent on a response. It is a separate crate because it measures the memory of its
//! process.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "it/support"]
#[expect(dead_code, unreachable_pub, reason = "the other tests use the rest")]
mod support {
    pub mod authority;
    pub mod breakable;
    pub mod front;
    pub mod harness;
}

use std::fs;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cloudflare_aop_exporter::telemetry::Endpoint;
use tokio::time::Instant;

use crate::support::authority::Authority;
use crate::support::front::{Answer, Front, Honest, Transport, Wrong};
use crate::support::harness::{Api, Asking, hostname, soon, world};

#[tokio::test]
async fn a_gzip_bomb_or_an_endless_body_costs_little_time_and_memory() {
    let (api, authority) = (Api::start(world(&[])).await, Arc::new(Authority::of(&["127.0.0.1".to_owned()])));
    let honest = Honest::of(&api.base_url);
    for transport in [Transport::Plain, Transport::Tls] {
        let mut front = Front::start(&honest, transport, &authority, Ipv4Addr::LOCALHOST).await;
        let mut asking = Asking::new(&front.base_url);
        asking.options.extra_ca = Some(authority.pem.clone().into_bytes());
        let client = asking.build();
        let spaces = Answer::Endless(Vec::new(), "[".into(), Bytes::from(vec![b' '; 1 << 16]));
        for (endpoint, cap) in [(Endpoint::HostnameGet, 4_usize), (Endpoint::HostnamePut, 16)] {
            for endless in [Answer::bomb(), spaces.clone()] {
                front.spoil(Wrong::Answers(endpoint, endless)).await;
                // reset the peak to the current memory
                fs::write("/proc/self/clear_refs", "5").unwrap();
                let (before, started) = (peak(), Instant::now());
                let error = match endpoint {
                    Endpoint::HostnamePut => client.put_hostnames(api.zone, &[], soon()).await.unwrap_err(),
                    _ => client.hostname(api.zone, &hostname("a.example.com"), soon()).await.unwrap_err(),
                };
                let (grown, took) = (peak() - before, started.elapsed());
                assert_eq!(error.to_string(), format!("the response is larger than {cap} MiB"));
                assert!(grown < (4 * cap) << 20, "{grown} bytes");
                // far below the timeout of ten seconds
                assert!(took < Duration::from_secs(8), "{took:?}");
            }
        }
    }
}

/// Returns the peak memory of this process since the last reset, in bytes.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
