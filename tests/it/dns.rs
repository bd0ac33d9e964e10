//! Tests of reading DNS records and Cloudflare's address ranges from the simulated API.

use cloudflare_aop_exporter::cloudflare::{DnsRecords, Purpose};
use cloudflare_aop_exporter::domain::{DnsIndex, NoOrigin, Reason, ZoneId, ZoneName};
use cloudflare_aop_exporter::simulator::{self, DnsRecord, Effect, Fault, Permission, Scope};
use serde_json::json;

use crate::support::harness::{Api, hostname, now, soon, world};

const CALLS: &str = "cloudflare_aop_api_requests_total";

fn record(kind: &str, name: &str, content: &str, proxied: bool) -> DnsRecord {
    DnsRecord { kind: kind.into(), name: name.into(), content: content.into(), proxied }
}

#[tokio::test]
async fn the_demos_records_give_the_origins_of_its_hostnames() {
    let demo = simulator::demo(1, now(), None).unwrap();
    let zones: Vec<(ZoneName, ZoneId)> =
        demo.world.zones().map(|zone| (zone.name().clone(), zone.id())).collect();
    let api = Api::start(demo.world).await;
    let client = api.client().build();
    let mut records: Vec<(ZoneName, DnsRecords)> = Vec::new();
    for (name, id) in zones {
        records.push((name, client.dns_records(id, soon()).await.unwrap()));
    }
    let mut index = DnsIndex::default();
    for (name, found) in &records {
        assert!(found.complete && found.unreadable == 0, "{found:?}");
        index.add(name, &found.records);
    }
    let none: &[&str] = &[];
    for (name, addresses, without) in [
        ("api.example.com", &["203.0.113.10", "2001:db8::10"][..], None),
        ("www.example.com", &["203.0.113.10", "2001:db8::10"], None),
        ("www.shop.example", &["203.0.113.10", "2001:db8::10"], None),
        ("checkout.shop.example", &["203.0.113.30", "203.0.113.31"], None),
        ("intranet.example.com", &["10.0.0.7"], None),
        ("build.example.org", &["203.0.113.20"], None),
        ("mirror.example.org", &["mirror.example.net"], None),
        ("admin.example.com", none, Some(NoOrigin::Tunnel)),
        ("legacy.example.com", none, Some(NoOrigin::Placeholder)),
        ("old.example.org", none, Some(NoOrigin::Placeholder)),
        ("docs.example.org", none, Some(NoOrigin::Pages)),
        ("staging.example.com", none, Some(NoOrigin::NoRecord)),
        ("mail.example.com", none, Some(NoOrigin::NoRecord)),
    ] {
        let found = index.origins(&hostname(name));
        let labels: Vec<_> = found.origins.iter().map(|origin| &*origin.label).collect();
        assert_eq!(labels, addresses, "{name}");
        assert_eq!(found.without.first().copied(), without, "{name}");
    }
}

#[tokio::test]
async fn a_long_list_of_records_is_read_by_pages_which_become_smaller_if_large_ones_are_refused() {
    let mut world = world(&[]);
    let row = |number| record("A", &format!("h{number}.example.com"), "203.0.113.7", true);
    world.zone("example.com").unwrap().set_records((0..1234).map(row).collect());
    let api = Api::start(world).await;
    let asking = api.client();
    let client = asking.build();
    let found = client.dns_records(api.zone, soon()).await.unwrap();
    assert_eq!((found.records.len(), found.complete), (1234, true));
    assert_eq!(asking.counted(CALLS, &["dns_record_list", "200"]), 2.0);

    let refused =
        json!({"success": false, "errors": [{"code": 1004, "message": "per_page"}], "result": null});
    api.simulator.add_fault(Fault::new(Effect::Json { status: 400, body: refused }).on_path("per_page=1000"));
    assert_eq!(client.dns_records(api.zone, soon()).await.unwrap(), found);
    assert_eq!(asking.counted(CALLS, &["dns_record_list", "400"]), 1.0);
    assert_eq!(asking.counted(CALLS, &["dns_record_list", "200"]), 2.0 + 13.0);
}

#[tokio::test]
async fn the_error_about_forbidden_records_names_the_permission() {
    let api = Api::start(world(&[])).await;
    let token = simulator::Options::default().token;
    let scope = Scope { permissions: vec![Permission::ZoneRead, Permission::SslRead], ..Scope::default() };
    api.simulator.set_scope(&token, scope);
    let client = api.client().build();
    let error = client.dns_records(api.zone, soon()).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Forbidden);
    assert_eq!(
        error.advice(Purpose::DnsRecords).unwrap(),
        "the token lacks the permission \"DNS Read\" for this zone"
    );
    assert!(client.ip_ranges(soon()).await.is_ok());
}

#[tokio::test]
async fn cloudflares_ranges_have_both_address_families_and_a_failure_is_retried() {
    let api = Api::start(world(&[])).await;
    let asking = api.client();
    let client = asking.build();
    api.simulator.add_fault(Fault::new(Effect::Empty { status: 500 }).on_path("/ips").times(1));
    let ranges = client.ip_ranges(soon()).await.unwrap();
    for ip in ["104.16.0.1", "172.71.255.255", "2606:4700::1"] {
        assert!(ranges.iter().any(|range| range.contains(ip.parse().unwrap())), "{ip}");
    }
    assert!(!ranges.iter().any(|range| range.contains("8.8.8.8".parse().unwrap())));
    assert_eq!(asking.counted(CALLS, &["ip_range_list", "500"]), 1.0);
    assert_eq!(asking.counted(CALLS, &["ip_range_list", "200"]), 1.0);
}
