//! The identity of zones.

use super::*;

#[test]
fn a_zone_is_identified_by_its_id_or_by_its_name_and_account() {
    let id = |digit: &str| Some(digit.repeat(32).parse().unwrap());
    let of = |account: &str, id| {
        let zone = ZoneTarget::named(account.into(), "example".parse().unwrap(), id);
        Targets::new([zone])
    };
    let by_id = |digit| Targets::new([ZoneTarget::identified("two".into(), id(digit).unwrap())]);
    let tried = |snapshot: &Snapshot, targets| snapshot.retarget(&targets).zones()[0].is_tried();

    let snapshot = Snapshot::default().retarget(&of("one", id("1"))).fold(ended(Ok(()), 1));
    assert!(tried(&snapshot, of("one", id("1"))));
    assert!(tried(&snapshot, of("two", id("1"))));
    assert!(tried(&snapshot, by_id("1")));
    assert!(!tried(&snapshot, of("one", id("2"))));
    assert!(!tried(&snapshot, by_id("2")));

    let found = of_zone([Outcome::Identified(id("1").unwrap())]);
    let snapshot = Snapshot::default().retarget(&of("one", None)).fold(ended(Ok(()), 1)).fold(found);
    assert!(tried(&snapshot, of("one", None)));
    assert!(!tried(&snapshot, of("two", None)));
    assert!(tried(&snapshot, of("one", id("1"))), "its id was added");
    assert!(!tried(&snapshot, of("one", id("2"))), "another id was added");
    assert!(tried(&snapshot, by_id("1")), "its name was replaced by its id");
}

#[test]
fn a_removed_id_is_looked_up_again() {
    let of = |id| Targets::new([ZoneTarget::named("one".into(), "example".parse().unwrap(), id)]);
    let id = Some("1".repeat(32).parse().unwrap());
    let snapshot = Snapshot::default().retarget(&of(id)).fold(ended(Ok(()), 1)).retarget(&of(None));
    assert_eq!(snapshot.zones()[0].id(), None);
    assert_eq!(snapshot.zones()[0].last_success(), Some(date(1)), "the state is kept");
}

#[test]
fn zones_with_the_same_id_are_merged_and_can_be_split_again() {
    let id: ZoneId = "023e105f4ecef8ad9ca31a8372d0c353".parse().unwrap();
    let by_name = ZoneTarget::clone(&targets(&BTreeSet::from([1])).zones()[0]);
    let by_id = ZoneTarget::identified("other".into(), id)
        .with_hostnames(targets(&BTreeSet::from([2])).zones()[0].hostnames().to_vec());
    let twice = Targets::new([by_name.clone(), by_id.clone()]);
    let shown = |snapshot: &Snapshot| {
        let zones = snapshot.zones().iter();
        zones
            .map(|zone| (zone.key().to_string(), zone.entries().iter().filter(|entry| entry.is_up()).count()))
            .collect::<Vec<_>>()
    };
    let read_by_id = (by_id.key().clone(), Outcome::Read(name(2), Ok(enabled(5))));
    let snapshot =
        Snapshot::default().retarget(&twice).fold([read_by_id]).fold(read([(name(1), Ok(enabled(5)))]));
    assert_eq!(shown(&snapshot), [(id.to_string(), 1), ("example".to_owned(), 1)]);

    let snapshot = snapshot.fold(of_zone([Outcome::Identified(id)]));
    assert_eq!(shown(&snapshot), [("example".to_owned(), 2)]);
    assert_eq!(snapshot.zones()[0].account(), "default");
    assert_eq!(snapshot.zones()[0].twins(), [by_id.key().clone()]);
    // a running poll still uses the old key
    let late = (by_id.key().clone(), Outcome::Read(name(2), Err(Reason::Timeout)));
    assert_eq!(shown(&snapshot.fold([late])), [("example".to_owned(), 1)]);

    assert_eq!(
        shown(&snapshot.retarget(&twice)),
        [("example".to_owned(), 2)],
        "the same configuration again"
    );
    assert_eq!(shown(&snapshot.retarget(&Targets::new([by_id]))), [(id.to_string(), 1)]);
    assert_eq!(shown(&snapshot.retarget(&Targets::new([by_name]))), [("example".to_owned(), 1)]);
}
