use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::domain::{
    Association, Certificate, CertificateDetails, Entry, Expectation, Expected, Extent, HostnameTarget,
    Status, ZoneTarget,
};

fn date(second: i64) -> Date {
    jiff::Timestamp::from_second(second).unwrap().into()
}

fn name(number: u8) -> Hostname {
    format!("h{number}.example").parse().unwrap()
}

fn targets(hostnames: &BTreeSet<u8>) -> Targets {
    let hostnames = hostnames
        .iter()
        .map(|number| HostnameTarget { hostname: name(*number), expectation: Expectation::default() });
    let zone = ZoneTarget::named("default".into(), "example".parse().unwrap(), None);
    Targets::new([zone.with_hostnames(hostnames.collect())])
}

fn key() -> ZoneKey {
    ZoneKey::from(&"example".parse().unwrap())
}

fn outcome(hostnames: Vec<(Hostname, Result<Reading, Reason>)>) -> Outcome {
    Outcome { hostnames, ..Outcome::of(key()) }
}

fn enabled(read_at: i64) -> Reading {
    Reading::bare(Association::Enabled, date(read_at))
}

#[test]
fn a_zone_that_failed_takes_all_its_hostnames_down_and_keeps_their_readings() {
    let snapshot = Snapshot::default().retarget(&targets(&BTreeSet::from([1, 2])));
    let read = Outcome {
        end: Some((Ok(()), date(100))),
        ..outcome(vec![(name(1), Ok(enabled(99))), (name(2), Err(Reason::Timeout))])
    };
    let snapshot = snapshot.fold(&[read]);
    let zone = snapshot.zone(&key()).unwrap();
    assert!(zone.is_up());
    assert_eq!(zone.entries().iter().map(Entry::is_up).collect::<Vec<_>>(), [true, false]);

    let failed = Outcome { end: Some((Err(Reason::Auth), date(200))), ..outcome(vec![]) };
    let snapshot = snapshot.fold(&[failed]);
    let zone = snapshot.zone(&key()).unwrap();
    assert!(!zone.is_up() && zone.is_tried());
    assert_eq!(zone.last_success(), Some(date(100)));
    assert_eq!(zone.entries()[0].reading(), Some(&enabled(99)));
    assert!(zone.entries().iter().all(|entry| entry.failure() == Some(Reason::Auth)));
}

#[test]
fn a_zone_that_is_still_being_polled_is_not_yet_tried() {
    let snapshot = Snapshot::default().retarget(&targets(&BTreeSet::from([1])));
    let snapshot = snapshot.fold(&[outcome(vec![(name(1), Ok(enabled(5)))])]);
    let zone = snapshot.zone(&key()).unwrap();
    assert!(!zone.is_tried() && !zone.is_up());
    assert!(zone.entries()[0].is_up());
}

#[test]
fn a_zone_under_another_id_or_account_starts_unread() {
    let id = |digit: &str| Some(digit.repeat(32).parse().unwrap());
    let of = |account: &str, id| {
        let zone = ZoneTarget::named(account.into(), "example".parse().unwrap(), id);
        Targets::new([zone])
    };
    let read = Outcome { end: Some((Ok(()), date(1))), ..outcome(vec![]) };
    let snapshot = Snapshot::default().retarget(&of("one", id("1"))).fold(&[read]);
    let tried = |targets| snapshot.retarget(&targets).zones()[0].is_tried();
    assert!(tried(of("one", id("1"))));
    assert!(!tried(of("one", id("2"))));
    assert!(!tried(of("two", id("1"))));
}

#[test]
fn what_leaves_is_counted() {
    let snapshot = Snapshot::default().retarget(&targets(&BTreeSet::from([1, 2, 3])));
    assert_eq!(snapshot.zones()[0].removed(), 0);
    let snapshot = snapshot.retarget(&targets(&BTreeSet::from([2, 4])));
    assert_eq!(snapshot.zones()[0].removed(), 2);
}

#[test]
fn a_hostname_that_is_no_longer_named_goes_on_as_one_that_was_found() {
    let discovered = Extent { discovered: Some(Expected::Disabled), ..Extent::default() };
    let zone =
        |hostnames: &BTreeSet<u8>| targets(hostnames).zones()[0].as_ref().clone().with_extent(discovered);
    let named = Snapshot::default().retarget(&Targets::new([zone(&BTreeSet::from([1, 2]))]));
    let named = named.fold(&[outcome(vec![(name(2), Ok(enabled(5)))])]);
    let snapshot = named.retarget(&Targets::new([zone(&BTreeSet::from([1]))]));
    let [first, second] = snapshot.zones()[0].entries() else { panic!("two hostnames") };
    assert!(first.is_configured() && !second.is_configured());
    assert_eq!(second.reading(), Some(&enabled(5)));
    assert_eq!(second.expectation().association, Expected::Disabled);
    assert_eq!((first.is_drifted(), second.is_drifted()), (None, Some(true)));
}

#[test]
fn the_zone_level_is_known_for_as_long_as_it_is_wanted() {
    let zone = |zone_level| {
        let extent = Extent { zone_level, ..Extent::default() };
        Targets::new([targets(&BTreeSet::from([1])).zones()[0].as_ref().clone().with_extent(extent)])
    };
    let read = Outcome { zone_level_enabled: Some(true), ..outcome(vec![]) };
    let snapshot = Snapshot::default().retarget(&zone(true)).fold(&[read]);
    assert_eq!(snapshot.retarget(&zone(true)).zones()[0].zone_level_enabled(), Some(true));
    assert_eq!(snapshot.retarget(&zone(false)).zones()[0].zone_level_enabled(), None);
}

#[test]
fn a_certificate_is_listed_once_by_its_latest_answer_and_not_when_deleted() {
    let reading = |id: &str, read_at, status| {
        let details = CertificateDetails { id: Some(id.parse().unwrap()), ..CertificateDetails::default() };
        Reading {
            certificate_status: Some(status),
            certificate: Some(Arc::new(Certificate::new(details, None))),
            ..enabled(read_at)
        }
    };
    let snapshot = Snapshot::default().retarget(&targets(&BTreeSet::from([1, 2, 3, 4])));
    let snapshot = snapshot.fold(&[outcome(vec![
        (name(1), Ok(reading("b", 10, Status::Active))),
        (name(2), Ok(reading("b", 11, Status::PendingDeletion))),
        (name(3), Ok(reading("b", 10, Status::Initializing))),
        (name(4), Ok(reading("a", 10, Status::Deleted))),
    ])]);
    let listed = snapshot.zones()[0].certificates().iter();
    let listed: Vec<_> = listed.map(|row| (row.id.as_str(), row.status)).collect();
    assert_eq!(listed, [("b", Some(Status::PendingDeletion))]);
}

/// One thing that may happen to a snapshot.
#[derive(Clone, Debug)]
enum Step {
    Retarget(BTreeSet<u8>),
    /// Results by hostname: a good one read at that second, or a failure.
    Poll(BTreeMap<u8, Option<i64>>),
    ZoneFails,
}

fn step() -> impl Strategy<Value = Step> {
    let hostnames = proptest::collection::btree_set(0_u8..12, 0..8);
    let results = proptest::collection::btree_map(0_u8..12, proptest::option::of(0_i64..1000), 0..8);
    prop_oneof![hostnames.prop_map(Step::Retarget), results.prop_map(Step::Poll), Just(Step::ZoneFails),]
}

proptest! {
    /// Beside the snapshot runs the plainest model: what is watched, and when each was last read.
    #[test]
    fn fold_keeps_every_watched_hostname_once_revives_none_and_makes_no_reading_younger(
        steps in proptest::collection::vec(step(), 0..40),
    ) {
        let mut watched = BTreeSet::new();
        let mut read: BTreeMap<u8, i64> = BTreeMap::new();
        let mut snapshot = Snapshot::default().retarget(&targets(&watched));
        for step in steps {
            match step {
                Step::Retarget(hostnames) => {
                    snapshot = snapshot.retarget(&targets(&hostnames));
                    read.retain(|number, _| hostnames.contains(number));
                    watched = hostnames;
                }
                Step::Poll(results) => {
                    let rows = results.iter().map(|(number, at)| {
                        (name(*number), at.map(enabled).ok_or(Reason::Timeout))
                    });
                    snapshot = snapshot.fold(&[outcome(rows.collect())]);
                    for (number, at) in results {
                        if let Some(at) = at.filter(|_| watched.contains(&number)) {
                            read.insert(number, at);
                        }
                    }
                }
                Step::ZoneFails => {
                    let end = Some((Err(Reason::Connect), date(0)));
                    snapshot = snapshot.fold(&[Outcome { end, ..outcome(vec![]) }]);
                }
            }
            let mut expected: Vec<_> = watched
                .iter()
                .map(|number| (name(*number), read.get(number).copied()))
                .collect();
            expected.sort();
            let entries = snapshot.zones()[0].entries().iter();
            let actual: Vec<_> = entries
                .map(|entry| (entry.hostname().clone(), entry.reading().map(|reading| reading.read_at.as_second())))
                .collect();
            prop_assert_eq!(actual, expected);
        }
    }
}
