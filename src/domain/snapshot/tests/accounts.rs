//! Zones that are added and removed by the list of an account.

use super::*;
use crate::domain::{PatternTarget, ZoneName};

fn found(names: &[&str]) -> Option<Vec<FoundZone>> {
    // the id follows from the name's first letter
    let zone = |name: &&str| FoundZone { name: name.parse().unwrap(), id: id(name) };
    Some(names.iter().map(zone).collect())
}

fn id(name: &str) -> ZoneId {
    format!("{:032x}", name.as_bytes()[0]).parse().unwrap()
}

/// Watches all zones of account `a`, of which `named.example` is configured, and `b.example` of account `b`.
fn watching() -> Snapshot {
    let named = [("a", "named.example"), ("b", "b.example")]
        .map(|(account, name)| ZoneTarget::named(account.into(), name.parse().unwrap(), None));
    let pattern = PatternTarget {
        account: "a".into(),
        pattern: "*".parse().unwrap(),
        only: None,
        exclude: Vec::new(),
        extent: Extent { discovered: Some(Expected::Any), ..Extent::default() },
    };
    Snapshot::default().retarget(&Targets::new(named).with_patterns(vec![pattern]))
}

fn zones(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.zones().iter().map(|zone| zone.key().as_str()).collect()
}

fn list(snapshot: &Snapshot) -> &ZoneList {
    snapshot.account("a").unwrap().zone_list().unwrap()
}

#[test]
fn listed_zones_are_watched_and_keep_their_readings_while_they_are_listed() {
    let listed = watching().with_zones("a", found(&["x.example", "named.example"]), Ok(()), date(1));
    assert_eq!(zones(&listed), ["b.example", "named.example", "x.example"]);
    let (x, ended) = (listed.zones()[2].key().clone(), Outcome::Ended { result: Ok(()), at: date(5) });
    let again = listed.fold([(x, ended)]);
    let again = again.with_zones("a", found(&["y.example", "x.example", "named.example"]), Ok(()), date(9));
    assert_eq!(zones(&again), ["b.example", "named.example", "x.example", "y.example"]);
    assert_eq!(again.zones()[2].last_success(), Some(date(5)));
    assert_eq!((again.found_zones("a"), again.found_zones("b"), list(&again).removed), (2, 0, 0));
}

#[test]
fn of_two_zones_with_the_same_name_the_later_one_is_labelled_by_its_id() {
    let zone =
        |id: &str| FoundZone { name: "x.example".parse().unwrap(), id: id.repeat(32).parse().unwrap() };
    let first = watching().with_zones("a", Some(vec![zone("2")]), Ok(()), date(1));
    let both = first.with_zones("a", Some(vec![zone("1"), zone("2")]), Ok(()), date(2));
    assert_eq!(zones(&both), [&*"1".repeat(32), "b.example", "named.example", "x.example"]);
    assert_eq!(both.zones()[3].id(), Some("2".repeat(32).parse().unwrap()));
    let swapped = both.with_zones("a", Some(vec![zone("2"), zone("1")]), Ok(()), date(3));
    assert_eq!(zones(&swapped), zones(&both));
}

#[test]
fn a_zone_with_a_configured_name_and_another_id_is_another_zone() {
    let id = |digit: &str| digit.repeat(32).parse::<ZoneId>().unwrap();
    let name: ZoneName = "named.example".parse().unwrap();
    let target = ZoneTarget::named("a".into(), name.clone(), Some(id("1")));
    let patterns = watching().targets.patterns().to_vec();
    let targets = Targets::new([target]).with_patterns(patterns);
    let found = ["1", "2"].map(|digit| FoundZone { name: name.clone(), id: id(digit) }).to_vec();
    let listed = Snapshot::default().retarget(&targets).with_zones("a", Some(found), Ok(()), date(1));
    assert_eq!(zones(&listed), [&*"2".repeat(32), "named.example"]);
}

#[test]
fn a_zone_missing_from_the_list_is_removed_and_counted_unless_it_is_configured() {
    let all = found(&["x.example", "y.example", "named.example"]);
    let listed = watching().with_zones("a", all, Ok(()), date(1));
    let left = listed.with_zones("a", found(&["y.example"]), Ok(()), date(9));
    assert_eq!(zones(&left), ["b.example", "named.example", "y.example"]);
    assert_eq!((list(&left).removed, list(&left).removed_at), (1, Some(date(9))));
    let same = left.with_zones("a", found(&["y.example"]), Ok(()), date(20));
    assert_eq!((list(&same).removed, list(&same).removed_at), (1, Some(date(9))), "it is counted once");
}

#[test]
fn a_recreated_zone_of_the_same_name_replaces_the_former_one() {
    let listed = watching().with_zones("a", found(&["x.example"]), Ok(()), date(1));
    let ended = (listed.zones()[2].key().clone(), Outcome::Ended { result: Ok(()), at: date(5) });
    let anew = vec![FoundZone { name: "x.example".parse().unwrap(), id: id("other") }];
    let anew = listed.fold([ended]).with_zones("a", Some(anew), Ok(()), date(9));
    assert_eq!(zones(&anew), ["b.example", "named.example", "x.example"]);
    assert_eq!((anew.zones()[2].id(), anew.zones()[2].is_tried()), (Some(id("other")), false));
    assert_eq!(list(&anew).removed, 1);
}

#[test]
fn a_failure_keeps_the_zones_and_an_incomplete_list_only_adds_zones() {
    let listed = watching().with_zones("a", found(&["x.example"]), Ok(()), date(1));
    let failed = listed.with_zones("a", None, Err(Reason::Forbidden), date(2));
    assert_eq!(zones(&failed), zones(&listed));
    assert_eq!((list(&failed).part.failure(), list(&failed).removed), (Some(Reason::Forbidden), 0));
    assert_eq!(list(&failed).part.last_success, Some(date(1)));
    let cut = found(&["x.example", "y.example"]);
    let cut = failed.with_zones("a", cut, Err(Reason::InvalidResponse), date(3));
    assert_eq!((cut.found_zones("a"), list(&cut).part.is_up()), (2, false));
    assert!(list(&cut.with_zones("a", found(&["x.example"]), Ok(()), date(4))).part.is_up());
}

#[test]
fn lists_of_accounts_without_patterns_and_of_unknown_accounts_are_ignored() {
    for account in ["b", "c"] {
        let next = watching().with_zones(account, found(&["x.example"]), Ok(()), date(1));
        assert_eq!(zones(&next), ["b.example", "named.example"], "{account}");
        assert!(next.account(account).and_then(AccountState::zone_list).is_none(), "{account}");
    }
}
