//! Tests of hostnames that hang or are refused.

use std::time::Duration;

use super::fake::{Failure, id, names, up, world, zone};
use super::stage::Stage;
use crate::domain::{Extent, Hostname, Reason, Strategy, Targets};

const GET: Extent = Extent { strategy: Strategy::Get, ..Extent::PLAIN };
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn healthy_hostnames_are_read_in_every_poll_however_many_others_hang() {
    // the hanging ones come first by name
    let (hanging, healthy) = (names("a", 24), names("z", 4));
    let all: Vec<_> = hanging.iter().chain(&healthy).cloned().collect();
    let mut world = world(&all);
    world.zones.get_mut(&id('1')).unwrap().hanging = hanging.iter().cloned().collect();
    let stage = Stage::start(vec![zone(&all, GET)], world, Duration::from_secs(10), 1000).await;
    // by then every hostname had a GET
    for _ in 0..4 {
        stage.tick().await;
    }
    stage.asked();
    for poll in 0..20 {
        let known = stage.tick().await;
        let asked = stage.asked();
        assert_eq!(asked.iter().filter(|name| healthy.contains(name)).count(), 4, "poll {poll}: {asked:?}");
        // once each hanging one has failed while others were answered, they are read one at a time
        let most = if poll < 6 { 8 } else { 3 };
        assert!(asked.len() <= 4 + most, "poll {poll}: {asked:?}");
        assert_eq!(up(&known), (4, 28));
    }
    // hanging hostnames take turns, so that each is read once it no longer hangs
    stage.world(|world| world.zones.get_mut(&id('1')).unwrap().hanging.clear());
    for _ in 0..2 {
        stage.tick().await;
    }
    assert_eq!(up(&*stage.tick().await), (28, 28));
    assert_eq!(stage.counted("cloudflare_aop_exporter_polls_skipped_total", ""), 0.0);
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_few_requests_and_keeps_what_was_read() {
    let all = names("h", 100);
    let stage = Stage::start(vec![zone(&all, GET)], world(&all), MINUTE, 1000).await;
    assert_eq!(up(&*stage.tick().await), (100, 100));
    stage.world(|world| world.zones.get_mut(&id('1')).unwrap().get = Some(Failure(503, 0)));
    stage.calls("hostname");
    let known = stage.tick().await;
    assert_eq!(up(&known), (0, 100));
    assert!(known.zones()[0].entries().iter().all(|entry| entry.failure() == Some(Reason::ServerError)));
    assert!(known.zones()[0].entries().iter().all(|entry| entry.reading().is_some()));
    // GETs that were running when the outage began
    assert!(stage.calls("hostname") <= 10);
    stage.tick().await;
    assert!(stage.calls("hostname") <= 3 + 8);
    stage.world(|world| world.zones.get_mut(&id('1')).unwrap().get = None);
    stage.tick().await;
    assert_eq!(up(&*stage.tick().await), (100, 100));
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_refuses_every_hostname_gets_only_a_few_requests() {
    for (failure, reason) in [(Failure(403, 0), Reason::Forbidden), (Failure(404, 7003), Reason::NotFound)] {
        let all = names("h", 100);
        let mut world = world(&all);
        world.zones.get_mut(&id('1')).unwrap().get = Some(failure);
        let stage = Stage::start(vec![zone(&all, GET)], world, MINUTE, 1000).await;
        for _ in 0..3 {
            let known = stage.tick().await;
            let zone = &known.zones()[0];
            assert_eq!(zone.failure(), Some(reason));
            assert!(zone.entries().iter().all(|entry| entry.failure() == Some(reason)));
            let asked = stage.calls("hostname");
            assert!((1..=8).contains(&asked), "{failure:?}: {asked} requests");
        }
    }
}

/// Polls 24 hanging and four healthy hostnames until the poller distinguishes them.
async fn hanging_and_healthy() -> (Stage, Vec<Hostname>) {
    let (hanging, healthy) = (names("a", 24), names("z", 4));
    let all: Vec<_> = hanging.iter().chain(&healthy).cloned().collect();
    let mut world = world(&all);
    world.zones.get_mut(&id('1')).unwrap().hanging = hanging.into_iter().collect();
    let stage = Stage::start(vec![zone(&all, GET)], world, Duration::from_secs(10), 1000).await;
    for _ in 0..30 {
        stage.tick().await;
    }
    assert_eq!(up(&*stage.tick().await), (4, 28));
    (stage, healthy)
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_healthy_hostnames_still_come_before_hanging_ones() {
    for polls in [1, 20] {
        let (stage, _) = hanging_and_healthy().await;
        stage.world(|world| world.zones.get_mut(&id('1')).unwrap().get = Some(Failure(500, 0)));
        for _ in 0..polls {
            stage.tick().await;
        }
        assert_eq!(up(&stage.keeper.snapshot()), (0, 28));
        stage.world(|world| world.zones.get_mut(&id('1')).unwrap().get = None);
        stage.tick().await;
        assert_eq!(up(&*stage.tick().await), (4, 28), "after {polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_healthy_hostname_that_failed_once_comes_before_hanging_ones() {
    let (stage, healthy) = hanging_and_healthy().await;
    stage.world(|world| world.zones.get_mut(&id('1')).unwrap().hanging.insert(healthy[0].clone()));
    stage.tick().await;
    assert_eq!(up(&*stage.tick().await), (3, 28));
    stage.world(|world| world.zones.get_mut(&id('1')).unwrap().hanging.remove(&healthy[0]));
    stage.tick().await;
    assert_eq!(up(&*stage.tick().await), (4, 28));
}

#[tokio::test(start_paused = true)]
async fn after_adding_a_hostname_healthy_ones_still_come_before_hanging_ones() {
    let (stage, healthy) = hanging_and_healthy().await;
    let all: Vec<_> = names("a", 25).into_iter().chain(healthy.clone()).collect();
    stage.keeper.retarget(Targets::new([zone(&all, GET)])).await;
    stage.setup.send_modify(|_| ());
    stage.asked();
    stage.tick().await;
    let asked = stage.asked();
    assert!(healthy.iter().all(|hostname| asked.contains(hostname)), "{asked:?}");
}
