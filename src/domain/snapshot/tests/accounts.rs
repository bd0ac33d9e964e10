//! Zones that come and go with the list of an account.

use super::*;
use crate::domain::PatternTarget;

fn found(names: &[&str]) -> Option<Vec<FoundZone>> {
    // the id follows from the name's first letter
    let zone = |name: &&str| FoundZone { name: name.parse().unwrap(), id: id(name) };
    Some(names.iter().map(zone).collect())
}

fn id(name: &str) -> ZoneId {
    format!("{:032x}", name.as_bytes()[0]).parse().unwrap()
}

/// All zones of account `a`, with `named.example` among them, and `b.example` of account `b`.
fn watching() -> Snapshot {
    let named = [("a", "named.example"), ("b", "b.example")]
        .map(|(account, name)| ZoneTarget::named(account.into(), name.parse().unwrap(), None));
    let pattern = PatternTarget {
        account: "a".into(),
        pattern: "*".parse().unwrap(),
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
fn zones_of_a_list_are_watched_and_keep_their_readings_while_they_are_in_it() {
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
fn a_zone_that_the_list_lacks_leaves_and_is_counted_unless_the_configuration_names_it() {
    let all = found(&["x.example", "y.example", "named.example"]);
    let listed = watching().with_zones("a", all, Ok(()), date(1));
    let left = listed.with_zones("a", found(&["y.example"]), Ok(()), date(9));
    assert_eq!(zones(&left), ["b.example", "named.example", "y.example"]);
    assert_eq!((list(&left).removed, list(&left).removed_at), (1, Some(date(9))));
    let same = left.with_zones("a", found(&["y.example"]), Ok(()), date(20));
    assert_eq!((list(&same).removed, list(&same).removed_at), (1, Some(date(9))), "it left once");
}

#[test]
fn a_zone_that_was_made_anew_under_its_name_is_another_and_the_former_one_has_left() {
    let listed = watching().with_zones("a", found(&["x.example"]), Ok(()), date(1));
    let ended = (listed.zones()[2].key().clone(), Outcome::Ended { result: Ok(()), at: date(5) });
    let anew = vec![FoundZone { name: "x.example".parse().unwrap(), id: id("other") }];
    let anew = listed.fold([ended]).with_zones("a", Some(anew), Ok(()), date(9));
    assert_eq!(zones(&anew), ["b.example", "named.example", "x.example"]);
    assert_eq!((anew.zones()[2].id(), anew.zones()[2].is_tried()), (Some(id("other")), false));
    assert_eq!(list(&anew).removed, 1);
}

#[test]
fn a_failure_keeps_what_was_found_and_what_a_cut_list_shows_beside_it_arrives() {
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
fn an_account_that_no_pattern_watches_has_no_list_and_one_that_is_not_configured_is_ignored() {
    for account in ["b", "c"] {
        let next = watching().with_zones(account, found(&["x.example"]), Ok(()), date(1));
        assert_eq!(zones(&next), ["b.example", "named.example"], "{account}");
        assert!(next.account(account).and_then(AccountState::zone_list).is_none(), "{account}");
    }
}
