//! Tests of the simulated API over TCP.

mod account;

use std::time::Duration;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::domain::{CertId, Hostname, Level, Pem};
use cloudflare_aop_exporter::simulator::{
    Effect, Fault, Options, RateLimit, Simulator, Standing, World, demo,
};
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const TOKEN: &str = "simulated-token";

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn in_days(days: i64) -> Timestamp {
    now() + jiff::SignedDuration::from_hours(days * 24)
}

/// A running simulator, its zone `example.com`, and an HTTP client.
struct Served {
    simulator: Simulator,
    client: reqwest::Client,
    origin: String,
    zone: String,
    cert_id: CertId,
}

fn instant() -> Options {
    Options { deployment_delay: Duration::ZERO, ..Options::default() }
}

async fn served(options: Options) -> Served {
    let mut world = World::new(7, now()).unwrap();
    let zone = world.add_zone(&"example.com".parse().unwrap());
    let cert_id = zone.add_certificate(in_days(90)).unwrap();
    zone.associate(&hostname("app.example.com"), &cert_id, Some(true)).unwrap();
    let zone = zone.id().to_string();
    let simulator = Simulator::new(world, &options, Clock::fixed(now()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(simulator.clone().serve(listener, std::future::pending()));
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    Served { simulator, client, origin, zone, cert_id }
}

fn hostname(name: &str) -> Hostname {
    name.parse().unwrap()
}

impl Served {
    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/client/v4{path}", self.origin);
        self.client.request(method, url).header("authorization", format!("Bearer {TOKEN}"))
    }

    /// Returns a path below the zone's Authenticated Origin Pulls.
    fn aop(&self, rest: &str) -> String {
        format!("/zones/{}/origin_tls_client_auth{rest}", self.zone)
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let mut request = self.request(method, path);
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        parts(request.send().await.unwrap()).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, Value::Null).await
    }

    /// Sends a request to a control route, without a token.
    async fn control(&self, method: &str, route: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/_simulator/{route}", self.origin);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        parts(self.client.request(method.parse().unwrap(), url).body(body).send().await.unwrap()).await
    }

    /// Associates by the API, and returns the code of the first error or 0.
    async fn put(&self, config: Value) -> (u64, Value) {
        let answer = self.ask(Method::PUT, &self.aop("/hostnames"), json!({ "config": config })).await.1;
        (answer["errors"][0]["code"].as_u64().unwrap_or(0), answer)
    }
}

async fn parts(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

/// Returns the status and the code of a refusal.
fn refusal((status, answer): &(u16, Value)) -> (u16, u64) {
    assert_eq!(answer["success"], false);
    (*status, answer["errors"][0]["code"].as_u64().unwrap())
}

#[tokio::test]
async fn a_hostname_is_described_with_its_certificate() {
    let api = served(instant()).await;
    let response = api.request(Method::GET, &api.aop("/hostnames/app.example.com")).send().await.unwrap();
    assert_eq!(response.headers()["cf-ray"], "0000000000000001-SIM");
    let (status, answer) = parts(response).await;
    assert_eq!((status, &answer["success"]), (200, &Value::Bool(true)));
    let result = &answer["result"];
    assert_eq!(result["cert_id"], api.cert_id.as_str());
    assert_eq!(result["hostname"], "app.example.com");
    assert_eq!(result["enabled"], true);
    assert_eq!(result["status"], "active");
    assert_eq!(result["cert_status"], "active");
    assert_eq!(result["issuer"], "Simulated Origin Pull CA");
    assert_eq!(result["created_at"], "2025-12-31T23:59:00Z");
    assert!(result.get("private_key").is_none());
    let pem = Pem::parse(result["certificate"].as_str().unwrap()).unwrap();
    assert_eq!(pem.not_after, in_days(90).into());
    let expires_on: Timestamp = result["expires_on"].as_str().unwrap().parse().unwrap();
    assert_eq!(expires_on, in_days(90));
}

#[tokio::test]
async fn a_hostname_without_association_is_404_with_1553() {
    let api = served(instant()).await;
    for name in ["none.example.com", "%F0", "certificates%2F"] {
        let answer = api.get(&api.aop(&format!("/hostnames/{name}"))).await;
        assert_eq!(refusal(&answer), (404, 1553), "{name}");
    }
    assert_eq!(api.get(&api.aop("/hostnames/APP.example.com")).await.0, 200);
}

#[tokio::test]
async fn zones_are_found_by_name_and_listed_in_pages() {
    let api = served(instant()).await;
    api.simulator.with_world(|world| {
        for number in 0..6 {
            world.add_zone(&format!("z{number}.example").parse().unwrap());
        }
    });
    let (_, answer) = api.get("/zones?name=example.com").await;
    assert_eq!(answer["result"][0]["id"], api.zone.as_str());
    assert_eq!(answer["result"][0]["status"], "active");
    let account = answer["result"][0]["account"]["id"].as_str().unwrap().to_owned();
    let (_, answer) = api.get(&format!("/zones?per_page=5&page=2&account.id={account}")).await;
    assert_eq!(
        answer["result_info"],
        json!({ "page": 2, "per_page": 5, "count": 2, "total_count": 7, "total_pages": 2 })
    );
    assert_eq!(api.get("/zones?name=example").await.1["result"], json!([]));
    assert_eq!(api.get("/zones?account.id=0").await.1["result"], json!([]));
    assert_eq!(api.get("/zones?status=pending").await.1["result"], json!([]));
    assert_eq!(refusal(&api.get("/zones?per_page=51").await), (400, 1400));
    assert_eq!(api.get(&format!("/zones/{}", api.zone)).await.1["result"]["name"], "example.com");
    let unknown = api.get("/zones/00000000000000000000000000000000/origin_tls_client_auth").await;
    assert_eq!(refusal(&unknown), (404, 7003));
}

#[tokio::test]
async fn a_token_is_verified_by_the_route_of_its_owner() {
    let api = served(instant()).await;
    let (status, answer) = api.get("/user/tokens/verify").await;
    assert_eq!((status, &answer["result"]["status"]), (200, &json!("active")));
    assert_eq!(answer["messages"][0]["code"], 10000);
    let account = api.simulator.with_world(|world| world.account_id().to_owned());
    let account = format!("/accounts/{account}/tokens/verify");
    assert_eq!(refusal(&api.get(&account).await), (401, 1000));

    let api = served(Options { account_owned: true, ..instant() }).await;
    assert_eq!(api.get(&account).await.0, 200);
    assert_eq!(refusal(&api.get("/user/tokens/verify").await), (401, 1000));
}

#[tokio::test]
async fn only_a_valid_token_is_accepted() {
    let api = served(instant()).await;
    let ask = async |header: Option<&str>, path: &str| {
        let request = api.client.get(format!("{}/client/v4{path}", api.origin));
        let request =
            header.into_iter().fold(request, |request, value| request.header("authorization", value));
        parts(request.send().await.unwrap()).await
    };
    let malformed = ask(None, "/zones").await;
    assert_eq!(refusal(&malformed), (400, 6003));
    assert_eq!(malformed.1["errors"][0]["error_chain"][0]["code"], 6111);
    assert_eq!(refusal(&ask(Some("Token x"), "/zones").await), (400, 6003));
    assert_eq!(refusal(&ask(Some("Bearer x"), "/zones").await), (401, 10000));
    assert_eq!(refusal(&ask(Some("Bearer x"), "/user/tokens/verify").await), (401, 1000));

    api.simulator.set_token(Standing::Expired, Some("2025-12-31T00:00:00Z".into()));
    assert_eq!(refusal(&api.get("/zones").await), (401, 10000));
    let (_, answer) = api.get("/user/tokens/verify").await;
    assert_eq!(answer["result"]["status"], "expired");
    assert_eq!(answer["result"]["expires_on"], "2025-12-31T00:00:00Z");
    api.simulator.set_token(Standing::Revoked, None);
    assert_eq!(refusal(&api.get("/user/tokens/verify").await), (401, 1000));
    api.simulator.set_token(Standing::Active, None);
    assert_eq!(api.get("/zones").await.0, 200);
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let api = served(instant()).await;
    assert_eq!(refusal(&api.get("/nothing").await), (404, 7000));
    let response = api.request(Method::POST, &api.aop("/hostnames")).send().await.unwrap();
    assert_eq!(response.headers()["allow"], "GET, PUT");
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn associations_are_listed_by_status_and_active_is_the_default() {
    let api = served(instant()).await;
    api.simulator.with_world(|world| {
        let zone = world.zone("example.com").unwrap();
        for number in 0..4 {
            let name = hostname(&format!("h{number}.example.com"));
            zone.associate(&name, &api.cert_id, Some(number % 2 == 0)).unwrap();
        }
        let change = serde_json::from_value(json!({ "status": "deployment_timed_out" })).unwrap();
        zone.change_association(&hostname("h3.example.com"), change, now()).unwrap();
    });
    let names = async |query: &str| -> Vec<String> {
        let (_, answer) = api.get(&api.aop(&format!("/hostnames{query}"))).await;
        let rows = answer["result"].as_array().unwrap().iter();
        rows.map(|row| row["hostname"].as_str().unwrap().split('.').next().unwrap().to_owned()).collect()
    };
    assert_eq!(names("").await, ["app", "h0", "h1", "h2"]);
    assert_eq!(names("?status=all").await, ["app", "h0", "h1", "h2", "h3"]);
    assert_eq!(names("?status=initializing%2Cdeployment_timed_out").await, ["h3"]);
    assert_eq!(names("?status=all&per_page=2&page=2").await, ["h1", "h2"]);
    let (_, answer) = api.get(&api.aop("/hostnames?status=all&per_page=2&page=3")).await;
    assert_eq!(
        answer["result_info"],
        json!({ "page": 3, "per_page": 2, "count": 1, "total_count": 5, "total_pages": 3 })
    );
    let row = &answer["result"][0];
    assert_eq!(row["cert_id"], api.cert_id.as_str());
    assert_eq!(row["enabled"], false);
    assert!(row.get("certificate").is_none());
    assert_eq!(refusal(&api.get(&api.aop("/hostnames?per_page=1001")).await), (400, 1400));
}

#[tokio::test]
async fn a_change_is_deployed_and_a_void_association_is_removed() {
    let api = served(instant()).await;
    let (id, new) = (api.cert_id.as_str(), "new.example.com");
    let path = api.aop("/hostnames/new.example.com");
    let entry = |enabled: Value| json!([{ "hostname": new, "cert_id": id, "enabled": enabled }]);
    let (code, answer) = api.put(entry(json!(false))).await;
    assert_eq!(code, 0);
    let hostnames = answer["result"].as_array().unwrap();
    assert_eq!(hostnames.len(), 2, "the response has the whole zone");
    assert_eq!(hostnames[0]["hostname"], new);
    assert_eq!(hostnames[0]["id"], id);
    assert!(hostnames[0]["private_key"].as_str().unwrap().contains("PRIVATE KEY"));
    assert_eq!(api.get(&path).await.1["result"]["enabled"], false);
    assert_eq!(api.put(json!([{ "hostname": new, "enabled": true }])).await.0, 0);
    assert_eq!(api.get(&path).await.1["result"]["enabled"], true);
    assert_eq!(api.put(json!([{ "hostname": new, "enabled": null }])).await.0, 1404);
    assert_eq!(api.put(entry(Value::Null)).await.0, 0);
    assert_eq!(refusal(&api.get(&path).await), (404, 1553));
    let (_, deleted) = api.get(&api.aop("/hostnames?status=deleted")).await;
    assert_eq!(deleted["result"][0]["hostname"], new);
}

#[tokio::test]
async fn deployment_takes_the_configured_time() {
    let api = served(Options { deployment_delay: Duration::from_secs(3600), ..Options::default() }).await;
    let (id, app) = (api.cert_id.as_str(), "app.example.com");
    let path = api.aop("/hostnames/app.example.com");
    assert_eq!(api.put(json!([{ "hostname": app, "cert_id": id, "enabled": false }])).await.0, 0);
    assert_eq!(api.get(&path).await.1["result"]["status"], "pending_deployment");
    assert_eq!(api.put(json!([{ "hostname": app, "cert_id": id, "enabled": null }])).await.0, 0);
    let (_, answer) = api.get(&path).await;
    assert_eq!(answer["result"]["status"], "pending_deletion");
    assert_eq!(answer["result"]["enabled"], Value::Null);
}

#[tokio::test]
async fn an_invalid_change_changes_nothing() {
    let api = served(instant()).await;
    let id = api.cert_id.as_str();
    let zone_level = api.simulator.with_world(|world| {
        world.zone("example.com").unwrap().add_certificate_at(Level::Zone, in_days(9)).unwrap()
    });
    let good = json!({ "hostname": "a.example.com", "cert_id": id, "enabled": true });
    for (entry, code) in [
        (json!({ "hostname": "b.example.com", "enabled": true }), 1404),
        (json!({ "hostname": "b.example.com", "cert_id": zone_level.as_str(), "enabled": true }), 1415),
        (json!({ "hostname": "b.example.com", "cert_id": "unknown", "enabled": true }), 1415),
        (json!({ "hostname": "b.example.com", "cert_id": id, "enabled": null }), 1553),
        (json!({ "hostname": "b.example.org", "cert_id": id, "enabled": true }), 1400),
        (json!({ "hostname": "b.notexample.com", "cert_id": id, "enabled": true }), 1400),
        (json!({ "hostname": "b.example.com", "cert_id": id }), 1400),
        (json!({ "hostname": "b.example.com", "cert_id": id, "enabled": "yes" }), 6007),
    ] {
        assert_eq!(api.put(json!([good, entry])).await.0, code, "{entry}");
    }
    assert_eq!(api.put(json!([])).await.0, 1400);
    assert_eq!(refusal(&api.get(&api.aop("/hostnames/a.example.com")).await), (404, 1553));
}

#[tokio::test]
async fn a_certificate_has_at_most_100_associations_unless_caps_are_lifted() {
    let api = served(instant()).await;
    let entries = |count: usize| -> Value {
        let entry = |n| json!({ "hostname": format!("h{n}.example.com"), "cert_id": api.cert_id.as_str(), "enabled": true });
        (0..count).map(entry).collect()
    };
    assert_eq!(api.put(entries(100)).await.0, 1400, "one association already exists");
    assert_eq!(api.put(entries(99)).await.0, 0);
    assert_eq!(api.put(entries(99)).await.0, 0, "the same ones again");
    api.simulator.with_world(World::lift_caps);
    let (code, answer) = api.put(entries(150)).await;
    assert_eq!((code, answer["result"].as_array().unwrap().len()), (0, 150));
}

/// Returns a certificate and its key, in PEM.
fn upload(not_after_year: i32) -> Value {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.not_after = rcgen::date_time_ymd(not_after_year, 5, 4);
    params.serial_number = Some(vec![1, 0, 0, 0, 0, 0, 0, 0, 0].into());
    params.distinguished_name.push(rcgen::DnType::CommonName, "Uploaded CA");
    let certificate = params.self_signed(&key).unwrap().pem();
    json!({ "certificate": certificate, "private_key": key.serialize_pem() })
}

#[tokio::test]
async fn certificates_of_both_stores_are_uploaded_and_deleted() {
    let api = served(instant()).await;
    for (store, missing, present) in [("", 1552, 0), ("/hostnames/certificates", 1551, 1)] {
        let path = api.aop(store);
        let body = upload(2030);
        let (status, answer) = api.ask(Method::POST, &path, body.clone()).await;
        assert_eq!(status, 200);
        let result = &answer["result"];
        assert_eq!(result["certificate"], body["certificate"]);
        assert_eq!(result["expires_on"], "2030-05-04T00:00:00Z");
        assert_eq!(result["serial_number"], "18446744073709551616");
        assert_eq!(result["issuer"], "Uploaded CA");
        assert_eq!(result["uploaded_on"], "2026-01-01T00:00:00Z");
        assert_eq!(refusal(&api.ask(Method::POST, &path, body).await), (400, 1406));
        let (_, list) = api.get(&path).await;
        assert_eq!(list["result"].as_array().unwrap().len(), present + 1);

        let one = format!("{path}/{}", result["id"].as_str().unwrap());
        assert_eq!(api.get(&one).await.1["result"]["status"], "active");
        assert_eq!(api.ask(Method::DELETE, &one, Value::Null).await.0, 200);
        assert_eq!(api.get(&one).await.1["result"]["status"], "deleted", "it stays readable");
        assert_eq!(refusal(&api.ask(Method::DELETE, &one, Value::Null).await), (404, missing));
        assert_eq!(api.get(&path).await.1["result"].as_array().unwrap().len(), present);
        let unknown = api.get(&format!("{path}/00000000-0000-0000-0000-000000000000")).await;
        assert_eq!(refusal(&unknown), (404, missing));
    }
}

#[tokio::test]
async fn a_certificate_that_is_used_or_being_deployed_is_not_deleted() {
    let api = served(Options { deployment_delay: Duration::from_secs(3600), ..Options::default() }).await;
    let path = api.aop("/hostnames/certificates");
    let used = format!("{path}/{}", api.cert_id);
    assert_eq!(refusal(&api.ask(Method::DELETE, &used, Value::Null).await), (400, 1433));
    let (_, answer) = api.ask(Method::POST, &path, upload(2030)).await;
    let pending = format!("{path}/{}", answer["result"]["id"].as_str().unwrap());
    assert_eq!(refusal(&api.ask(Method::DELETE, &pending, Value::Null).await), (400, 1434));
    let spare = api
        .simulator
        .with_world(|world| world.zone("example.com").unwrap().add_certificate(in_days(1)).unwrap());
    let path = format!("{path}/{spare}");
    assert_eq!(api.ask(Method::DELETE, &path, Value::Null).await.0, 200);
    assert_eq!(refusal(&api.ask(Method::DELETE, &path, Value::Null).await), (400, 1414));
    let entry = json!([{ "hostname": "a.example.com", "cert_id": spare.as_str(), "enabled": true }]);
    assert_eq!(api.put(entry).await.0, 1414);
}

#[tokio::test]
async fn an_upload_without_certificate_or_above_the_limit_is_refused() {
    let api = served(instant()).await;
    let path = api.aop("/hostnames/certificates");
    let mut without_key = upload(2030);
    without_key["private_key"] = json!("none");
    assert_eq!(refusal(&api.ask(Method::POST, &path, without_key).await), (400, 1408));
    let garbage = json!({ "certificate": "x", "private_key": "y" });
    assert_eq!(refusal(&api.ask(Method::POST, &path, garbage).await), (400, 1408));
    assert_eq!(refusal(&api.ask(Method::POST, &path, json!({})).await), (400, 6007));
    for year in 2030..2039 {
        assert_eq!(api.ask(Method::POST, &path, upload(year)).await.0, 200);
    }
    assert_eq!(refusal(&api.ask(Method::POST, &path, upload(2040)).await), (400, 1400));
}

#[tokio::test]
async fn the_zone_level_switch_is_read_and_set() {
    let api = served(instant()).await;
    let path = api.aop("/settings");
    assert_eq!(api.get(&path).await.1["result"], json!({ "enabled": false }));
    assert_eq!(api.ask(Method::PUT, &path, json!({ "enabled": true })).await.0, 200);
    assert_eq!(api.get(&path).await.1["result"], json!({ "enabled": true }));
    assert_eq!(refusal(&api.ask(Method::PUT, &path, json!({ "enabled": 1 })).await), (400, 6007));
}

#[tokio::test]
async fn a_rate_limit_is_reported_and_enforced() {
    let second = Duration::from_secs(1);
    let limit = RateLimit { requests: 2, per: second * 60, block: second * 300 };
    let api = served(Options { rate_limit: Some(limit), ..instant() }).await;
    let ask = async || api.request(Method::GET, "/zones").send().await.unwrap();
    let first = ask().await;
    assert_eq!(first.headers()["ratelimit"], r#""default";r=1;t=60"#);
    assert_eq!(first.headers()["ratelimit-policy"], r#""default";q=2;w=60"#);
    assert_eq!(ask().await.status(), StatusCode::OK);
    let third = ask().await;
    assert_eq!(third.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(third.headers()["retry-after"], "300");
    assert_eq!(refusal(&parts(third).await), (429, 971));
    api.simulator.set_rate_limit(None);
    assert_eq!(ask().await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_fault_can_replace_a_response() {
    let api = served(instant()).await;
    let path = api.aop("/hostnames/app.example.com");
    let struck = async |effect| {
        api.simulator.add_fault(Fault::new(effect).on_method("GET").on_path("/hostnames/app").times(1));
        let response = api.request(Method::GET, &path).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, response.text().await)
    };
    let (status, headers, _) =
        struck(Effect::Status { status: 503, code: 9, retry_after: Some("soon".into()) }).await;
    assert_eq!((status, &headers["retry-after"]), (503, &"soon".parse().unwrap()));
    let (status, _, body) = struck(Effect::Garbage).await;
    assert_eq!((status, body.unwrap().as_str()), (200, "\u{1}{\"success\":true,\"resu"));
    let (status, headers, _) = struck(Effect::Html { status: 502 }).await;
    assert_eq!((status, &headers["content-type"]), (502, &"text/html".parse().unwrap()));
    let (status, _, body) = struck(Effect::Empty { status: 200 }).await;
    assert_eq!((status, body.unwrap().as_str()), (200, ""));
    let (status, _, body) = struck(Effect::Unsuccessful { code: 1234 }).await;
    assert!(status == 200 && body.unwrap().starts_with(r#"{"errors":[{"code":1234,"#));
    let (_, _, body) = struck(Effect::NullResult).await;
    assert!(body.unwrap().contains(r#""result":null"#));
    let (status, headers, _) = struck(Effect::Redirect { to: "http://127.0.0.1:9/".into() }).await;
    assert_eq!((status, &headers["location"]), (302, &"http://127.0.0.1:9/".parse().unwrap()));
    let (status, _, body) = struck(Effect::Json { status: 418, body: json!([1]) }).await;
    assert_eq!((status, body.unwrap().as_str()), (418, "[1]"));
    assert_eq!(api.get(&path).await.0, 200, "every fault applied once");
}

#[tokio::test]
async fn a_fault_can_cut_a_response() {
    let api = served(instant()).await;
    let path = api.aop("/hostnames/app.example.com");
    for chunked in [false, true] {
        api.simulator.add_fault(Fault::new(Effect::Cut { chunked }).times(1));
        let mut response = api.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.content_length().is_none(), chunked);
        let first = response.chunk().await.unwrap().unwrap();
        assert!(first.starts_with(br#"{"success":true"#));
        assert!(response.chunk().await.is_err(), "the connection broke");
    }
    assert_eq!(api.get(&path).await.0, 200);
}

#[tokio::test]
async fn a_fault_can_delay_or_suppress_a_response() {
    let api = served(instant()).await;
    api.simulator.add_fault(Fault::new(Effect::Delay { milliseconds: 50 }).times(1));
    let start = tokio::time::Instant::now();
    assert_eq!(api.get("/zones").await.0, 200);
    assert!(start.elapsed() >= Duration::from_millis(50));

    let number = api.simulator.add_fault(Fault::new(Effect::Hang));
    let request = api.request(Method::GET, "/zones").timeout(Duration::from_millis(50)).send().await;
    assert!(request.unwrap_err().is_timeout());
    assert!(api.simulator.clear_fault(number));
    assert_eq!(api.get("/zones").await.0, 200);
}

#[tokio::test]
async fn requests_are_counted() {
    let api = served(instant()).await;
    api.get("/zones?name=example.com").await;
    api.get(&api.aop("/hostnames/app.example.com")).await;
    api.get(&api.aop("/hostnames/app.example.com")).await;
    let requests = api.simulator.requests();
    assert_eq!(requests.count("GET", "/hostnames/"), 2);
    assert_eq!(requests.count("", ""), 3);
    assert_eq!(requests.total(), 3);
    api.simulator.forget_requests();
    assert_eq!(api.simulator.requests().total(), 0);
}

#[tokio::test]
async fn the_demo_serves_every_expected_hostname() {
    let demo = demo(1, now(), None).unwrap();
    let simulator = Simulator::new(demo.world, &instant(), Clock::fixed(now()));
    let api = Served { simulator: simulator.clone(), ..served(instant()).await };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let api = Served { origin, ..api };
    tokio::spawn(simulator.serve(listener, std::future::pending()));
    let mut lines = Vec::new();
    for (zone, targets) in &demo.expected {
        let (_, answer) = api.get(&format!("/zones?name={zone}")).await;
        let id = answer["result"][0]["id"].as_str().unwrap();
        for target in targets {
            let path = format!("/zones/{id}/origin_tls_client_auth/hostnames/{}", target.hostname);
            let (_, answer) = api.get(&path).await;
            let result = &answer["result"];
            let expires = result["expires_on"].as_str().map_or("", |date| &date[..10]);
            let line = format!("{} {} {} {expires}", target.hostname, result["enabled"], result["status"]);
            lines.push(line.replace('"', ""));
        }
    }
    assert_eq!(
        lines,
        [
            "api.example.com true active 2026-08-29",
            "app.example.com true active 2026-08-29",
            "www.example.com true active 2026-01-26",
            "admin.example.com true active 2026-01-11",
            "intranet.example.com true active 2025-12-30",
            "legacy.example.com false active 2026-05-01",
            "staging.example.com null null ",
            "www.example.org true active 2026-06-30",
            "docs.example.org true active 2026-01-04",
            "old.example.org null deletion_timed_out 2026-05-01",
            "retired.example.org null pending_deletion 2026-05-01",
            "build.example.org true deployment_timed_out 2026-05-01",
            "mirror.example.org true active 2035-12-30",
            "*.example.org true active 2026-06-30",
            "www.shop.example true active 2026-11-17",
            "checkout.shop.example true active 2026-11-17",
            "cart.shop.example true pending_deployment 2026-05-01",
            "search.shop.example true initializing 2026-05-01",
            "beta.shop.example false active 2026-05-01",
            "media.shop.example true active 2026-02-15",
        ]
    );
}

#[tokio::test]
async fn scripts_make_a_certificate_expire_and_renew_it() {
    let api = served(instant()).await;
    let route = "zones/example.com/hostnames/app.example.com";
    let path = api.aop("/hostnames/app.example.com");
    let describe = async || {
        let result = api.get(&path).await.1["result"].take();
        let pem = Pem::parse(result["certificate"].as_str().unwrap()).unwrap();
        let expires_on: Timestamp = result["expires_on"].as_str().unwrap().parse().unwrap();
        assert_eq!(result["cert_id"], api.cert_id.as_str());
        (expires_on.to_string(), Timestamp::from(pem.not_after).to_string())
    };
    let change = async |certificate: Value| {
        let outcome = api.control("PATCH", route, json!({ "certificate": certificate })).await;
        assert_eq!(outcome, (200, json!({})));
    };
    change(json!({ "expires_in": 30 })).await;
    assert_eq!(describe().await, ("2026-01-01T00:00:30Z".into(), "2026-01-01T00:00:30Z".into()));
    change(json!({ "expires_in": -30 })).await;
    assert_eq!(describe().await, ("2025-12-31T23:59:30Z".into(), "2025-12-31T23:59:30Z".into()));
    change(json!({ "expires_on": "2100-01-01T05:20:00Z", "status": "deployment_timed_out" })).await;
    assert_eq!(describe().await, ("2100-01-01T05:20:00Z".into(), "2025-12-31T23:59:30Z".into()));
    assert_eq!(api.get(&path).await.1["result"]["cert_status"], "deployment_timed_out");
    change(json!({ "expires_in": 86400, "status": "active" })).await;
    assert_eq!(describe().await, ("2026-01-02T00:00:00Z".into(), "2026-01-02T00:00:00Z".into()));

    let route = format!("zones/{}/certificates/{}", api.zone, api.cert_id);
    let serial = json!({ "serial_number": "1" });
    assert_eq!(api.control("PATCH", &route, serial).await.0, 200);
    assert_eq!(api.get(&path).await.1["result"]["serial_number"], "1");
}

#[tokio::test]
async fn scripts_change_associations() {
    let api = served(instant()).await;
    let route = "zones/example.com/hostnames/app.example.com";
    let path = api.aop("/hostnames/app.example.com");
    let state = async || {
        let result = api.get(&path).await.1["result"].take();
        format!("{} {}", result["enabled"], result["status"])
    };
    api.control("PATCH", route, json!({ "enabled": false })).await;
    assert_eq!(state().await, r#"false "active""#);
    api.control("PATCH", route, json!({ "enabled": null, "status": "pending_deletion" })).await;
    assert_eq!(state().await, r#"null "pending_deletion""#);
    api.control("PATCH", route, json!({ "enabled": true, "status": "of a later version" })).await;
    assert_eq!(state().await, r#"true "of a later version""#);
    assert_eq!(api.control("DELETE", route, Value::Null).await.0, 200);
    assert_eq!(refusal(&api.get(&path).await), (404, 1553));
    assert_eq!(api.get(&api.aop("/hostnames?status=all")).await.1["result"], json!([]));
    assert_eq!(api.control("PATCH", route, json!({ "enabled": true })).await.0, 404);
    assert_eq!(api.control("PUT", route, json!({ "certificate": { "expires_in": 60 } })).await.0, 200);
    assert_eq!(state().await, r#"true "active""#);
    let (_, new) = api.control("POST", "zones/example.com/certificates", json!({ "expires_in": 9 })).await;
    api.control("PATCH", route, json!({ "cert_id": new["id"] })).await;
    assert_eq!(api.get(&path).await.1["result"]["cert_id"], new["id"]);
    let zone_level = json!({ "expires_in": 9, "zone_level": true });
    let (_, new) = api.control("POST", "zones/example.com/certificates", zone_level).await;
    assert_eq!(api.get(&api.aop("")).await.1["result"][0]["id"], new["id"]);
}

#[tokio::test]
async fn scripts_remove_zones_and_restore_them() {
    let api = served(instant()).await;
    let path = api.aop("/hostnames/app.example.com");
    assert_eq!(api.control("DELETE", "zones/example.com", Value::Null).await.0, 200);
    assert_eq!(refusal(&api.get(&path).await), (404, 7003));
    assert_eq!(api.get("/zones?name=example.com").await.1["result"], json!([]));
    let (_, zones) = api.control("GET", "zones", Value::Null).await;
    let account = api.simulator.with_world(|world| world.account_id().to_owned());
    let zone = json!({
        "id": api.zone, "name": "example.com", "account": account, "status": "active", "type": "full",
        "gone": true, "hostnames": ["app.example.com"],
    });
    assert_eq!(zones, json!([zone]));
    assert_eq!(api.control("PUT", "zones/example.com", Value::Null).await.0, 200);
    assert_eq!(api.get(&path).await.0, 200);
    assert_eq!(api.control("PUT", "zones/new.example", Value::Null).await.1["hostnames"], json!([]));
    assert_eq!(api.control("DELETE", "zones/other.example", Value::Null).await.0, 404);
}

#[tokio::test]
async fn scripts_add_and_remove_faults() {
    let api = served(instant()).await;
    let path = api.aop("/hostnames/app.example.com");
    let fault = json!({ "path": "/hostnames/", "effect": { "status": { "status": 500, "code": 7 } } });
    let (status, answer) = api.control("POST", "faults", fault.clone()).await;
    assert_eq!((status, &answer), (200, &json!({ "number": 1 })));
    assert_eq!(refusal(&api.get(&path).await), (500, 7));
    assert_eq!(api.get("/zones").await.0, 200);
    let (_, list) = api.control("GET", "faults", Value::Null).await;
    assert_eq!(list[0]["number"], 1);
    assert_eq!(list[0]["fault"]["effect"]["status"]["status"], 500);
    assert_eq!(api.control("DELETE", "faults/1", Value::Null).await.1, json!({ "cleared": true }));
    assert_eq!(api.get(&path).await.0, 200);

    for effect in [json!("garbage"), json!("null_result"), json!({ "empty": { "status": 500 } })] {
        assert_eq!(api.control("POST", "faults", json!({ "effect": effect })).await.0, 200);
    }
    assert_eq!(api.control("DELETE", "faults", Value::Null).await.0, 200);
    assert_eq!(api.get(&path).await.0, 200);
    assert_eq!(api.control("POST", "faults", json!({ "effect": "explode" })).await.0, 400);
    assert_eq!(api.control("POST", "faults", json!({ "effects": "hang" })).await.0, 400);
    assert_eq!(api.control("GET", "fault", Value::Null).await.0, 404);
}

#[tokio::test]
async fn scripts_revoke_the_token_set_a_rate_limit_and_count_requests() {
    let api = served(instant()).await;
    api.control("PUT", "token", json!({ "status": "revoked" })).await;
    assert_eq!(refusal(&api.get("/zones").await), (401, 10000));
    api.control("PUT", "token", json!({ "status": "active", "expires_on": "2026-02-01T00:00:00Z" })).await;
    let (_, answer) = api.get("/user/tokens/verify").await;
    assert_eq!(answer["result"]["expires_on"], "2026-02-01T00:00:00Z");

    let limit = json!({ "requests": 1, "per_seconds": 300, "block_seconds": 300 });
    assert_eq!(api.control("PUT", "rate-limit", limit).await.0, 200);
    assert_eq!(api.get("/zones").await.0, 200);
    assert_eq!(refusal(&api.get("/zones").await), (429, 971));
    assert_eq!(api.control("DELETE", "rate-limit", Value::Null).await.0, 200);
    assert_eq!(api.get("/zones").await.0, 200);

    let (_, counted) = api.control("GET", "requests?method=GET&path=%2Fzones", Value::Null).await;
    let requests = json!({ "GET /client/v4/user/tokens/verify": 1, "GET /client/v4/zones": 4 });
    assert_eq!(counted, json!({ "count": 4, "total": 5, "requests": requests }));
    api.control("DELETE", "requests", Value::Null).await;
    assert_eq!(api.control("GET", "requests", Value::Null).await.1["total"], 0);
}

#[tokio::test]
async fn the_simulator_stops_even_if_a_request_hangs() {
    let world = World::new(7, now()).unwrap();
    let simulator = Simulator::new(world, &instant(), Clock::fixed(now()));
    simulator.add_fault(Fault::new(Effect::Hang));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/client/v4/zones", listener.local_addr().unwrap());
    let request = tokio::spawn(reqwest::Client::new().get(url).send());
    let arrived = simulator.clone();
    let shutdown = async move {
        while arrived.requests().total() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), simulator.serve(listener, shutdown)).await.unwrap();
    assert!(request.await.unwrap().is_err());
}
