//! A varied set of zones that shows each possible problem of a hostname once.

use jiff::{SignedDuration, Timestamp};

use super::association::AssociationChange;
use super::certificate::CertificateChange;
use super::crowd::crowd;
use super::origins::Origin;
use super::world::{World, WorldError};
use super::zone::Zone;
use crate::domain::{Expectation, Expected, Hostname, HostnameTarget, ZoneName};

/// A world for demonstrations, with the expectations of its hostnames.
pub struct Demo {
    /// The data.
    pub world: World,
    /// The zones by name, with the expectations of their hostnames. One hostname has no association.
    pub expected: Vec<(ZoneName, Vec<HostnameTarget>)>,
    /// The origins of some hostnames.
    pub origins: Vec<(Hostname, Origin)>,
}

/// The problem of a hostname.
#[derive(Clone, Copy)]
enum Case {
    /// No problem. The certificate ends after this many days.
    Healthy(i64),
    /// The association is disabled.
    Disabled,
    /// The association is void and has this status.
    Void(&'static str),
    /// There is no association.
    Missing,
    /// The association has this status.
    Status(&'static str),
    /// The API reports a later expiry than the certificate has.
    Disagrees,
}

const CASES: [(&str, &str, Case, Expected); 20] = [
    ("example.com", "api", Case::Healthy(240), Expected::Enabled),
    ("example.com", "app", Case::Healthy(240), Expected::Enabled),
    ("example.com", "www", Case::Healthy(25), Expected::Enabled),
    ("example.com", "admin", Case::Healthy(10), Expected::Enabled),
    ("example.com", "intranet", Case::Healthy(-2), Expected::Enabled),
    ("example.com", "legacy", Case::Disabled, Expected::Enabled),
    ("example.com", "staging", Case::Missing, Expected::Enabled),
    ("example.org", "www", Case::Healthy(180), Expected::Enabled),
    ("example.org", "docs", Case::Healthy(3), Expected::Enabled),
    ("example.org", "old", Case::Void("deletion_timed_out"), Expected::Enabled),
    ("example.org", "retired", Case::Void("pending_deletion"), Expected::Void),
    ("example.org", "build", Case::Status("deployment_timed_out"), Expected::Enabled),
    ("example.org", "mirror", Case::Disagrees, Expected::Enabled),
    ("example.org", "*", Case::Healthy(180), Expected::Any),
    ("shop.example", "www", Case::Healthy(320), Expected::Enabled),
    ("shop.example", "checkout", Case::Healthy(320), Expected::Enabled),
    ("shop.example", "cart", Case::Status("pending_deployment"), Expected::Enabled),
    ("shop.example", "search", Case::Status("initializing"), Expected::Enabled),
    ("shop.example", "beta", Case::Disabled, Expected::Disabled),
    ("shop.example", "media", Case::Healthy(45), Expected::Enabled),
];

/// At least one origin of each kind. The origin of `legacy` requires a certificate, but Cloudflare presents
/// none to it.
const ORIGINS: [(&str, Origin); 9] = [
    ("api.example.com", Origin::Required),
    ("app.example.com", Origin::Required),
    ("checkout.shop.example", Origin::Required),
    ("legacy.example.com", Origin::Required),
    ("www.example.org", Origin::Optional),
    ("docs.example.org", Origin::Unprotected),
    ("admin.example.com", Origin::OtherAuthority),
    ("mirror.example.org", Origin::Hangs),
    ("intranet.example.com", Origin::AsksLate),
];

/// Builds the demo as of `now`. With `hostnames`, healthy hostnames are added or some left out to get this
/// number.
///
/// # Errors
/// Fails if a certificate cannot be signed.
pub fn demo(seed: u64, now: Timestamp, hostnames: Option<usize>) -> Result<Demo, WorldError> {
    let wanted = hostnames.unwrap_or(CASES.len());
    let mut world = World::new(seed, now)?;
    world.lift_caps();
    let mut expected: Vec<(ZoneName, Vec<HostnameTarget>)> = Vec::new();
    for (zone_name, label, case, expectation) in CASES.into_iter().take(wanted) {
        let zone_name: ZoneName = zone_name.parse().map_err(|_| WorldError::NoZone)?;
        let zone = world.add_zone(&zone_name);
        zone.set_enabled(true);
        let hostname = format!("{label}.{zone_name}").parse().map_err(|_| WorldError::NoAssociation)?;
        add(zone, &hostname, case, now)?;
        let expectation = Expectation { association: expectation, ..Expectation::default() };
        let target = HostnameTarget { hostname, expectation };
        match expected.iter_mut().find(|(name, _)| *name == zone_name) {
            Some((_, targets)) => targets.push(target),
            None => expected.push((zone_name, vec![target])),
        }
    }
    world.add_demo_records();
    let zones = expected.len().max(1);
    let missing = wanted.saturating_sub(CASES.len());
    for (index, (zone_name, targets)) in expected.iter_mut().enumerate() {
        let share = missing / zones + usize::from(index < missing % zones);
        targets.extend(crowd(world.add_zone(zone_name), share, 60, now)?);
    }
    let origins = ORIGINS.iter().filter_map(|(name, origin)| {
        let mut targets = expected.iter().flat_map(|(_, targets)| targets);
        let target = targets.find(|target| target.hostname.as_str() == *name)?;
        Some((target.hostname.clone(), *origin))
    });
    let origins = origins.collect();
    Ok(Demo { world, expected, origins })
}

fn add(zone: &mut Zone, hostname: &Hostname, case: Case, now: Timestamp) -> Result<(), WorldError> {
    let days = if let Case::Healthy(days) = case { days } else { 120 };
    if matches!(case, Case::Missing) {
        return Ok(());
    }
    let id = zone.add_certificate(now + SignedDuration::from_hours(days * 24))?;
    let enabled = match case {
        Case::Disabled => Some(false),
        Case::Void(_) => None,
        _ => Some(true),
    };
    zone.associate(hostname, &id, enabled)?;
    let change = match case {
        Case::Void(status) | Case::Status(status) => {
            AssociationChange { status: Some(status.into()), ..AssociationChange::default() }
        }
        Case::Disagrees => {
            let expires_on = Some((now + SignedDuration::from_hours(3650 * 24)).to_string());
            let certificate = Some(CertificateChange { expires_on, ..CertificateChange::default() });
            AssociationChange { certificate, ..AssociationChange::default() }
        }
        _ => return Ok(()),
    };
    zone.change_association(hostname, change, now)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tokio::time::Instant;

    use super::*;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn expected(demo: &Demo) -> usize {
        demo.expected.iter().map(|(_, targets)| targets.len()).sum()
    }

    #[test]
    fn the_demo_shows_every_association_and_six_statuses() {
        let mut demo = demo(1, now(), None).unwrap();
        let mut enabled = Vec::new();
        let mut statuses = BTreeSet::new();
        for (zone, targets) in &demo.expected {
            let zone = demo.world.zone(zone.as_str()).unwrap();
            for target in targets {
                let row = zone.row(&target.hostname, Instant::now());
                enabled.push(row.map(|row| row.enabled));
                statuses.extend(row.map(|row| row.progress.at(Instant::now()).to_owned()));
            }
        }
        for state in [Some(Some(true)), Some(Some(false)), Some(None), None] {
            assert!(enabled.contains(&state), "{state:?}");
        }
        let statuses: Vec<_> = statuses.iter().map(String::as_str).collect();
        assert_eq!(
            statuses,
            [
                "active",
                "deletion_timed_out",
                "deployment_timed_out",
                "initializing",
                "pending_deletion",
                "pending_deployment"
            ]
        );
    }

    #[test]
    fn the_demo_has_the_requested_number_of_hostnames() {
        for wanted in [0, 1, 7, 20, 21, 350] {
            assert_eq!(expected(&demo(1, now(), Some(wanted)).unwrap()), wanted);
        }
        assert_eq!(expected(&demo(1, now(), None).unwrap()), 20);
    }
}
