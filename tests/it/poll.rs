//! Tests of the poller against the simulated API, with polls on demand.

use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::domain::{
    Association, Entry, Expectation, Extent, HostnameTarget, Reason, Snapshot, Strategy, ZoneTarget,
};
use cloudflare_aop_exporter::metrics::{Format, Source, View};
use cloudflare_aop_exporter::poll::Poller;
use cloudflare_aop_exporter::simulator::{Effect, Fault};
use jiff::SignedDuration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::support::harness::{Api, Asking, Running, budget, hostname, now, setup, soon, watching, world};

const ERRORS: &str = "cloudflare_aop_exporter_poll_errors_total";
const SKIPPED: &str = "cloudflare_aop_exporter_polls_skipped_total";

fn hostnames(names: &[&str]) -> Vec<HostnameTarget> {
    let target =
        |name: &&str| HostnameTarget { hostname: hostname(name), expectation: Expectation::default() };
    names.iter().map(target).collect()
}

/// Returns the zone `example.com`, configured by its name.
fn zone(names: &[&str]) -> ZoneTarget {
    let zone = ZoneTarget::named("default".into(), "example.com".parse().unwrap(), None);
    zone.with_hostnames(hostnames(names)).with_extent(ONE_BY_ONE)
}

/// Reads each hostname by one GET, which these tests count.
const ONE_BY_ONE: Extent = Extent { strategy: Strategy::Get, ..Extent::PLAIN };

/// Returns each hostname, true if it is up, and its association.
fn rows(snapshot: &Snapshot) -> Vec<(&str, bool, Option<Association>)> {
    let entries = snapshot.zones().iter().flat_map(|zone| zone.entries());
    let association = |entry: &Entry| entry.reading().map(|reading| reading.association);
    entries.map(|entry| (entry.hostname().as_str(), entry.is_up(), association(entry))).collect()
}

const ENABLED: Option<Association> = Some(Association::Enabled);

#[tokio::test]
async fn a_poll_starts_at_once_and_on_every_tick() {
    let api = Api::start(world(&["a.example.com"])).await;
    let running = Running::start(api.client(), [zone(&["a.example.com"])]);
    assert_eq!(rows(&running.snapshot.borrow()), [("a.example.com", false, None)]);
    assert_eq!(rows(&*running.polled(1.0).await), [("a.example.com", true, ENABLED)]);

    let id = api.simulator.with_world(|world| {
        let zone = world.zone("example.com").unwrap();
        let id = zone.add_certificate(now() + SignedDuration::from_hours(24)).unwrap();
        zone.associate(&hostname("a.example.com"), &id, Some(false)).unwrap();
        id
    });
    let snapshot = running.poll().await;
    assert_eq!(rows(&snapshot), [("a.example.com", true, Some(Association::Disabled))]);
    assert_eq!(snapshot.zones()[0].certificates()[0].id, id);
    assert_eq!(
        api.simulator.requests().count("GET", "/zones?"),
        1,
        "a zone that is up is not looked up again"
    );
}

#[tokio::test]
async fn an_outage_keeps_the_readings_and_ends_with_the_first_successful_poll() {
    let api = Api::start(world(&["a.example.com"])).await;
    let running = Running::start(api.client(), [zone(&["a.example.com"])]);
    running.polled(1.0).await;
    let fault =
        api.simulator.add_fault(Fault::new(Effect::Status { status: 403, code: 0, retry_after: None }));
    running.asking.clock.set(now() + SignedDuration::from_secs(600));

    let snapshot = running.poll().await;
    assert_eq!(rows(&snapshot), [("a.example.com", false, ENABLED)]);
    let zone = &snapshot.zones()[0];
    assert!(!zone.is_up());
    assert_eq!(zone.failure(), Some(Reason::Forbidden));
    assert_eq!(zone.last_success(), Some(now().into()));
    assert_eq!(zone.entries()[0].reading().unwrap().read_at, now().into());
    assert_eq!(running.asking.counted(ERRORS, &["example.com", "forbidden"]), 1.0);

    api.simulator.clear_fault(fault);
    let snapshot = running.poll().await;
    assert_eq!(rows(&snapshot), [("a.example.com", true, ENABLED)]);
    assert_eq!(snapshot.zones()[0].last_success(), Some((now() + SignedDuration::from_secs(600)).into()));
}

#[tokio::test]
async fn a_failed_hostname_affects_no_other() {
    let names = ["a.example.com", "b.example.com", "c.example.com"];
    let api = Api::start(world(&names)).await;
    api.simulator.add_fault(Fault::new(Effect::Garbage).on_path("b.example.com"));
    let running = Running::start(api.client(), [zone(&names)]);
    let snapshot = running.polled(1.0).await;
    let expected = [(names[0], true, ENABLED), (names[1], false, None), (names[2], true, ENABLED)];
    assert_eq!(rows(&snapshot), expected);
    assert!(snapshot.zones()[0].is_up());
    assert_eq!(snapshot.zones()[0].entries()[1].failure(), Some(Reason::InvalidResponse));
    assert_eq!(running.asking.counted(ERRORS, &["example.com", "invalid_response"]), 1.0);
}

#[tokio::test]
async fn a_hanging_zone_delays_no_other() {
    let api = Api::start(world(&["a.example.com"])).await;
    let hanging = "0".repeat(32);
    api.simulator.add_fault(Fault::new(Effect::Hang).on_path(&hanging));
    let mut asking = api.client();
    asking.options.max_concurrent_requests = 2;
    asking.options.timeout = Duration::from_millis(300);
    let names = ["1.example.org", "2.example.org", "3.example.org", "4.example.org"];
    let stuck = ZoneTarget::identified("default".into(), hanging.parse().unwrap())
        .with_hostnames(hostnames(&names))
        .with_extent(ONE_BY_ONE);
    let mut running = Running::start(asking, [stuck, zone(&["a.example.com"])]);
    let published = running.until(|snapshot| snapshot.zones()[1].is_up()).await;
    assert_eq!(rows(&published).last(), Some(&("a.example.com", true, ENABLED)));
    assert_eq!(running.polls(), 0.0, "the other zone was published only with the end of the poll");
}

#[tokio::test]
async fn a_zone_that_cannot_be_found_is_looked_up_again() {
    let api = Api::start(world(&["a.example.com"])).await;
    let fault =
        api.simulator.add_fault(Fault::new(Effect::Status { status: 403, code: 0, retry_after: None }));
    let running = Running::start(api.client(), [zone(&["a.example.com", "b.example.com"])]);
    let snapshot = running.polled(1.0).await;
    assert_eq!(rows(&snapshot), [("a.example.com", false, None), ("b.example.com", false, None)]);
    assert_eq!(snapshot.zones()[0].id(), None);
    assert_eq!(running.asking.counted(ERRORS, &[]), 1.0, "one look-up failed, and no hostname was requested");

    api.simulator.clear_fault(fault);
    let snapshot = running.poll().await;
    let expected = [("a.example.com", true, ENABLED), ("b.example.com", true, Some(Association::None))];
    assert_eq!(rows(&snapshot), expected);
    assert_eq!(snapshot.zones()[0].id(), Some(api.zone));
}

#[tokio::test]
async fn a_recreated_zone_is_found_by_its_new_id() {
    let api = Api::start(world(&["a.example.com"])).await;
    let running = Running::start(api.client(), [zone(&["a.example.com"])]);
    let snapshot = running.polled(1.0).await;
    assert_eq!(snapshot.zones()[0].id(), Some(api.zone));

    let anew = api.simulator.with_world(|world| world.replace_zone(&"example.com".parse().unwrap()).id());
    assert_ne!(anew, api.zone);
    let snapshot = running.poll().await;
    assert_eq!(rows(&snapshot), [("a.example.com", false, ENABLED)], "the old id is refused");
    let snapshot = running.poll().await;
    assert_eq!(rows(&snapshot), [("a.example.com", true, Some(Association::None))]);
    assert_eq!(snapshot.zones()[0].id(), Some(anew));
}

#[tokio::test]
async fn a_refused_token_is_not_retried_for_every_hostname() {
    let names: Vec<_> = (0..50).map(|number| format!("h{number}.example.com")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let api = Api::start(world(&names)).await;
    let mut asking = api.client();
    asking.options.max_concurrent_requests = 1;
    let target = ZoneTarget::identified("default".into(), api.zone)
        .with_hostnames(hostnames(&names))
        .with_extent(ONE_BY_ONE);
    asking.token.send_replace("another-token".parse().unwrap());
    let running = Running::start(asking, [target]);
    let snapshot = running.polled(1.0).await;
    assert!(snapshot.zones()[0].entries().iter().all(|entry| entry.failure() == Some(Reason::Auth)));
    assert_eq!(api.simulator.requests().total(), 1);
    assert_eq!(running.asking.counted(ERRORS, &["auth"]), 50.0);
}

#[tokio::test]
async fn a_tick_during_a_poll_is_skipped_and_counted() {
    let api = Api::start(world(&["a.example.com"])).await;
    let fault = api.simulator.add_fault(Fault::new(Effect::Hang));
    let mut asking = api.client();
    asking.options.timeout = Duration::from_millis(400);
    let running = Running::start(asking, [zone(&["a.example.com"])]);
    for _ in 0..3 {
        running.ticks.send(()).await.unwrap();
    }
    api.simulator.clear_fault(fault);
    running.polled(1.0).await;
    assert_eq!(running.asking.counted(SKIPPED, &[]), 3.0);
    assert_eq!(running.polls(), 1.0);
    running.poll().await;
}

#[tokio::test]
async fn a_new_setup_cancels_the_current_poll_and_polls_at_once() {
    let api = Api::start(world(&["a.example.com", "b.example.com"])).await;
    api.simulator.add_fault(Fault::new(Effect::Hang).on_path("b.example.com"));
    let mut asking = api.client();
    asking.options.timeout = Duration::from_secs(60);
    let mut running = Running::start(asking, [zone(&["a.example.com", "b.example.com"])]);
    // the hanging request is sent as soon as the zone's id is known
    let deadline = soon();
    while api.simulator.requests().count("GET", "b.example.com") == 0 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    running.reload([zone(&["a.example.com"])]).await;
    let snapshot = running.until(|snapshot| snapshot.zones()[0].is_up()).await;
    assert_eq!(rows(&snapshot), [("a.example.com", true, ENABLED)]);
    assert_eq!(running.polled(1.0).await.zones()[0].entries().len(), 1);
}

#[tokio::test]
async fn a_zone_given_by_name_and_by_id_is_read_once() {
    let names = ["a.example.com", "b.example.com", "c.example.com"];
    let api = Api::start(world(&names)).await;
    let by_id = ZoneTarget::identified("default".into(), api.zone)
        .with_hostnames(hostnames(&names[..2]))
        .with_extent(ONE_BY_ONE);
    let running = Running::start(api.client(), [by_id.clone(), zone(&names[1..])]);
    let snapshot = running.polled(1.0).await;
    assert_eq!(rows(&snapshot), names.map(|name| (name, true, ENABLED)));
    assert_eq!(snapshot.zones()[0].key().as_str(), "example.com");

    api.simulator.forget_requests();
    running.poll().await;
    assert_eq!(api.simulator.requests().total(), 3);

    // a reload names both again; nothing is polled again, and the readings are kept under the name
    api.simulator.add_fault(Fault::new(Effect::Garbage));
    running.reload([by_id, zone(&names[1..])]).await;
    let snapshot = running.poll().await;
    assert_eq!(rows(&snapshot), names.map(|name| (name, false, ENABLED)));
    assert_eq!((running.polls(), running.asking.counted(SKIPPED, &[])), (3.0, 0.0));
}

#[tokio::test]
async fn readings_are_published_during_a_long_poll() {
    let names = ["a.example.com", "b.example.com"];
    let api = Api::start(world(&names)).await;
    // the second request must wait for an hour
    let asking = Asking { budget: budget(1, Duration::from_secs(3600)), ..api.client() };
    let zone = ZoneTarget::identified("default".into(), api.zone)
        .with_hostnames(hostnames(&names))
        .with_extent(ONE_BY_ONE);
    let mut running = Running::start(asking, [zone]);
    let snapshot = running.until(|snapshot| snapshot.zones()[0].entries().iter().any(Entry::is_up)).await;
    assert_eq!(rows(&snapshot), [("a.example.com", true, ENABLED), ("b.example.com", false, None)]);
    assert!(!snapshot.zones()[0].is_tried(), "the poll continues");
}

#[tokio::test]
async fn if_the_budget_is_short_the_stalest_hostnames_are_read_first() {
    let names = ["a.example.com", "b.example.com", "c.example.com"];
    let api = Api::start(world(&names)).await;
    let mut asking = api.client();
    asking.options.max_concurrent_requests = 1;
    asking.budget = budget(2, Duration::from_secs(3600));
    let zone = ZoneTarget::identified("default".into(), api.zone)
        .with_hostnames(hostnames(&names))
        .with_extent(ONE_BY_ONE);
    let (settings, keeper) = (watch::Sender::new(setup(&asking)), watching([zone]));
    let telemetry = Arc::clone(&asking.telemetry);
    let mut poller = Poller::new(settings.subscribe(), keeper.clone(), telemetry, asking.clock.clone());
    poller.poll_once(Instant::now() + Duration::from_millis(500)).await;
    let first = keeper.snapshot();
    let up: Vec<_> = first.zones()[0].entries().iter().map(Entry::is_up).collect();
    assert_eq!(up, [true, true, false]);
    assert_eq!(first.zones()[0].entries()[2].failure(), Some(Reason::NotSent));

    asking.budget = budget(1, Duration::from_secs(3600));
    settings.send_replace(setup(&asking));
    poller.poll_once(Instant::now() + Duration::from_millis(500)).await;
    let second = keeper.snapshot();
    let up: Vec<_> = second.zones()[0].entries().iter().map(Entry::is_up).collect();
    assert_eq!(up, [false, false, true]);
}

#[tokio::test]
async fn the_daemon_stops_during_a_poll() {
    let api = Api::start(world(&["a.example.com"])).await;
    api.simulator.add_fault(Fault::new(Effect::Hang));
    let running = Running::start(api.client(), [zone(&["a.example.com"])]);
    running.shutdown.cancel();
    timeout_at(soon(), running.ticks.closed()).await.unwrap();
}

#[tokio::test]
async fn the_example_response_of_the_api_reference_produces_the_golden_page() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let asking = Asking::new(&format!("http://{}/client/v4", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        let body = include_str!("../fixtures/reference.json");
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all((head + body).as_bytes()).await.unwrap();
    });
    let id = "023e105f4ecef8ad9ca31a8372d0c353".parse().unwrap();
    let zone = ZoneTarget::named("default".into(), "example.com".parse().unwrap(), Some(id))
        .with_hostnames(hostnames(&["app.example.com"]));
    let (telemetry, clock) = (Arc::clone(&asking.telemetry), asking.clock.clone());
    let (setup, keeper) = (watch::channel(setup(&asking)).1, watching([zone]));
    let mut poller = Poller::new(setup, keeper.clone(), Arc::clone(&telemetry), clock.clone());
    poller.poll_once(soon()).await;

    let source = Source { snapshot: keeper.follow(), telemetry, clock };
    let (mut page, mut text) = (source.page(Format::Text, View::default()), Vec::new());
    while page.fill(&mut text, usize::MAX) {}
    let text = String::from_utf8(text).unwrap();
    // series that depend on the process and the run are not part of the golden page
    let (golden, own) = text.split_once("# HELP cloudflare_aop_api_requests_total").unwrap();
    assert_eq!(golden, include_str!("../fixtures/reference.prom"));
    let requests =
        "cloudflare_aop_api_requests_total{account=\"default\",call=\"hostname_get\",code=\"200\"} 1\n";
    assert!(own.contains(requests), "{own}");
}
