//! The plan that a stopped rotation reports.

use std::time::Duration;

use cloudflare_aop_exporter::change::{Halt, Old, Progress, RotationPlan, Step};
use cloudflare_aop_exporter::domain::Level;
use cloudflare_aop_exporter::simulator::{Effect, Fault};
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use super::Stage;
use crate::support::harness::{hostname, now};

/// Interrupts the rotation during the request of `at`.
async fn interrupted(stage: &Stage, at: Step) -> RotationPlan {
    let (rotation, client, stop) = (stage.rotation(), stage.client(), CancellationToken::new());
    let rotator = stage.rotator(&rotation, &client, stop.clone());
    let (shown, _) = rotator.plan().await.unwrap();
    let ended = rotator.run(&shown, false, |progress| {
        if matches!(progress, Progress::Step(step, ..) if step == at) {
            stop.cancel();
        }
    });
    let (halt, plan) = ended.await.unwrap_err();
    assert!(matches!(halt, Halt::Interrupted), "{at:?}: {halt}");
    plan
}

#[tokio::test]
async fn a_rotation_that_is_interrupted_knows_what_its_last_request_did() {
    let stage = Stage::new(Level::Hostname, 3).await;
    let uploaded = interrupted(&stage, Step::Upload).await;
    assert!(uploaded.new.is_some(), "{uploaded:?}");
    assert_eq!((uploaded.moves.len(), uploaded.pending.len()), (3, 0));
    let associated = interrupted(&stage, Step::Associate).await;
    assert_eq!(associated.moves, [], "{associated:?}");
    assert_eq!(associated.pending.len() + associated.done.len(), 3, "{associated:?}");
}

#[tokio::test]
async fn a_rotation_interrupted_during_its_last_request_succeeds() {
    let stage = Stage::new(Level::Hostname, 3).await;
    let (rotation, client, stop) = (stage.rotation(), stage.client(), CancellationToken::new());
    let rotator = stage.rotator(&rotation, &client, stop.clone());
    let (shown, _) = rotator.plan().await.unwrap();
    let ended = rotator.run(&shown, false, |progress| {
        if matches!(progress, Progress::Step(Step::Delete, ..)) {
            stop.cancel();
        }
    });
    assert_eq!(ended.await.map_err(|(halt, _)| halt.to_string()).unwrap().old, Old::Gone);
}

#[tokio::test]
async fn an_interrupted_rotation_knows_what_its_last_request_did_even_if_reading_fails() {
    for at in [Step::Upload, Step::Associate] {
        let stage = Stage::new(Level::Hostname, 3).await;
        let (rotation, client, stop) = (stage.rotation(), stage.client(), CancellationToken::new());
        let rotator = stage.rotator(&rotation, &client, stop.clone());
        let (shown, _) = rotator.plan().await.unwrap();
        let refused = || Effect::Status { status: 403, code: 10_000, retry_after: None };
        let ended = rotator.run(&shown, false, |progress| {
            if matches!(progress, Progress::Step(step, ..) if step == at) {
                stop.cancel();
                stage.api.simulator.add_fault(Fault::new(refused()).on_method("GET"));
            }
        });
        let (_, plan) = ended.await.unwrap_err();
        assert!(plan.new.is_some(), "{at:?}: {plan:?}");
        assert_eq!(plan.pending.len(), if at == Step::Upload { 0 } else { 3 }, "{at:?}: {plan:?}");
    }
}

#[tokio::test]
async fn a_deletion_with_a_lost_response_succeeds_even_if_the_retry_finds_nothing() {
    for level in [Level::Hostname, Level::Zone] {
        // the deletion ends before the request is repeated
        let stage = Stage { timeout: Duration::from_secs(1), ..Stage::new(level, 3).await };
        stage.api.simulator.add_fault(Fault::new(Effect::Lost).on_method("DELETE").times(1));
        let ended = stage.run().await;
        assert_eq!(ended.map_err(|halt| halt.to_string()).unwrap().old, Old::Gone);
        assert_eq!(stage.api.simulator.requests().count("DELETE", ""), 2);
    }
}

#[tokio::test]
async fn two_concurrent_rotations_reach_the_same_state() {
    for level in [Level::Hostname, Level::Zone] {
        let stage = Stage::new(level, 20).await;
        let (first, second) = tokio::join!(stage.run(), stage.run());
        for ended in [first, second] {
            assert_eq!(ended.map_err(|halt| halt.to_string()).unwrap().old, Old::Gone);
        }
        assert_eq!(stage.finish("two at once").await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_rotation_stops_before_deleting_if_hostnames_have_got_a_third_certificate() {
    for was_asked in [true, false] {
        let stage = Stage::new(Level::Hostname, 3).await;
        let (rotation, client) = (stage.rotation(), stage.client());
        let rotator = stage.rotator(&rotation, &client, CancellationToken::new());
        let (shown, _) = rotator.plan().await.unwrap();
        stage.api.simulator.with_world(|world| {
            let zone = world.zone("example.com").unwrap();
            let third = zone.add_certificate(now() + SignedDuration::from_hours(24)).unwrap();
            for number in 0..3 {
                zone.associate(&hostname(&format!("h{number}.example.com")), &third, Some(true)).unwrap();
            }
        });
        let mut told = 0;
        let ended = rotator.run(&shown, was_asked, |progress| {
            told += usize::from(matches!(progress, Progress::Changed(_)));
        });
        let ended = ended.await.map_err(|(halt, _)| halt);
        assert_eq!(matches!(ended, Err(Halt::Changed)), was_asked, "{ended:?}");
        assert_eq!(told, 1);
        let deletions = stage.api.simulator.requests().count("DELETE", "");
        assert_eq!(deletions, u64::from(!was_asked), "nothing uses the old one any more");
    }
}
