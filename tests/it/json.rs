//! Tests of the JSON API over real sockets, and of `check`, which prints the same.

use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::domain::{
    AcceptedIssuers, AccountFacts, Association, Certificate, CertificateDetails, Date, Demand, DemandReason,
    DnsRecord, Expectation, Expected, Extent, Finding, Hostname, HostnameTarget, IssuerName, Level,
    OriginReading, OriginTarget, Outcome, PartKind, PatternTarget, Pem, ProbeFailure, Reading, Reason,
    RecordData, Snapshot, SslMode, Status, Targets, TokenState, ZoneCertificate, ZoneKey, ZoneTarget,
};
use cloudflare_aop_exporter::domain::{Judge, Thresholds};
use cloudflare_aop_exporter::http::{Activity, Options, Quota, Reloads, everything};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::http::{NOW, Served};

const CERT_ID: &str = "2458ce5a-0c35-4c7f-82c7-8e9487d3ff60";

fn date(text: &str) -> Date {
    text.parse::<Timestamp>().unwrap().into()
}

/// Returns a certificate with all fields.
fn certificate() -> Arc<Certificate> {
    let details = CertificateDetails {
        id: CERT_ID.parse().ok(),
        issuer: Some("GlobalSign".into()),
        serial_number: Some("1".into()),
        signature: Some("SHA256WithRSA".into()),
        expires_on: Some(date("2026-03-04T12:30:00Z")),
    };
    let pem = Pem {
        not_before: date("2025-03-04T12:30:00Z"),
        not_after: date("2026-03-04T12:30:00Z"),
        serial: [1].into(),
        subject: "".into(),
        issuer: "".into(),
        issuers: [IssuerName::from_der(b"ca")].into(),
    };
    Arc::new(Certificate::new(details, Some(pem)))
}

fn key() -> ZoneKey {
    ZoneKey::from(&"example.com".parse().unwrap())
}

/// Returns a snapshot with all fields, in which one certificate ends in three days and one hostname was never read.
fn snapshot() -> Snapshot {
    let hostname = |name: &str| name.parse::<Hostname>().unwrap();
    let target = |name: &str, association, cert_id: Option<&str>| HostnameTarget {
        hostname: hostname(name),
        expectation: Expectation {
            association,
            cert_id: cert_id.map(|id| id.parse().unwrap()),
            ..Expectation::default()
        },
    };
    let zone = ZoneTarget::named("<ops>".into(), "example.com".parse().unwrap(), None)
        .with_hostnames(vec![
            target("app.example.com", Expected::Enabled, Some(CERT_ID)),
            target("new.example.com", Expected::Void, None),
        ])
        .with_origins(vec![origin("app.example.com", "blue")])
        .with_extent(Extent { zone_level: true, dns_origins: true, ..Extent::default() });
    let at = date(NOW);
    let app = Reading {
        status: Some(Status::Active),
        certificate_status: Some(Status::Active),
        certificate: Some(certificate()),
        created_at: Some(date("2025-03-05T00:00:00Z")),
        updated_at: Some(date("2025-03-05T00:01:00Z")),
        certificate_uploaded_on: Some(date("2025-03-04T13:00:00Z")),
        certificate_updated_at: Some(date("2025-03-04T13:01:00Z")),
        ..Reading::bare(Association::Enabled, at)
    };
    let listed = ZoneCertificate {
        id: CERT_ID.parse().unwrap(),
        level: Level::Hostname,
        status: Some(Status::Active),
        since: Some(at),
        uploaded_on: Some(date("2025-03-04T13:00:00Z")),
        certificate: certificate(),
        hostnames: Some(91),
    };
    let other = ZoneTarget::named("<ops>".into(), "other.example".parse().unwrap(), None)
        .with_extent(Extent { zone_level: true, ..Extent::default() });
    let details = CertificateDetails {
        expires_on: Some(date("2028-01-01T00:00:00Z")),
        ..CertificateDetails::default()
    };
    let zone_level = ZoneCertificate {
        id: "zone-level".parse().unwrap(),
        level: Level::Zone,
        certificate: Arc::new(Certificate::new(details, None)),
        hostnames: None,
        ..listed
    };
    let others = [
        Outcome::ZoneLevel { enabled: Ok(true), certificates: Ok(vec![zone_level]), at },
        Outcome::Ended { result: Ok(()), at },
    ];
    let others = others.map(|outcome| (ZoneKey::from(&"other.example".parse().unwrap()), outcome));
    let record = |data| DnsRecord { name: hostname("new.example.com"), data };
    let tunnel = record(RecordData::Name(hostname("0123.cfargotunnel.com")));
    let address = record(RecordData::Address("203.0.113.8".parse().unwrap()));
    let interval = Duration::from_secs(300);
    let outcomes = [
        Outcome::Planned { part: PartKind::Associations, interval, at },
        Outcome::Identified("023e105f4ecef8ad9ca31a8372d0c353".parse().unwrap()),
        Outcome::Read(hostname("app.example.com"), Ok(app)),
        Outcome::Probed(origin("app.example.com", "blue"), probed()),
        Outcome::Probed(origin("app.example.com", "blue"), silent()),
        Outcome::Listed { hostnames: Vec::new(), present: None, certificates: vec![listed], at },
        Outcome::Read(hostname("new.example.com"), Err(Reason::Timeout)),
        Outcome::ZoneLevel { enabled: Ok(false), certificates: Err(Reason::Forbidden), at },
        Outcome::Settings { global: Ok(true), ssl_mode: Ok(SslMode::Strict), at },
        Outcome::DnsRecords { records: Ok([tunnel, address].into()), at },
        Outcome::Ended { result: Ok(()), at },
    ];
    let token = TokenState { valid: Some(true), expires: Some(date("2027-01-01T00:00:00Z")) };
    let facts = AccountFacts { token, rate_limited_at: Some(date("2026-03-01T09:00:00Z")) };
    let pattern = PatternTarget {
        account: "<ops>".into(),
        pattern: "*".parse().unwrap(),
        only: None,
        exclude: Vec::new(),
        extent: Extent::default(),
    };
    Snapshot::default()
        .retarget(&Targets::new([zone, other]).with_patterns(vec![pattern]))
        .with_zones("<ops>", Some(Vec::new()), Ok(()), date("2026-03-01T11:55:00Z"))
        .with_zones("<ops>", None, Err(Reason::Timeout), at)
        .fold(outcomes.map(|outcome| (key(), outcome)))
        .fold(others)
        .with_facts("<ops>", facts)
}

fn origin(hostname: &str, label: &str) -> OriginTarget {
    let hostname: Hostname = hostname.parse().unwrap();
    let (server_name, address) = (hostname.clone(), "203.0.113.7".parse().unwrap());
    OriginTarget { hostname, label: label.into(), address, server_name, path: "/".into(), from_dns: false }
}

/// Returns the reading of an origin that requires a certificate and accepts the presented one.
fn probed() -> OriginReading {
    OriginReading {
        read_at: date("2026-03-01T11:50:00Z"),
        is_up: true,
        demand: Demand::Required,
        reason: DemandReason::Refused(116),
        accepted: Some(Arc::new(AcceptedIssuers::from_ders([b"ca".as_slice()]))),
        certificate_not_after: Some(date("2026-05-01T00:00:00Z")),
        took: Duration::from_millis(250),
    }
}

/// The reading of the next probe, which got no answer.
fn silent() -> OriginReading {
    OriginReading {
        read_at: date("2026-03-01T11:55:00Z"),
        is_up: false,
        demand: Demand::Unknown,
        reason: DemandReason::Failed(ProbeFailure::TimedOut),
        accepted: None,
        certificate_not_after: None,
        took: Duration::from_secs(10),
    }
}

fn activity() -> Activity {
    let reloads = Reloads {
        in_force_since: date("2026-03-01T08:00:00Z"),
        refused: Some((date("2026-03-01T10:00:00Z"), "aop.toml:1: no".into())),
    };
    Activity {
        last_poll: Some(date(NOW)),
        next_poll: Some(date("2026-03-01T12:05:00Z")),
        reloads: Some(reloads),
        config_file: Some("/etc/aop.toml".into()),
        quotas: [("<ops>".into(), Quota { requests: 1200, per: Duration::from_secs(300), left: 900 })].into(),
    }
}

pub async fn served() -> Served {
    Served::start_with("127.0.0.1:0", Options::default(), snapshot(), Instant::now(), |app| {
        app.showing(Arc::new(activity))
    })
    .await
}

pub async fn get(served: &Served, path: &str) -> Value {
    let answer = served.get(path).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json"),
        "{}",
        answer.text()
    );
    serde_json::from_str(answer.text()).unwrap()
}

fn app() -> Value {
    json!({
        "account": "<ops>",
        "zone": "example.com",
        "hostname": "app.example.com",
        "verdict": "critical",
        "findings": [{ "finding": "expires_very_soon", "severity": "critical", "message": "expires in 3 days", "ignored": false }],
        "up": true,
        "failure": null,
        "expected": { "association": "enabled", "cert_id": CERT_ID },
        "drifted": false,
        "read_at": "2026-03-01T12:00:00Z",
        "association": "enabled",
        "status": "active",
        "cert_id": CERT_ID,
        "cert_status": "active",
        "issuer": "GlobalSign",
        "serial_number": "1",
        "signature": "SHA256WithRSA",
        "expires_on": "2026-03-04T12:30:00Z",
        "pem_not_before": "2025-03-04T12:30:00Z",
        "pem_not_after": "2026-03-04T12:30:00Z",
        "ends": "2026-03-04T12:30:00Z",
        "metadata_match": true,
        "created_at": "2025-03-05T00:00:00Z",
        "updated_at": "2025-03-05T00:01:00Z",
        "cert_uploaded_on": "2025-03-04T13:00:00Z",
        "cert_updated_at": "2025-03-04T13:01:00Z",
        "origins": [{
            "origin": "blue",
            "up": false,
            "demand": "required",
            "reason": "refused",
            "message": "asks for a certificate and refuses without it (TLS alert 116)",
            "issuer_match": "exact",
            "server_certificate_not_after": "2026-05-01T00:00:00Z",
            "answered_at": "2026-03-01T11:50:00Z",
            "probed_at": "2026-03-01T11:55:00Z",
            "failure": "timed_out",
            "duration_seconds": 10.0,
        }],
        "no_origin": [],
    })
}

#[tokio::test]
async fn the_status_is_a_summary() {
    let expected = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "time": "2026-03-01T12:00:00Z",
        "verdict": "critical",
        "thresholds": { "warning": 2_592_000, "critical": 604_800, "pending": 1800 },
        "hostnames": { "critical": 1, "warning": 0, "unknown": 1, "info": 0, "ok": 0 },
        "certificates": { "critical": 0, "warning": 0, "unknown": 0, "info": 1, "ok": 1 },
        "zones": { "critical": 0, "warning": 0, "unknown": 1, "info": 0, "ok": 1 },
        "accounts": [{
            "account": "<ops>",
            "verdict": "unknown",
            "findings": [{
                "finding": "not_read",
                "severity": "unknown",
                "message": "its zones are not listed: no answer came in time",
                "ignored": false,
            }],
            "up": false,
            "token_valid": true,
            "token_expires_on": "2027-01-01T00:00:00Z",
            "rate_limited_at": "2026-03-01T09:00:00Z",
            "quota": { "requests": 1200, "per_seconds": 300, "left": 900 },
            "zones": { "critical": 0, "warning": 0, "unknown": 1, "info": 0, "ok": 1 },
            "zone_list": {
                "up": false,
                "failure": "timeout",
                "last_success": "2026-03-01T11:55:00Z",
                "watched": 0,
                "removed": 0,
            },
        }],
        "last_poll": "2026-03-01T12:00:00Z",
        "next_poll": "2026-03-01T12:05:00Z",
        "configuration": {
            "file": "/etc/aop.toml",
            "in_force_since": "2026-03-01T08:00:00Z",
            "refused_at": "2026-03-01T10:00:00Z",
            "error": "aop.toml:1: no",
        },
    });
    assert_eq!(get(&served().await, "/api/v1/status").await, expected);
}

#[tokio::test]
async fn hostnames_are_listed_with_all_fields() {
    let expected = json!({ "items": [app()], "next": null });
    assert_eq!(get(&served().await, "/api/v1/hostnames?q=app").await, expected);
}

#[tokio::test]
async fn certificates_are_listed_with_all_fields() {
    let expected = json!({
        "items": [{
            "account": "<ops>",
            "zone": "example.com",
            "cert_id": CERT_ID,
            "level": "hostname",
            "verdict": "info",
            "findings": [{
                "finding": "near_hostname_limit",
                "severity": "info",
                "message": "91 of at most 100 hostnames",
                "ignored": false,
            }],
            "status": "active",
            "hostnames": 91,
            "issuer": "GlobalSign",
            "serial_number": "1",
            "signature": "SHA256WithRSA",
            "expires_on": "2026-03-04T12:30:00Z",
            "pem_not_before": "2025-03-04T12:30:00Z",
            "pem_not_after": "2026-03-04T12:30:00Z",
            "ends": "2026-03-04T12:30:00Z",
            "metadata_match": true,
            "uploaded_on": "2025-03-04T13:00:00Z",
        }],
        "next": null,
    });
    assert_eq!(get(&served().await, "/api/v1/certificates?zone=example.com").await, expected);
}

#[tokio::test]
async fn zones_are_listed_with_all_fields() {
    let part = |part: &str, failure: Option<&str>, interval: Option<u64>| {
        let last_success = failure.is_none().then_some("2026-03-01T12:00:00Z");
        json!({
            "part": part,
            "up": failure.is_none(),
            "failure": failure,
            "last_success": last_success,
            "interval_seconds": interval,
        })
    };
    let expected = json!({
        "items": [{
            "account": "<ops>",
            "zone": "example.com",
            "zone_id": "023e105f4ecef8ad9ca31a8372d0c353",
            "verdict": "unknown",
            "findings": [{
                "finding": "not_read",
                "severity": "unknown",
                "message": "zone level not read: the token lacks a permission",
                "ignored": false,
            }],
            "up": false,
            "failure": "forbidden",
            "last_success": null,
            "hostnames": { "critical": 1, "warning": 0, "unknown": 1, "info": 0, "ok": 0 },
            "hostnames_removed": 0,
            "ends": "2026-03-04T12:30:00Z",
            "zone_level_enabled": false,
            "global_enabled": true,
            "global_certificate_not_after": "2029-11-01T17:00:00Z",
            "ssl_mode": "strict",
            "parts": [
                part("associations", None, Some(300)),
                part("zone_level", Some("forbidden"), None),
                part("settings", None, None),
                part("dns_records", None, None),
            ],
        }],
        "next": null,
    });
    assert_eq!(get(&served().await, "/api/v1/zones?zone=example.com").await, expected);
}

#[tokio::test]
async fn the_cursor_after_the_last_page_is_null() {
    let served = served().await;
    let first = get(&served, "/api/v1/hostnames?limit=1").await;
    let cursor = first["next"].as_str().unwrap();
    let second = get(&served, &format!("/api/v1/hostnames?limit=1&cursor={cursor}")).await;
    assert_eq!(first["items"], json!([app()]));
    assert_eq!(second["items"][0]["hostname"], "new.example.com");
    assert_eq!(second["next"], Value::Null);
}

#[tokio::test]
async fn an_invalid_query_is_refused_with_what_was_expected() {
    let served = served().await;
    for (path, error) in [
        ("/api/v1/hostnames?limit=x", "limit: expected a number of 1 to 1000, found \"x\"\n"),
        ("/api/v1/zones?sort=name", "sort: expected verdict, ends, hostname or zone, found \"name\"\n"),
        ("/api/v1/status?x=1", "query: expected no parameter, found \"x=1\"\n"),
    ] {
        let answer = served.get(path).await;
        assert_eq!((answer.status, answer.text()), (400, error), "{path}");
    }
}

#[tokio::test]
async fn the_document_of_check_equals_the_responses_of_the_api() {
    let served = served().await;
    let judge = Judge::new(Arc::new(snapshot()), Thresholds::default(), date(NOW));
    let all: Value = serde_json::from_slice(&everything(judge)).unwrap();
    for list in ["hostnames", "certificates", "zones"] {
        assert_eq!(all[list], get(&served, &format!("/api/v1/{list}")).await["items"], "{list}");
    }
    let mut status = get(&served, "/api/v1/status").await;
    for daemon in ["last_poll", "next_poll", "configuration"] {
        status[daemon] = Value::Null;
    }
    status["accounts"][0]["quota"] = Value::Null;
    assert_eq!(all["status"], status);
}

#[tokio::test]
async fn an_ignored_finding_is_shown_as_ignored_and_does_not_count() {
    let known = snapshot();
    let zones = known.zones().iter().map(|zone| {
        let ignored = [Finding::ExpiresVerySoon, Finding::NotRead, Finding::NearHostnameLimit];
        let extent = Extent { ignored: ignored.into_iter().collect(), ..zone.target().extent() };
        ZoneTarget::clone(zone.target()).with_extent(extent)
    });
    let served = Served::with(known.retarget(&Targets::new(zones))).await;
    let ignored = |finding: &str, severity: &str, message: &str| json!([{ "finding": finding, "severity": severity, "message": message, "ignored": true }]);
    let hostnames = get(&served, "/api/v1/hostnames").await;
    let app = &hostnames["items"][0];
    assert_eq!(app["findings"], ignored("expires_very_soon", "critical", "expires in 3 days"));
    assert_eq!(app["verdict"], "ok");
    let certificates = get(&served, "/api/v1/certificates").await;
    let limit = ignored("near_hostname_limit", "info", "91 of at most 100 hostnames");
    assert_eq!(certificates["items"][0]["findings"], limit);
    assert_eq!(certificates["items"][0]["verdict"], "ok");
    for list in ["hostnames", "zones"] {
        assert_eq!(get(&served, &format!("/api/v1/{list}?finding=not_read")).await["items"], json!([]));
    }

    let status = get(&served, "/api/v1/status").await;
    assert_eq!(status["verdict"], "ok");
    let fine = json!({ "critical": 0, "warning": 0, "unknown": 0, "info": 0, "ok": 2 });
    assert_eq!([&status["hostnames"], &status["zones"]], [&fine, &fine]);

    let metrics = served.get("/metrics").await;
    assert!(metrics.text().contains("cloudflare_aop_hostname_certificate_expires_in_seconds{"));
    assert!(!metrics.text().contains("_finding{"), "{}", metrics.text());

    assert!(served.get("/").await.text().contains("<h1>Everything is fine</h1>"));
    let shown = "class=\"ignored\"><a href=\"/runbooks#cloudflareaopcertificateexpiresverysoon\">expires in 3 days</a> ignored";
    let all = served.get("/?verdict=ok").await;
    assert!(all.text().contains(shown), "{}", all.text());
    let page = served.get("/hostnames/example.com/app.example.com").await;
    let note = "<div class=\"note ignored\"><p><b>expires in 3 days</b> ignored</p>";
    assert!(page.text().contains(note), "{}", page.text());
    assert!(page.text().contains("so it does not affect the verdict"));
    assert!(!page.text().contains("hostname enable app.example.com"));
    let certificate = served.get(&format!("/certificates/example.com/{CERT_ID}")).await;
    assert!(certificate.text().contains("91 of at most 100 hostnames</a> ignored"), "{}", certificate.text());
}
