//! Tests of the series of one hostname.

use super::*;

/// Returns the series of one hostname except its findings, without the labels that identify it.
fn series_of(answer: Option<Result<Reading, Reason>>, states: States) -> Vec<String> {
    let text = whole(source(zone(&[("h.a.example", answer)])).page(Format::Text, view(states)));
    let is_finding = |line: &&str| line.starts_with("cloudflare_aop_hostname_finding");
    let series = text.lines().filter(|line| line.contains("hostname=\"h.a.example\"") && !is_finding(line));
    let series = series.map(|line| line.replace("zone=\"a.example\",hostname=\"h.a.example\"", ""));
    series.map(|line| line.replacen("cloudflare_aop_hostname_", "", 1)).collect()
}

#[test]
fn an_unread_hostname_is_down_and_has_no_other_series() {
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
fn a_void_association_has_only_the_series_with_data() {
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
fn a_full_association_has_34_series_or_17_with_current_states_only() {
    for association in [Association::Enabled, Association::Disabled] {
        let reading = full(association, certificate("c-1", "ca", NOW));
        assert_eq!(series_of(Some(Ok(reading.clone())), States::All).len(), 34);
        assert_eq!(series_of(Some(Ok(reading)), States::Current).len(), 17);
    }
}

#[test]
fn a_hostname_has_a_series_for_each_current_finding() {
    let findings = |reading| {
        let text = whole(source(zone(&[("h.a.example", reading)])).page(Format::Text, View::default()));
        let lines = text.lines().filter_map(|line| line.strip_prefix("cloudflare_aop_hostname_finding{"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let labels = "account=\"main\",zone=\"a.example\",hostname=\"h.a.example\",finding=";
    assert_eq!(findings(None), [format!("{labels}\"not_read\",severity=\"unknown\"}} 1")]);
    let expired = full(Association::Enabled, certificate("c-1", "ca", NOW - 10));
    let expired = Reading { status: Some(Status::DeletionTimedOut), ..expired };
    let expected = [("expired", "critical"), ("deletion_timed_out", "warning"), ("pending", "warning")];
    assert_eq!(
        findings(Some(Ok(expired.clone()))),
        expected.map(|(code, severity)| format!("{labels}\"{code}\",severity=\"{severity}\"}} 1"))
    );
    let healthy = Reading {
        status: Some(Status::Active),
        certificate_status: Some(Status::Active),
        certificate: Some(certificate("c-1", "ca", NOW + 90 * 86_400)),
        ..expired
    };
    assert_eq!(findings(Some(Ok(healthy))), [] as [&str; 0]);
}

#[test]
fn every_state_is_shown() {
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
fn an_expired_certificate_has_a_negative_time_to_expiry() {
    let reading = full(Association::Enabled, certificate("c-1", "ca", NOW - 10));
    let series = series_of(Some(Ok(reading)), States::Current);
    assert!(series.contains(&"certificate_expires_in_seconds{} -10".to_owned()));
}

#[test]
fn free_text_is_cut_at_256_bytes_between_characters() {
    let issuer = format!("{}éé", "x".repeat(253));
    let reading = full(Association::Enabled, certificate("c-1", &issuer, NOW));
    let series = series_of(Some(Ok(reading)), States::Current);
    let info = series.iter().find(|line| line.starts_with("certificate_info")).unwrap();
    assert!(info.contains(&format!("issuer=\"{}é\",serial", "x".repeat(253))), "{info}");
}
