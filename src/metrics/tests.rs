mod hostnames;
mod origins;
mod pages;

use std::time::Duration;

use super::*;
use crate::domain::{
    AcceptedIssuers, Association, Certificate, CertificateDetails, Date, Demand, DemandReason, Expectation,
    Extent, Hostname, HostnameTarget, IssuerName, Level, OriginReading, OriginTarget, Outcome, PartKind,
    PatternTarget, Pem, Reading, Reason, SslMode, Status, Targets, ZoneCertificate, ZoneTarget,
};
use crate::telemetry::Endpoint;

/// The time of every page. Readings are a minute old.
const NOW: i64 = 1_800_000_000;

fn date(second: i64) -> Date {
    jiff::Timestamp::from_second(second).unwrap().into()
}

fn certificate(id: &str, issuer: &str, expires_on: i64) -> Arc<Certificate> {
    let pem = Pem {
        not_before: date(NOW - 86_400),
        not_after: date(expires_on),
        serial: [0x01, 0x00].into(),
        subject: "CN=aop".into(),
        issuer: "CN=ca".into(),
        issuers: [IssuerName::from_der(b"ca")].into(),
    };
    let details = CertificateDetails {
        id: Some(id.parse().unwrap()),
        issuer: Some(issuer.into()),
        serial_number: Some("256".into()),
        signature: Some("SHA256WithRSA".into()),
        expires_on: Some(date(expires_on)),
    };
    Arc::new(Certificate::new(details, Some(pem)))
}

/// Returns a reading with all fields.
fn full(association: Association, certificate: Arc<Certificate>) -> Reading {
    Reading {
        status: Some(Status::Active),
        certificate_status: Some(Status::PendingDeployment),
        certificate: Some(certificate),
        created_at: Some(date(1_700_000_001)),
        updated_at: Some(date(1_700_000_002)),
        certificate_uploaded_on: Some(date(1_700_000_003)),
        certificate_updated_at: Some(date(1_700_000_004)),
        ..Reading::bare(association, date(NOW - 60))
    }
}

/// Returns a snapshot with a zone of these hostnames and answers. A hostname without an answer is unread.
fn zone(answers: &[(&str, Option<Result<Reading, Reason>>)]) -> Arc<Snapshot> {
    let name = |name: &str| name.parse::<Hostname>().unwrap();
    let hostnames = answers.iter().map(|(hostname, _)| HostnameTarget {
        hostname: name(hostname),
        expectation: Expectation::default(),
    });
    let target = ZoneTarget::named("main".into(), "a.example".parse().unwrap(), None)
        .with_hostnames(hostnames.collect())
        .with_extent(Extent { zone_level: true, ..Extent::default() });
    let unread = ZoneTarget::named("main".into(), "b.example".parse().unwrap(), None);
    let id = "023e105f4ecef8ad9ca31a8372d0c353".parse().unwrap();
    let read = answers.iter().filter_map(|(host, answer)| Some(Outcome::Read(name(host), answer.clone()?)));
    let ended = Outcome::Ended { result: Ok(()), at: date(NOW - 30) };
    let key = target.key().clone();
    let outcomes = read.chain([Outcome::Identified(id), ended]).map(|outcome| (key.clone(), outcome));
    let targets = Targets::new([target, unread]).with_patterns(vec![pattern()]);
    let listed =
        Snapshot::default().retarget(&targets).with_zones("main", Some(Vec::new()), Ok(()), date(NOW - 90));
    Arc::new(listed.fold(outcomes))
}

fn pattern() -> PatternTarget {
    let (pattern, account) = ("*.test".parse().unwrap(), "main".into());
    PatternTarget { account, pattern, only: None, exclude: Vec::new(), extent: Extent::default() }
}

fn planned(part: PartKind, seconds: u64) -> Outcome {
    Outcome::Planned { part, interval: Duration::from_secs(seconds), at: date(NOW - 60) }
}

/// Returns a snapshot with hostnames of all kinds, a failure after a success, and data that only lists provide.
fn every_kind() -> Arc<Snapshot> {
    let shared = certificate("c-1", "C=DE, O=\"Quote\" \\ Ünïcode\nCA", NOW + 86_400);
    let expired = certificate("c-2", "", NOW - 10);
    let snapshot = zone(&[
        ("disabled.a.example", Some(Ok(full(Association::Disabled, Arc::clone(&shared))))),
        ("enabled.a.example", Some(Ok(full(Association::Enabled, shared)))),
        ("expired.a.example", Some(Ok(full(Association::Enabled, Arc::clone(&expired))))),
        // the API's remaining fields of a deleted association are not shown
        ("none.a.example", Some(Ok(full(Association::None, expired)))),
        ("unread.a.example", None),
        ("void.a.example", Some(Ok(Reading::bare(Association::Void, date(NOW - 60))))),
    ]);
    let zone = &snapshot.zones()[0];
    let count = |found: &ZoneCertificate| ZoneCertificate { hostnames: Some(2), ..found.clone() };
    let of_zone = ZoneCertificate {
        id: "c-9".parse().unwrap(),
        level: Level::Zone,
        status: None,
        since: None,
        uploaded_on: None,
        certificate: certificate("c-9", "zone ca", NOW + 300),
        hostnames: None,
    };
    let later = [
        planned(PartKind::Associations, 300),
        planned(PartKind::ZoneLevel, 300),
        planned(PartKind::Settings, 3300),
        Outcome::Settings { global: Ok(true), ssl_mode: Ok(SslMode::Strict), at: date(NOW - 20) },
        Outcome::Listed {
            hostnames: Vec::new(),
            present: None,
            certificates: zone.certificates().iter().map(count).collect(),
            at: date(NOW - 30),
        },
        Outcome::Read("expired.a.example".parse().unwrap(), Err(Reason::Timeout)),
        Outcome::ZoneLevel { enabled: Ok(true), certificates: Ok(vec![of_zone]), at: date(NOW - 30) },
    ];
    let known = snapshot.fold(later.map(|outcome| (zone.key().clone(), outcome)));
    // two origins of one hostname, the second not probed yet, and one origin with an unknown demand
    let origins = [
        origin("enabled.a.example", "blue"),
        origin("enabled.a.example", "[2001:db8::7]:8443"),
        origin("void.a.example", "203.0.113.7"),
    ];
    let targets = known.zones().iter().map(|zone| {
        let is_origins = zone.key() == snapshot.zones()[0].key();
        ZoneTarget::clone(zone.target()).with_origins(if is_origins { origins.to_vec() } else { Vec::new() })
    });
    let known = known.retarget(&Targets::new(targets).with_patterns(vec![pattern()]));
    let probed = |origin: &OriginTarget, demand| {
        let accepted = AcceptedIssuers::from_ders([b"other".as_slice()]);
        let reading = OriginReading {
            read_at: date(NOW - 10),
            is_up: demand != Demand::Unknown,
            demand,
            reason: DemandReason::Resumed,
            accepted: (demand != Demand::Unknown).then(|| Arc::new(accepted)),
            certificate_not_after: (demand != Demand::Unknown).then(|| date(NOW + 900)),
            took: Duration::from_millis(20),
        };
        (zone.key().clone(), Outcome::Probed(origin.clone(), reading))
    };
    Arc::new(known.fold([probed(&origins[0], Demand::Optional), probed(&origins[2], Demand::Unknown)]))
}

fn origin(hostname: &str, label: &str) -> OriginTarget {
    let hostname: Hostname = hostname.parse().unwrap();
    let (server_name, address) = (hostname.clone(), "203.0.113.7".parse().unwrap());
    OriginTarget { hostname, label: label.into(), address, server_name, path: "/".into(), from_dns: false }
}

fn source(snapshot: Arc<Snapshot>) -> Source {
    let telemetry = Telemetry::new().unwrap();
    telemetry.request("main", Endpoint::HostnameGet, Some(200), Duration::from_millis(250));
    telemetry.request("a \"b\"", Endpoint::HostnameGet, None, Duration::from_secs(40));
    telemetry.throttled("main", Duration::from_millis(1500));
    telemetry.poll_ended(Duration::from_secs(2), date(NOW - 30));
    telemetry.http_request("/metrics", 200);
    telemetry.http_connections(3);
    Source {
        snapshot: watch::Sender::new(snapshot).subscribe(),
        telemetry: Arc::new(telemetry),
        clock: Clock::fixed(jiff::Timestamp::from_second(NOW).unwrap()),
    }
}

fn view(states: States) -> View {
    View { states, ..View::default() }
}

/// Returns a page as written to a file.
fn textfile(snapshot: Arc<Snapshot>, scheduled: bool) -> Page {
    let telemetry = source(Arc::clone(&snapshot)).telemetry;
    telemetry.poll_interval(Duration::from_secs(300));
    let judge = Judge::new(snapshot, Thresholds::default(), date(NOW));
    Page::textfile(judge, Format::Text, States::All, &telemetry, scheduled)
}

/// Returns a page without the families that depend on the process and the build.
fn page(format: Format, states: States) -> Page {
    let mut page = source(every_kind()).page(format, view(states));
    page.own
        .retain(|family| !family.name().starts_with("process_") && !family.name().ends_with("build_info"));
    page
}

fn whole(mut page: Page) -> String {
    let mut out = Vec::new();
    assert!(!page.fill(&mut out, usize::MAX));
    String::from_utf8(out).unwrap()
}
