use std::sync::Arc;

use super::*;
use crate::domain::{Certificate, CertificateDetails};

fn hostname(name: &str) -> Hostname {
    name.parse().unwrap()
}

fn id(text: &str) -> CertId {
    text.parse().unwrap()
}

fn reading(association: Association, status: Option<Status>, cert_id: Option<&str>) -> Reading {
    let certificate = cert_id.map(|cert_id| {
        let details = CertificateDetails { id: Some(id(cert_id)), ..CertificateDetails::default() };
        Arc::new(Certificate::new(details, None))
    });
    Reading { status, certificate, ..Reading::bare(association, jiff::Timestamp::UNIX_EPOCH.into()) }
}

/// Returns the plan for `a.example` with this reading: a change, `kept`, or the refusal.
fn planned(
    desired: &Desired,
    association: Association,
    status: Option<Status>,
    cert_id: Option<&str>,
) -> String {
    let readings = [(hostname("a.example"), reading(association, status, cert_id))];
    match Plan::new(desired, &readings) {
        Err(refusals) => refusals[0].to_string(),
        Ok(plan) => match plan.changes().as_slice() {
            [] => "kept".to_owned(),
            [change] => format!("{:?} {}", change.enabled, change.cert_id),
            more => unreachable!("{more:?}"),
        },
    }
}

const ACTIVE: Option<Status> = Some(Status::Active);

#[test]
fn enabling_changes_every_hostname_whose_certificate_is_not_enabled() {
    let desired = Desired::Enabled(id("new"));
    let change = "Some(true) new";
    assert_eq!(planned(&desired, Association::None, None, None), change);
    assert_eq!(planned(&desired, Association::Void, ACTIVE, Some("new")), change);
    assert_eq!(planned(&desired, Association::Disabled, ACTIVE, Some("new")), change);
    assert_eq!(planned(&desired, Association::Enabled, ACTIVE, Some("old")), change);
    assert_eq!(planned(&desired, Association::Enabled, ACTIVE, None), change);
    assert_eq!(planned(&desired, Association::Enabled, ACTIVE, Some("new")), "kept");
    assert_eq!(planned(&desired, Association::Enabled, Some(Status::PendingDeployment), Some("new")), "kept");
}

#[test]
fn a_state_that_timed_out_or_is_pending_deletion_is_requested_again() {
    let desired = Desired::Enabled(id("c1"));
    for status in [Status::DeploymentTimedOut, Status::PendingDeletion] {
        assert_eq!(planned(&desired, Association::Enabled, Some(status), Some("c1")), "Some(true) c1");
        let disabled = planned(&Desired::Disabled(None), Association::Disabled, Some(status), Some("c1"));
        assert_eq!(disabled, "Some(false) c1");
    }
    let void = planned(&Desired::Void(None), Association::Void, Some(Status::DeletionTimedOut), Some("c1"));
    assert_eq!(void, "None c1");

    let certificate_status = Some(Status::DeploymentTimedOut);
    let reading = Reading { certificate_status, ..reading(Association::Enabled, ACTIVE, Some("c1")) };
    let plan = Plan::new(&desired, &[(hostname("a.example"), reading)]).unwrap();
    assert_eq!(plan.changes().len(), 1, "if only the certificate has timed out");
}

#[test]
fn disabling_keeps_the_certificate_and_needs_an_association() {
    let desired = Desired::Disabled(None);
    assert_eq!(planned(&desired, Association::Enabled, ACTIVE, Some("c1")), "Some(false) c1");
    assert_eq!(planned(&desired, Association::Disabled, ACTIVE, Some("c1")), "kept");
    assert_eq!(
        planned(&desired, Association::None, None, None),
        "a.example has no association that could be disabled: it is none"
    );
    assert_eq!(
        planned(&desired, Association::Void, Some(Status::PendingDeletion), Some("c1")),
        "a.example has no association that could be disabled: it is void (pending_deletion)"
    );
}

#[test]
fn void_needs_no_change_if_there_is_no_association() {
    let desired = Desired::Void(None);
    assert_eq!(planned(&desired, Association::Enabled, ACTIVE, Some("c1")), "None c1");
    assert_eq!(planned(&desired, Association::Disabled, ACTIVE, Some("c1")), "None c1");
    assert_eq!(planned(&desired, Association::Void, Some(Status::PendingDeletion), Some("c1")), "kept");
    assert_eq!(planned(&desired, Association::None, None, None), "kept");
}

#[test]
fn a_certificate_other_than_the_given_one_is_refused() {
    let refusal = "a.example is associated with certificate c1, not with c2";
    for desired in [Desired::Disabled(Some(id("c2"))), Desired::Void(Some(id("c2")))] {
        assert_eq!(planned(&desired, Association::Enabled, ACTIVE, Some("c1")), refusal);
    }
    let unchanged = [
        planned(&Desired::Disabled(Some(id("c2"))), Association::Disabled, ACTIVE, Some("c1")),
        planned(&Desired::Void(Some(id("c2"))), Association::Void, Some(Status::PendingDeletion), Some("c1")),
    ];
    assert_eq!(unchanged, [refusal; 2], "even if nothing would change");
    assert_eq!(planned(&Desired::Void(Some(id("c2"))), Association::None, None, None), "kept");
    assert_eq!(planned(&Desired::Void(Some(id("c1"))), Association::Enabled, ACTIVE, Some("c1")), "None c1");
}

#[test]
fn an_unknown_certificate_id_must_be_given() {
    assert_eq!(
        planned(&Desired::Void(None), Association::Enabled, ACTIVE, None),
        "Cloudflare does not say which certificate a.example is associated with: give its id"
    );
    assert_eq!(planned(&Desired::Void(Some(id("c1"))), Association::Enabled, ACTIVE, None), "None c1");
    assert_eq!(planned(&Desired::Disabled(None), Association::Disabled, ACTIVE, None), "kept");
}

#[test]
fn all_refusals_are_reported_together() {
    let bare = |association| reading(association, ACTIVE, Some("c1"));
    let readings = [
        (hostname("a.example"), bare(Association::Enabled)),
        (hostname("b.example"), bare(Association::None)),
        (hostname("c.example"), bare(Association::Void)),
    ];
    assert_eq!(Plan::new(&Desired::Disabled(None), &readings).unwrap_err().len(), 2);
}

/// Returns a plan that gives certificate `c1` to `count` hostnames without association.
fn growing(count: usize) -> Plan {
    let readings: Vec<_> = (0..count)
        .map(|number| (hostname(&format!("new-{number}.example")), reading(Association::None, None, None)))
        .collect();
    Plan::new(&Desired::Enabled(id("c1")), &readings).unwrap()
}

#[test]
fn a_certificate_may_have_at_most_100_associations() {
    let present: Vec<_> = (0..98).map(|number| hostname(&format!("old-{number}.example"))).collect();
    assert_eq!(growing(2).check_cap(&present), Ok(()));
    assert_eq!(
        growing(3).check_cap(&present).unwrap_err().to_string(),
        "certificate c1 would have 101 associations, and Cloudflare allows 100: 98 exist, and 3 would be added"
    );
    assert_eq!(growing(100).check_cap([]), Ok(()));
    assert!(growing(101).check_cap([]).is_err());
}

#[test]
fn a_hostname_that_already_has_the_certificate_is_not_counted_twice() {
    let present: Vec<_> = (0..100).map(|number| hostname(&format!("new-{number}.example"))).collect();
    assert_eq!(growing(100).check_cap(&present), Ok(()));

    let readings = [(hostname("a.example"), reading(Association::Disabled, ACTIVE, Some("c1")))];
    let plan = Plan::new(&Desired::Enabled(id("c1")), &readings).unwrap();
    assert_eq!(plan.grows(), None);
}
