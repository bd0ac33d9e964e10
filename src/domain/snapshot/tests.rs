mod accounts;
mod certificates;
mod identity;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::domain::{
    Association, Certificate, CertificateDetails, Date, Entry, Expectation, Expected, Extent, Hostname,
    HostnameTarget, PartKind, Reading, Reason, SslMode, Status, ZoneTarget,
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

/// Returns the outcomes of reading these hostnames.
fn read(
    hostnames: impl IntoIterator<Item = (Hostname, Result<Reading, Reason>)>,
) -> impl Iterator<Item = (ZoneKey, Outcome)> {
    of_zone(hostnames.into_iter().map(|(hostname, result)| Outcome::Read(hostname, result)))
}

fn of_zone(outcomes: impl IntoIterator<Item = Outcome>) -> impl Iterator<Item = (ZoneKey, Outcome)> {
    outcomes.into_iter().map(|outcome| (key(), outcome))
}

fn ended(result: Result<(), Reason>, at: i64) -> [(ZoneKey, Outcome); 1] {
    [(key(), Outcome::Ended { result, at: date(at) })]
}

fn listed(
    hostnames: Vec<(Hostname, Reading)>,
    present: Option<BTreeSet<Hostname>>,
) -> [(ZoneKey, Outcome); 1] {
    [(key(), Outcome::Listed { hostnames, present, certificates: Vec::new(), at: date(0) })]
}

fn enabled(read_at: i64) -> Reading {
    Reading::bare(Association::Enabled, date(read_at))
}

#[test]
fn a_failed_zone_marks_its_hostnames_as_failed_and_keeps_their_readings() {
    let snapshot = Snapshot::default().retarget(&targets(&BTreeSet::from([1, 2])));
    let hostnames = [(name(1), Ok(enabled(99))), (name(2), Err(Reason::Timeout))];
    let snapshot = snapshot.fold(read(hostnames).chain(ended(Ok(()), 100)));
    let zone = snapshot.zone(&key()).unwrap();
    assert!(zone.is_up());
    assert_eq!(zone.entries().iter().map(Entry::is_up).collect::<Vec<_>>(), [true, false]);

    let failed = of_zone([Outcome::Failed(Reason::Auth)]);
    let snapshot = snapshot.fold(failed.chain(ended(Err(Reason::Auth), 200)));
    let zone = snapshot.zone(&key()).unwrap();
    assert!(!zone.is_up() && zone.is_tried());
    assert_eq!(zone.last_success(), Some(date(100)));
    assert_eq!(zone.entries()[0].reading(), Some(&enabled(99)));
    assert!(zone.entries().iter().all(|entry| entry.failure() == Some(Reason::Auth)));
}

#[test]
fn discovered_and_configured_hostnames_are_sorted_together() {
    let name = |name: &str| name.parse::<Hostname>().unwrap();
    let configured = HostnameTarget { hostname: name("b.example"), expectation: Expectation::default() };
    let extent = Extent { discovered: Some(Expected::Any), ..Extent::default() };
    let zone = ZoneTarget::named("main".into(), "example".parse().unwrap(), None);
    let targets = Targets::new([zone.with_hostnames(vec![configured]).with_extent(extent)]);
    let found = ["c.example", "a.example"].map(|found| (name(found), enabled(1)));
    let snapshot = Snapshot::default().retarget(&targets).fold(listed(found.into(), None));
    let zone = snapshot.zone(&key()).unwrap();
    let hostnames: Vec<_> = zone.entries().iter().map(|entry| entry.hostname().as_str()).collect();
    assert_eq!(hostnames, ["a.example", "b.example", "c.example"]);
    assert!(hostnames.iter().all(|hostname| zone.entry(&name(hostname)).is_some()));
    assert!(zone.listed().is_some());
    assert_eq!(zone.account(), "main");
}

#[test]
fn a_zone_that_is_still_being_polled_is_not_yet_tried() {
    let snapshot = Snapshot::default().retarget(&targets(&BTreeSet::from([1])));
    let snapshot = snapshot.fold(read([(name(1), Ok(enabled(5)))]));
    let zone = snapshot.zone(&key()).unwrap();
    assert!(!zone.is_tried() && !zone.is_up());
    assert!(zone.entries()[0].is_up());
}

#[test]
fn settings_are_read_if_one_succeeded_and_the_other_is_at_most_forbidden() {
    let zone_level = Extent { zone_level: true, ..Extent::default() };
    let targets = targets(&BTreeSet::from([1]));
    let targets = Targets::new([ZoneTarget::clone(&targets.zones()[0]).with_extent(zone_level)]);
    let latest = |global, ssl_mode| {
        let read = of_zone([Outcome::Settings { global, ssl_mode, at: date(5) }]);
        Snapshot::default().retarget(&targets).fold(read).zones()[0].part(PartKind::Settings).latest.unwrap()
    };
    let (strict, forbidden, timeout) = (Ok(SslMode::Strict), Reason::Forbidden, Reason::Timeout);
    assert_eq!(latest(Ok(true), strict), Ok(()));
    assert_eq!(latest(Err(forbidden), strict), Ok(()));
    assert_eq!(latest(Err(forbidden), Err(forbidden)), Err(forbidden));
    for (global, ssl_mode) in
        [(Ok(true), Err(timeout)), (Err(timeout), strict), (Err(forbidden), Err(timeout))]
    {
        assert_eq!(latest(global, ssl_mode), Err(timeout), "{global:?} {ssl_mode:?}");
    }
}

fn discovering(hostnames: &BTreeSet<u8>) -> Targets {
    let discovered = Extent { discovered: Some(Expected::Disabled), ..Extent::default() };
    Targets::new([ZoneTarget::clone(&targets(hostnames).zones()[0]).with_extent(discovered)])
}

fn hostnames(snapshot: &Snapshot) -> Vec<(&str, bool)> {
    let entries = snapshot.zones()[0].entries().iter();
    entries.map(|entry| (entry.hostname().as_str(), entry.is_up())).collect()
}

#[test]
fn vanished_hostnames_are_counted_and_unconfigured_ones_are_not() {
    let snapshot = Snapshot::default().retarget(&targets(&BTreeSet::from([1, 2, 3])));
    let snapshot = snapshot.retarget(&targets(&BTreeSet::from([2, 4])));
    assert_eq!(snapshot.zones()[0].removed(), 0);

    let found = read([(name(5), Ok(enabled(1))), (name(6), Ok(enabled(1)))]);
    let snapshot = snapshot.retarget(&discovering(&BTreeSet::from([2]))).fold(found);
    let snapshot = snapshot.fold(listed(vec![], Some([name(5)].into())));
    assert_eq!(hostnames(&snapshot), [("h2.example", false), ("h5.example", true)]);
    assert_eq!(snapshot.zones()[0].removed(), 1);
    let snapshot = snapshot.retarget(&targets(&BTreeSet::from([2])));
    assert_eq!((hostnames(&snapshot).len(), snapshot.zones()[0].removed()), (1, 1));
}

#[test]
fn a_discovered_hostname_without_association_is_removed_at_once() {
    let none = |at| Ok(Reading::bare(Association::None, date(at)));
    let snapshot = Snapshot::default().retarget(&discovering(&BTreeSet::from([1])));
    let snapshot = snapshot.fold(read([(name(1), none(1)), (name(2), none(1))]));
    assert_eq!(
        hostnames(&snapshot),
        [("h1.example", true)],
        "only a configured hostname may have no association"
    );
    let snapshot = snapshot.fold(read([(name(2), Ok(enabled(2)))]));
    let snapshot = snapshot.fold(read([(name(2), none(3))]));
    assert_eq!(hostnames(&snapshot), [("h1.example", true)]);
    assert_eq!(snapshot.zones()[0].removed(), 1);
}

#[test]
fn a_discovered_hostname_that_could_not_be_read_is_kept_as_failed() {
    let snapshot = Snapshot::default().retarget(&discovering(&BTreeSet::new()));
    let snapshot = snapshot.fold(read([(name(1), Err(Reason::Timeout))]));
    assert_eq!(hostnames(&snapshot), [("h1.example", false)]);
}

#[test]
fn a_zone_is_not_up_if_its_zone_level_could_not_be_read() {
    let zone_level = Extent { zone_level: true, ..Extent::default() };
    let targets = targets(&BTreeSet::from([1]));
    let watching = Targets::new([ZoneTarget::clone(&targets.zones()[0]).with_extent(zone_level)]);
    let poll = |enabled, at| {
        let level = of_zone([Outcome::ZoneLevel { enabled, certificates: Ok(Vec::new()), at: date(at) }]);
        level.chain(read([(name(1), Ok(self::enabled(at)))])).chain(ended(Ok(()), at))
    };
    let snapshot = Snapshot::default().retarget(&watching).fold(poll(Ok(true), 1));
    let snapshot = snapshot.fold(poll(Err(Reason::Forbidden), 2));
    let zone = &snapshot.zones()[0];
    assert_eq!((zone.failure(), zone.last_success()), (Some(Reason::Forbidden), Some(date(1))));
    assert_eq!(hostnames(&snapshot), [("h1.example", true)], "the hostname is up although the zone is not");
    assert!(snapshot.retarget(&targets).zones()[0].is_up(), "it is no longer watched");
    assert_eq!(snapshot.fold(poll(Ok(true), 3)).zones()[0].last_success(), Some(date(3)));
}

#[test]
fn a_hostname_that_is_no_longer_configured_becomes_a_discovered_one_if_it_has_an_association() {
    let named = Snapshot::default().retarget(&discovering(&BTreeSet::from([1, 2, 3, 4])));
    let none = Reading::bare(Association::None, date(5));
    let named = named.fold(read([(name(2), Ok(enabled(5))), (name(3), Ok(none))]));
    let snapshot = named.retarget(&discovering(&BTreeSet::from([1])));
    let [first, second] = snapshot.zones()[0].entries() else { panic!("two hostnames") };
    assert!(first.is_configured() && !second.is_configured());
    assert_eq!(second.reading(), Some(&enabled(5)));
    assert_eq!(second.expectation().association, Expected::Disabled);
    assert_eq!((first.is_drifted(), second.is_drifted()), (None, Some(true)));
}

#[test]
fn the_zone_level_is_kept_while_it_is_watched() {
    let zone = |zone_level| {
        let extent = Extent { zone_level, ..Extent::default() };
        Targets::new([targets(&BTreeSet::from([1])).zones()[0].as_ref().clone().with_extent(extent)])
    };
    let level = Outcome::ZoneLevel { enabled: Ok(true), certificates: Ok(Vec::new()), at: date(1) };
    let snapshot = Snapshot::default().retarget(&zone(true)).fold(of_zone([level]));
    assert_eq!(snapshot.retarget(&zone(true)).zones()[0].zone_level_enabled(), Some(true));
    assert_eq!(snapshot.retarget(&zone(false)).zones()[0].zone_level_enabled(), None);
}

/// One change of a snapshot.
#[derive(Clone, Debug)]
enum Step {
    Retarget(BTreeSet<u8>),
    /// Results by hostname: the second of a successful reading, or a failure.
    Poll(BTreeMap<u8, Option<i64>>),
    ZoneFails,
}

fn step() -> impl Strategy<Value = Step> {
    let hostnames = proptest::collection::btree_set(0_u8..12, 0..8);
    let results = proptest::collection::btree_map(0_u8..12, proptest::option::of(0_i64..1000), 0..8);
    prop_oneof![hostnames.prop_map(Step::Retarget), results.prop_map(Step::Poll), Just(Step::ZoneFails),]
}

proptest! {
    /// Compares the snapshot with a simple model: the watched hostnames, and when each was last read.
    #[test]
    fn fold_keeps_exactly_the_watched_hostnames_and_their_latest_readings(
        steps in proptest::collection::vec(step(), 0..40),
    ) {
        let mut watched = BTreeSet::new();
        let mut model: BTreeMap<u8, i64> = BTreeMap::new();
        let mut snapshot = Snapshot::default().retarget(&targets(&watched));
        for step in steps {
            match step {
                Step::Retarget(hostnames) => {
                    snapshot = snapshot.retarget(&targets(&hostnames));
                    model.retain(|number, _| hostnames.contains(number));
                    watched = hostnames;
                }
                Step::Poll(results) => {
                    let rows = results.iter().map(|(number, at)| {
                        (name(*number), at.map(enabled).ok_or(Reason::Timeout))
                    });
                    snapshot = snapshot.fold(read(rows));
                    for (number, at) in results {
                        if let Some(at) = at.filter(|_| watched.contains(&number)) {
                            model.insert(number, at);
                        }
                    }
                }
                Step::ZoneFails => {
                    let failed = of_zone([Outcome::Failed(Reason::Connect)]);
                    snapshot = snapshot.fold(failed.chain(ended(Err(Reason::Connect), 0)));
                }
            }
            let mut expected: Vec<_> = watched
                .iter()
                .map(|number| (name(*number), model.get(number).copied()))
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
