//! Tests of reading by lists, of discovery and of the zone level, against the simulated API.

use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::domain::{
    Association, Expectation, Expected, Extent, HostnameTarget, Level, Reading, Reason, Snapshot, SslMode,
    Strategy, ZoneTarget,
};
use cloudflare_aop_exporter::simulator::{AssociationChange, CertificateChange, Effect, Fault, World};
use jiff::SignedDuration;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use proptest::strategy::Strategy as Generator;
use serde_json::json;

use crate::support::harness::{Api, Asking, Running, budget, hostname, now, world};

const LIST: &str = "/origin_tls_client_auth/hostnames?";
const CERTIFICATES: &str = "/origin_tls_client_auth/hostnames/certificates";
const ONE: &str = "/origin_tls_client_auth/hostnames/h";

fn reading_by(strategy: Strategy) -> Extent {
    Extent { strategy, ..Extent::default() }
}

fn discovering() -> Extent {
    Extent { discovered: Some(Expected::Any), ..Extent::default() }
}

/// A poller of one zone that polls on demand.
struct Polling {
    running: Running,
    polls: f64,
}

impl Polling {
    fn new(api: &Api, names: &[&str], extent: Extent) -> Self {
        let hostnames = names
            .iter()
            .map(|name| HostnameTarget { hostname: hostname(name), expectation: Expectation::default() });
        let zone = ZoneTarget::identified("default".into(), api.zone);
        let zone = zone.with_hostnames(hostnames.collect()).with_extent(extent);
        Self { running: Running::start(api.client(), [zone]), polls: 0.0 }
    }

    /// Waits for the end of the initial poll the first time, and triggers another poll later.
    async fn poll(&mut self) -> Arc<Snapshot> {
        self.polls += 1.0;
        if self.polls == 1.0 { self.running.polled(1.0).await } else { self.running.poll().await }
    }

    fn errors(&self, labels: &[&str]) -> f64 {
        self.running.asking.counted("cloudflare_aop_exporter_poll_errors_total", labels)
    }
}

/// Returns each hostname, true if it is up, and its association.
fn rows(snapshot: &Snapshot) -> Vec<(&str, bool, Option<Association>)> {
    let entries = snapshot.zones()[0].entries().iter();
    let association = |reading: &Reading| reading.association;
    entries
        .map(|entry| (entry.hostname().as_str(), entry.is_up(), entry.reading().map(association)))
        .collect()
}

const ENABLED: Option<Association> = Some(Association::Enabled);
const NONE: Option<Association> = Some(Association::None);

#[tokio::test]
async fn lists_cost_one_request_per_thousand_associations_plus_one_per_zone() {
    for (count, get, list, auto) in
        [(1, 1, 2, 1), (2, 2, 2, 2), (3, 3, 2, 2), (10, 10, 2, 2), (1100, 1100, 3, 3)]
    {
        let names: Vec<_> = (0..count).map(|number| format!("h{number}.example.com")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let api = Api::start(world(&names)).await;
        for (strategy, cost) in [(Strategy::Get, get), (Strategy::List, list), (Strategy::Auto, auto)] {
            api.simulator.forget_requests();
            let mut polling = Polling::new(&api, &names, reading_by(strategy));
            for _ in 0..2 {
                let snapshot = polling.poll().await;
                assert!(rows(&snapshot).iter().all(|row| row.1 && row.2 == ENABLED), "{strategy:?}");
                assert_eq!(api.simulator.requests().total(), cost, "{count} hostnames by {strategy:?}");
                api.simulator.forget_requests();
            }
        }
    }
}

#[tokio::test]
async fn auto_uses_gets_if_a_zone_has_far_more_associations_than_watched_hostnames() {
    let names: Vec<_> = (0..4500).map(|number| format!("h{number}.example.com")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let api = Api::start(world(&names)).await;
    let mut polling = Polling::new(&api, &names[..4], reading_by(Strategy::Auto));
    polling.poll().await;
    assert_eq!(api.simulator.requests().total(), 5, "one page to decide, then one GET per hostname");
    polling.poll().await;
    assert_eq!(api.simulator.requests().total(), 9);
}

#[tokio::test]
async fn a_hostname_newly_missing_from_a_list_is_confirmed_by_a_get() {
    let api = Api::start(world(&["h1.example.com", "h2.example.com", "h3.example.com"])).await;
    let names = ["h1.example.com", "h2.example.com", "h3.example.com", "h4.example.com"];
    let mut polling = Polling::new(&api, &names, reading_by(Strategy::List));
    let all = [ENABLED, ENABLED, ENABLED, NONE];
    for gets in [1, 0, 0] {
        let snapshot = polling.poll().await;
        assert_eq!(rows(&snapshot).iter().map(|row| row.2).collect::<Vec<_>>(), all);
        assert_eq!(api.simulator.requests().count("GET", ONE), gets);
        api.simulator.forget_requests();
    }
    api.simulator.with_world(|world| {
        world.zone("example.com").unwrap().remove_association(&hostname("h3.example.com")).unwrap();
    });
    for gets in [1, 0] {
        api.simulator.forget_requests();
        assert_eq!(rows(&*polling.poll().await)[2], ("h3.example.com", true, NONE));
        assert_eq!(api.simulator.requests().count("GET", ONE), gets);
    }
}

#[tokio::test]
async fn discovery_watches_the_zones_associations_and_drops_vanished_ones() {
    let api = Api::start(world(&["h1.example.com", "h2.example.com"])).await;
    let mut polling = Polling::new(&api, &["h2.example.com", "h9.example.com"], discovering());
    let snapshot = polling.poll().await;
    let expected = [
        ("h1.example.com", true, ENABLED),
        ("h2.example.com", true, ENABLED),
        ("h9.example.com", true, NONE),
    ];
    assert_eq!(rows(&snapshot), expected);
    let entries = snapshot.zones()[0].entries();
    let drifted: Vec<_> = entries.iter().map(|entry| entry.is_drifted().unwrap()).collect();
    assert_eq!(drifted, [false, false, true], "discovered hostnames have the configured expectation");

    api.simulator.with_world(|world| {
        let zone = world.zone("example.com").unwrap();
        for name in ["h1.example.com", "h2.example.com"] {
            zone.remove_association(&hostname(name)).unwrap();
        }
    });
    let snapshot = polling.poll().await;
    assert_eq!(rows(&snapshot), [("h2.example.com", true, NONE), ("h9.example.com", true, NONE)]);
    assert_eq!(snapshot.zones()[0].removed(), 1);
}

#[tokio::test]
async fn an_incomplete_list_makes_no_hostname_vanish() {
    let api = Api::start(world(&["h1.example.com", "h2.example.com", "h3.example.com"])).await;
    let mut polling = Polling::new(&api, &["h3.example.com"], discovering());
    polling.poll().await;
    let cut = json!({
        "success": true,
        "result": [{"hostname": "h1.example.com", "enabled": null, "status": "active"}],
        "result_info": {"total_pages": 1, "total_count": 3}
    });
    api.simulator.add_fault(Fault::new(Effect::Json { status: 200, body: cut }).on_path(LIST));
    let snapshot = polling.poll().await;
    let void = Some(Association::Void);
    let expected = [
        ("h1.example.com", true, void),
        ("h2.example.com", true, ENABLED),
        ("h3.example.com", true, ENABLED),
    ];
    assert_eq!(rows(&snapshot), expected);
    assert_eq!(snapshot.zones()[0].removed(), 0);
    assert_eq!(snapshot.zones()[0].certificates()[0].hostnames, Some(3), "from the last complete list");
    assert_eq!(polling.errors(&["invalid_response"]), 1.0);

    let first = Polling::new(&api, &["h3.example.com"], discovering()).poll().await;
    assert_eq!(first.zones()[0].certificates()[0].hostnames, None, "there was no complete list");
}

#[tokio::test]
async fn a_hostname_missing_between_two_pages_is_confirmed_by_a_get_before_it_is_dropped() {
    let names = ["h1.example.com", "h2.example.com", "h3.example.com"];
    let api = Api::start(world(&names)).await;
    let mut polling = Polling::new(&api, &[], discovering());
    polling.poll().await;
    // h1 was removed and h4 added after the first page was read, so h2 was on neither page
    let page = |number: u32, name: &str| {
        let row = json!({"hostname": name, "enabled": null, "status": "active"});
        let body = json!({
            "success": true,
            "result": [row],
            "result_info": {"total_pages": 2, "total_count": 2}
        });
        Fault::new(Effect::Json { status: 200, body }).on_path(&format!("&page={number}&"))
    };
    api.simulator.with_world(|world| {
        world.zone("example.com").unwrap().remove_association(&hostname("h3.example.com")).unwrap();
    });
    api.simulator.add_fault(page(1, "h1.example.com"));
    api.simulator.add_fault(page(2, "h4.example.com"));
    let void = Some(Association::Void);
    let expected =
        [("h1.example.com", true, void), ("h2.example.com", true, ENABLED), ("h4.example.com", true, void)];
    let snapshot = polling.poll().await;
    assert_eq!(rows(&snapshot), expected);
    assert_eq!(snapshot.zones()[0].removed(), 1, "h3, confirmed by a GET");
}

#[tokio::test]
async fn in_a_refused_zone_only_one_hostname_is_requested() {
    let names = ["h1.example.com", "h2.example.com", "h3.example.com"];
    for (status, code, reason) in [(403, 10_000, Reason::Forbidden), (404, 7003, Reason::NotFound)] {
        let api = Api::start(world(&names)).await;
        let refused = Effect::Status { status, code, retry_after: None };
        let fault = api.simulator.add_fault(Fault::new(refused));
        let mut polling = Polling::new(&api, &names, reading_by(Strategy::List));
        for polls in [1.0, 2.0] {
            assert_eq!(polling.poll().await.zones()[0].failure(), Some(reason));
            assert_eq!(api.simulator.requests().total(), 2, "a list and a GET");
            assert_eq!(polling.errors(&[reason.label()]), 4.0 * polls);
            api.simulator.forget_requests();
        }
        api.simulator.clear_fault(fault);
        assert_eq!(rows(&*polling.poll().await), names.map(|name| (name, true, ENABLED)));
    }
}

#[tokio::test]
async fn without_a_list_the_poll_interval_accounts_for_one_get_per_hostname() {
    let names = ["h1.example.com", "h2.example.com", "h3.example.com"];
    let api = Api::start(world(&names)).await;
    let missing = Effect::Status { status: 404, code: 7003, retry_after: None };
    api.simulator.add_fault(Fault::new(missing).on_path(LIST));
    let (limit, gap) = (Duration::from_millis(400), Duration::from_millis(100));
    let asking = Asking { budget: budget(2, limit), ..api.client() };
    let zone = ZoneTarget::identified("default".into(), api.zone).with_hostnames(
        names
            .map(|name| HostnameTarget { hostname: hostname(name), expectation: Expectation::default() })
            .into(),
    );
    let running = Running::start_every(gap, asking, [zone]);
    let snapshot = running.polled(1.0).await;
    assert_eq!(rows(&snapshot), names.map(|name| (name, true, ENABLED)));
    let interval = running.asking.gauge("cloudflare_aop_exporter_poll_interval_seconds");
    assert_eq!(interval, 0.6, "three requests at two in 0.4 s");
}

#[tokio::test]
async fn an_untrusted_row_is_counted_and_replaced_by_a_get() {
    let names = ["h1.example.com", "h2.example.com", "h3.example.com"];
    let api = Api::start(world(&names)).await;
    let list = json!({
        "success": true,
        "result": [
            {"hostname": "h1.example.com", "enabled": true, "status": "active"},
            {"hostname": "h2.example.com", "cert_id": "unknown", "status": "active"},
            {"hostname": "h3.example.com", "cert_id": "unlisted", "enabled": true, "status": "active"}
        ],
        "result_info": {"total_pages": 1, "total_count": 3}
    });
    api.simulator.add_fault(Fault::new(Effect::Json { status: 200, body: list }).on_path(LIST));
    let mut polling = Polling::new(&api, &names, reading_by(Strategy::List));
    let snapshot = polling.poll().await;
    assert_eq!(rows(&snapshot), names.map(|name| (name, true, ENABLED)));
    assert_eq!(api.simulator.requests().count("GET", ONE), 3);
    assert_eq!(polling.errors(&["invalid_response"]), 2.0, "missing from the list is not an error");
}

#[tokio::test]
async fn without_a_list_auto_uses_gets_and_stops_requesting_the_list() {
    let names = ["h1.example.com", "h2.example.com", "h3.example.com"];
    for (status, code) in [(404, 0), (405, 10_405), (400, 7000), (400, 7003), (403, 10_000)] {
        let api = Api::start(world(&names)).await;
        let missing = Effect::Status { status, code, retry_after: None };
        api.simulator.add_fault(Fault::new(missing).on_path(LIST));
        let mut polling = Polling::new(&api, &names, reading_by(Strategy::Auto));
        for _ in 0..2 {
            assert_eq!(rows(&*polling.poll().await), names.map(|name| (name, true, ENABLED)));
        }
        assert_eq!(api.simulator.requests().count("GET", LIST), 1);
        assert_eq!(polling.errors(&[]), 0.0);
    }
}

#[tokio::test]
async fn without_a_list_discovery_reads_named_hostnames_and_counts_an_error_per_poll() {
    let api = Api::start(world(&["h1.example.com"])).await;
    let missing = Effect::Status { status: 404, code: 7003, retry_after: None };
    api.simulator.add_fault(Fault::new(missing).on_path(LIST));
    let mut polling = Polling::new(&api, &["h1.example.com"], discovering());
    for polls in [1.0, 2.0] {
        assert_eq!(rows(&*polling.poll().await), [("h1.example.com", true, ENABLED)]);
        assert_eq!(polling.errors(&["not_found"]), polls);
    }
}

#[tokio::test]
async fn a_zone_with_only_discovered_hostnames_is_not_read_without_a_list() {
    let api = Api::start(world(&["h1.example.com"])).await;
    let refused = Effect::Status { status: 403, code: 10_000, retry_after: None };
    api.simulator.add_fault(Fault::new(refused).on_path(LIST));
    let mut polling = Polling::new(&api, &[], discovering());
    for polls in [1.0, 2.0] {
        assert_eq!(polling.poll().await.zones()[0].failure(), Some(Reason::Forbidden));
        assert_eq!(polling.errors(&["forbidden"]), polls);
    }
}

#[tokio::test]
async fn a_list_refused_because_of_the_token_keeps_the_readings() {
    let names = ["h1.example.com", "h2.example.com", "h3.example.com"];
    for part in [LIST, CERTIFICATES] {
        let api = Api::start(world(&names)).await;
        let mut polling = Polling::new(&api, &names, reading_by(Strategy::Auto));
        polling.poll().await;
        let refused = Effect::Status { status: 401, code: 10_000, retry_after: None };
        let fault = api.simulator.add_fault(Fault::new(refused).on_path(part));
        let snapshot = polling.poll().await;
        assert_eq!(rows(&snapshot), names.map(|name| (name, false, ENABLED)));
        assert_eq!(snapshot.zones()[0].failure(), Some(Reason::Auth));
        assert_eq!(polling.errors(&["auth"]), 1.0);
        assert_eq!(api.simulator.requests().count("GET", ONE), 0);
        api.simulator.clear_fault(fault);
        assert_eq!(rows(&*polling.poll().await), names.map(|name| (name, true, ENABLED)));
    }
}

#[tokio::test]
async fn a_failed_list_falls_back_to_gets_and_is_retried_in_the_next_poll() {
    let names = ["h1.example.com", "h2.example.com", "h3.example.com"];
    for part in [LIST, CERTIFICATES] {
        let api = Api::start(world(&names)).await;
        let mut polling = Polling::new(&api, &names, reading_by(Strategy::Auto));
        polling.poll().await;
        let fault = api.simulator.add_fault(Fault::new(Effect::Garbage).on_path(part));
        for errors in [1.0, 2.0] {
            api.simulator.forget_requests();
            let snapshot = polling.poll().await;
            assert_eq!(rows(&snapshot), names.map(|name| (name, true, ENABLED)));
            assert_eq!(snapshot.zones()[0].failure(), None);
            assert_eq!(polling.errors(&["invalid_response"]), errors);
            assert_eq!(api.simulator.requests().count("GET", LIST), 1);
            assert_eq!(api.simulator.requests().count("GET", ONE), 3);
        }
        api.simulator.clear_fault(fault);
        api.simulator.forget_requests();
        assert_eq!(rows(&*polling.poll().await), names.map(|name| (name, true, ENABLED)));
        assert_eq!(api.simulator.requests().total(), 2, "both lists");
    }
}

#[tokio::test]
async fn temporarily_refused_lists_keep_their_certificates_and_are_retried() {
    let names = ["h1.example.com", "h2.example.com", "h3.example.com"];
    // auto retries after an hour, the strategy list in the next poll
    for (part, extent) in [
        (LIST, reading_by(Strategy::Auto)),
        (CERTIFICATES, reading_by(Strategy::Auto)),
        (LIST, reading_by(Strategy::List)),
        (CERTIFICATES, discovering()),
    ] {
        let mut world = world(&names);
        let not_after = now() + SignedDuration::from_hours(24);
        world.zone("example.com").unwrap().add_certificate(not_after).unwrap();
        let api = Api::start(world).await;
        let mut polling = Polling::new(&api, &names, extent);
        let used = |snapshot: &Snapshot| {
            let certificates = snapshot.zones()[0].certificates().iter();
            certificates.map(|row| (row.id.clone(), row.hostnames)).collect::<Vec<_>>()
        };
        let before = used(&*polling.poll().await);
        assert_eq!(before.len(), 2);

        let refused = Effect::Status { status: 403, code: 10_000, retry_after: None };
        let fault = api.simulator.add_fault(Fault::new(refused).on_path(part));
        let snapshot = polling.poll().await;
        assert_eq!(rows(&snapshot), names.map(|name| (name, true, ENABLED)), "read by one GET each");
        assert_eq!(used(&snapshot), before);
        assert_eq!(polling.errors(&["forbidden"]), 1.0);

        api.simulator.clear_fault(fault);
        api.simulator.forget_requests();
        if extent.strategy == Strategy::Auto && extent.discovered.is_none() {
            assert_eq!(used(&*polling.poll().await), before);
            assert_eq!(api.simulator.requests().total(), 3, "one GET each");
            api.simulator.forget_requests();
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(3600)).await;
            tokio::time::resume();
        }
        assert_eq!(used(&*polling.poll().await), before);
        assert_eq!(api.simulator.requests().count("GET", LIST), 1);
        assert_eq!(api.simulator.requests().count("GET", ONE), 0);
    }
}

#[tokio::test]
async fn a_listed_certificate_with_an_invalid_date_uses_that_of_its_pem_and_is_counted_once_per_poll() {
    let mut world = world(&["h1.example.com"]);
    let not_after = now() + SignedDuration::from_hours(24);
    let zone = world.zone("example.com").unwrap();
    let ids = [Level::Hostname, Level::Zone].map(|level| zone.add_certificate_at(level, not_after).unwrap());
    let api = Api::start(world).await;
    let extent = Extent { zone_level: true, ..reading_by(Strategy::List) };
    let mut polling = Polling::new(&api, &["h1.example.com"], extent);
    let known = |snapshot: &Snapshot| {
        let certificates = snapshot.zones()[0].certificates().iter();
        certificates.map(|row| (row.id.clone(), row.certificate.expires())).collect::<Vec<_>>()
    };
    let before = known(&*polling.poll().await);
    assert_eq!(before.len(), 3);

    for (id, errors) in ids.iter().zip([1.0, 2.0]) {
        let change = CertificateChange { expires_on: Some("soon".into()), ..CertificateChange::default() };
        api.simulator.with_world(|world| {
            world.zone("example.com").unwrap().change_certificate(id, change, now()).unwrap();
        });
        let snapshot = polling.poll().await;
        assert_eq!(known(&snapshot), before);
        assert!(snapshot.zones()[0].is_up());
        assert_eq!(polling.errors(&["invalid_response"]), errors);
    }
}

#[tokio::test]
async fn lists_provide_every_certificate_with_its_number_of_associations() {
    let mut world = world(&["h1.example.com", "h2.example.com", "h3.example.com"]);
    let unused =
        world.zone("example.com").unwrap().add_certificate(now() + SignedDuration::from_hours(24)).unwrap();
    let api = Api::start(world).await;
    let snapshot = Polling::new(&api, &["h1.example.com"], reading_by(Strategy::List)).poll().await;
    let certificates = snapshot.zones()[0].certificates();
    let mut used: Vec<_> =
        certificates.iter().map(|row| (row.id == unused, row.hostnames, row.level)).collect();
    used.sort_by_key(|row| row.0);
    assert_eq!(used, [(false, Some(3), Level::Hostname), (true, Some(0), Level::Hostname)]);
}

#[tokio::test]
async fn the_zone_level_has_its_own_switch_and_certificates() {
    let mut world = world(&["h1.example.com"]);
    let zone = world.zone("example.com").unwrap();
    zone.set_enabled(true);
    let id = zone.add_certificate_at(Level::Zone, now() + SignedDuration::from_hours(240)).unwrap();
    let api = Api::start(world).await;
    let extent = Extent { zone_level: true, ..reading_by(Strategy::Get) };
    let mut polling = Polling::new(&api, &["h1.example.com"], extent);
    let snapshot = polling.poll().await;
    let zone = &snapshot.zones()[0];
    assert_eq!(zone.zone_level_enabled(), Some(true));
    let certificate = zone.certificates().iter().find(|row| row.level == Level::Zone).unwrap();
    assert_eq!(certificate.id, id);
    assert_eq!((zone.global_enabled(), zone.ssl_mode()), (Some(false), Some(SslMode::Full)));
    assert_eq!(api.simulator.requests().total(), 5);

    api.simulator.add_fault(Fault::new(Effect::Garbage).on_path("/settings"));
    let snapshot = polling.poll().await;
    assert_eq!(snapshot.zones()[0].zone_level_enabled(), Some(true), "the reading is kept");
    assert_eq!(snapshot.zones()[0].failure(), Some(Reason::InvalidResponse), "a part could not be read");
    assert_eq!(rows(&snapshot), [("h1.example.com", true, ENABLED)]);
    assert_eq!(polling.errors(&["invalid_response"]), 1.0);
}

#[tokio::test]
async fn a_zone_with_only_the_zone_level_is_down_if_that_cannot_be_read() {
    let api = Api::start(world(&["h1.example.com"])).await;
    let mut polling = Polling::new(&api, &[], Extent { zone_level: true, ..Extent::default() });
    assert!(polling.poll().await.zones()[0].is_up());
    api.simulator.add_fault(Fault::new(Effect::Garbage));
    let snapshot = polling.poll().await;
    assert_eq!(snapshot.zones()[0].failure(), Some(Reason::InvalidResponse));
    assert_eq!(snapshot.zones()[0].zone_level_enabled(), Some(false), "the reading is kept");
}

/// The state of one hostname in a simulated zone.
#[derive(Clone, Debug)]
struct Case {
    certificate: usize,
    enabled: Option<bool>,
    status: Option<&'static str>,
}

fn case() -> impl Generator<Value = Option<Case>> {
    let status = proptest::option::of(proptest::sample::select(vec![
        "initializing",
        "pending_deployment",
        "pending_deletion",
        "active",
        "deleted",
        "deployment_timed_out",
        "deletion_timed_out",
        "something_new",
    ]));
    let case = (0_usize..3, any::<Option<bool>>(), status);
    proptest::option::weighted(
        0.8,
        case.prop_map(|(certificate, enabled, status)| Case { certificate, enabled, status }),
    )
}

fn zone_of(cases: &[Option<Case>]) -> World {
    let mut world = world(&[]);
    let zone = world.zone("example.com").unwrap();
    let days = [-1, 5, 90].map(|days| now() + SignedDuration::from_hours(24 * days));
    let ids = days.map(|not_after| zone.add_certificate(not_after).unwrap());
    for (number, case) in cases.iter().enumerate() {
        let Some(case) = case else { continue };
        let name = hostname(&format!("h{number}.example.com"));
        zone.associate(&name, &ids[case.certificate], case.enabled).unwrap();
        let status = case.status.map(Into::into);
        zone.change_association(&name, AssociationChange { status, ..AssociationChange::default() }, now())
            .unwrap();
    }
    world
}

/// Returns a snapshot's readings without the date that lists lack.
fn comparable(snapshot: &Snapshot) -> Vec<(String, bool, Option<Reading>)> {
    let entries = snapshot.zones()[0].entries().iter();
    let without = |reading: &Reading| Reading { certificate_updated_at: None, ..reading.clone() };
    entries.map(|entry| (entry.hostname().to_string(), entry.is_up(), entry.reading().map(without))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn gets_and_lists_give_the_same_readings_for_any_zone(cases in proptest::collection::vec(case(), 0..12)) {
        let names: Vec<_> = (0..cases.len()).map(|number| format!("h{number}.example.com")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (get, list) = runtime.block_on(async {
            let api = Api::start(zone_of(&cases)).await;
            let get = Polling::new(&api, &names, reading_by(Strategy::Get)).poll().await;
            let list = Polling::new(&api, &names, reading_by(Strategy::List)).poll().await;
            (get, list)
        });
        prop_assert_eq!(comparable(&get), comparable(&list));
    }
}
