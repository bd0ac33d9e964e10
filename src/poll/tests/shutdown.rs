//! What a stop in the middle of a poll leaves.

use std::time::Duration;

use super::fake::{id, names, up, world, zone};
use super::stage::Stage;
use crate::domain::{Extent, Strategy};

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_of_a_poll_loses_no_answer() {
    const GET: Extent = Extent { strategy: Strategy::Get, ..Extent::PLAIN };
    let all = names("h", 10);
    let mut world = world(&all);
    world.zones.get_mut(&id('1')).unwrap().hanging = [all[9].clone()].into();
    let stage = Stage::start(vec![zone(&all, GET)], world, Duration::from_secs(60), 1000).await;
    // the nine answers were read less than a moment ago, and the poll goes on
    stage.pass(Duration::from_millis(200)).await;
    assert_eq!(up(&stage.keeper.snapshot()), (0, 10));
    stage.shutdown.cancel();
    // no report is accepted once the keeper has ended
    let mut published = stage.keeper.follow();
    while published.changed().await.is_ok() {}
    assert_eq!(up(&published.borrow()), (9, 10));
}
