//! Tests of ids that are looked up, refused, and looked up again.

use std::time::Duration;

use super::fake::{Failure, FakeZone, id, name, names, up, world, zone};
use super::stage::Stage;
use crate::domain::{Expectation, Extent, HostnameTarget, Reason, Strategy, ZoneName, ZoneTarget};

const GET: Extent = Extent { strategy: Strategy::Get, ..Extent::PLAIN };
const MINUTE: Duration = Duration::from_secs(60);

/// Returns this many zones of one hostname each, found by their names.
fn many(count: usize) -> (Vec<ZoneTarget>, super::fake::World) {
    let mut world = world(&[]);
    let zones = (0..count).map(|number| {
        let zone: ZoneName = format!("z{number:03}.example").parse().unwrap();
        let hostname = name(&format!("a.{zone}"));
        let zone_id = format!("{:032x}", number + 16).parse().unwrap();
        world.names.insert(zone.clone(), zone_id);
        let fake = FakeZone { hostnames: [hostname.clone()].into(), ..FakeZone::default() };
        world.zones.insert(zone_id, fake);
        let target = HostnameTarget { hostname, expectation: Expectation::default() };
        ZoneTarget::named("a".into(), zone, None).with_hostnames(vec![target]).with_extent(GET)
    });
    (zones.collect(), world)
}

#[tokio::test(start_paused = true)]
async fn if_one_way_to_look_up_a_zone_is_refused_the_other_is_used() {
    for (count, by_name, all_zones) in [
        (60, None, Some(Failure(403, 0))),
        (60, None, Some(Failure(500, 0))),
        (60, Some(Failure(403, 0)), None),
        (3, Some(Failure(403, 0)), None),
        (3, Some(Failure(400, 0)), None),
        (3, None, Some(Failure(403, 0))),
    ] {
        let (zones, mut world) = many(count);
        (world.by_name, world.all_zones) = (by_name, all_zones);
        let stage = Stage::start(zones, world, MINUTE, 1000).await;
        assert_eq!(up(&*stage.tick().await), (count, count), "{count}: {by_name:?}, {all_zones:?}");
        assert!(stage.calls("visible_zones") <= 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_known_id_is_used_after_any_failure_even_if_look_ups_fail() {
    let all = names("h", 3);
    let stage = Stage::start(vec![zone(&all, GET)], world(&all), MINUTE, 1000).await;
    stage.tick().await;
    for refusal in [Failure(500, 0), Failure(400, 0), Failure(403, 0), Failure(404, 7003)] {
        stage.world(|world| {
            (world.by_name, world.all_zones) = (Some(Failure(500, 0)), Some(Failure(500, 0)));
            world.zones.get_mut(&id('1')).unwrap().get = Some(refusal);
        });
        stage.tick().await;
        assert_eq!(up(&*stage.tick().await), (0, 3));
        stage.world(|world| world.zones.get_mut(&id('1')).unwrap().get = None);
        stage.tick().await;
        assert_eq!(up(&*stage.tick().await), (3, 3), "after {refusal:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn refused_ids_are_looked_up_again_and_all_ids_once_an_hour() {
    let all = names("h", 3);
    let stage = Stage::start(vec![zone(&all, GET)], world(&all), MINUTE, 1000).await;
    stage.tick().await;
    assert_eq!(stage.calls("zone_id"), 1);

    // the zone was recreated
    stage.world(|world| {
        let zone = world.zones.remove(&id('1')).unwrap();
        world.zones.insert(id('2'), zone);
        world.names.insert("example.com".parse().unwrap(), id('2'));
    });
    let known = stage.tick().await;
    assert_eq!(known.zones()[0].failure(), Some(Reason::NotFound));
    assert_eq!(up(&*stage.tick().await), (3, 3));
    assert_eq!(stage.calls("zone_id"), 1);

    // the zone has moved, but the old id still works
    stage.world(|world| {
        let zone = world.zones[&id('2')].clone();
        world.zones.insert(id('3'), zone);
        world.names.insert("example.com".parse().unwrap(), id('3'));
    });
    for _ in 0..62 {
        assert_eq!(up(&*stage.tick().await), (3, 3));
    }
    assert_eq!(stage.keeper.snapshot().zones()[0].id(), Some(id('3')));
    assert_eq!(stage.calls("zone_id"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_hangs_leaves_time_for_the_known_id() {
    let all = names("h", 3);
    let stage = Stage::start(vec![zone(&all, GET)], world(&all), Duration::from_secs(10), 1000).await;
    stage.tick().await;
    stage.world(|world| {
        world.by_name_hangs = true;
        world.zones.get_mut(&id('1')).unwrap().get = Some(Failure(403, 0));
    });
    stage.tick().await;
    assert_eq!(up(&*stage.tick().await), (0, 3));
    stage.world(|world| world.zones.get_mut(&id('1')).unwrap().get = None);
    stage.tick().await;
    assert_eq!(up(&*stage.tick().await), (3, 3));
}
