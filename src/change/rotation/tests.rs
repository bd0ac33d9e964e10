use std::sync::Arc;

use super::*;
use crate::domain::{Certificate, CertificateDetails, Date};

fn id(text: &str) -> CertId {
    text.parse().unwrap()
}

/// Returns a certificate with this serial number.
fn pem(number: u8) -> Pem {
    let date: Date = jiff::Timestamp::UNIX_EPOCH.into();
    let (subject, issuer) = ("CN=client".into(), "CN=Our CA".into());
    Pem {
        not_before: date,
        not_after: date,
        serial: [number].into(),
        subject,
        issuer,
        issuers: Box::default(),
    }
}

fn listed(name: &str, number: u8, status: Status) -> ListedCertificate {
    let details = CertificateDetails { id: Some(id(name)), ..CertificateDetails::default() };
    let certificate = Arc::new(Certificate::new(details, Some(pem(number))));
    ListedCertificate { id: id(name), status: Some(status), uploaded_on: None, certificate }
}

fn on(name: &str, cert_id: &str, association: Association, status: Status) -> (Hostname, State) {
    let state = State { association, status: Some(status), cert_id: Some(id(cert_id)) };
    (name.parse().unwrap(), state)
}

fn enabled(name: &str, cert_id: &str) -> (Hostname, State) {
    on(name, cert_id, Association::Enabled, Status::Active)
}

fn rotation(level: Level) -> Rotation {
    Rotation { level, old: id("old"), delete_old: true }
}

fn plan(certificates: &[ListedCertificate], hostnames: &[(Hostname, State)]) -> Result<RotationPlan, String> {
    let store = Store { certificates: certificates.to_vec(), hostnames: hostnames.to_vec() };
    let plan = rotation(Level::Hostname).plan(New::Pair(&pem(2)), &store);
    plan.map_err(|refusal| refusal.to_string())
}

#[test]
fn the_state_in_the_api_decides_the_next_step() {
    use Status::{Active, PendingDeletion, PendingDeployment};
    let old = listed("old", 1, Active);
    let [new, coming] = [Active, PendingDeployment].map(|status| listed("new", 2, status));
    let void = on("a.example", "old", Association::Void, PendingDeletion);
    let deploying = on("a.example", "new", Association::Enabled, PendingDeployment);
    let given_up = on("a.example", "new", Association::Enabled, Status::DeploymentTimedOut);
    for (certificates, hostname, expected) in [
        (vec![old.clone()], enabled("a.example", "old"), Step::Upload),
        (vec![old.clone(), coming], enabled("a.example", "old"), Step::AwaitCertificate),
        (vec![old.clone(), new.clone()], enabled("a.example", "old"), Step::Associate),
        (vec![old.clone(), new.clone()], given_up, Step::Associate),
        (vec![old.clone(), new.clone()], deploying, Step::AwaitHostnames),
        (vec![old.clone(), new.clone()], void, Step::AwaitVoid),
        (vec![old.clone(), new.clone()], enabled("a.example", "new"), Step::Delete),
        (vec![old, new.clone()], enabled("a.example", "other"), Step::Delete),
        // it was deleted although a hostname uses it
        (vec![listed("old", 1, PendingDeletion)], enabled("a.example", "old"), Step::Upload),
        (vec![listed("old", 1, Status::Deleted)], enabled("a.example", "old"), Step::Upload),
        (vec![listed("old", 1, PendingDeletion), new.clone()], enabled("a.example", "new"), Step::Done),
        (vec![listed("old", 1, Status::Deleted), new], enabled("a.example", "new"), Step::Done),
    ] {
        assert_eq!(plan(&certificates, &[hostname]).unwrap().step(), expected, "{certificates:?}");
    }
}

#[test]
fn hostnames_stay_enabled_or_disabled_and_others_are_not_changed() {
    let hostnames = [
        enabled("a.example", "old"),
        on("b.example", "old", Association::Disabled, Status::Active),
        on("c.example", "old", Association::Enabled, Status::PendingDeployment),
        on("d.example", "old", Association::Void, Status::PendingDeletion),
        enabled("e.example", "other"),
    ];
    let plan = plan(&[listed("old", 1, Status::Active)], &hostnames).unwrap();
    let changes = plan.changes(&id("new"));
    let found: Vec<_> =
        changes.iter().map(|change| (change.hostname.as_str(), change.enabled.unwrap())).collect();
    assert_eq!(found, [("a.example", true), ("b.example", false), ("c.example", true)]);
}

#[test]
fn a_rotation_that_cannot_be_completed_is_refused_with_its_reason() {
    let active = |name: &str, number| listed(name, number, Status::Active);
    let old = active("old", 1);
    let full: Vec<_> =
        (0..10).map(|n| if n == 0 { old.clone() } else { active(&format!("c{n}"), 10 + n) }).collect();
    let crowd: Vec<_> =
        (0..101).map(|n| enabled(&format!("h{n}.example"), if n == 0 { "old" } else { "new" })).collect();
    for (certificates, hostnames, expected) in [
        (vec![], vec![], "the zone has no hostname certificate old"),
        (vec![listed("old", 1, Status::Deleted)], vec![], "certificate old is deleted"),
        (vec![active("old", 2)], vec![], "the new certificate is the old one, old"),
        (
            vec![old.clone(), listed("new", 2, Status::PendingDeletion)],
            vec![],
            "certificate new, which is the new one, is being deleted",
        ),
        (
            vec![old.clone(), listed("new", 2, Status::DeploymentTimedOut)],
            vec![],
            "gave up deploying certificate new: delete it",
        ),
        (
            full,
            vec![enabled("a.example", "c1")],
            "the zone has 10 hostname certificates, which is the most that Cloudflare allows: delete one that no hostname uses first, such as old or c2 or",
        ),
        (
            vec![old.clone()],
            (0..101).map(|n| enabled(&format!("h{n}.example"), "old")).collect(),
            "the new certificate would have 101 associations, and Cloudflare allows 100",
        ),
        (
            vec![old, active("new", 2)],
            crowd,
            "certificate new would have 101 associations, and Cloudflare allows 100",
        ),
    ] {
        let error = plan(&certificates, &hostnames).unwrap_err();
        assert!(error.contains(expected), "{error}\n{expected}");
    }
}

#[test]
fn the_zone_level_store_needs_no_hostnames_and_may_have_more_than_ten_certificates() {
    let mut certificates: Vec<_> =
        (0..12).map(|n| listed(&format!("c{n}"), 10 + n, Status::Active)).collect();
    certificates.push(listed("old", 1, Status::Active));
    let step = |certificates: &[ListedCertificate]| {
        let store = Store { certificates: certificates.to_vec(), hostnames: Vec::new() };
        rotation(Level::Zone).plan(New::Pair(&pem(2)), &store).unwrap().step()
    };
    assert_eq!(step(&certificates), Step::Upload);
    assert_eq!(step(&[listed("old", 1, Status::PendingDeletion)]), Step::Upload);
    certificates.push(listed("new", 2, Status::Active));
    assert_eq!(step(&certificates), Step::Delete);
}
