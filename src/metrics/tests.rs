use std::time::Duration;

use prometheus::proto::MetricType;

use super::*;
use crate::domain::{
    Association, Certificate, CertificateDetails, Certificates, Expectation, Extent, Hostname,
    HostnameTarget, Level, Outcome, Pem, Reading, Reason, Status, Targets, ZoneCertificate, ZoneTarget,
};
use crate::telemetry::Endpoint;

/// The moment of every page; readings are a minute old.
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

/// A reading of which everything is known.
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

/// One zone of these hostnames, after these answers; one without an answer was never read.
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
    let outcome = Outcome {
        id: Some("023e105f4ecef8ad9ca31a8372d0c353".parse().unwrap()),
        hostnames: answers.iter().filter_map(|(host, answer)| Some((name(host), answer.clone()?))).collect(),
        end: Some((Ok(()), date(NOW - 30))),
        ..Outcome::of(target.key().clone())
    };
    Arc::new(Snapshot::default().retarget(&Targets::new([target, unread])).fold(&[outcome]))
}

/// Every column of the table of what is present, a failure after a success, and what only lists tell.
fn every_kind() -> Arc<Snapshot> {
    let shared = certificate("c-1", "C=DE, O=\"Quote\" \\ Ünïcode\nCA", NOW + 86_400);
    let expired = certificate("c-2", "", NOW - 10);
    let snapshot = zone(&[
        ("disabled.a.example", Some(Ok(full(Association::Disabled, Arc::clone(&shared))))),
        ("enabled.a.example", Some(Ok(full(Association::Enabled, shared)))),
        ("expired.a.example", Some(Ok(full(Association::Enabled, Arc::clone(&expired))))),
        // what the API might still say of something that is gone is not shown
        ("none.a.example", Some(Ok(full(Association::None, expired)))),
        ("unread.a.example", None),
        ("void.a.example", Some(Ok(Reading::bare(Association::Void, date(NOW - 60))))),
    ]);
    let zone = &snapshot.zones()[0];
    let count = |known: &ZoneCertificate| ZoneCertificate { hostnames: Some(2), ..known.clone() };
    let of_zone = ZoneCertificate {
        id: "c-9".parse().unwrap(),
        level: Level::Zone,
        status: None,
        certificate: certificate("c-9", "zone ca", NOW + 300),
        hostnames: None,
    };
    let later = Outcome {
        hostnames: vec![("expired.a.example".parse().unwrap(), Err(Reason::Timeout))],
        certificates: Certificates::Listed(zone.certificates().iter().map(count).collect()),
        zone_certificates: Some(vec![of_zone]),
        zone_level_enabled: Some(true),
        ..Outcome::of(zone.key().clone())
    };
    Arc::new(snapshot.fold(&[later]))
}

fn source(snapshot: Arc<Snapshot>) -> Source {
    let telemetry = Telemetry::new().unwrap();
    telemetry.request("main", Endpoint::HostnameGet, Some(200), Duration::from_millis(250));
    telemetry.request("a \"b\"", Endpoint::HostnameGet, None, Duration::from_secs(40));
    telemetry.throttled("main", Duration::from_millis(1500));
    telemetry.poll_ended(Duration::from_secs(2), date(NOW - 30));
    Source {
        snapshot: watch::Sender::new(snapshot).subscribe(),
        telemetry: Arc::new(telemetry),
        clock: Clock::fixed(jiff::Timestamp::from_second(NOW).unwrap()),
    }
}

/// A page without what differs from one process or build to the next.
fn page(format: Format, states: States) -> Page {
    let mut page = source(every_kind()).page(format, states);
    page.own
        .retain(|family| !family.name().starts_with("process_") && !family.name().ends_with("build_info"));
    page
}

fn whole(mut page: Page) -> String {
    let mut out = Vec::new();
    assert!(!page.fill(&mut out, usize::MAX));
    String::from_utf8(out).unwrap()
}

/// The series that a page of one hostname has of it, without the labels that say which it is.
fn series_of(answer: Option<Result<Reading, Reason>>, states: States) -> Vec<String> {
    let text = whole(source(zone(&[("h.a.example", answer)])).page(Format::Text, states));
    let series = text.lines().filter(|line| line.contains("hostname=\"h.a.example\""));
    let series = series.map(|line| line.replace("zone=\"a.example\",hostname=\"h.a.example\"", ""));
    series.map(|line| line.replacen("cloudflare_aop_hostname_", "", 1)).collect()
}

#[test]
fn a_page_of_text_is_written_to_the_letter() {
    let text = whole(page(Format::Text, States::All));
    assert_eq!(text, include_str!("../../tests/fixtures/metrics.txt"));
}

#[test]
fn a_page_of_openmetrics_is_written_to_the_letter() {
    let text = whole(page(Format::OpenMetrics, States::All));
    assert_eq!(text, include_str!("../../tests/fixtures/metrics.openmetrics.txt"));
}

#[test]
fn a_hostname_that_was_never_read_is_down_and_nothing_else_is_said() {
    assert_eq!(series_of(None, States::All), ["up{} 0"]);
    assert_eq!(series_of(Some(Err(Reason::Timeout)), States::All), ["up{} 0"]);
}

#[test]
fn a_hostname_without_an_association_has_no_status_no_certificate_and_no_dates() {
    let gone = full(Association::None, certificate("c-1", "ca", NOW));
    assert_eq!(
        series_of(Some(Ok(gone)), States::All),
        [
            "up{} 1",
            "last_success_timestamp_seconds{} 1799999940",
            "enabled{} 0",
            "association{,association=\"enabled\"} 0",
            "association{,association=\"disabled\"} 0",
            "association{,association=\"void\"} 0",
            "association{,association=\"none\"} 1",
            "drifted{} 1",
        ]
    );
}

#[test]
fn a_void_association_has_what_the_api_says_of_it() {
    let bare = Reading::bare(Association::Void, date(NOW - 60));
    assert_eq!(
        series_of(Some(Ok(bare.clone())), States::Current),
        [
            "up{} 1",
            "last_success_timestamp_seconds{} 1799999940",
            "enabled{} 0",
            "association{,association=\"void\"} 1",
            "drifted{} 1",
        ]
    );
    let more = Reading { status: Some(Status::PendingDeletion), updated_at: Some(date(5)), ..bare };
    assert_eq!(
        series_of(Some(Ok(more)), States::Current)[3..],
        [
            "association{,association=\"void\"} 1",
            "status{,status=\"pending_deletion\"} 1",
            "updated_timestamp_seconds{} 5",
            "drifted{} 0"
        ]
    );
}

#[test]
fn an_association_with_everything_has_34_series_or_17_where_only_current_states_are_shown() {
    for association in [Association::Enabled, Association::Disabled] {
        let reading = full(association, certificate("c-1", "ca", NOW));
        assert_eq!(series_of(Some(Ok(reading.clone())), States::All).len(), 34);
        assert_eq!(series_of(Some(Ok(reading)), States::Current).len(), 17);
    }
}

#[test]
fn every_state_is_shown_as_itself() {
    for current in Status::ALL {
        let reading =
            Reading { certificate_status: Some(current), ..Reading::bare(Association::Enabled, date(0)) };
        let is_state = |line: &&String| line.starts_with("certificate_status");
        let wanted = format!("certificate_status{{,status=\"{}\"}} 1", current.label());
        let shown = series_of(Some(Ok(reading.clone())), States::Current);
        assert_eq!(shown.iter().filter(is_state).collect::<Vec<_>>(), [&wanted]);
        let shown = series_of(Some(Ok(reading)), States::All);
        assert_eq!(shown.iter().filter(is_state).count(), Status::ALL.len());
        assert!(shown.contains(&wanted));
        assert_eq!(shown.iter().filter(is_state).filter(|line| line.ends_with(" 1")).count(), 1);
    }
}

#[test]
fn an_expired_certificate_expires_in_negative_seconds() {
    let reading = full(Association::Enabled, certificate("c-1", "ca", NOW - 10));
    let series = series_of(Some(Ok(reading)), States::Current);
    assert!(series.contains(&"certificate_expires_in_seconds{} -10".to_owned()));
}

#[test]
fn free_text_is_cut_at_256_octets_and_not_within_a_character() {
    let issuer = format!("{}éé", "x".repeat(253));
    let reading = full(Association::Enabled, certificate("c-1", &issuer, NOW));
    let series = series_of(Some(Ok(reading)), States::Current);
    let info = series.iter().find(|line| line.starts_with("certificate_info")).unwrap();
    assert!(info.contains(&format!("issuer=\"{}é\",serial", "x".repeat(253))), "{info}");
}

#[test]
fn a_page_to_be_kept_has_no_time_to_expiry_and_nothing_about_the_exporter() {
    let kept = whole(Page::textfile(every_kind(), Format::Text, States::All, date(NOW)));
    let page = whole(page(Format::Text, States::All));
    let countdown = "cloudflare_aop_hostname_certificate_expires_in_seconds";
    let lasting = |line: &&str| !line.contains(countdown);
    let rest: Vec<_> = page.lines().filter(lasting).take(kept.lines().count()).collect();
    assert_eq!(kept.lines().collect::<Vec<_>>(), rest);
    assert!(kept.contains("cloudflare_aop_certificate_info{") && !kept.contains("cloudflare_aop_api_"));
}

#[test]
fn a_page_is_the_same_however_it_is_cut() {
    for format in [Format::Text, Format::OpenMetrics] {
        let expected = whole(page(format, States::All));
        for until in (1..300).chain([1000, 4096, expected.len() - 1, expected.len(), expected.len() + 1]) {
            let mut page = page(format, States::All);
            let (mut pieces, mut piece) = (String::new(), Vec::new());
            loop {
                let more = page.fill(&mut piece, until);
                assert!(!more || piece.len() >= until);
                assert!(piece.is_empty() || piece.ends_with(b"\n"));
                pieces.push_str(std::str::from_utf8(&piece).unwrap());
                piece.clear();
                if !more {
                    break;
                }
            }
            assert_eq!(pieces, expected);
        }
    }
}

#[test]
fn a_call_walks_over_no_more_than_a_family_of_many_hostnames() {
    let names = (0..20_000).map(|number| HostnameTarget {
        hostname: format!("h{number}.example").parse().unwrap(),
        expectation: Expectation::default(),
    });
    let zone = ZoneTarget::named("default".into(), "example".parse().unwrap(), None);
    let targets = Targets::new([zone.with_hostnames(names.collect())]);
    let unread = Arc::new(Snapshot::default().retarget(&targets));
    let mut page = Page::textfile(unread, Format::Text, States::All, date(NOW));
    let (mut calls, mut out) = (1, Vec::new());
    while page.fill(&mut out, usize::MAX) {
        calls += 1;
    }
    assert!(calls >= FAMILIES.len(), "{calls}");
}

#[test]
fn a_page_that_has_ended_stays_ended() {
    let mut page = page(Format::OpenMetrics, States::All);
    let mut out = Vec::new();
    assert!(!page.fill(&mut out, usize::MAX));
    let length = out.len();
    assert!(!page.fill(&mut out, usize::MAX));
    assert_eq!(out.len(), length);
}

#[test]
fn every_family_is_headed_once_and_stands_together() {
    for format in [Format::Text, Format::OpenMetrics] {
        let text = whole(source(every_kind()).page(format, States::All));
        let mut headed = Vec::new();
        for line in text.lines() {
            if let Some(header) = line.strip_prefix("# TYPE ") {
                headed.push(header.split(' ').next().unwrap());
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                let family = headed.last().unwrap();
                let part = name.strip_prefix(family).unwrap();
                assert!(["", "_total", "_info", "_bucket", "_sum", "_count"].contains(&part), "{line}");
            }
        }
        let helps = text.lines().filter(|line| line.starts_with("# HELP ")).count();
        assert_eq!(helps, headed.len());
        headed.sort_unstable();
        headed.dedup();
        assert_eq!(helps, headed.len());
    }
}

#[test]
fn every_family_of_a_snapshot_is_headed_even_where_there_is_nothing() {
    let empty = Page::textfile(Arc::default(), Format::Text, States::All, date(NOW));
    let headed = whole(empty).lines().filter(|line| line.starts_with("# TYPE ")).count();
    assert_eq!(headed, FAMILIES.len() - 1);
}

#[test]
fn only_counters_end_in_total_and_only_infos_in_info() {
    for family in FAMILIES {
        assert_eq!(family.name.ends_with("_total"), family.kind == exposition::Kind::Counter);
        assert_eq!(family.name.ends_with("_info"), family.kind == exposition::Kind::Info);
    }
    for family in source(every_kind()).page(Format::Text, States::All).own {
        assert_eq!(family.name().ends_with("_total"), family.get_field_type() == MetricType::COUNTER);
    }
}

#[test]
fn the_exporters_own_families_come_last_and_those_of_the_process_after_them() {
    let text = whole(source(every_kind()).page(Format::Text, States::All));
    let headers = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names: Vec<_> = headers.map(|header| header.split(' ').next().unwrap()).collect();
    let place = |wanted: &str| names.iter().position(|name| *name == wanted).unwrap();
    assert!(place("cloudflare_aop_certificate_info") < place("cloudflare_aop_api_requests_total"));
    assert!(place("cloudflare_aop_api_requests_total") < place("cloudflare_aop_exporter_polls_total"));
    assert!(place("cloudflare_aop_exporter_polls_total") < place("cloudflare_aop_exporter_build_info"));
    assert_eq!(place("cloudflare_aop_exporter_build_info") + 1, place("process_cpu_seconds_total"));
}
