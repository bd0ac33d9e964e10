//! Findings about a hostname.

use super::*;

/// Returns the findings about a hostname with this expectation after these results.
fn of(expectation: Expectation, results: impl IntoIterator<Item = Result<Reading, Reason>>) -> Vec<String> {
    let reads = results.into_iter().map(|result| Outcome::Read(name(), result));
    let judge = judge(known(expectation, reads));
    let zone = &judge.snapshot().zones()[0];
    described(judge.tell_hostname(zone, &zone.entries()[0]))
}

fn found(reading: Reading) -> Vec<String> {
    of(Expectation { association: Expected::Any, ..Expectation::default() }, [Ok(reading)])
}

fn with(certificate: Arc<Certificate>) -> Reading {
    Reading { certificate: Some(certificate), ..healthy() }
}

#[test]
fn a_healthy_hostname_has_no_findings() {
    assert_eq!(found(healthy()), [] as [&str; 0]);
    assert_eq!(of(Expectation::default(), [Ok(healthy())]), [] as [&str; 0]);
}

#[test]
fn an_end_has_a_finding_only_below_its_threshold() {
    let of = |seconds| found(with(ending(seconds))).join(", ");
    assert_eq!(of(-2 * DAY), "expired: expired 2 days ago");
    assert_eq!(of(0), "expired: expired 0 seconds ago");
    assert_eq!(of(1), "expires_very_soon: expires in 1 second");
    assert_eq!(of(7 * DAY - 1), "expires_very_soon: expires in 6 days");
    assert_eq!(of(7 * DAY), "expires_soon: expires in 7 days");
    assert_eq!(of(30 * DAY - 1), "expires_soon: expires in 29 days");
    assert_eq!(of(30 * DAY), "");
}

#[test]
fn the_earlier_of_the_two_ends_counts() {
    let late = CertificateDetails { expires_on: Some(at(NOW + 90 * DAY)), ..CertificateDetails::default() };
    assert_eq!(found(with(with_pem(-DAY, -DAY, late))), ["expired: expired 24 hours ago"]);
}

#[test]
fn certificates_that_begin_later_have_no_end_or_contradict_their_metadata_are_found() {
    let tomorrow = with_pem(DAY, 90 * DAY, CertificateDetails::default());
    assert_eq!(found(with(tomorrow)), ["not_yet_valid: becomes valid in 24 hours"]);
    assert_eq!(found(with(with_pem(0, 90 * DAY, CertificateDetails::default()))), [] as [&str; 0]);
    let endless = "end_unknown: the end of the certificate is unknown";
    assert_eq!(found(with(Arc::new(Certificate::new(CertificateDetails::default(), None)))), [endless]);
    assert_eq!(found(Reading { certificate: None, ..healthy() }), [endless]);
    let details = |serial_number: &str, expires_on| CertificateDetails {
        serial_number: Some(serial_number.into()),
        expires_on: Some(at(expires_on)),
        ..CertificateDetails::default()
    };
    let end = 1_900_000_000;
    assert_eq!(
        found(with(with_pem(-DAY, end - NOW, details("2", end)))),
        ["metadata_mismatch: the API and the certificate have different serial numbers"]
    );
    assert_eq!(
        found(with(with_pem(-DAY, end - NOW, details("1", end + 366 * DAY)))),
        ["metadata_mismatch: the API says that it ends 2031-03-18, the certificate says 2030-03-17"]
    );
    assert_eq!(found(with(with_pem(-DAY, end - NOW, details("1", end)))), [] as [&str; 0]);
}

#[test]
fn a_certificate_that_is_not_presented_has_no_findings() {
    for association in [Association::Disabled, Association::Void, Association::None] {
        let reading = Reading {
            association,
            certificate_status: Some(Status::Deleted),
            ..with(with_pem(DAY, -DAY, CertificateDetails::default()))
        };
        assert_eq!(found(reading), [] as [&str; 0], "{association:?}");
    }
}

#[test]
fn a_deleted_certificate_in_use_is_found() {
    let of = |status| {
        let updated = Some(at(NOW - MINUTE));
        found(Reading { certificate_status: Some(status), certificate_updated_at: updated, ..healthy() })
    };
    assert_eq!(of(Status::Deleted), ["certificate_deleted: the certificate is deleted"]);
    assert_eq!(of(Status::PendingDeletion), ["certificate_deleted: the certificate is being deleted"]);
}

#[test]
fn drift_names_the_expected_and_the_actual_state() {
    let enabled = Expectation::default;
    let reading = |association| Reading { association, ..healthy() };
    let drifted = |expectation: Expectation, reading| of(expectation, [Ok(reading)]).join(", ");
    assert_eq!(drifted(enabled(), reading(Association::Disabled)), "drifted: expected enabled, is disabled");
    assert_eq!(
        drifted(enabled(), reading(Association::None)),
        "drifted: expected enabled, has no association"
    );
    let void = Expectation { association: Expected::Void, ..Expectation::default() };
    assert_eq!(drifted(void.clone(), reading(Association::Enabled)), "drifted: expected void, is enabled");
    assert_eq!(drifted(void, reading(Association::None)), "");

    let pinned = |id: &str| Expectation { cert_id: Some(id.parse().unwrap()), ..enabled() };
    let has = |id: &str| {
        let expires_on = Some(at(NOW + 90 * DAY));
        let id = Some(id.parse().unwrap());
        with(Arc::new(Certificate::new(CertificateDetails { id, expires_on, ..Default::default() }, None)))
    };
    assert_eq!(
        drifted(pinned("2458ce5a-0c35"), has("cdbd6ed0-1f02")),
        "drifted: expected certificate 2458…, has cdbd…"
    );
    assert_eq!(
        drifted(pinned("2458ce5a-0c35"), has("2458ce5b-0c35")),
        "drifted: expected certificate 2458ce5a…, has 2458ce5b…"
    );
    assert_eq!(drifted(pinned("one"), healthy()), "drifted: expected certificate one, has none");
    assert_eq!(drifted(pinned("one"), has("one")), "");
}

#[test]
fn a_timeout_names_the_association_or_the_certificate() {
    let status = Some(Status::DeploymentTimedOut);
    assert_eq!(
        found(Reading { status, ..healthy() }),
        ["deployment_timed_out: deployment of the association timed out"]
    );
    let certificate_status = Some(Status::DeletionTimedOut);
    assert_eq!(
        found(Reading { certificate_status, association: Association::Disabled, ..healthy() }),
        ["deletion_timed_out: deletion of the certificate timed out"]
    );
    let gone = Reading { certificate_status, status, association: Association::None, ..healthy() };
    assert_eq!(found(gone), [] as [&str; 0]);
}

#[test]
fn a_change_is_found_once_it_is_pending_for_longer_than_the_threshold() {
    let pending = |status, updated: i64| {
        found(Reading { status: Some(status), updated_at: Some(at(NOW - updated)), ..healthy() }).join(", ")
    };
    assert_eq!(pending(Status::PendingDeployment, 30 * MINUTE), "");
    assert_eq!(
        pending(Status::PendingDeployment, 30 * MINUTE + 1),
        "pending: association pending_deployment for 30 minutes"
    );
    assert_eq!(pending(Status::Initializing, 3 * DAY), "pending: association initializing for 3 days");
    assert_eq!(pending(Status::Active, 3 * DAY), "");
    let certificate = Reading {
        certificate_status: Some(Status::PendingDeployment),
        certificate_uploaded_on: Some(at(NOW - HOUR)),
        ..healthy()
    };
    assert_eq!(found(certificate), ["pending: certificate pending_deployment for 1 hour"]);
}

#[test]
fn a_change_without_a_past_date_counts_from_when_it_was_first_seen() {
    for updated_at in [None, Some(at(NOW + HOUR))] {
        let reading = |seen| Reading {
            status: Some(Status::PendingDeployment),
            updated_at,
            read_at: at(NOW - seen),
            ..healthy()
        };
        let seen = |readings: &[i64]| {
            let any = Expectation { association: Expected::Any, ..Expectation::default() };
            of(any, readings.iter().map(|seen| Ok(reading(*seen))))
        };
        assert_eq!(seen(&[0]), [] as [&str; 0]);
        assert_eq!(seen(&[30 * MINUTE, 0]), [] as [&str; 0]);
        assert_eq!(seen(&[HOUR, 0]), ["pending: association pending_deployment for 1 hour"]);
    }
    let deleting = |seen| Reading {
        certificate_status: Some(Status::PendingDeletion),
        certificate_uploaded_on: Some(at(NOW - 365 * DAY)),
        association: Association::Disabled,
        read_at: at(NOW - seen),
        ..healthy()
    };
    assert_eq!(found(deleting(0)), [] as [&str; 0], "it was uploaded long before it was deleted");
}

#[test]
fn an_unread_hostname_names_the_reason_and_is_judged_by_its_last_reading() {
    assert_eq!(of(Expectation::default(), []), ["not_read: not read yet"]);
    let timeout = "not_read: not read: no answer came in time";
    assert_eq!(of(Expectation::default(), [Err(Reason::Timeout)]), [timeout]);
    let expired = with(ending(-DAY));
    assert_eq!(
        of(Expectation::default(), [Ok(expired), Err(Reason::Timeout)]),
        ["expired: expired 24 hours ago", timeout]
    );
}
