//! Tests of whole accounts, watched by patterns.

use std::time::Duration;

use super::fake::{Failure, FakeZone, World, name, up};
use super::stage::Stage;
use crate::domain::{Expected, Extent, PartKind, PatternTarget, Reason, Snapshot, Targets, ZoneId, ZoneName};

const GAP: Duration = Duration::from_secs(300);

/// Returns the zone with this number.
pub(super) fn numbered(number: u64) -> (ZoneId, ZoneName) {
    (format!("{number:032x}").parse().unwrap(), format!("z{number}.example").parse().unwrap())
}

/// Returns a world in which the token sees this many zones. The first ones have an association each.
pub(super) fn account(zones: u64, with_association: u64) -> World {
    let mut world = World::default();
    for number in 1..=zones {
        let (id, zone_name) = numbered(number);
        let hostname = name(&format!("www.{zone_name}"));
        let hostnames = (number <= with_association).then_some(hostname).into_iter().collect();
        world.seen.insert(id, zone_name);
        world.zones.insert(id, FakeZone { hostnames, is_off: true, ..FakeZone::default() });
    }
    world
}

pub(super) fn everything(zone_level: bool) -> Targets {
    let extent = Extent { zone_level, discovered: Some(Expected::Any), ..Extent::default() };
    let pattern = PatternTarget {
        account: "a".into(),
        pattern: "*".parse().unwrap(),
        only: None,
        exclude: vec!["z3.*".parse().unwrap()],
        extent,
    };
    Targets::default().with_patterns(vec![pattern])
}

fn zones(known: &Snapshot) -> Vec<&str> {
    known.zones().iter().map(|zone| zone.key().as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_pattern_watches_the_visible_zones_except_those_it_excludes() {
    let stage = Stage::watching(everything(false), account(4, 2), GAP, 600).await;
    let known = stage.tick().await;
    assert_eq!(zones(&known), ["z1.example", "z2.example", "z4.example"]);
    assert_eq!(up(&known), (2, 2));
    assert_eq!(
        (stage.calls("all_zones"), stage.calls("associations"), stage.calls("certificates")),
        (1, 3, 2)
    );
    stage.tick().await;
    stage.tick().await;
    assert_eq!(stage.calls("all_zones"), 0, "the list is read again within the hour, not in each poll");
    assert_eq!(stage.calls("associations"), 4, "the empty zone is not read in each poll either");
}

#[tokio::test(start_paused = true)]
async fn a_new_zone_appears_and_one_confirmed_gone_leaves() {
    let stage = Stage::watching(everything(false), account(2, 2), GAP, 600).await;
    stage.tick().await;
    let (id, new) = numbered(7);
    stage.world(|world| {
        world.seen.remove(&numbered(1).0);
        world.unlisted.insert(numbered(2).0);
        world.seen.insert(id, new);
        world.zones.insert(id, FakeZone::default());
    });
    for _ in 0..12 {
        stage.tick().await;
    }
    let known = stage.tick().await;
    assert_eq!(zones(&known), ["z2.example", "z7.example"], "an unlisted zone stays if it still exists");
    let list = known.accounts()[0].zone_list().unwrap();
    assert_eq!((list.removed, list.part.is_up()), (1, true));
    assert!(list.removed_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn known_zones_stay_whatever_keeps_the_list_from_being_read() {
    let refused = Some(Failure(403, 10_000));
    let changes: [fn(&mut World); 4] = [
        |world| world.all_zones = Some(Failure(403, 10_000)),
        |world| world.seen.clear(),
        |world| (world.list_is_cut, world.unlisted) = (true, world.seen.keys().copied().collect()),
        |world| (world.status, world.unlisted) = (Some(Failure(500, 0)), [numbered(1).0].into()),
    ];
    for (case, change) in changes.into_iter().enumerate() {
        let mut world = account(2, 1);
        world.settings = refused;
        let stage = Stage::watching(everything(false), world, GAP, 600).await;
        stage.tick().await;
        stage.world(change);
        for _ in 0..13 {
            stage.tick().await;
        }
        let known = stage.keeper.snapshot();
        assert_eq!(zones(&known), ["z1.example", "z2.example"], "{case}");
        assert_eq!(up(&known), (1, 1), "{case}");
        let list = known.accounts()[0].zone_list().unwrap();
        assert_eq!((list.removed, list.part.is_up()), (0, case == 3), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_zone_without_a_readable_status_is_reported_while_others_come_and_go() {
    let mut world = account(4, 4);
    world.without_status.insert(numbered(1).0);
    let stage = Stage::watching(everything(false), world, GAP, 600).await;
    let known = stage.tick().await;
    assert_eq!(zones(&known), ["z2.example", "z4.example"]);
    let list = known.accounts()[0].zone_list().unwrap();
    assert_eq!(list.part.failure(), Some(Reason::InvalidResponse));
    stage.world(|world| {
        world.without_status = [numbered(2).0].into();
        world.seen.remove(&numbered(4).0);
    });
    for _ in 0..13 {
        stage.tick().await;
    }
    assert_eq!(zones(&stage.keeper.snapshot()), ["z1.example", "z2.example"], "a known zone stays");
}

#[tokio::test(start_paused = true)]
async fn forbidden_settings_are_tried_for_a_few_zones_and_then_for_one_an_hour() {
    let mut world = account(30, 30);
    world.settings = Some(Failure(403, 10_000));
    let stage = Stage::watching(everything(true), world, GAP, 6000).await;
    let tick = async || {
        stage.pass_quickly(GAP).await;
        stage.send_tick().await;
        stage.calls("ssl_mode")
    };
    assert_eq!(tick().await, 3);
    let mut calls = Vec::new();
    for _ in 0..24 {
        calls.push(tick().await);
    }
    assert_eq!((calls.iter().sum::<usize>(), calls.iter().max()), (1, Some(&1)), "{calls:?}");
    assert_eq!(stage.errors("forbidden"), 0.0);
    let known = stage.keeper.snapshot();
    assert!(known.zones().iter().all(|zone| zone.is_up() && zone.ssl_mode().is_none()));
}

/// Returns the numbers of requests in each poll, and the longest time between two readings of each part.
async fn over_hours(
    zones: u64,
    with_association: u64,
    zone_level: bool,
    quota: u32,
    polls: usize,
) -> (Vec<usize>, Stage) {
    let stage = Stage::watching(everything(zone_level), account(zones, with_association), GAP, quota).await;
    let mut requests = Vec::new();
    for _ in 0..polls {
        stage.pass_quickly(GAP).await;
        requests.push(stage.world(|world| std::mem::take(&mut world.calls).values().sum()));
        stage.send_tick().await;
    }
    (requests, stage)
}

#[tokio::test(start_paused = true)]
async fn two_thousand_zones_are_read_within_the_hour_and_those_with_associations_in_every_poll() {
    let (requests, stage) = over_hours(2000, 50, false, 600, 28).await;
    let (known, now) = (stage.keeper.snapshot(), stage.now());
    let settled = &requests[12..];
    assert!(settled.iter().all(|count| *count <= 330), "{requests:?}");
    assert!(settled.iter().sum::<usize>() <= 290 * settled.len(), "{requests:?}");
    assert_eq!(stage.counted("cloudflare_aop_exporter_poll_errors_total", ""), 0.0);
    for zone in known.zones() {
        let part = zone.part(PartKind::Associations);
        let age = now.seconds_from(part.last_success.unwrap());
        let limit = if zone.entries().is_empty() { 3600 } else { 600 };
        assert!(age <= limit, "{} {age}", zone.key());
        assert_eq!(part.interval.unwrap().as_secs(), if zone.entries().is_empty() { 3300 } else { 300 });
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_pass_uses_the_whole_quota_although_any_zone_may_take_two_requests() {
    for (zones, with_association, read) in [(2000, 50, 540), (2000, 2000, 275)] {
        let (requests, stage) = over_hours(zones, with_association, false, 600, 1).await;
        let known = stage.keeper.snapshot();
        let tried = known.zones().iter().filter(|zone| zone.is_up()).count();
        assert!(requests[0] <= 600 && tried >= read, "{requests:?}, {tried} of {with_association}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_the_zone_level_every_part_is_read_within_two_hours_as_its_interval_announces() {
    let (requests, stage) = over_hours(500, 12, true, 150, 44).await;
    assert_eq!(
        stage.counted("cloudflare_aop_exporter_poll_errors_total", ""),
        0.0,
        "the quota suffices for all"
    );
    assert!(requests.iter().all(|count| *count <= 150), "{requests:?}");
    let (known, now) = (stage.keeper.snapshot(), stage.now());
    for zone in known.zones() {
        for (kind, part) in zone.parts() {
            let age = now.seconds_from(part.last_success.unwrap());
            let limit = if zone.holds(kind) { 600 } else { 7200 };
            assert!(age <= limit, "{} {kind:?} {age}", zone.key());
            let interval = i64::try_from(part.interval.unwrap().as_secs()).unwrap();
            assert!(age <= interval + 600, "{} {kind:?} {age} {interval}", zone.key());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn three_hundred_zones_with_associations_leave_requests_for_all_other_parts() {
    let (_, stage) = over_hours(300, 300, true, 600, 30).await;
    let (known, now) = (stage.keeper.snapshot(), stage.now());
    assert_eq!(known.zones().len(), 299);
    for zone in known.zones() {
        for (kind, part) in zone.parts() {
            let age = now.seconds_from(part.last_success.unwrap());
            let limit = if kind == PartKind::Associations { 600 } else { 3900 };
            assert!(age <= limit, "{} {kind:?} {age}", zone.key());
        }
    }
}
