//! Tests that probe the origins of the demo.

use std::collections::BTreeMap;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::domain::{Demand, DemandReason, Hostname, IssuerMatch, Pem, ProbeFailure};
use cloudflare_aop_exporter::probe::{Options, Probed, Prober, Target};
use cloudflare_aop_exporter::simulator::{self, Origin};
use tokio::net::TcpListener;

use crate::support::harness::Api;

#[tokio::test]
async fn each_origin_of_the_demo_has_its_expected_demand() {
    let now = Clock::system().now();
    let demo = simulator::demo(1, now, None).unwrap();
    assert!(
        demo.origins.iter().all(|(hostname, _)| demo.expected.iter().any(|(zone, _)| hostname.is_in(zone)))
    );
    let prober = Prober::new(Options { timeout: std::time::Duration::from_secs(5), ..Options::default() });
    let mut found: BTreeMap<&Hostname, (Origin, Probed)> = BTreeMap::new();
    for (hostname, origin) in &demo.origins {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Target {
            address: listener.local_addr().unwrap().into(),
            server_name: hostname.clone(),
            path: "/".into(),
            only_public: false,
        };
        tokio::spawn(demo.world.origin(*origin, hostname, now).unwrap().serve(listener));
        found.insert(hostname, (*origin, prober.probe(&target).await));
    }
    let mut kinds: Vec<_> = found.values().map(|(origin, _)| origin.label()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), 6);
    // the issuers of the certificates that Cloudflare presents
    let api = Api::start(demo.world).await;
    let path = format!("zones/{}/origin_tls_client_auth/hostnames/app.example.com", api.zone);
    let asked = reqwest::Client::new().get(format!("{}/{path}", api.base_url)).bearer_auth("simulated-token");
    let answer: serde_json::Value =
        serde_json::from_slice(&asked.send().await.unwrap().bytes().await.unwrap()).unwrap();
    let issuers = Pem::parse(answer["result"]["certificate"].as_str().unwrap()).unwrap().issuers;
    for (hostname, (origin, probed)) in &found {
        let (demand, is_up, named) = match origin {
            Origin::Required => (Demand::Required, true, Some(IssuerMatch::Exact)),
            Origin::Optional => (Demand::Optional, true, Some(IssuerMatch::Exact)),
            Origin::Unprotected => (Demand::None, true, None),
            Origin::OtherAuthority => (Demand::Required, true, Some(IssuerMatch::None)),
            Origin::Hangs => (Demand::Unknown, false, None),
            Origin::AsksLate => (Demand::Unknown, true, None),
        };
        assert_eq!((probed.demand, probed.is_up), (demand, is_up), "{hostname}: {probed:?}");
        let accepted = probed.observation.accepted.as_ref();
        assert_eq!(accepted.and_then(|accepted| accepted.find(&issuers)), named, "{hostname}");
        let reason = match origin {
            Origin::Hangs => Some(DemandReason::Failed(ProbeFailure::TimedOut)),
            Origin::AsksLate => Some(DemandReason::AsksLate),
            _ => None,
        };
        assert!(reason.is_none_or(|reason| reason == probed.reason), "{hostname}: {:?}", probed.reason);
    }
}
