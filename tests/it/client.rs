//! Tests of the API client against the simulated API, with and without faults.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::cloudflare::Error;
use cloudflare_aop_exporter::domain::{Association, Level, Reason, Status, TokenState};
use cloudflare_aop_exporter::simulator::{Effect, Fault, Options, Standing, World};
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::support::harness::{Api, Asking, budget, hostname, now, soon, world};

const REQUESTS: &str = "cloudflare_aop_api_requests_total";
const RETRIES: &str = "cloudflare_aop_api_retries_total";

#[tokio::test]
async fn an_association_is_read_with_its_certificate() {
    let api = Api::start(world(&["app.example.com"])).await;
    let client = api.client().build();
    let reading = client.hostname(api.zone, &hostname("app.example.com"), soon()).await.unwrap();
    assert_eq!(reading.association, Association::Enabled);
    assert_eq!(reading.status, Some(Status::Active));
    assert_eq!(reading.read_at, now().into());
    let certificate = reading.certificate.unwrap();
    let expected = now() + SignedDuration::from_hours(90 * 24);
    assert_eq!(certificate.expires(), Some(expected.into()));
    assert_eq!(certificate.metadata_match(), Some(true));
}

#[tokio::test]
async fn a_hostname_without_an_association_is_a_valid_reading() {
    let api = Api::start(world(&[])).await;
    let asking = api.client();
    let reading = asking.build().hostname(api.zone, &hostname("no.example.com"), soon()).await.unwrap();
    assert_eq!(reading.association, Association::None);
    assert_eq!(asking.counted(REQUESTS, &["hostname_get", "404"]), 1.0);
}

#[tokio::test]
async fn equal_certificates_share_one_allocation() {
    let api = Api::start(world(&["a.example.com", "b.example.com"])).await;
    let client = api.client().build();
    let [a, b] = ["a.example.com", "b.example.com"].map(hostname);
    let a = client.hostname(api.zone, &a, soon()).await.unwrap();
    let b = client.hostname(api.zone, &b, soon()).await.unwrap();
    assert!(Arc::ptr_eq(&a.certificate.unwrap(), &b.certificate.unwrap()));
}

#[tokio::test]
async fn the_certificates_of_both_stores_are_read_from_all_pages() {
    let mut world = world(&[]);
    let zone = world.zone("example.com").unwrap();
    for level in [Level::Hostname, Level::Zone] {
        // in addition to the existing one
        for day in 0..if level == Level::Hostname { 119 } else { 120 } {
            zone.add_certificate_at(level, now() + SignedDuration::from_hours(24 * day)).unwrap();
        }
    }
    let api = Api::start(world).await;
    let client = api.client().build();
    for listed in [
        client.hostname_certificates(api.zone, soon()).await.unwrap(),
        client.zone_certificates(api.zone, soon()).await.unwrap(),
    ] {
        assert_eq!((listed.rows.len(), listed.complete, listed.pages), (120, true, 3));
        let ids: BTreeSet<_> = listed.rows.iter().map(|row| &row.id).collect();
        assert_eq!(ids.len(), 120);
    }
    assert_eq!(api.simulator.requests().total(), 6);
}

#[tokio::test]
async fn a_certificate_list_of_one_page_takes_one_request_without_parameters() {
    let api = Api::start(world(&[])).await;
    api.simulator.add_fault(Fault::new(Effect::Empty { status: 400 }).on_path("?"));
    let listed = api.client().build().hostname_certificates(api.zone, soon()).await.unwrap();
    assert_eq!((listed.rows.len(), listed.complete, listed.pages), (1, true, 1));
    assert_eq!(api.simulator.requests().total(), 1);
}

#[tokio::test]
async fn a_certificate_list_with_identical_pages_is_incomplete() {
    let api = Api::start(world(&[])).await;
    let rows: Vec<_> = (0..50).map(|number| json!({"id": format!("{number}"), "issuer": "CA"})).collect();
    let list = |info| {
        let body = json!({"success": true, "result": rows.clone(), "result_info": info});
        Fault::new(Effect::Json { status: 200, body })
    };
    let client = api.client().build();
    for info in [json!({"total_pages": 3}), json!({"total_count": 120}), json!(null)] {
        api.simulator.add_fault(list(info.clone()));
        let listed = client.zone_certificates(api.zone, soon()).await.unwrap();
        assert_eq!((listed.rows.len(), listed.complete, listed.pages), (50, false, 2), "{info}");
    }
}

#[tokio::test]
async fn a_code_as_text_and_a_null_success_still_mean_no_association() {
    let api = Api::start(world(&[])).await;
    let body = json!({"success": 0, "errors": [{"code": "1553", "message": 5}], "messages": {}, "result": 7});
    api.simulator.add_fault(Fault::new(Effect::Json { status: 404, body }));
    let reading = api.client().build().hostname(api.zone, &hostname("no.example.com"), soon()).await.unwrap();
    assert_eq!(reading.association, Association::None);
}

#[tokio::test]
async fn an_unreadable_row_leaves_the_other_rows_of_an_incomplete_list() {
    let api = Api::start(world(&[])).await;
    let list = |rows: serde_json::Value| {
        let body = json!({"success": true, "result": rows, "result_info": {"total_count": 3}});
        Fault::new(Effect::Json { status: 200, body })
    };
    let client = api.client().build();
    for odd in [json!(null), json!({"hostname": 5}), json!(["a.example.com", true]), json!({})] {
        let row = |number| json!({"hostname": format!("h{number}.example.com"), "updated_at": 5});
        api.simulator.add_fault(list(json!([row(1), odd, row(2)])));
        let listed = client.associations(api.zone, soon(), |_| true).await.unwrap().unwrap();
        let names: BTreeSet<_> = listed.rows.iter().map(|row| row.hostname.as_str()).collect();
        assert_eq!(
            (names.into_iter().collect(), listed.complete),
            (vec!["h1.example.com", "h2.example.com"], false)
        );
    }
    for odd in [json!(null), json!({"id": 5}), json!("one")] {
        let row = |id| json!({"id": id, "serial_number": 7, "expires_on": 5});
        api.simulator.add_fault(list(json!([row("one"), odd, row("two")])));
        let listed = client.hostname_certificates(api.zone, soon()).await.unwrap();
        let ids: Vec<_> = listed.rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!((ids, listed.complete), (vec!["one", "two"], false));
        assert_eq!(listed.rows[0].certificate.details().serial_number.as_deref(), Some("7"));
    }
}

#[tokio::test]
async fn identical_rows_on_one_page_leave_a_list_complete() {
    let api = Api::start(world(&[])).await;
    let row = json!({"hostname": "h1.example.com", "enabled": true});
    let body = json!({"success": true, "result": [row, row], "result_info": {"total_count": 2}});
    api.simulator.add_fault(Fault::new(Effect::Json { status: 200, body }));
    let listed = api.client().build().associations(api.zone, soon(), |_| true).await.unwrap().unwrap();
    assert_eq!((listed.rows.len(), listed.complete), (1, true));
}

#[tokio::test]
async fn odd_fields_are_reported_once_and_only_for_their_zone() {
    let api = Api::start(world(&["a.example.com"])).await;
    let client = api.client().build();
    let (asked, other) = (hostname("a.example.com"), "f".repeat(32).parse().unwrap());
    client.hostname(api.zone, &asked, soon()).await.unwrap();
    assert!(!client.take_odd_fields(api.zone));

    let body = json!({"success": true, "result": {"enabled": true, "updated_at": 5, "issuer": []}});
    api.simulator.add_fault(Fault::new(Effect::Json { status: 200, body }));
    for _ in 0..2 {
        client.hostname(api.zone, &asked, soon()).await.unwrap();
    }
    assert!(!client.take_odd_fields(other));
    assert!(client.take_odd_fields(api.zone) && !client.take_odd_fields(api.zone));
}

#[tokio::test]
async fn every_fault_has_its_reason_and_affects_no_other_request() {
    let status = |status, code| Effect::Status { status, code, retry_after: None };
    let huge = json!({"success": true, "result": {"enabled": true, "issuer": "x".repeat(5 << 20)}});
    let faults = [
        (status(400, 6003), Reason::Auth),
        (status(401, 10_000), Reason::Auth),
        (status(403, 10_000), Reason::Forbidden),
        (status(400, 9109), Reason::Forbidden),
        (status(404, 7003), Reason::NotFound),
        (status(404, 1551), Reason::NotFound),
        (status(400, 1415), Reason::Rejected),
        (status(405, 10_405), Reason::Rejected),
        (status(408, 0), Reason::Timeout),
        (status(409, 0), Reason::Rejected),
        (status(500, 0), Reason::ServerError),
        (status(504, 0), Reason::ServerError),
        (Effect::Html { status: 502 }, Reason::ServerError),
        (Effect::Html { status: 200 }, Reason::InvalidResponse),
        (Effect::Empty { status: 200 }, Reason::InvalidResponse),
        (Effect::Empty { status: 503 }, Reason::ServerError),
        (Effect::Garbage, Reason::InvalidResponse),
        (Effect::NullResult, Reason::InvalidResponse),
        (Effect::Unsuccessful { code: 1 }, Reason::Rejected),
        (Effect::Unsuccessful { code: 1000 }, Reason::Auth),
        (Effect::Redirect { to: "/client/v4/elsewhere".into() }, Reason::InvalidResponse),
        (Effect::Cut { chunked: false }, Reason::Connect),
        (Effect::Cut { chunked: true }, Reason::Connect),
        (Effect::Json { status: 200, body: huge }, Reason::InvalidResponse),
        (Effect::Json { status: 200, body: json!({"success": true, "result": {}}) }, Reason::InvalidResponse),
        (
            Effect::Json { status: 200, body: json!({"success": true, "result": {"enabled": 1}}) },
            Reason::InvalidResponse,
        ),
    ];
    let names: Vec<_> = (0..faults.len()).map(|number| format!("fault-{number}.example.com")).collect();
    let all: Vec<_> = names.iter().map(String::as_str).chain(["healthy.example.com"]).collect();
    let api = Api::start(world(&all)).await;
    let mut asking = api.client();
    asking.options.max_concurrent_requests = all.len();
    let client = asking.build();
    for ((effect, _), name) in faults.iter().zip(&names) {
        api.simulator.add_fault(Fault::new(effect.clone()).on_path(name));
    }
    let asked = names.iter().zip(&faults).map(async |(name, (effect, reason))| {
        let error = client.hostname(api.zone, &hostname(name), soon()).await.unwrap_err();
        assert_eq!(error.reason(), *reason, "{effect:.60?}: {error}");
        assert!(!format!("{error} {error:?}").contains(&Options::default().token), "{error:?}");
    });
    let healthy = async {
        let reading = client.hostname(api.zone, &hostname("healthy.example.com"), soon()).await;
        assert_eq!(reading.unwrap().association, Association::Enabled);
    };
    tokio::join!(join_all(asked), healthy);
    assert_eq!(api.simulator.requests().count("GET", "/elsewhere"), 0, "a redirect was followed");
}

#[tokio::test]
async fn a_missing_response_times_out() {
    let api = Api::start(world(&[])).await;
    let mut asking = api.client();
    asking.options.timeout = Duration::from_millis(100);
    api.simulator.add_fault(Fault::new(Effect::Hang));
    let error = asking.build().hostname(api.zone, &hostname("app.example.com"), soon()).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Timeout, "{error}");
    assert_eq!(asking.counted(RETRIES, &["hostname_get"]), 2.0);
}

#[tokio::test]
async fn transient_errors_are_retried_and_counted() {
    let api = Api::start(world(&["app.example.com"])).await;
    let asking = api.client();
    api.simulator.add_fault(Fault::new(Effect::Html { status: 502 }).times(1));
    let reading = asking.build().hostname(api.zone, &hostname("app.example.com"), soon()).await.unwrap();
    assert_eq!(reading.association, Association::Enabled);
    assert_eq!(asking.counted(REQUESTS, &["hostname_get", "502"]), 1.0);
    assert_eq!(asking.counted(REQUESTS, &["hostname_get", "200"]), 1.0);
    assert_eq!(asking.counted(RETRIES, &["hostname_get"]), 1.0);
}

#[tokio::test]
async fn permanent_errors_are_not_retried() {
    let api = Api::start(world(&[])).await;
    let asking = api.client();
    api.simulator.add_fault(Fault::new(Effect::Status { status: 400, code: 1415, retry_after: None }));
    asking.build().hostname(api.zone, &hostname("app.example.com"), soon()).await.unwrap_err();
    assert_eq!(api.simulator.requests().total(), 1);
    assert_eq!(asking.counted(RETRIES, &[]), 0.0);
}

#[tokio::test]
async fn a_429_blocks_all_requests_of_the_quota_for_its_retry_after() {
    const THROTTLED: &str = "cloudflare_aop_api_throttled_seconds_total";
    let api = Api::start(world(&["app.example.com"])).await;
    let (one, mut other) = (api.client(), api.client());
    other.budget = Arc::clone(&one.budget);
    let limited = Effect::Status { status: 429, code: 971, retry_after: Some("2".into()) };
    api.simulator.add_fault(Fault::new(limited).times(1));
    let (asked, started) = (hostname("app.example.com"), Instant::now());

    let (first, client) = (one.build(), other.build());
    let second = async {
        while one.counted(THROTTLED, &[]) == 0.0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let blocked = client.hostname(api.zone, &asked, Instant::now() + Duration::from_millis(100)).await;
        assert_eq!(blocked.unwrap_err().reason(), Reason::RateLimited);
        assert_eq!(api.simulator.requests().total(), 1, "a request was sent while all are blocked");
    };
    let (reading, ()) = tokio::join!(first.hostname(api.zone, &asked, soon()), second);
    reading.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(2));
    assert_eq!(one.counted(THROTTLED, &[]), 2.0);
}

#[tokio::test]
async fn a_429_without_a_valid_retry_after_blocks_all_requests() {
    for retry_after in ["0", "Wed, 31 Dec 2025 23:00:00 GMT", "soon"] {
        let api = Api::start(world(&[])).await;
        let limited = Effect::Status { status: 429, code: 971, retry_after: Some(retry_after.into()) };
        api.simulator.add_fault(Fault::new(limited));
        let client = api.client().build();
        for _ in 0..10 {
            let error = client.hostname(api.zone, &hostname("app.example.com"), soon()).await.unwrap_err();
            assert_eq!(error.reason(), Reason::RateLimited, "{error}");
        }
        assert_eq!(api.simulator.requests().total(), 1, "{retry_after}");
    }
}

#[tokio::test]
async fn a_quota_used_up_by_others_is_reported_and_nothing_is_sent() {
    let limit = cloudflare_aop_exporter::simulator::RateLimit {
        requests: 8,
        per: Duration::from_secs(600),
        block: Duration::from_secs(600),
    };
    let options = Options { rate_limit: Some(limit), ..Options::default() };
    let api = Api::start_with(world(&["app.example.com"]), &options).await;
    let (client, other) = (api.client().build(), api.client().build());
    let asked = hostname("app.example.com");
    for client in [&other, &other, &other, &other, &other, &client] {
        client.hostname(api.zone, &asked, soon()).await.unwrap();
    }
    // two are left, which is a quarter of the quota
    let error = client.hostname(api.zone, &asked, soon()).await.unwrap_err();
    assert!(matches!(error, Error::Exhausted(time) if time > Duration::from_secs(500)), "{error:?}");
    assert_eq!(error.reason(), Reason::RateLimited);
    let told = "the quota, which the user's dashboard and other tools share, is used up for another ";
    assert!(error.to_string().starts_with(told), "{error}");
    assert_eq!(api.simulator.requests().total(), 6);
}

#[tokio::test]
async fn retries_are_subject_to_the_budget_and_not_sent_after_the_deadline() {
    let api = Api::start(world(&[])).await;
    let mut asking = api.client();
    asking.budget = budget(2, Duration::from_secs(3600));
    api.simulator.add_fault(Fault::new(Effect::Html { status: 500 }));
    let client = asking.build();
    let error = client.hostname(api.zone, &hostname("app.example.com"), soon()).await.unwrap_err();
    assert!(matches!(error, Error::Api { status: 500, .. }), "{error}");
    assert_eq!(api.simulator.requests().total(), 2);
    assert_eq!(asking.counted("cloudflare_aop_api_retries_total", &["hostname_get"]), 1.0);
}

#[tokio::test]
async fn the_number_of_requests_in_flight_is_limited() {
    let api = Api::start(world(&[])).await;
    let mut asking = api.client();
    asking.options.max_concurrent_requests = 2;
    api.simulator.add_fault(Fault::new(Effect::Hang));
    let client = asking.build();
    let deadline = Instant::now() + Duration::from_secs(2);
    let names = (0..5).map(|number| hostname(&format!("h{number}.example.com")));
    let asked =
        names.map(async |name| client.hostname(api.zone, &name, deadline).await.unwrap_err().reason());
    assert_eq!(
        join_all(asked).await,
        [Reason::Timeout, Reason::Timeout, Reason::NotSent, Reason::NotSent, Reason::NotSent]
    );
    assert_eq!(api.simulator.requests().total(), 2);
}

#[tokio::test]
async fn a_new_token_is_used_at_once() {
    let api = Api::start(world(&["app.example.com"])).await;
    let asking = api.client();
    let good = asking.token.borrow().clone();
    asking.token.send_replace("another-token".parse().unwrap());
    let (client, asked) = (asking.build(), hostname("app.example.com"));
    let error = client.hostname(api.zone, &asked, soon()).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Auth);
    asking.token.send_replace(good);
    client.hostname(api.zone, &asked, soon()).await.unwrap();
}

#[tokio::test]
async fn the_remaining_rate_limit_is_recorded() {
    let limit = cloudflare_aop_exporter::simulator::RateLimit {
        requests: 50,
        per: Duration::from_secs(60),
        block: Duration::from_secs(60),
    };
    let options = Options { rate_limit: Some(limit), ..Options::default() };
    let api = Api::start_with(world(&["app.example.com"]), &options).await;
    let asking = api.client();
    asking.build().hostname(api.zone, &hostname("app.example.com"), soon()).await.unwrap();
    let families = asking.telemetry.gather(Instant::now());
    let remaining = families.iter().find(|family| family.name() == "cloudflare_aop_api_rate_limit_remaining");
    assert_eq!(remaining.unwrap().get_metric()[0].get_gauge().get_value(), 49.0);
}

#[tokio::test]
async fn a_zone_is_found_by_name_on_any_page_and_its_absence_names_the_permission() {
    let mut world = World::new(7, now()).unwrap();
    world.add_zone(&"example.com".parse().unwrap());
    let api = Api::start(world).await;
    let client = api.client().build();
    assert_eq!(client.zone_id(&"example.com".parse().unwrap(), soon()).await.unwrap(), api.zone);
    let error = client.zone_id(&"example.org".parse().unwrap(), soon()).await.unwrap_err();
    assert_eq!(error.reason(), Reason::NotFound);
    assert_eq!(
        error.to_string(),
        "no zone named example.org is visible to the token; its permission \"Zone Read\" must cover it"
    );

    let other = "f".repeat(32);
    let page = |zones: serde_json::Value| {
        let body = json!({"success": true, "result": zones, "result_info": {"total_pages": 2}});
        Effect::Json { status: 200, body }
    };
    let (first, second) =
        (json!([{"id": "0".repeat(32), "name": "x.example"}]), json!([{"id": other, "name": "far.example"}]));
    api.simulator.add_fault(Fault::new(page(first)).on_path("page=1"));
    api.simulator.add_fault(Fault::new(page(second)).on_path("page=2"));
    let found = client.zone_id(&"far.example".parse().unwrap(), soon()).await.unwrap();
    assert_eq!(found.to_string(), other);
}

#[tokio::test]
async fn a_token_is_verified_as_owned_by_a_user_or_an_account() {
    let api = Api::start(world(&["app.example.com"])).await;
    let client = api.client().build();
    api.simulator.set_token(Standing::Active, Some("2026-06-01T00:00:00Z".into()));
    let expires = "2026-06-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap();
    let active = TokenState { valid: Some(true), expires: Some(expires.into()) };
    assert_eq!(client.verify_token(soon()).await.unwrap(), active);

    for (standing, valid) in [(Standing::Disabled, Some(false)), (Standing::Expired, Some(false))] {
        api.simulator.set_token(standing, None);
        assert_eq!(client.verify_token(soon()).await.unwrap(), TokenState { valid, expires: None });
    }

    // one refusal may mean that an account owns the token; after another refused request, the token is invalid
    api.simulator.set_token(Standing::Revoked, None);
    assert_eq!(client.verify_token(soon()).await.unwrap(), TokenState::default());
    client.hostname(api.zone, &hostname("app.example.com"), soon()).await.unwrap_err();
    assert_eq!(client.verify_token(soon()).await.unwrap().valid, Some(false));
}

#[tokio::test]
async fn a_token_of_an_account_needs_the_accounts_id_to_be_verified() {
    let options = Options { account_owned: true, ..Options::default() };
    let api = Api::start_with(world(&[]), &options).await;
    let mut asking = api.client();
    assert_eq!(asking.build().verify_token(soon()).await.unwrap(), TokenState::default());
    asking.options.account_id = api.simulator.with_world(|world| world.account_id().parse().ok());
    assert_eq!(asking.build().verify_token(soon()).await.unwrap().valid, Some(true));
}

#[tokio::test]
async fn an_outage_keeps_the_state_of_a_token_but_not_for_a_new_token() {
    let api = Api::start(world(&[])).await;
    let asking = api.client();
    let client = asking.build();
    let valid = || {
        let families = asking.telemetry.gather(Instant::now());
        let family = families.iter().find(|family| family.name() == "cloudflare_aop_api_token_valid");
        family.map(|family| family.get_metric()[0].get_gauge().get_value())
    };
    // waits until the token was verified this often, with or without a response
    let verified = async |times: f64| {
        let deadline = soon();
        while asking.counted("cloudflare_aop_api_requests_total", &["token_verify"]) < times {
            assert!(Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let changes = async {
        verified(1.0).await;
        assert_eq!(valid(), Some(1.0));

        api.simulator.add_fault(Fault::new(Effect::Garbage));
        asking.token.send_modify(|_| {});
        verified(2.0).await;
        assert_eq!(valid(), Some(1.0));

        asking.token.send_replace("another-token".parse().unwrap());
        verified(3.0).await;
        assert_eq!(valid(), None);

        api.simulator.clear_faults();
        asking.token.send_replace(Options::default().token.parse().unwrap());
        verified(4.0).await;
        assert_eq!(valid(), Some(1.0));
    };
    tokio::select! {
        never = client.keep_verified() => match never {},
        () = changes => {}
    }
}

#[tokio::test]
async fn a_closed_port_is_a_connection_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Asking::new(&url).build();
    let error =
        client.hostname("0".repeat(32).parse().unwrap(), &hostname("a.example"), soon()).await.unwrap_err();
    assert_eq!((error.reason(), &*error.to_string()), (Reason::Connect, "connection refused"));
}

#[tokio::test]
async fn the_extra_authority_is_trusted_only_for_certificates_it_signed() {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls_pki_types::PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der());
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![signed.cert.der().clone()], key.into())
            .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 4096];
            let read = stream.read(&mut head).await.unwrap();
            assert!(head[..read].starts_with(b"GET /zones/"));
            let body = r#"{"success":true,"result":{"enabled":false}}"#;
            let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(response.as_bytes()).await.unwrap();
        }
    });
    let (zone, asked) = ("0".repeat(32).parse().unwrap(), hostname("a.example"));

    let mut asking = Asking::new(&url);
    let error = asking.build().hostname(zone, &asked, soon()).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Tls, "{error}");

    asking.options.extra_ca = Some(signed.cert.pem().into_bytes());
    let reading = asking.build().hostname(zone, &asked, soon()).await.unwrap();
    assert_eq!(reading.association, Association::Disabled);
}

#[tokio::test]
async fn requests_have_exactly_the_expected_headers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Asking::new(&format!("http://{}/client/v4", listener.local_addr().unwrap())).build();
    let (asked, deadline) = (hostname("*.example.com"), Instant::now() + Duration::from_millis(500));
    let zone = "023e105f4ecef8ad9ca31a8372d0c353".parse().unwrap();
    let head = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let read = stream.read(&mut head).await.unwrap();
        String::from_utf8(head[..read].to_vec()).unwrap()
    };
    let (_, head) = tokio::join!(client.hostname(zone, &asked, deadline), head);
    let mut lines = head.trim_end().lines();
    assert_eq!(
        lines.next().unwrap(),
        "GET /client/v4/zones/023e105f4ecef8ad9ca31a8372d0c353/origin_tls_client_auth/hostnames/*.example.com HTTP/1.1"
    );
    let headers: BTreeMap<_, _> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    assert_eq!(headers["authorization"], "Bearer simulated-token");
    assert_eq!(headers["accept-encoding"], "gzip");
    let agent = concat!(
        "cloudflare-aop-exporter/",
        env!("CARGO_PKG_VERSION"),
        " (+",
        env!("CARGO_PKG_REPOSITORY"),
        ")"
    );
    assert_eq!(headers["user-agent"], agent);
    assert_eq!(
        headers.keys().copied().collect::<Vec<_>>(),
        ["accept", "accept-encoding", "authorization", "host", "user-agent"]
    );
}
