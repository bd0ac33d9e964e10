//! Tests of whole pages.

use prometheus::proto::MetricType;

use super::*;

#[test]
fn a_text_page_equals_its_fixture() {
    let text = whole(page(Format::Text, States::All));
    assert_eq!(text, include_str!("../../../tests/fixtures/metrics.txt"));
}

#[test]
fn an_openmetrics_page_equals_its_fixture() {
    let text = whole(page(Format::OpenMetrics, States::All));
    assert_eq!(text, include_str!("../../../tests/fixtures/metrics.openmetrics.txt"));
}

#[test]
fn a_textfile_omits_countdowns_and_keeps_only_the_last_poll_of_the_exporter() {
    let kept = whole(textfile(every_kind(), false));
    let page = whole(page(Format::Text, States::All));
    let (snapshot, own) = kept.split_at(kept.find("# HELP cloudflare_aop_exporter_last_poll").unwrap());
    let omitted = [
        "cloudflare_aop_hostname_certificate_expires_in_seconds",
        "cloudflare_aop_zone_poll_interval_seconds",
    ];
    let lasting = |line: &&str| !omitted.iter().any(|name| line.contains(name));
    let rest: Vec<_> = page.lines().filter(lasting).take(snapshot.lines().count()).collect();
    assert_eq!(snapshot.lines().collect::<Vec<_>>(), rest);
    assert!(snapshot.contains("cloudflare_aop_hostname_finding{"));
    assert_eq!(own.lines().count(), 3, "{own}");
}

#[test]
fn a_textfile_written_on_a_schedule_has_the_poll_interval() {
    let [once, scheduled] = [false, true].map(|scheduled| whole(textfile(every_kind(), scheduled)));
    for interval in
        ["cloudflare_aop_exporter_poll_interval_seconds 300", "cloudflare_aop_zone_poll_interval_seconds{"]
    {
        assert!(scheduled.contains(interval) && !once.contains(interval), "{interval}");
    }
}

#[test]
fn the_size_of_the_pieces_does_not_change_a_page() {
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
fn a_call_visits_many_hostnames_for_at_most_one_family() {
    let names = (0..20_000).map(|number| HostnameTarget {
        hostname: format!("h{number}.example").parse().unwrap(),
        expectation: Expectation::default(),
    });
    let zone = ZoneTarget::named("default".into(), "example".parse().unwrap(), None);
    let targets = Targets::new([zone.with_hostnames(names.collect())]);
    let unread = Arc::new(Snapshot::default().retarget(&targets));
    let mut page = textfile(unread, true);
    let (mut calls, mut out) = (1, Vec::new());
    while page.fill(&mut out, usize::MAX) {
        calls += 1;
    }
    assert!(calls >= families().count(), "{calls}");
}

#[test]
fn a_finished_page_stays_finished() {
    let mut page = page(Format::OpenMetrics, States::All);
    let mut out = Vec::new();
    assert!(!page.fill(&mut out, usize::MAX));
    let length = out.len();
    assert!(!page.fill(&mut out, usize::MAX));
    assert_eq!(out.len(), length);
}

#[test]
fn every_family_has_one_header_followed_by_its_series() {
    for format in [Format::Text, Format::OpenMetrics] {
        let text = whole(source(every_kind()).page(format, view(States::All)));
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
fn every_family_of_an_empty_snapshot_has_a_header() {
    let empty = textfile(Arc::default(), true);
    let headed = whole(empty).lines().filter(|line| line.starts_with("# TYPE ")).count();
    assert_eq!(headed, families().count() - 1 + 2, "no countdowns, plus two families of the exporter");
}

#[test]
fn only_counters_end_in_total_and_only_infos_in_info() {
    for family in families() {
        assert_eq!(family.name.ends_with("_total"), family.kind == exposition::Kind::Counter);
        assert_eq!(family.name.ends_with("_info"), family.kind == exposition::Kind::Info);
    }
    for family in source(every_kind()).page(Format::Text, view(States::All)).own {
        assert_eq!(family.name().ends_with("_total"), family.get_field_type() == MetricType::COUNTER);
    }
}

#[test]
fn the_families_of_the_exporter_come_last_followed_by_those_of_the_process() {
    let text = whole(source(every_kind()).page(Format::Text, view(States::All)));
    let headers = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names: Vec<_> = headers.map(|header| header.split(' ').next().unwrap()).collect();
    let position = |wanted: &str| names.iter().position(|name| *name == wanted).unwrap();
    assert!(position("cloudflare_aop_certificate_info") < position("cloudflare_aop_api_requests_total"));
    assert!(position("cloudflare_aop_api_requests_total") < position("cloudflare_aop_exporter_polls_total"));
    assert!(position("cloudflare_aop_exporter_polls_total") < position("cloudflare_aop_exporter_build_info"));
    assert_eq!(position("cloudflare_aop_exporter_build_info") + 1, position("process_cpu_seconds_total"));
}
