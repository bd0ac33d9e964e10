//! Tests of single polls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::accounts::{account, everything, numbered};
use super::fake::{Failure, FakeZone, id, name, names, up, world, zone};
use super::stage::Stage;
use crate::domain::{
    Date, Extent, Judge, PartKind, Reason, Snapshot, Strategy, Targets, Thresholds, ZoneKey,
};

const GAP: Duration = Duration::from_secs(300);

fn by_kind(unsent: &[(ZoneKey, PartKind)]) -> BTreeMap<PartKind, usize> {
    let mut counts = BTreeMap::new();
    for (_, kind) in unsent {
        *counts.entry(*kind).or_default() += 1;
    }
    counts
}

fn judge(known: &Arc<Snapshot>) -> Judge {
    let now: Date = super::stage::NOW.parse::<jiff::Timestamp>().unwrap().into();
    Judge::new(Arc::clone(known), Thresholds::default(), now)
}

/// Returns the number of requests about zones. The fake takes one from the quota for the list of all zones,
/// whatever its pages.
fn requests(stage: &Stage) -> usize {
    stage.calls("all_zones");
    stage.world(|world| world.calls.values().sum())
}

#[tokio::test(start_paused = true)]
async fn associations_of_all_zones_come_first_and_the_zone_level_uses_the_rest_of_the_quota() {
    let (stage, unsent) = Stage::once(everything(true), account(301, 79), GAP, 600).await;
    let known = stage.keeper.snapshot();
    assert_eq!(up(&known), (78, 78), "all of them except the excluded one");
    // 378 for the associations of 300 zones, and 220 for the zone level of 110
    assert_eq!(requests(&stage), 598);
    assert_eq!(by_kind(&unsent), [(PartKind::ZoneLevel, 190), (PartKind::Settings, 300)].into());
    let unread = known.zones().iter().filter(|zone| !zone.is_up());
    let words: Vec<_> =
        unread.flat_map(|zone| judge(&known).tell_zone(zone)).map(|told| told.message).collect();
    assert_eq!(words.len(), 190);
    assert!(
        words
            .iter()
            .all(|words| words == "zone level not read: no request was sent for lack of quota or time"),
        "{words:?}"
    );
    assert_eq!(
        stage.counted("cloudflare_aop_exporter_poll_errors_total", ""),
        0.0,
        "an unsent request is not an error"
    );
}

#[tokio::test(start_paused = true)]
async fn if_the_quota_is_too_small_for_all_associations_the_account_is_up_and_the_rest_is_not_sent() {
    let (stage, unsent) = Stage::once(everything(true), account(641, 641), GAP, 600).await;
    let known = stage.keeper.snapshot();
    // two requests for each zone; the last request lists another zone's associations, whose certificates need
    // a second
    assert_eq!((up(&known).0, requests(&stage)), (299, 599));
    assert_eq!(by_kind(&unsent)[&PartKind::Associations], 640 - 299);
    let (judge, account) = (judge(&known), &known.accounts()[0]);
    assert!(judge.is_up(account), "{:?}", judge.tell_account(account));
    let unread = known.zones().iter().find(|zone| !zone.part(PartKind::Associations).is_up()).unwrap();
    assert_eq!(judge.tell_zone(unread)[0].message, "not read: no request was sent for lack of quota or time");
}

#[tokio::test(start_paused = true)]
async fn with_enough_quota_everything_is_requested_once_although_one_hostname_hangs() {
    let mut world = account(12, 12);
    let (hung, of) = numbered(1);
    let hostname = name(&format!("www.{of}"));
    world.zones.insert(
        hung,
        FakeZone {
            hostnames: [hostname.clone()].into(),
            hanging: [hostname].into(),
            lacks_certificate: true,
            ..FakeZone::default()
        },
    );
    let (stage, unsent) = Stage::once(everything(true), world, GAP, 600).await;
    assert_eq!(unsent, []);
    assert_eq!(up(&stage.keeper.snapshot()).0, 10, "all except the hanging and the excluded one");
    for kind in ["associations", "settings", "zone_certificates", "global_switch", "ssl_mode"] {
        assert_eq!(stage.calls(kind), 11, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn forbidden_settings_are_tried_a_few_times_and_not_reported_as_unsent() {
    let mut world = account(30, 30);
    world.settings = Some(Failure(403, 10_000));
    let (stage, unsent) = Stage::once(everything(true), world, GAP, 600).await;
    assert_eq!((unsent, stage.calls("ssl_mode")), (Vec::new(), 3));
}

#[tokio::test(start_paused = true)]
async fn failures_leave_their_reserved_requests_to_other_zones() {
    let mut world = account(100, 100);
    world.zones.values_mut().take(90).for_each(|zone| zone.list = Some(Failure(403, 10_000)));
    // one request for the list, one for each of 89 failing zones, and two for each of the others
    let (stage, unsent) = Stage::once(everything(false), world, GAP, 1 + 89 + 20).await;
    assert_eq!((unsent, up(&stage.keeper.snapshot()).0), (Vec::new(), 10));
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_exceeds_the_quota_is_read_as_far_as_possible() {
    let names = names("h", 30);
    let extent = Extent { strategy: Strategy::Get, ..Extent::default() };
    let targets = Targets::new([zone(&names, extent)]);
    let (stage, unsent) = Stage::once(targets, world(&names), GAP, 21).await;
    let known = stage.keeper.snapshot();
    assert_eq!((up(&known), by_kind(&unsent)), ((20, 30), [(PartKind::Associations, 1)].into()));
    let unread = known.zones()[0].entries().iter().filter_map(|entry| entry.failure());
    assert!(unread.clone().all(|reason| reason == Reason::NotSent), "{:?}", unread.collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_zone_is_looked_up_once() {
    let mut world = world(&[]);
    world.names.clear();
    world.zones.remove(&id('1'));
    let targets = Targets::new([zone(&names("h", 1), Extent { zone_level: true, ..Extent::default() })]);
    let (stage, unsent) = Stage::once(targets, world, GAP, 3).await;
    assert_eq!((stage.calls("zone_id"), unsent), (1, Vec::new()));
}
