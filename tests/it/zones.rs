//! Tests of reading an account: its list of zones, the state of single zones, and their settings.

use cloudflare_aop_exporter::cloudflare::{Error, Presence, Purpose};
use cloudflare_aop_exporter::domain::{Reason, SslMode, ZoneId};
use cloudflare_aop_exporter::simulator::{Effect, Fault, World, ZoneChange};
use serde_json::{Value, json};

use crate::support::harness::{Api, now, soon};

async fn api() -> Api {
    let mut world = World::new(7, now()).unwrap();
    world.lift_caps();
    world.add_zone(&"example.com".parse().unwrap());
    Api::start(world).await
}

fn id(number: u32) -> String {
    format!("{number:032x}")
}

/// Returns a response with the zones of these numbers, out of `total` zones.
fn page(numbers: impl IntoIterator<Item = u32>, total: u32) -> Effect {
    let zone =
        |number| json!({"id": id(number), "name": format!("zone-{number}.example"), "status": "active"});
    let zones: Vec<_> = numbers.into_iter().map(zone).collect();
    let body = json!({"success": true, "result": zones, "result_info": {"total_count": total}});
    Effect::Json { status: 200, body }
}

fn refusal(status: u16, code: u32, message: &str) -> Effect {
    Effect::Json { status, body: json!({"success": false, "errors": [{"code": code, "message": message}]}) }
}

#[tokio::test]
async fn all_zones_are_read_by_pages_and_sorted_by_id() {
    let api = api().await;
    api.simulator.add_fault(Fault::new(page((11..=60).rev(), 60)).on_path("/zones?page=1&per_page=50"));
    api.simulator.add_fault(Fault::new(page(1..=10, 60)).on_path("/zones?page=2&per_page=50"));
    let asking = api.client();
    let list = asking.build().all_zones(soon()).await.unwrap();
    let ids: Vec<_> = list.zones.iter().map(|zone| zone.id.to_string()).collect();
    assert_eq!(ids, (1..=60).map(id).collect::<Vec<_>>());
    assert_eq!((list.complete, list.pages), (true, 2));
    assert_eq!(asking.counted("cloudflare_aop_api_requests_total", &["zone_list", "200"]), 2.0);
}

#[tokio::test]
async fn a_configured_account_id_restricts_the_list_of_all_zones() {
    let api = api().await;
    let account = "a".repeat(32);
    let path = format!("/zones?account.id={account}&page=1&");
    api.simulator.add_fault(Fault::new(page(1..=2, 2)).on_path(&path));
    let mut asking = api.client();
    asking.options.account_id = Some(account.parse().unwrap());
    assert_eq!(asking.build().all_zones(soon()).await.unwrap().zones.len(), 2);
    assert_eq!(api.simulator.requests().count("GET", &path), 1);
}

#[tokio::test]
async fn a_list_of_zones_refused_half_way_is_an_error() {
    let api = api().await;
    api.simulator.add_fault(Fault::new(page(1..=50, 120)).on_path("/zones?page=1&"));
    api.simulator.add_fault(Fault::new(refusal(403, 10_000, "no")).on_path("/zones?page=2&"));
    let error = api.client().build().all_zones(soon()).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Forbidden);
    assert_eq!(
        error.advice(Purpose::ListZones).unwrap(),
        "the token lacks the permission \"Zone Read\" for the zones to be watched"
    );
    assert_eq!(api.simulator.requests().total(), 2);
}

#[tokio::test]
async fn a_zone_requested_by_id_is_active_inactive_or_gone() {
    let api = api().await;
    let asking = api.client();
    let client = asking.build();
    let unknown: ZoneId = id(1).parse().unwrap();
    assert_eq!(client.zone_status(api.zone, soon()).await.unwrap(), Presence::Active);
    assert_eq!(client.zone_status(unknown, soon()).await.unwrap(), Presence::Gone);
    let moved = json!({"success": true, "result": {"id": id(1), "status": "moved"}});
    api.simulator.add_fault(Fault::new(Effect::Json { status: 200, body: moved }));
    assert_eq!(client.zone_status(unknown, soon()).await.unwrap(), Presence::Other);
    let no_access = refusal(403, 9109, "Unauthorized to access requested resource");
    api.simulator.add_fault(Fault::new(no_access));
    assert_eq!(client.zone_status(unknown, soon()).await.unwrap(), Presence::Gone);
    assert_eq!(asking.counted("cloudflare_aop_api_requests_total", &["zone_get"]), 4.0);
}

#[tokio::test]
async fn a_zone_moved_to_another_account_no_longer_belongs_to_the_configured_account() {
    let api = api().await;
    let mut asking = api.client();
    let anyones = asking.build();
    asking.options.account_id = Some("1".repeat(32).parse().unwrap());
    let client = asking.build();
    for (account, expected) in [("1", Presence::Active), ("2", Presence::Other)] {
        let change = ZoneChange { account: Some(account.repeat(32)), ..ZoneChange::default() };
        api.simulator.with_world(|world| world.change_zone("example.com", change, now())).unwrap();
        assert_eq!(client.zone_status(api.zone, soon()).await.unwrap(), expected);
        assert_eq!(anyones.zone_status(api.zone, soon()).await.unwrap(), Presence::Active);
    }
}

#[tokio::test]
async fn a_challenge_or_a_refused_token_does_not_mean_that_a_zone_is_gone() {
    let api = api().await;
    let client = api.client().build();
    for (effect, reason) in [
        (Effect::Html { status: 403 }, Reason::InvalidResponse),
        (Effect::Html { status: 404 }, Reason::InvalidResponse),
        (Effect::Empty { status: 404 }, Reason::NotFound),
        (refusal(403, 9109, "Invalid access token"), Reason::Forbidden),
        (refusal(403, 1000, "Invalid API Token"), Reason::Auth),
        (refusal(401, 10_000, "Authentication error"), Reason::Auth),
        (Effect::NullResult, Reason::InvalidResponse),
    ] {
        let said = format!("{effect:?}");
        api.simulator.add_fault(Fault::new(effect));
        let answer = client.zone_status(api.zone, soon()).await;
        assert_eq!(answer.map_err(|error| error.reason()), Err(reason), "{said}");
    }
}

#[tokio::test]
async fn the_settings_of_a_zone_are_its_global_switch_and_its_ssl_mode() {
    let api = api().await;
    let asking = api.client();
    let client = asking.build();
    let setting = |name: &str, value: Value| {
        let body = json!({"success": true, "result": {"id": name, "value": value, "modified_on": null}});
        let path = format!("/zones/{}/settings/{name}", api.zone);
        api.simulator.add_fault(Fault::new(Effect::Json { status: 200, body }).on_path(&path));
    };
    setting("ssl", json!("origin_pull"));
    for (value, expected) in [("on", true), ("off", false)] {
        setting("tls_client_auth", json!(value));
        assert_eq!(client.global_switch(api.zone, soon()).await.unwrap(), expected);
    }
    assert_eq!(client.ssl_mode(api.zone, soon()).await.unwrap(), SslMode::OriginPull);
    setting("ssl", json!(null));
    assert_eq!(client.ssl_mode(api.zone, soon()).await.unwrap_err().reason(), Reason::InvalidResponse);
    assert_eq!(asking.counted("cloudflare_aop_api_requests_total", &["global_switch_get", "200"]), 2.0);
    assert_eq!(asking.counted("cloudflare_aop_api_requests_total", &["ssl_mode_get", "200"]), 2.0);
}

#[tokio::test]
async fn the_error_about_forbidden_settings_names_the_permission() {
    let api = api().await;
    api.simulator.add_fault(Fault::new(refusal(403, 10_000, "Authentication error")));
    let client = api.client().build();
    let errors: [Error; 2] = [
        client.global_switch(api.zone, soon()).await.unwrap_err(),
        client.ssl_mode(api.zone, soon()).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.reason(), Reason::Forbidden);
        assert_eq!(
            error.advice(Purpose::Settings).unwrap(),
            "the token lacks the permission \"Zone Settings Read\" for this zone"
        );
    }
}
