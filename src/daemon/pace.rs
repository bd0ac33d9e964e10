//! The ticks of the schedule that is in force.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{mpsc, watch};

use crate::schedule::Schedule;

/// When is polled.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pace {
    pub(super) schedule: Schedule,
    /// By how much at most each tick is delayed.
    pub(super) jitter: Duration,
}

/// Passes on the ticks of `pace`, whatever that is at the time.
pub(super) async fn keep(
    mut pace: watch::Receiver<Pace>,
    tick: mpsc::Sender<()>,
) -> anyhow::Result<Infallible> {
    loop {
        let Pace { schedule, jitter } = pace.borrow_and_update().clone();
        let mut ticks = schedule.ticks(jitter).await.context("schedule")?;
        loop {
            tokio::select! {
                ticked = ticks.recv() => {
                    ticked.context("the schedule has ended")?;
                    // full only while nobody polls
                    _ = tick.try_send(());
                }
                Ok(()) = pace.changed() => break,
            }
        }
    }
}
