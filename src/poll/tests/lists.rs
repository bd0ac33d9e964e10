//! Tests of lists that are refused, or do not cover all hostnames.

use std::time::Duration;

use super::fake::{Failure, id, names, up, world, zone};
use super::stage::Stage;
use crate::domain::{Expected, Extent, Strategy};

const AUTO: Extent = Extent { strategy: Strategy::Auto, ..Extent::PLAIN };
const MINUTE: Duration = Duration::from_secs(60);

/// All refusals of a list after which GETs may still work.
const REFUSALS: [Failure; 12] = [
    Failure(302, 0),
    Failure(400, 0),
    Failure(403, 0),
    Failure(404, 0),
    Failure(404, 7003),
    Failure(405, 0),
    Failure(409, 0),
    Failure(410, 0),
    Failure(422, 0),
    Failure(500, 0),
    Failure(200, 1),
    Failure(503, 10_000),
];

#[tokio::test(start_paused = true)]
async fn a_refused_list_falls_back_to_gets_in_the_same_poll() {
    for failure in REFUSALS {
        for of_certificates in [false, true] {
            let all = names("h", 6);
            let mut world = world(&all);
            let fake = world.zones.get_mut(&id('1')).unwrap();
            *(if of_certificates { &mut fake.certificates } else { &mut fake.list }) = Some(failure);
            for strategy in [Strategy::Auto, Strategy::List] {
                let world = super::fake::World {
                    zones: world.zones.clone(),
                    names: world.names.clone(),
                    ..super::fake::World::default()
                };
                let extent = Extent { strategy, ..AUTO };
                let stage = Stage::start(vec![zone(&all, extent)], world, MINUTE, 1000).await;
                assert_eq!(up(&*stage.tick().await), (6, 6), "{failure:?}, certificates: {of_certificates}");
                assert_eq!(stage.calls("hostname"), 6);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_or_quota_sends_no_gets() {
    for failure in [Failure(401, 0), Failure(429, 0), Failure(400, 6003)] {
        let all = names("h", 6);
        let mut world = world(&all);
        world.zones.get_mut(&id('1')).unwrap().list = Some(failure);
        let stage = Stage::start(vec![zone(&all, AUTO)], world, MINUTE, 1000).await;
        assert_eq!(up(&*stage.tick().await), (0, 6));
        assert_eq!(stage.calls("hostname"), 0, "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_is_retried_in_the_next_poll_after_an_outage_and_hourly_after_a_refusal() {
    for (failure, polls_with_gets) in [(Failure(500, 0), 0), (Failure(404, 0), 60)] {
        let all = names("h", 6);
        let mut world = world(&all);
        world.zones.get_mut(&id('1')).unwrap().list = Some(failure);
        let stage = Stage::start(vec![zone(&all, AUTO)], world, MINUTE, 1000).await;
        stage.tick().await;
        stage.world(|world| world.zones.get_mut(&id('1')).unwrap().list = None);
        stage.calls("hostname");
        let mut polls = 0;
        loop {
            assert_eq!(up(&*stage.tick().await), (6, 6));
            if stage.calls("hostname") == 0 {
                break;
            }
            polls += 1;
        }
        assert_eq!(polls, polls_with_gets, "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_plan_includes_gets_for_hostnames_that_lists_do_not_cover() {
    const GAP: Duration = Duration::from_secs(4);
    let all = names("h", 60);
    let discovering = Extent { discovered: Some(Expected::Enabled), ..AUTO };
    // 60 GETs take three ticks; if hostnames are discovered, the lists take a fourth
    for (extent, interval) in [(AUTO, 12.0), (discovering, 16.0)] {
        let mut world = world(&all);
        world.zones.get_mut(&id('1')).unwrap().lacks_certificate = true;
        let stage = Stage::start(vec![zone(&all, extent)], world, GAP, 20).await;
        for _ in 0..6 {
            stage.tick().await;
        }
        for _ in 0..40 {
            assert_eq!(up(&*stage.tick().await), (60, 60));
            assert_eq!(stage.interval(), interval);
        }
        assert_eq!(stage.errors("timeout"), 0.0);
        let known = stage.tick().await;
        let certificates = known.zones()[0].certificates().iter().map(|row| row.id.clone());
        assert_eq!(certificates.collect::<Vec<_>>(), [super::fake::cert_id()], "as by GET");
        let polls = |stage: &Stage| stage.counted("cloudflare_aop_exporter_polls_total", "");
        let before = polls(&stage);
        for _ in 0..12 {
            stage.tick().await;
        }
        assert_eq!(polls(&stage) - before, 48.0 / interval, "the announced interval is kept");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_without_an_expiry_date_keeps_the_known_one() {
    let all = names("h", 2);
    let stage = Stage::start(vec![zone(&all, AUTO)], world(&all), MINUTE, 1000).await;
    let end = |known: &crate::domain::Snapshot| {
        known.zones()[0].entries().iter().map(|entry| entry.reading().unwrap().ends()).collect::<Vec<_>>()
    };
    let known = end(&*stage.tick().await);
    assert!(known.iter().all(Option::is_some));
    stage.world(|world| world.zones.get_mut(&id('1')).unwrap().without_end = true);
    for _ in 0..3 {
        stage.tick().await;
        assert_eq!(end(&stage.keeper.snapshot()), known);
    }
}

#[tokio::test(start_paused = true)]
async fn the_plan_includes_gets_that_contradict_lists() {
    const GAP: Duration = Duration::from_secs(4);
    let all = names("h", 60);
    // 60 GETs take three ticks; with both lists a fourth
    for (strategy, interval) in [(Strategy::Auto, 12.0), (Strategy::List, 16.0)] {
        let mut world = world(&all);
        world.zones.get_mut(&id('1')).unwrap().lacks_rows = true;
        let stage = Stage::start(vec![zone(&all, Extent { strategy, ..AUTO })], world, GAP, 20).await;
        for _ in 0..12 {
            stage.tick().await;
        }
        for _ in 0..20 {
            assert_eq!(up(&*stage.tick().await), (60, 60), "{strategy:?}");
            assert_eq!(stage.interval(), interval, "{strategy:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_list_hangs_the_next_polls_use_gets() {
    let all = names("h", 6);
    for strategy in [Strategy::Auto, Strategy::List] {
        let mut world = world(&all);
        world.zones.get_mut(&id('1')).unwrap().list_hangs = true;
        let gap = Duration::from_secs(12);
        let stage = Stage::start(vec![zone(&all, Extent { strategy, ..AUTO })], world, gap, 1000).await;
        stage.tick().await;
        stage.tick().await;
        for _ in 0..40 {
            assert_eq!(up(&*stage.tick().await), (6, 6), "{strategy:?}");
        }
        // the list is retried after ten minutes and read again
        stage.world(|world| world.zones.get_mut(&id('1')).unwrap().list_hangs = false);
        stage.pass(MINUTE * 10).await;
        stage.tick().await;
        stage.calls("associations");
        stage.tick().await;
        stage.tick().await;
        assert_ne!(stage.calls("associations"), 0);
    }
}
