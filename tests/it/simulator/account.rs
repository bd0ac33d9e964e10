//! Tests of a whole simulated account: the list of zones, their details and their settings.

use std::collections::BTreeMap;

use cloudflare_aop_exporter::simulator::{Aim, Scope, ZoneChange};

use super::*;

const OTHER: &str = "0123456789abcdef0123456789abcdef";

fn change(change: Value) -> ZoneChange {
    serde_json::from_value(change).unwrap()
}

impl Served {
    /// Adds or changes a zone, and returns its id.
    fn put_zone(&self, name: &str, facts: Value) -> String {
        self.simulator.with_world(|world| {
            world.put_zone(&name.parse().unwrap(), change(facts), now()).unwrap().id().to_string()
        })
    }

    /// Returns the names in the list of zones.
    async fn names(&self, query: &str) -> Vec<String> {
        let (status, answer) = self.get(&format!("/zones?{query}")).await;
        assert_eq!(status, 200, "{query}: {answer}");
        let rows = answer["result"].as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn zones_have_a_status_a_type_and_an_account() {
    let api = served(instant()).await;
    let pending = api.put_zone("b.example", json!({ "status": "pending", "type": "partial" }));
    api.put_zone("c.example", json!({ "status": "moved", "account": OTHER }));
    api.put_zone("d.example", json!({ "type": "internal" }));
    let account = api.simulator.with_world(|world| world.account_id().to_owned());
    let row = json!({
        "id": pending, "name": "b.example", "status": "pending", "paused": false, "type": "partial",
        "account": { "id": account, "name": "Simulated account" },
    });
    assert_eq!(api.get("/zones?name=b.example").await.1["result"], json!([row]));
    assert_eq!(api.get(&format!("/zones/{pending}")).await.1["result"], row);
    assert_eq!(api.names("").await, ["b.example", "c.example", "d.example", "example.com"]);
    assert_eq!(api.names("status=active").await, ["d.example", "example.com"]);
    assert_eq!(api.names("status=moved").await, ["c.example"]);
    assert_eq!(api.names("type=partial%2Cinternal").await, ["b.example", "d.example"]);
    assert_eq!(api.names(&format!("account.id={OTHER}")).await, ["c.example"]);
    assert_eq!(api.names(&format!("account.id={account}&status=active&type=full")).await, ["example.com"]);
}

#[tokio::test]
async fn pages_contain_each_zone_once_and_give_their_position() {
    let api = served(instant()).await;
    for number in 0..119 {
        api.put_zone(&format!("z{number:03}.example"), json!({}));
    }
    let mut names = Vec::new();
    for (page, count) in [(1, 50), (2, 50), (3, 20), (4, 0)] {
        let query = format!("per_page=50&page={page}");
        let info = &api.get(&format!("/zones?{query}")).await.1["result_info"];
        let expected =
            json!({ "page": page, "per_page": 50, "count": count, "total_count": 120, "total_pages": 3 });
        assert_eq!(info, &expected);
        names.extend(api.names(&query).await);
    }
    assert!(names.is_sorted());
    names.dedup();
    assert_eq!(names.len(), 120);
    for query in ["per_page=4", "per_page=51", "page=0"] {
        assert_eq!(refusal(&api.get(&format!("/zones?{query}")).await), (400, 1400), "{query}");
    }
}

#[tokio::test]
async fn two_zones_can_have_the_same_name() {
    let api = served(instant()).await;
    let ids = [
        api.zone.clone(),
        api.put_zone("example.com", json!({ "account": OTHER })),
        api.put_zone("example.com", json!({ "account": OTHER, "type": "internal" })),
    ];
    let listed = api.get("/zones?name=example.com").await.1;
    let listed: Vec<_> = listed["result"].as_array().unwrap().iter().map(|row| &row["id"]).cloned().collect();
    assert_eq!(listed, ids.each_ref().map(|id| json!(id)));
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
    let certificates: Vec<_> = ids
        .iter()
        .map(|id| {
            api.simulator.with_world(|world| world.zone(id).unwrap().add_certificate(in_days(9)).unwrap())
        })
        .collect();
    assert_ne!(certificates[1], certificates[2]);
    assert_eq!(api.put_zone("example.com", json!({ "account": OTHER, "type": "partial" })), ids[1]);
    let (id, vanished) = (&ids[1], format!("/zones/{}", ids[1]));
    api.simulator.with_world(|world| world.remove_zone(id)).unwrap();
    assert_eq!(refusal(&api.get(&vanished).await), (404, 7003));
    assert_eq!(api.names("name=example.com").await.len(), 2);
    let moved = change(json!({ "account": "no id" }));
    assert!(api.simulator.with_world(|world| world.change_zone(id, moved, now())).is_err());
}

#[tokio::test]
async fn the_global_switch_and_the_ssl_mode_are_settings_of_a_zone() {
    let api = served(instant()).await;
    let path = |id: &str| format!("/zones/{}/settings/{id}", api.zone);
    let setting = |id, value, modified_on: Value| json!({ "id": id, "value": value, "editable": true, "modified_on": modified_on });
    for (id, value) in [("tls_client_auth", "off"), ("ssl", "full")] {
        let (status, answer) = api.get(&path(id)).await;
        assert_eq!((status, &answer["result"]), (200, &setting(id, value, Value::Null)));
    }
    api.put_zone("example.com", json!({ "tls_client_auth": "on", "ssl": "origin_pull" }));
    for (id, value) in [("tls_client_auth", "on"), ("ssl", "origin_pull")] {
        let result = api.get(&path(id)).await.1["result"].take();
        assert_eq!(result, setting(id, value, json!("2026-01-01T00:00:00Z")));
    }
    assert_eq!(refusal(&api.get(&path("minify")).await), (400, 1006));
    assert_eq!(
        api.get(&api.aop("/settings")).await.1["result"],
        json!({ "enabled": false }),
        "another switch"
    );
}

/// Returns the status, the first code and the number of results of a request with this token.
async fn asked(api: &Served, token: &str, method: Method, path: &str) -> (u16, u64, usize) {
    let request = api.client.request(method, format!("{}/client/v4{path}", api.origin));
    let request = request.header("authorization", format!("Bearer {token}")).body("{}");
    let (status, answer) = parts(request.send().await.unwrap()).await;
    let rows = answer["result"].as_array().map_or(0, Vec::len);
    (status, answer["errors"][0]["code"].as_u64().unwrap_or(0), rows)
}

#[tokio::test]
async fn a_token_sees_the_zones_of_its_accounts() {
    let api = served(Options { account_owned: true, ..instant() }).await;
    let others = api.put_zone("example.com", json!({ "account": OTHER }));
    let mine = api.simulator.with_world(|world| world.account_id().to_owned());
    assert_eq!(asked(&api, "second", Method::GET, "/zones").await, (401, 10000, 0));
    assert_eq!(api.control("PUT", "tokens/second", json!({ "accounts": [OTHER] })).await, (200, json!({})));
    api.simulator.set_scope(TOKEN, Scope { accounts: Some(vec![mine]), ..Scope::default() });
    for (token, sees, lacks) in [(TOKEN, &api.zone, &others), ("second", &others, &api.zone)] {
        let ask = async |path: String| asked(&api, token, Method::GET, &path).await;
        assert_eq!(ask("/zones?name=example.com".into()).await, (200, 0, 1), "{token}");
        for part in ["", "/settings/ssl", "/origin_tls_client_auth/hostnames"] {
            assert_eq!(ask(format!("/zones/{sees}{part}")).await.0, 200, "{token} {part}");
            assert_eq!(ask(format!("/zones/{lacks}{part}")).await, (403, 9109, 0), "{token} {part}");
        }
        assert_eq!(ask(format!("/zones/{}", "0".repeat(32))).await, (404, 7003, 0));
        let verified = ask(format!("/accounts/{OTHER}/tokens/verify")).await.0;
        assert_eq!(verified, if token == TOKEN { 401 } else { 200 });
    }
    assert_eq!(api.control("PUT", "tokens/second", json!({})).await.0, 200);
    assert_eq!(asked(&api, "second", Method::GET, "/zones").await, (200, 0, 2), "of both accounts");
    assert_eq!(api.control("DELETE", "tokens/second", Value::Null).await.0, 200);
    assert_eq!(asked(&api, "second", Method::GET, "/zones").await, (401, 10000, 0));
    assert_eq!(api.names("").await.len(), 1);
}

#[tokio::test]
async fn a_token_may_do_only_what_its_permissions_allow() {
    let api = served(instant()).await;
    let calls = [
        (Method::GET, "/zones".to_owned()),
        (Method::GET, format!("/zones/{}", api.zone)),
        (Method::GET, format!("/zones/{}/settings/tls_client_auth", api.zone)),
        (Method::GET, api.aop("/hostnames/app.example.com")),
        (Method::PUT, api.aop("/settings")),
    ];
    let malformed = (400, 6007, 0);
    let (refused, no_access) = ((403, 10000, 0), (403, 9109, 0));
    let (fine, listed, empty) = ((200, 0, 0), (200, 0, 1), (200, 0, 0));
    for (permissions, expected) in [
        (json!([]), [empty, no_access, no_access, refused, refused]),
        (json!(["zone_read"]), [listed, fine, no_access, refused, refused]),
        (json!(["settings_read"]), [empty, no_access, fine, refused, refused]),
        (json!(["zone_read", "ssl_read"]), [listed, fine, no_access, fine, refused]),
        (json!(["ssl_edit"]), [empty, no_access, no_access, fine, malformed]),
        (json!(["zone_read", "settings_read", "ssl_edit"]), [listed, fine, fine, fine, malformed]),
    ] {
        let scope = json!({ "permissions": permissions });
        assert_eq!(api.control("PUT", "tokens/some", scope).await.0, 200);
        for ((method, path), expected) in calls.iter().zip(expected) {
            let answer = asked(&api, "some", method.clone(), path).await;
            assert_eq!(answer, expected, "{permissions} {path}");
        }
    }
    assert_eq!(api.control("PUT", "tokens/some", json!({ "permissions": ["dns_edit"] })).await.0, 400);
}

#[tokio::test]
async fn scripts_set_the_dns_records_of_a_zone() {
    let api = served(instant()).await;
    let record = |kind: &str, name: &str, content: &str, proxied: bool| json!({"type": kind, "name": name, "content": content, "proxied": proxied});
    let records = json!([
        record("A", "app.example.com", "203.0.113.7", true),
        record("A", "mail.example.com", "203.0.113.8", false),
        record("CNAME", "www.example.com", "app.example.com", true),
    ]);
    assert_eq!(api.control("PUT", "zones/example.com/dns_records", records).await.0, 200);
    for (query, rows) in [
        ("", 3),
        ("?proxied=true", 2),
        ("?proxied=true&type=A", 1),
        ("?name=www.example.com", 1),
        ("?per_page=5&page=2", 0),
    ] {
        let path = format!("/zones/{}/dns_records{query}", api.zone);
        assert_eq!(asked(&api, TOKEN, Method::GET, &path).await, (200, 0, rows), "{query}");
    }
    let path = format!("/zones/{}/dns_records?per_page=5001", api.zone);
    assert_eq!(asked(&api, TOKEN, Method::GET, &path).await.0, 400);
    assert_eq!(api.control("PUT", "zones/example.com/dns_records", json!([{"type": "A"}])).await.0, 400);
}

#[tokio::test]
async fn each_token_has_its_own_rate_limit() {
    let api = served(instant()).await;
    let minutes = Duration::from_secs(300);
    api.simulator.set_scope("second", Scope::default());
    api.simulator.set_rate_limit(Some(RateLimit { requests: 1, per: minutes, block: minutes }));
    for token in [TOKEN, "second"] {
        assert_eq!(asked(&api, token, Method::GET, "/zones").await.0, 200, "{token}");
        assert_eq!(asked(&api, token, Method::GET, "/zones").await, (429, 971, 0), "{token}");
    }
}

#[tokio::test]
async fn scripts_add_change_and_remove_zones() {
    let api = served(instant()).await;
    let new = json!({
        "status": "pending", "type": "partial", "account": OTHER, "ssl": "strict", "enabled": true, "hostnames": 2,
    });
    let (status, zone) = api.control("PUT", "zones/new.example", new).await;
    let id = zone["id"].as_str().unwrap();
    let hostnames = ["host-000000.new.example", "host-000001.new.example"];
    let expected = json!({
        "id": id, "name": "new.example", "account": OTHER, "status": "pending", "type": "partial",
        "gone": false, "hostnames": hostnames,
    });
    assert_eq!((status, &zone), (200, &expected));
    let read = async |part: &str| api.get(&format!("/zones/{id}{part}")).await;
    assert_eq!(read("/settings/ssl").await.1["result"]["value"], "strict");
    assert_eq!(read("/origin_tls_client_auth/settings").await.1["result"]["enabled"], true);
    assert_eq!(read("/origin_tls_client_auth/hostnames/host-000001.new.example").await.0, 200);

    let route = format!("zones/{id}");
    let (_, zone) = api.control("PATCH", &route, json!({ "status": "active" })).await;
    assert_eq!((&zone["status"], &zone["type"]), (&json!("active"), &json!("partial")));
    assert_eq!(api.names(&format!("account.id={OTHER}&status=active")).await, ["new.example"]);
    let account = api.simulator.with_world(|world| world.account_id().to_owned());
    api.control("PATCH", "zones/new.example", json!({ "account": account, "tls_client_auth": "on" })).await;
    assert_eq!(api.names(&format!("account.id={OTHER}")).await, [""; 0]);
    assert_eq!(read("/settings/tls_client_auth").await.1["result"]["value"], "on");

    assert_eq!(api.control("DELETE", &route, Value::Null).await.0, 200);
    assert_eq!(refusal(&read("").await), (404, 7003));
    assert_eq!(api.control("PUT", &route, Value::Null).await.1["gone"], false);
    assert_eq!(read("").await.1["result"]["status"], "active", "it is restored unchanged");
    let (_, twin) = api.control("PUT", "zones/example.com", json!({ "account": OTHER })).await;
    assert_ne!(twin["id"], json!(api.zone));
    assert_eq!(api.control("PUT", "zones/example.com", Value::Null).await.1["id"], json!(api.zone));

    let unknown = format!("zones/{}", "0".repeat(32));
    assert_eq!(api.control("PATCH", &unknown, Value::Null).await.0, 404);
    assert_eq!(api.control("PUT", &unknown, Value::Null).await.0, 404);
    assert_eq!(api.control("PATCH", &route, json!({ "account": "mine" })).await.0, 400);
    assert_eq!(api.control("PATCH", &route, json!({ "kind": "full" })).await.0, 400);
}

#[tokio::test]
async fn an_account_of_10_000_zones_is_read_by_pages() {
    let api = served(instant()).await;
    api.simulator.with_world(|world| world.fill(10_000, now())).unwrap();
    let (mut statuses, mut types, mut ids) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for page in 1..=200 {
        let (_, mut answer) = api.get(&format!("/zones?per_page=50&page={page}")).await;
        assert_eq!(answer["result_info"]["total_pages"], 200);
        for zone in answer["result"].as_array_mut().unwrap() {
            for (counts, key) in [(&mut statuses, "status"), (&mut types, "type")] {
                *counts.entry(zone[key].as_str().unwrap().to_owned()).or_insert(0) += 1;
            }
            ids.push(zone["id"].take().to_string());
        }
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 10_000);
    let count = |word: &str, count: usize| (word.to_owned(), count);
    assert_eq!(statuses, [count("active", 9998), count("moved", 1), count("pending", 1)].into());
    assert_eq!(types, [count("full", 8856), count("internal", 1), count("partial", 1143)].into());
    assert_eq!(api.names("name=zone-00000.example").await.len(), 2, "one of them is internal");
}

#[tokio::test]
async fn most_zones_of_a_filled_account_are_empty_and_the_others_are_healthy() {
    let api = served(instant()).await;
    api.simulator.with_world(|world| world.fill(201, now())).unwrap();
    let (_, zones) = api.control("GET", "zones", Value::Null).await;
    let (mut hostnames, mut switches, mut modes) = (0, 0, BTreeMap::new());
    for zone in zones.as_array().unwrap() {
        let path = |part: &str| format!("/zones/{}{part}", zone["id"].as_str().unwrap());
        let names = zone["hostnames"].as_array().unwrap();
        hostnames += names.len();
        let enabled = api.get(&path("/origin_tls_client_auth/settings")).await.1["result"]["enabled"] == true;
        let certificates = api.get(&path("/origin_tls_client_auth")).await.1["result"].take();
        assert_eq!(certificates.as_array().unwrap().len(), usize::from(enabled));
        switches += usize::from(enabled);
        let mode = api.get(&path("/settings/ssl")).await.1["result"]["value"].as_str().unwrap().to_owned();
        assert!(names.is_empty() && !enabled || ["full", "strict"].contains(&mode.as_str()), "{zone}");
        *modes.entry(mode).or_insert(0) += 1;
        for name in names.iter().filter(|name| *name != "app.example.com") {
            let path = path(&format!("/origin_tls_client_auth/hostnames/{}", name.as_str().unwrap()));
            let expires_on = api.get(&path).await.1["result"]["expires_on"].as_str().unwrap().to_owned();
            assert!(expires_on.parse::<Timestamp>().unwrap() >= in_days(60), "{name}");
        }
    }
    assert_eq!((zones.as_array().unwrap().len(), hostnames, switches), (201, 40, 4));
    assert_eq!(modes.keys().collect::<Vec<_>>(), ["flexible", "full", "off", "origin_pull", "strict"]);

    let again = served(instant()).await;
    again.simulator.with_world(|world| world.fill(201, now())).unwrap();
    assert_eq!(
        again.control("GET", "zones", Value::Null).await.1,
        zones,
        "the same seed gives the same account"
    );
}

#[tokio::test]
async fn a_list_of_zones_can_end_early_or_repeat_a_page() {
    let api = served(instant()).await;
    for number in 0..11 {
        api.put_zone(&format!("z{number:02}.example"), json!({}));
    }
    let page = async |number: usize| -> (Vec<String>, Value) {
        let (_, mut answer) = api.get(&format!("/zones?per_page=5&page={number}")).await;
        let names = answer["result"].as_array().unwrap().iter();
        (names.map(|row| row["name"].as_str().unwrap().to_owned()).collect(), answer["result_info"].take())
    };
    let honest = [page(1).await, page(2).await, page(3).await];
    let info = |page: usize, count: usize| json!({ "page": page, "per_page": 5, "count": count, "total_count": 12, "total_pages": 3 });
    let short = json!({ "call": "zone_list", "path": "page=2", "effect": { "short_list": { "rows": 3 } } });
    assert_eq!(api.control("POST", "faults", short).await.0, 200);
    assert_eq!(page(1).await, honest[0]);
    assert_eq!(page(2).await, (honest[1].0[..3].to_vec(), info(2, 3)));
    api.simulator.clear_faults();

    let fault = json!({ "call": "zone_list", "effect": "repeated_page" });
    assert_eq!(api.control("POST", "faults", fault).await.0, 200);
    assert_eq!(page(1).await, honest[0]);
    assert_eq!(page(2).await, (honest[0].0.clone(), info(2, 5)));
    assert_eq!(page(3).await, (honest[1].0.clone(), info(3, 5)));
    api.simulator.clear_faults();
    assert_eq!(page(3).await, honest[2]);
}

#[tokio::test]
async fn faults_can_be_limited_to_calls_that_read_an_account() {
    let api = served(instant()).await;
    let calls = [
        (Some(Aim::ZoneList), "/zones?per_page=50".to_owned()),
        (Some(Aim::ZoneLookup), "/zones?name=example.com".to_owned()),
        (Some(Aim::Zone), format!("/zones/{}", api.zone)),
        (Some(Aim::ZoneSetting), format!("/zones/{}/settings/ssl", api.zone)),
        (None, api.aop("/settings")),
    ];
    for aim in calls.iter().filter_map(|(aim, _)| *aim) {
        let refused = Effect::Status { status: 403, code: 9109, retry_after: None };
        let number = api.simulator.add_fault(Fault::new(refused).on_call(aim));
        for (other, path) in &calls {
            let expected = if *other == Some(aim) { 403 } else { 200 };
            assert_eq!(api.get(path).await.0, expected, "{aim:?} {path}");
        }
        assert!(api.simulator.clear_fault(number));
    }
}
