//! Accounts with many zones, and several accounts side by side.

use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::domain::{
    Expectation, HostnameTarget, Reason, Snapshot, ZoneKey, ZoneName, ZoneTarget,
};
use cloudflare_aop_exporter::keeper::Handle;
use cloudflare_aop_exporter::poll::{Poller, Setup};
use cloudflare_aop_exporter::simulator::{Effect, Fault, World};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::support::harness::{Api, Asking, Running, account, hostname, now, soon, watching, world};

fn named(account: &str, name: &str) -> ZoneTarget {
    ZoneTarget::named(account.into(), name.parse().unwrap(), None).with_hostnames(target(name))
}

fn target(name: &str) -> Vec<HostnameTarget> {
    vec![HostnameTarget { hostname: hostname(&format!("app.{name}")), expectation: Expectation::default() }]
}

/// Returns `count` zone names, of which the first is `example.com`.
fn names(count: usize) -> Vec<ZoneName> {
    let others = (1..count).map(|number| format!("zone-{number}.example"));
    std::iter::once("example.com".to_owned()).chain(others).map(|name| name.parse().unwrap()).collect()
}

async fn api(zones: &[ZoneName]) -> Api {
    let mut world = World::new(7, now()).unwrap();
    world.lift_caps();
    for name in zones {
        world.add_zone(name);
    }
    Api::start(world).await
}

fn all_up(snapshot: &Snapshot) -> bool {
    snapshot.zones().iter().all(|zone| zone.is_up())
}

#[tokio::test]
async fn the_ids_of_more_than_50_zones_are_read_from_the_list_of_all_zones() {
    let zones = names(60);
    let api = api(&zones).await;
    let running = Running::start(api.client(), zones.iter().map(|name| named("default", name.as_str())));
    let snapshot = running.polled(1.0).await;
    assert!(all_up(&snapshot));
    assert_eq!(api.simulator.requests().count("GET", "/zones?"), 2);
    assert_eq!(api.simulator.requests().count("GET", "/hostnames/"), 60);

    running.poll().await;
    assert_eq!(api.simulator.requests().count("GET", "/zones?"), 2, "known ids are not looked up again");
}

#[tokio::test]
async fn the_ids_of_50_zones_are_looked_up_one_by_one() {
    let zones = names(50);
    let api = api(&zones).await;
    let running = Running::start(api.client(), zones.iter().map(|name| named("default", name.as_str())));
    assert!(all_up(&*running.polled(1.0).await));
    assert_eq!(api.simulator.requests().count("GET", "/zones?name="), 50);
    assert_eq!(api.simulator.requests().count("GET", "/zones?"), 50);
}

#[tokio::test]
async fn a_zone_missing_from_the_list_of_all_zones_is_looked_up_by_name_and_affects_no_other() {
    let zones = names(60);
    let api = api(&zones[..59]).await;
    let running = Running::start(api.client(), zones.iter().map(|name| named("default", name.as_str())));
    let snapshot = running.polled(1.0).await;
    let down: Vec<_> = snapshot.zones().iter().filter(|zone| !zone.is_up()).collect();
    assert_eq!(down.len(), 1);
    assert_eq!((down[0].key().as_str(), down[0].failure()), ("zone-59.example", Some(Reason::NotFound)));
    let requests = api.simulator.requests().count("GET", "/zones?");
    assert_eq!(requests, 4, "two pages, the name, and the check that the token sees a zone");
}

#[tokio::test]
async fn a_list_refused_because_of_the_token_is_requested_once_and_fails_all_zones() {
    let zones = names(60);
    let api = api(&zones).await;
    api.simulator.add_fault(Fault::new(Effect::Status { status: 401, code: 0, retry_after: None }));
    let running = Running::start(api.client(), zones.iter().map(|name| named("default", name.as_str())));
    let snapshot = running.polled(1.0).await;
    assert!(snapshot.zones().iter().all(|zone| zone.failure() == Some(Reason::Auth)));
    assert_eq!(api.simulator.requests().total(), 1);
}

#[tokio::test]
async fn if_the_list_of_all_zones_is_refused_each_zone_is_looked_up_by_name() {
    let zones = names(60);
    let api = api(&zones).await;
    let refused = Effect::Status { status: 403, code: 0, retry_after: None };
    api.simulator.add_fault(Fault::new(refused).on_path("/zones?page="));
    let running = Running::start(api.client(), zones.iter().map(|name| named("default", name.as_str())));
    assert!(all_up(&*running.polled(1.0).await));
    assert_eq!(api.simulator.requests().count("GET", "/zones?page="), 1);
    assert_eq!(api.simulator.requests().count("GET", "/zones?name="), 60);
}

#[tokio::test]
async fn a_list_with_more_pages_than_names_is_not_read_completely() {
    let api = api(&names(1)).await;
    let body = json!({"success": true, "result": [], "result_info": {"total_pages": 52}});
    api.simulator.add_fault(Fault::new(Effect::Json { status: 200, body }).on_path("/zones?page="));
    let listed = api.client().build().visible_zones(51, soon()).await.unwrap();
    assert!(listed.is_none());
    assert_eq!(api.simulator.requests().total(), 1);
}

#[tokio::test]
async fn reading_an_endless_list_is_abandoned() {
    let api = api(&names(1)).await;
    for page in 1..=4 {
        let zone = |row| json!({"id": format!("{:032x}", 50 * page + row), "name": "a.example"});
        let body = json!({"success": true, "result": (0..50).map(zone).collect::<Vec<_>>()});
        let effect = Effect::Json { status: 200, body };
        api.simulator.add_fault(Fault::new(effect).on_path(&format!("/zones?page={page}&")));
    }
    assert!(api.client().build().visible_zones(3, soon()).await.unwrap().is_none());
    assert_eq!(api.simulator.requests().total(), 3);
}

#[tokio::test]
async fn reading_a_list_that_repeats_its_first_page_is_abandoned_after_the_second() {
    let api = api(&names(1)).await;
    let zones: Vec<_> =
        names(50).iter().map(|name| json!({"id": "f".repeat(32), "name": name.as_str()})).collect();
    let body = json!({"success": true, "result": zones});
    api.simulator.add_fault(Fault::new(Effect::Json { status: 200, body }));
    let client = api.client().build();
    let listed = client.visible_zones(51, soon()).await.unwrap().unwrap();
    assert!(listed.find(&"example.org".parse().unwrap()).is_err());
    assert_eq!(api.simulator.requests().total(), 2);
    assert!(!client.all_zones(soon()).await.unwrap().complete);
    assert_eq!(api.simulator.requests().total(), 4);
}

#[tokio::test]
async fn of_several_listed_zones_with_the_same_name_the_only_active_one_counts() {
    let api = api(&names(1)).await;
    let zone = |digit: &str, name: &str, status: &str| json!({"id": digit.repeat(32), "name": name, "status": status});
    let zones = json!([
        zone("1", "one.example", "moved"),
        zone("2", "One.example", "active"),
        zone("3", "two.example", "active"),
        zone("4", "two.example", "active"),
        zone("no id", "three.example", "active"),
    ]);
    let body = json!({"success": true, "result": zones, "result_info": {"total_pages": 1}});
    api.simulator.add_fault(Fault::new(Effect::Json { status: 200, body }).on_path("/zones?page="));
    let client = api.client().build();
    let listed = client.visible_zones(51, soon()).await.unwrap().unwrap();
    let id = |name: &str| {
        let id = listed.find(&name.parse().unwrap());
        id.map(|id| id.to_string()).map_err(|error| error.to_string())
    };
    assert_eq!(id("one.example").unwrap(), "2".repeat(32));
    assert_eq!(
        id("two.example").unwrap_err(),
        "2 zones named two.example are visible to the token; give the id of the zone to use"
    );
    assert_eq!(
        id("three.example").unwrap_err(),
        "no zone named three.example is visible to the token; its permission \"Zone Read\" must cover it"
    );
}

#[tokio::test]
async fn an_internal_zone_is_never_mistaken_for_the_public_zone_of_the_same_name() {
    let api = api(&names(1)).await;
    let zone = |digit: &str, name: &str, kind: &str| json!({"id": digit.repeat(32), "name": name, "status": "active", "type": kind});
    let zones = json!([
        zone("1", "one.example", "internal"),
        zone("2", "one.example", "full"),
        zone("3", "two.example", "internal"),
    ]);
    let body = json!({"success": true, "result": zones, "result_info": {"total_pages": 1}});
    api.simulator.add_fault(Fault::new(Effect::Json { status: 200, body }));
    let client = api.client().build();
    let listed = client.visible_zones(51, soon()).await.unwrap().unwrap();
    let (one, two) = ("one.example".parse().unwrap(), "two.example".parse().unwrap());
    assert_eq!(listed.find(&one).unwrap().to_string(), "2".repeat(32));
    assert_eq!(client.zone_id(&one, soon()).await.unwrap().to_string(), "2".repeat(32));
    for error in [listed.find(&two).unwrap_err(), client.zone_id(&two, soon()).await.unwrap_err()] {
        assert_eq!(
            error.to_string(),
            "no zone named two.example is visible to the token; its permission \"Zone Read\" must cover it"
        );
    }
}

#[tokio::test]
async fn a_zone_listed_only_by_its_unicode_name_is_found_by_either_form() {
    let api = api(&names(1)).await;
    let zones = |zones: serde_json::Value| {
        let body = json!({"success": true, "result": zones, "result_info": {"total_pages": 1}});
        Fault::new(Effect::Json { status: 200, body })
    };
    let row = json!([{"id": "1".repeat(32), "name": "bücher.example", "status": "active"}]);
    api.simulator.add_fault(zones(json!([])).on_path("name=xn--bcher-kva.example&"));
    api.simulator.add_fault(zones(row.clone()).on_path("name=b%C3%BCcher.example&"));
    let client = api.client().build();
    for name in ["xn--bcher-kva.example", "Bücher.example"] {
        let id = client.zone_id(&name.parse().unwrap(), soon()).await.unwrap();
        assert_eq!(id.to_string(), "1".repeat(32));
    }
    assert_eq!(api.simulator.requests().total(), 4);
    // if the Punycode form is listed, one request is enough
    api.simulator.add_fault(zones(row).on_path("name=xn--bcher-kva.example&"));
    client.zone_id(&"bücher.example".parse().unwrap(), soon()).await.unwrap();
    assert_eq!(api.simulator.requests().total(), 5);
}

#[tokio::test]
async fn a_zone_on_two_pages_counts_once() {
    let api = api(&names(1)).await;
    let zones = json!([{"id": "1".repeat(32), "name": "one.example", "status": "active"}]);
    let body = json!({"success": true, "result": zones, "result_info": {"total_pages": 2}});
    api.simulator.add_fault(Fault::new(Effect::Json { status: 200, body }));
    let (client, name) = (api.client().build(), "one.example".parse().unwrap());
    assert_eq!(client.zone_id(&name, soon()).await.unwrap().to_string(), "1".repeat(32));
    let listed = client.visible_zones(51, soon()).await.unwrap().unwrap();
    assert_eq!(listed.find(&name).unwrap().to_string(), "1".repeat(32));
    assert_eq!(api.simulator.requests().total(), 4);
}

#[tokio::test]
async fn a_token_that_sees_no_zone_is_reported_after_one_more_request() {
    let api = api(&names(1)).await;
    let body = json!({"success": true, "result": [], "result_info": {"total_pages": 0}});
    api.simulator.add_fault(Fault::new(Effect::Json { status: 200, body }));
    let client = api.client().build();
    let name = "example.com".parse().unwrap();
    let told = "the token sees no zone at all, and so not example.com; \
                it needs the permission \"Zone Read\" for the zones to be watched";
    let error = client.zone_id(&name, soon()).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.reason()), (told, Reason::NotFound));
    assert_eq!(api.simulator.requests().total(), 2);

    let listed = client.visible_zones(51, soon()).await.unwrap().unwrap();
    assert_eq!(listed.find(&name).unwrap_err().to_string(), told);
    assert_eq!(api.simulator.requests().total(), 3);
}

/// Two accounts, `a` and `b`, each with its own API and a zone there.
struct Two {
    apis: [Api; 2],
    keeper: Handle,
    poller: Poller,
    /// Kept because the poller ends when it is dropped.
    _setup: watch::Sender<Arc<Setup>>,
}

const ACCOUNTS: [&str; 2] = ["a", "b"];

impl Two {
    async fn start(shared_quota: bool) -> Self {
        let apis = [
            api(&names(1)).await,
            api(&["example.com", "example.org"].map(|name| name.parse().unwrap())).await,
        ];
        let mut askings = [apis[0].client(), apis[1].client()];
        if shared_quota {
            askings[1].budget = Arc::clone(&askings[0].budget);
        }
        for (asking, account) in askings.iter_mut().zip(ACCOUNTS) {
            asking.options.account = account.into();
        }
        let accounts =
            askings.iter().map(|asking| (Arc::clone(&asking.options.account), account(&asking.build())));
        let accounts = accounts.collect();
        let names = ["example.com", "example.org"];
        let zones = apis.iter().zip(ACCOUNTS).zip(names).map(|((api, account), name)| {
            let name: ZoneName = name.parse().unwrap();
            let id = api.simulator.with_world(|world| world.zone(name.as_str()).unwrap().id());
            ZoneTarget::named(account.into(), name.clone(), Some(id)).with_hostnames(target(name.as_str()))
        });
        let keeper = watching(zones);
        let setup = watch::Sender::new(Arc::new(Setup { accounts, gap: Duration::from_secs(60) }));
        let [Asking { telemetry, clock, .. }, _] = askings;
        let poller = Poller::new(setup.subscribe(), keeper.clone(), telemetry, clock);
        Self { apis, keeper, poller, _setup: setup }
    }

    /// Polls, and returns the reason why each account's zone could not be read.
    async fn poll(&mut self) -> [Option<Reason>; 2] {
        self.poller.poll_once(Instant::now() + Duration::from_secs(20)).await;
        let known = self.keeper.snapshot();
        ["example.com", "example.org"].map(|name| {
            let name: ZoneName = name.parse().unwrap();
            known.zone(&ZoneKey::from(&name)).unwrap().failure()
        })
    }

    fn block_a(&self) {
        let blocked = Effect::Status { status: 429, code: 971, retry_after: Some("300".into()) };
        self.apis[0].simulator.add_fault(Fault::new(blocked));
    }
}

#[tokio::test]
async fn a_blocked_account_does_not_delay_another() {
    let mut two = Two::start(false).await;
    assert_eq!(two.poll().await, [None, None]);
    two.block_a();
    assert_eq!(two.poll().await, [Some(Reason::RateLimited), None]);
    assert_eq!(two.poll().await, [Some(Reason::RateLimited), None]);
    assert_eq!(two.apis[0].simulator.requests().total(), 2, "a blocked account sent requests");
    assert_eq!(two.apis[1].simulator.requests().total(), 3);
}

#[tokio::test]
async fn accounts_that_share_a_quota_are_blocked_together() {
    let mut two = Two::start(true).await;
    assert_eq!(two.poll().await, [None, None]);
    two.block_a();
    two.poll().await;
    let asked = two.apis[1].simulator.requests().total();
    assert_eq!(two.poll().await, [Some(Reason::RateLimited); 2]);
    assert_eq!(
        two.apis[1].simulator.requests().total(),
        asked,
        "an account sent requests while the shared quota was blocked"
    );
}

#[tokio::test]
async fn a_zone_by_name_in_one_account_and_by_id_in_another_is_read_once() {
    let api = Api::start(world(&["app.example.com"])).await;
    let asking = api.client();
    let by_id = ZoneTarget::identified("b".into(), api.zone).with_hostnames(target("example.com"));
    let accounts = ACCOUNTS.map(|name| {
        let mut asking = api.client();
        asking.options.account = name.into();
        (name.into(), account(&asking.build()))
    });
    let setup = Setup { accounts: accounts.into(), gap: Duration::from_secs(60) };
    let (setup, keeper) = (watch::Sender::new(Arc::new(setup)), watching([named("a", "example.com"), by_id]));
    let mut poller = Poller::new(setup.subscribe(), keeper.clone(), asking.telemetry, asking.clock);
    poller.poll_once(soon()).await;
    let snapshot = keeper.snapshot();
    let [zone] = snapshot.zones() else { panic!("one zone") };
    assert_eq!((zone.key().as_str(), zone.account(), zone.is_up()), ("example.com", "a", true));
}
