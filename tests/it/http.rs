//! Tests of the routes over real sockets.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;

use cloudflare_aop_exporter::clock::Clock;
use cloudflare_aop_exporter::domain::{
    Association, CertId, Certificate, CertificateDetails, Expectation, Expected, Extent, FoundZone, Hostname,
    HostnameTarget, Outcome, PatternTarget, Reading, Reason, Snapshot, SslMode, Status, Targets, ZoneTarget,
};
use cloudflare_aop_exporter::http::{self, App, GRACE, Options};
use cloudflare_aop_exporter::listener::Limits;
use cloudflare_aop_exporter::metrics::Source;
use cloudflare_aop_exporter::telemetry::Telemetry;
use flate2::read::GzDecoder;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

pub const NOW: &str = "2026-03-01T12:00:00Z";

pub struct Served {
    address: SocketAddr,
    pub snapshot: watch::Sender<Arc<Snapshot>>,
}

impl Served {
    async fn start(snapshot: Snapshot, ready_by: Instant) -> Self {
        Self::start_at("127.0.0.1:0", Options::default(), None, snapshot, ready_by).await
    }

    async fn start_at(
        listen: &str,
        options: Options,
        name: Option<&str>,
        snapshot: Snapshot,
        ready_by: Instant,
    ) -> Self {
        Self::start_with(listen, options, snapshot, ready_by, |app| app.named(name)).await
    }

    pub async fn start_with(
        listen: &str,
        options: Options,
        snapshot: Snapshot,
        ready_by: Instant,
        more: impl FnOnce(App) -> App,
    ) -> Self {
        let (sender, snapshot) = watch::channel(Arc::new(snapshot));
        let telemetry = Arc::new(Telemetry::new().unwrap());
        let source = Source { snapshot, telemetry, clock: Clock::fixed(NOW.parse().unwrap()) };
        let listener = TcpListener::bind(listen).await.unwrap();
        let address = ([127, 0, 0, 1], listener.local_addr().unwrap().port()).into();
        let (options, reload) = (watch::channel(Arc::new(options)).1, mpsc::channel(1).0);
        let app = more(App::new(source, options, reload, ready_by));
        tokio::spawn(http::serve(listener, app, Limits::default(), std::future::pending()));
        Self { address, snapshot: sender }
    }

    pub async fn with(snapshot: Snapshot) -> Self {
        Self::start(snapshot, Instant::now()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    /// Sends a request with HTTP/1.0, so that the body is not chunked and ends with the connection.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.0\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all((request + "\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        Answer::parse(&answer)
    }
}

pub struct Answer {
    pub status: u16,
    headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    fn parse(answer: &[u8]) -> Self {
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let (status, headers) = head.split_once("\r\n").unwrap();
        let headers = headers.lines().map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        });
        Self {
            status: status.split(' ').nth(1).unwrap().parse().unwrap(),
            headers: headers.filter(|(name, _)| name != "date").collect(),
            body: answer[end + 4..].to_vec(),
        }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn zone() -> ZoneTarget {
    let target = |hostname: &str, association| HostnameTarget {
        hostname: hostname.parse().unwrap(),
        expectation: Expectation { association, ..Expectation::default() },
    };
    ZoneTarget::named("<ops & co>".into(), "example.com".parse().unwrap(), None).with_hostnames(vec![
        target("app.example.com", Expected::Enabled),
        target("new.example.com", Expected::Enabled),
        target("old.example.com", Expected::Void),
    ])
}

fn unread() -> Snapshot {
    Snapshot::default().retarget(&Targets::new([zone()]))
}

/// Returns a snapshot of the zone with an expiring certificate, a hostname that failed and a healthy hostname.
fn read(snapshot: &Snapshot) -> Snapshot {
    let now = NOW.parse::<Timestamp>().unwrap().into();
    let details = CertificateDetails {
        id: Some("2458ce5a-0c35-4c7f-82c7-8e9487d3ff60".parse::<CertId>().unwrap()),
        issuer: Some("GlobalSign".into()),
        serial_number: Some("6743787633689793699141714808227354901".into()),
        signature: Some("SHA256WithRSA".into()),
        expires_on: Some("2026-03-04T12:30:00Z".parse::<Timestamp>().unwrap().into()),
    };
    let app = Reading {
        status: Some(Status::Active),
        certificate_status: Some(Status::Active),
        certificate: Some(Arc::new(Certificate::new(details, None))),
        ..Reading::bare(Association::Enabled, now)
    };
    let name = |name: &str| name.parse::<Hostname>().unwrap();
    let outcomes = [
        Outcome::Identified("023e105f4ecef8ad9ca31a8372d0c353".parse().unwrap()),
        Outcome::Read(name("app.example.com"), Ok(app)),
        Outcome::Read(name("new.example.com"), Err(Reason::Timeout)),
        Outcome::Read(name("old.example.com"), Ok(Reading::bare(Association::None, now))),
        Outcome::Ended { result: Ok(()), at: now },
    ];
    snapshot.fold(outcomes.map(|outcome| (zone().key().clone(), outcome)))
}

#[tokio::test]
async fn the_server_is_healthy_at_once_and_ready_once_every_zone_was_polled() {
    let served = Served::start(unread(), Instant::now() + GRACE).await;
    let health = served.get("/-/healthy").await;
    assert_eq!((health.status, health.text()), (200, "healthy\n"));
    let ready = served.get("/-/ready").await;
    assert_eq!((ready.status, ready.text()), (503, "not ready: some zones have not been polled yet\n"));

    served.snapshot.send_modify(|snapshot| *snapshot = Arc::new(read(snapshot)));
    let ready = served.get("/-/ready").await;
    assert_eq!((ready.status, ready.text()), (200, "ready\n"));
}

#[tokio::test]
async fn the_server_is_not_ready_before_zones_of_patterns_are_listed_and_polled() {
    let everything = PatternTarget {
        account: "default".into(),
        pattern: "*".parse().unwrap(),
        only: None,
        exclude: Vec::new(),
        extent: Extent::default(),
    };
    let unlisted = Snapshot::default().retarget(&Targets::default().with_patterns(vec![everything]));
    let served = Served::start(unlisted.clone(), Instant::now() + GRACE).await;
    assert_eq!(served.get("/-/ready").await.status, 503);

    let list = |zones: &[&str]| {
        let zone =
            |name: &&str| FoundZone { name: name.parse().unwrap(), id: "1".repeat(32).parse().unwrap() };
        let at = NOW.parse::<Timestamp>().unwrap().into();
        Arc::new(unlisted.with_zones("default", Some(zones.iter().map(zone).collect()), Ok(()), at))
    };
    served.snapshot.send_replace(list(&["example.com"]));
    assert_eq!(served.get("/-/ready").await.status, 503);
    served.snapshot.send_modify(|snapshot| *snapshot = Arc::new(read(snapshot)));
    assert_eq!(served.get("/-/ready").await.status, 200);
    served.snapshot.send_replace(list(&[]));
    assert_eq!(served.get("/-/ready").await.status, 200, "there is no zone to poll");
}

#[tokio::test]
async fn the_server_is_ready_after_the_grace_period_whatever_was_read() {
    let served = Served::start(unread(), Instant::now()).await;
    assert_eq!(served.get("/-/ready").await.status, 200);
}

#[tokio::test]
async fn a_scrape_gets_the_format_it_accepts() {
    const PROMETHEUS_2: &str = "application/openmetrics-text;version=1.0.0,\
        application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
        application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
        text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let served = Served::with(unread()).await;
    for (accept, expected) in [
        (PROMETHEUS_2, OPEN_METRICS),
        (PROMETHEUS_3, OPEN_METRICS),
        ("*/*", TEXT),
        ("text/html", TEXT),
        ("application/openmetrics-text;q=nonsense", TEXT),
    ] {
        let answer = served.ask("GET", "/metrics", &[("Accept", accept)]).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, expected), "{accept}");
        assert_eq!(answer.header("vary"), "Accept, Accept-Encoding");
        assert_eq!(answer.header("content-encoding"), "");
        assert!(!answer.body.is_empty());
    }
}

#[tokio::test]
async fn pages_are_compressed_if_the_client_accepts_gzip() {
    let served = Served::with(read(&unread())).await;
    for path in ["/", "/zones", "/api/v1/status", "/api/v1/hostnames"] {
        let plain = served.get(path).await;
        let answer = served.ask("GET", path, &[("Accept-Encoding", "deflate, gzip")]).await;
        assert_eq!(answer.header("content-encoding"), "gzip");
        let mut decoded = Vec::new();
        GzDecoder::new(&*answer.body).read_to_end(&mut decoded).unwrap();
        assert_eq!(decoded, plain.body);
    }
    let answer = served.ask("GET", "/metrics", &[("Accept-Encoding", "gzip")]).await;
    let mut decoded = String::new();
    GzDecoder::new(&*answer.body).read_to_string(&mut decoded).unwrap();
    assert_ne!(decoded, "");
}

#[tokio::test]
async fn a_head_request_is_answered_with_headers_only() {
    let served = Served::with(read(&unread())).await;
    for path in [
        "/",
        "/zones",
        "/runbooks",
        "/metrics",
        "/api/v1/status",
        "/api/v1/zones?q=x",
        "/-/healthy",
        "/-/ready",
    ] {
        let (get, head) = (served.get(path).await, served.ask("HEAD", path, &[]).await);
        assert_eq!((head.status, &head.headers), (200, &get.headers), "{path}");
        assert_eq!(head.text(), "");
    }
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let served = Served::with(unread()).await;
    for path in ["/", "/metrics", "/api/v1/certificates", "/-/ready"] {
        for method in ["POST", "DELETE", "OPTIONS", "get"] {
            let answer = served.ask(method, path, &[]).await;
            assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{method} {path}");
        }
    }
    for path in ["/metrics/", "/Metrics", "//", "/..", "*"] {
        for method in ["GET", "POST", "DELETE"] {
            let answer = served.ask(method, path, &[]).await;
            let expected = (404, "not found; see / for the available pages\n");
            assert_eq!((answer.status, answer.text()), expected, "{method} {path}");
        }
    }
    assert_eq!(served.get("/metrics?match[]=up").await.status, 200);
}

#[tokio::test]
async fn foreign_host_names_are_refused_where_dns_rebinding_is_possible() {
    let start = async |listen: &str, allowed: Option<&[&str]>, name| {
        let allowed_hosts = allowed.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let options = Options { allowed_hosts, ..Options::default() };
        Served::start_at(listen, options, name, unread(), Instant::now()).await
    };
    let loopback = start("127.0.0.1:0", None, None).await;
    let named = start("127.0.0.1:0", None, Some("aop.example.com")).await;
    let reachable = start("0.0.0.0:0", None, None).await;
    let listed = start("0.0.0.0:0", Some(&["aop.example.com"]), Some("aop.internal")).await;
    for (host, expected) in [
        ("127.0.0.1:10219", [200, 200, 200, 200]),
        ("[::1]", [200, 200, 200, 200]),
        ("localhost:10219", [200, 200, 200, 200]),
        ("AOP.example.com:80", [403, 200, 200, 200]),
        ("aop.internal", [403, 403, 200, 200]),
        ("evil.example", [403, 403, 200, 403]),
        ("not a host", [400, 400, 400, 400]),
    ] {
        for (served, expected) in [&loopback, &named, &reachable, &listed].into_iter().zip(expected) {
            for path in [
                "/metrics",
                "/",
                "/api/v1/status",
                "/api/v1/hostnames",
                "/-/reload",
                "/-/healthy",
                "/-/ready",
            ] {
                let answer = served.ask("GET", path, &[("Host", host)]).await;
                match path {
                    "/-/healthy" | "/-/ready" => assert_eq!(answer.status, 200, "{host} {path}"),
                    "/-/reload" if expected == 200 => assert_eq!(answer.status, 405, "{host} {path}"),
                    _ => assert_eq!(answer.status, expected, "{host} {path}"),
                }
                assert_eq!(answer.text().contains("server.allowed_hosts"), answer.status == 403);
            }
        }
    }
}

#[tokio::test]
async fn responses_forbid_caching_and_content_sniffing() {
    let served = Served::with(unread()).await;
    for path in
        ["/", "/metrics", "/api/v1/status", "/api/v1/zones", "/api/v1/zones?q", "/-/healthy", "/nowhere"]
    {
        let answer = served.get(path).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn page_and_json_show_the_expiry_of_the_shared_ca_while_the_global_switch_is_on() {
    for (global, cell, end) in [
        (true, "on, its CA ends 2029-11-01 17:00 UTC (in 1341 days)", "2029-11-01T17:00:00Z".into()),
        (false, "off", serde_json::Value::Null),
    ] {
        let zone = zone().with_extent(Extent { zone_level: true, ..Extent::default() });
        let at = NOW.parse::<Timestamp>().unwrap().into();
        let settings = Outcome::Settings { global: Ok(global), ssl_mode: Ok(SslMode::Full), at };
        let settings = [(zone.key().clone(), settings)];
        let served = Served::with(Snapshot::default().retarget(&Targets::new([zone])).fold(settings)).await;
        let page = served.get("/zones").await;
        assert!(page.text().contains(&format!("global {cell}, SSL mode full")), "{}", page.text());
        let zones: serde_json::Value =
            serde_json::from_slice(&served.get("/api/v1/zones").await.body).unwrap();
        let zone = &zones["items"][0];
        assert_eq!(zone["global_certificate_not_after"], end);
        assert_eq!((&zone["global_enabled"], &zone["ssl_mode"]), (&global.into(), &"full".into()));
    }
}
