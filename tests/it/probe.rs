//! Tests of probes with well-behaved and malicious origins.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::domain::{AcceptedIssuers, Demand, OriginAddress};
use cloudflare_aop_exporter::probe::{Options, Probed, Prober, Target};
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs::sign::any_ecdsa_type;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio::time::Instant;

use crate::support::origin::{Asks, Does, Origin, authority, tls};
use crate::support::program;

const TIMEOUT: Duration = Duration::from_millis(700);

fn target(address: impl Into<OriginAddress>) -> Target {
    Target {
        address: address.into(),
        server_name: "app.example.com".parse().unwrap(),
        path: "/".into(),
        only_public: false,
    }
}

fn prober(timeout: Duration) -> Prober {
    Prober::new(Options { timeout, ..Options::default() })
}

/// Probes with more time than needed.
async fn probe(origin: &Origin) -> Probed {
    prober(Duration::from_secs(20)).probe(&target(origin.address)).await
}

fn says(head: &str) -> Does {
    Does::Says(format!("{head}\r\ncontent-length: 2\r\n\r\nhi").into_bytes())
}

/// Returns the demand and the reason of a probe.
fn words(probed: &Probed) -> (Demand, &'static str) {
    (probed.demand, probed.reason.label())
}

#[tokio::test]
async fn the_demand_of_an_origin_is_found_with_both_tls_versions() {
    let names = vec![authority("Origin CA")];
    for versions in [&[&TLS12][..], &[&TLS13], &[&TLS13, &TLS12]] {
        for (asks, demand) in [
            (Asks::No, (Demand::None, "not_asked")),
            (Asks::Optional(names.clone()), (Demand::Optional, "served")),
            (Asks::Required(names.clone()), (Demand::Required, "refused")),
        ] {
            let asked = !matches!(asks, Asks::No);
            let origin = Origin::start(Some(tls(asks, versions)), says("HTTP/1.1 200 OK")).await;
            let probed = probe(&origin).await;
            assert_eq!(words(&probed), demand);
            assert!(probed.is_up && probed.observation.certificate_not_after.is_some());
            assert_eq!((probed.address, origin.connections()), (Some(origin.address), 1));
            let expected: &[&str] = if asked { &["CN=Origin CA"] } else { &[] };
            assert_eq!(probed.observation.accepted_names, expected);
        }
    }
}

#[tokio::test]
async fn a_probe_sends_a_request_and_nothing_secret() {
    let does = says("HTTP/1.1 301 Moved Permanently\r\nlocation: https://app.example.com/");
    let origin = Origin::start(Some(tls(Asks::Optional(Vec::new()), &[&TLS13])), does).await;
    let target = Target { path: "/up?x".into(), ..target(origin.address) };
    assert_eq!(prober(Duration::from_secs(20)).probe(&target).await.demand, Demand::Optional);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        origin.heard(),
        format!(
            "GET /up?x HTTP/1.1\r\nHost: app.example.com\r\nUser-Agent: cloudflare-aop-exporter/{version}\r\n\
             Accept: */*\r\nConnection: close\r\n\r\n"
        )
    );
    // no redirect is followed
    assert_eq!(origin.connections(), 1);
}

#[tokio::test]
async fn no_session_is_resumed_so_that_every_probe_is_asked_for_a_certificate() {
    for versions in [&[&TLS12], &[&TLS13]] {
        let config = tls(Asks::Optional(Vec::new()), versions);
        let origin = Origin::start(Some(config), says("HTTP/1.1 200 OK")).await;
        let prober = prober(Duration::from_secs(20));
        for _ in 0..3 {
            assert_eq!(prober.probe(&target(origin.address)).await.demand, Demand::Optional);
        }
    }
}

#[tokio::test]
async fn a_given_certificate_is_presented() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = CertifiedKey::new(vec![certificate.der().clone()], any_ecdsa_type(&key).unwrap());
    for versions in [&[&TLS12], &[&TLS13]] {
        let config = tls(Asks::Required(Vec::new()), versions);
        let origin = Origin::start(Some(config), says("HTTP/1.1 200 OK")).await;
        assert_eq!(probe(&origin).await.demand, Demand::Required);
        let prober = prober(Duration::from_secs(20)).presenting(Arc::new(key.clone()));
        let probed = prober.probe(&target(origin.address)).await;
        assert_eq!(words(&probed), (Demand::Optional, "served"));
    }
}

#[tokio::test]
async fn error_responses_of_an_application_are_no_demand() {
    for (status, when_asked, otherwise) in [
        (200, Demand::Optional, Demand::None),
        (401, Demand::Unknown, Demand::None),
        (403, Demand::Unknown, Demand::None),
        (404, Demand::Optional, Demand::None),
        (503, Demand::Unknown, Demand::None),
    ] {
        for (asks, demand) in [(Asks::Optional(Vec::new()), when_asked), (Asks::No, otherwise)] {
            let does = says(&format!("HTTP/1.1 {status} Status"));
            let origin = Origin::start(Some(tls(asks, &[&TLS13, &TLS12])), does).await;
            assert_eq!(probe(&origin).await.demand, demand, "{status}");
        }
    }
}

#[tokio::test]
async fn a_403_counts_as_the_applications_only_if_tls_1_2_can_be_tried() {
    let forbidden = || says("HTTP/1.1 403 Forbidden");
    let origin = Origin::start(Some(tls(Asks::No, &[&TLS13])), forbidden()).await;
    let probed = probe(&origin).await;
    assert_eq!((words(&probed), probed.is_up), ((Demand::Unknown, "unclear"), true));
    assert!(probed.observation.certificate_not_after.is_some(), "of the attempt in TLS 1.3");
    let origin = Origin::start(Some(tls(Asks::No, &[&TLS13, &TLS12])), forbidden()).await;
    assert_eq!(words(&probe(&origin).await), (Demand::None, "not_asked"));
    assert_eq!(origin.connections(), 2);
}

#[tokio::test]
async fn an_origin_that_asks_and_closes_the_connection_is_probed_twice() {
    for (asks, connections) in [(Asks::Optional(Vec::new()), 2), (Asks::No, 1)] {
        for does in [Does::Close, Does::Reset] {
            let origin = Origin::start(Some(tls(asks.clone(), &[&TLS13, &TLS12])), does).await;
            assert_eq!(words(&probe(&origin).await), (Demand::Unknown, "closed"));
            assert_eq!(origin.connections(), connections);
        }
    }
}

#[tokio::test]
async fn servers_without_tls_have_an_unknown_demand_within_the_timeout() {
    let server_hello = [&[0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
    let cases = [
        (Does::Hang, "timed_out"),
        (Does::Close, "closed"),
        (Does::Reset, "closed"),
        (Does::Says(vec![0xff; 9000]), "not_tls"),
        (Does::Endless(Vec::new(), vec![0; 4096]), "not_tls"),
        // the header of a TLS record without the record
        (Does::Endless(vec![0x16, 3, 3, 0xff, 0xff], vec![0; 4096]), "not_tls"),
        (Does::Drip(vec![0x16, 3, 3, 0, 1, 2]), "not_tls"),
        (Does::Says(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()), "not_tls"),
        // only TLS 1.0, by an alert and by a ServerHello
        (Does::Says(vec![0x15, 3, 1, 0, 2, 2, 70]), "alert"),
        (Does::Says(server_hello), "not_tls"),
        // a refusal before any request for a certificate
        (Does::Says(vec![0x15, 3, 3, 0, 2, 2, 40]), "alert"),
    ];
    for (does, reason) in cases {
        let origin = Origin::start(None, does.clone()).await;
        let start = Instant::now();
        let probed = prober(TIMEOUT).probe(&target(origin.address)).await;
        assert_eq!(probed.demand, Demand::Unknown, "{does:?}");
        assert_eq!(probed.reason.label(), reason, "{does:?}");
        assert!(!probed.is_up && start.elapsed() < TIMEOUT + Duration::from_secs(5));
    }
}

#[tokio::test]
async fn responses_that_are_not_http_or_endless_have_an_unknown_demand() {
    let line = b"HTTP/1.1 200 OK\r\n".to_vec();
    let cases = [
        (Does::Hang, "timed_out"),
        (Does::Close, "closed"),
        (Does::Reset, "closed"),
        (Does::Says(b"SSH-2.0-x\r\n".to_vec()), "not_http"),
        (Does::Says(line.clone()), "closed"),
        (Does::Endless(Vec::new(), vec![0xff; 4096]), "not_http"),
        (Does::Endless(line.clone(), b"x: y\r\n".repeat(500)), "head_too_long"),
        (Does::Endless(line, vec![b'a'; 4096]), "head_too_long"),
        (Does::Endless(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100)), "head_too_long"),
        (Does::Drip(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()), "timed_out"),
    ];
    for asks in [Asks::No, Asks::Optional(Vec::new())] {
        for (does, reason) in &cases {
            let origin = Origin::start(Some(tls(asks.clone(), &[&TLS13, &TLS12])), does.clone()).await;
            let start = Instant::now();
            let probed = prober(TIMEOUT).probe(&target(origin.address)).await;
            assert_eq!(words(&probed), (Demand::Unknown, *reason), "{does:?}");
            assert!(probed.is_up && start.elapsed() < TIMEOUT + Duration::from_secs(5));
        }
    }
}

#[tokio::test]
async fn only_the_useful_start_of_an_endless_body_is_read() {
    for (status, demand) in [(400, Demand::Required), (403, Demand::Unknown), (200, Demand::Optional)] {
        let head = format!("HTTP/1.1 {status} X\r\n\r\n").into_bytes();
        let config = tls(Asks::Optional(Vec::new()), &[&TLS13]);
        let body = b"<center>No required SSL certificate was sent</center>".to_vec();
        let origin = Origin::start(Some(config), Does::Endless(head, body)).await;
        assert_eq!(probe(&origin).await.demand, demand, "{status}");
    }
}

#[tokio::test]
async fn a_server_with_only_http_2_is_recognised_by_its_alert_or_first_frame() {
    let settings = || Does::Says([&[0, 0, 6, 4, 0, 0, 0, 0, 0][..], &[0, 3, 0, 0, 0, 100]].concat());
    let mut config = tls(Asks::No, &[&TLS13]);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let origin = Origin::start(Some(config), settings()).await;
    assert_eq!(words(&probe(&origin).await), (Demand::Unknown, "alert"));
    for (asks, demand) in
        [(Asks::No, (Demand::None, "not_asked")), (Asks::Optional(Vec::new()), (Demand::Unknown, "unclear"))]
    {
        let origin = Origin::start(Some(tls(asks, &[&TLS13])), settings()).await;
        assert_eq!(words(&probe(&origin).await), demand);
    }
}

#[tokio::test]
async fn some_of_the_maximum_number_of_names_in_tls_are_kept() {
    // the names of a certificate request have at most 65,535 bytes
    let names: Vec<_> = (0..1500).map(|number| authority(&format!("Authority number {number:09}"))).collect();
    for versions in [&[&TLS12], &[&TLS13]] {
        let config = tls(Asks::Optional(names.clone()), versions);
        let origin = Origin::start(Some(config), says("HTTP/1.1 200 OK")).await;
        let probed = probe(&origin).await;
        assert_eq!(probed.demand, Demand::Optional);
        let accepted = probed.observation.accepted.unwrap();
        assert_eq!(accepted.names().len(), AcceptedIssuers::MAX_NAMES);
        assert_eq!(probed.observation.accepted_names.len(), AcceptedIssuers::MAX_NAMES);
    }
}

#[tokio::test]
async fn an_origin_without_listener_or_address_is_not_up() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let probed = prober(Duration::from_secs(20)).probe(&target(free)).await;
    assert_eq!((words(&probed), probed.is_up), ((Demand::Unknown, "not_reachable"), false));
    let nowhere: OriginAddress = "nowhere.invalid".parse().unwrap();
    let probed = prober(Duration::from_secs(20)).probe(&target(nowhere)).await;
    assert_eq!(words(&probed), (Demand::Unknown, "not_resolved"));
}

#[tokio::test]
async fn an_address_from_dns_is_probed_only_if_it_is_public() {
    let origin = Origin::start(None, Does::Close).await;
    for address in [origin.address.to_string(), format!("localhost:{}", origin.address.port())] {
        let inward = Target { only_public: true, ..target(address.parse::<OriginAddress>().unwrap()) };
        let probed = prober(Duration::from_secs(20)).probe(&inward).await;
        assert_eq!(words(&probed), (Demand::Unknown, "not_public"));
        assert_eq!((probed.address, origin.connections()), (None, 0));
    }
    let options = Options { private_addresses: true, ..Options::default() };
    let inward = Target { only_public: true, ..target(origin.address) };
    assert_eq!(words(&Prober::new(options).probe(&inward).await), (Demand::Unknown, "closed"));
}

#[tokio::test]
async fn origins_with_equal_authorities_share_one_list() {
    let config = tls(Asks::Optional(vec![authority("a"), authority("b")]), &[&TLS13]);
    let origin = Origin::start(Some(config), says("HTTP/1.1 200 OK")).await;
    let prober = prober(Duration::from_secs(20));
    let read_at = jiff::Timestamp::UNIX_EPOCH.into();
    let mut found = BTreeMap::new();
    let targets = [target(origin.address), target(origin.address)];
    prober
        .probe_all(&targets, |place, probed| drop(found.insert(place, prober.reading(&probed, read_at))))
        .await;
    let [one, two] = [&found[&0], &found[&1]].map(|reading| reading.accepted.as_ref().unwrap());
    assert!(Arc::ptr_eq(one, two));
}

#[tokio::test]
async fn the_command_prints_the_results_and_exits_with_the_worst_one() {
    for (asks, demand, code) in [
        (Asks::Required(vec![authority("Origin CA")]), "required", 0),
        (Asks::Optional(vec![authority("Origin CA")]), "optional", 1),
        (Asks::No, "none", 1),
    ] {
        let origin = Origin::start(Some(tls(asks, &[&TLS13])), says("HTTP/1.1 200 OK")).await;
        let address = origin.address.to_string();
        let table = command(&["probe", "app.example.com", "--origin", &address]).await;
        let row = program::text(&table.stdout).lines().nth(1).unwrap();
        assert!(row.contains(&format!("app.example.com  {address}  {demand} ")), "{row}");
        assert_eq!(table.status.code(), Some(code));
        let json = command(&["probe", "app.example.com", "--origin", &address, "--format", "json"]).await;
        let rows: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!((&rows[0]["demand"], &rows[0]["tls"]), (&demand.into(), &"1.3".into()));
        assert_eq!((&rows[0]["up"], &rows[0]["origin"]), (&true.into(), &address.into()));
    }
    let (nobody, wrong) = (Ipv4Addr::LOCALHOST.to_string() + ":1", "*.example.com");
    let unknown = command(&["probe", "app.example.com", "--origin", &nobody]).await;
    assert_eq!(unknown.status.code(), Some(3));
    let wildcard = command(&["probe", wrong, "--origin", &nobody]).await;
    assert_eq!(wildcard.status.code(), Some(3));
    assert!(program::text(&wildcard.stderr).contains("expected a name without *"));
}

#[tokio::test]
async fn without_an_address_the_command_probes_the_configured_origins() {
    let config = tls(Asks::Required(Vec::new()), &[&TLS13]);
    let origin = Origin::start(Some(config), says("HTTP/1.1 200 OK")).await;
    let folder = program::Folder::new();
    let file = folder.write(
        "aop.toml",
        &format!(
            "[[account]]\n[[account.zone]]\nname = \"example.com\"\nhostnames = [\"b.example.com\", \
             {{ name = \"*.example.com\", origins = [{{ address = \"{}\", name = \"blue\", server_name = \
             \"app.example.com\", path = \"/up\" }}, {{ address = \"{0}\", name = \"red\", server_name = \
             \"app.example.com\" }}] }}]",
            origin.address
        ),
    );
    let arguments = ["probe", "*.example.com", "--config", &file, "--format", "json"];
    let found = command(&arguments).await;
    let rows: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!((&rows[0]["origin"], &rows[1]["origin"]), (&"blue".into(), &"red".into()));
    assert_eq!((&rows[0]["demand"], &rows[0]["hostname"]), (&"required".into(), &"*.example.com".into()));
    assert_eq!(found.status.code(), Some(0));
    let unnamed = command(&["probe", "b.example.com", "--config", &file]).await;
    assert_eq!(unnamed.status.code(), Some(3));
    let words = program::text(&unnamed.stderr);
    assert!(words.contains("the configuration names no origin of b.example.com: give --origin"), "{words}");
}

/// Runs the program while the origin serves.
async fn command(arguments: &[&str]) -> std::process::Output {
    let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let run = move || program::run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.unwrap()
}
