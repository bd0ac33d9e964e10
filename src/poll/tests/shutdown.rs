//! A test of a shutdown during a poll.

use std::time::Duration;

use super::fake::{id, names, up, world, zone};
use super::stage::Stage;
use crate::domain::{Extent, Strategy};

#[tokio::test(start_paused = true)]
async fn a_shutdown_during_a_poll_loses_no_answer() {
    const GET: Extent = Extent { strategy: Strategy::Get, ..Extent::PLAIN };
    let all = names("h", 10);
    let mut world = world(&all);
    world.zones.get_mut(&id('1')).unwrap().hanging = [all[9].clone()].into();
    let stage = Stage::start(vec![zone(&all, GET)], world, Duration::from_secs(60), 1000).await;
    // the nine answers have just been read, and the poll continues
    stage.pass(Duration::from_millis(200)).await;
    assert_eq!(up(&stage.keeper.snapshot()), (0, 10));
    stage.shutdown.cancel();
    // the keeper accepts no reports once it has stopped
    let mut published = stage.keeper.follow();
    while published.changed().await.is_ok() {}
    assert_eq!(up(&published.borrow()), (9, 10));
}
