//! The ticks of the schedule that is in force.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use jiff::SignedDuration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use crate::clock::Clock;
use crate::schedule::Schedule;

/// How many seconds a clock is set back by at least; a leap second is less.
const STEP: f64 = 2.0;

/// When is polled.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pace {
    pub(super) schedule: Schedule,
    /// By how much at most each tick is delayed.
    pub(super) jitter: Duration,
}

/// How closely the ticks are watched.
#[derive(Clone, Copy)]
pub(super) struct Watch {
    /// How often the clock is looked at.
    look: Duration,
    /// How much later than it should have come a tick is no longer waited for.
    late: Duration,
}

impl Default for Watch {
    fn default() -> Self {
        Self { look: Duration::from_secs(5), late: Duration::from_secs(60) }
    }
}

/// Passes on the ticks of `pace`, whatever that is at the time.
pub(super) async fn keep(
    mut pace: watch::Receiver<Pace>,
    tick: mpsc::Sender<()>,
    clock: Clock,
    watch: Watch,
) -> anyhow::Result<Infallible> {
    loop {
        let Pace { schedule, jitter } = pace.borrow_and_update().clone();
        let mut ticks = schedule.ticks(jitter).await.context("schedule")?;
        let mut set_back = pin!(set_back(&clock, watch.look));
        loop {
            tokio::select! {
                ticked = ticks.recv() => {
                    ticked.context("the schedule has ended")?;
                    // full only while nobody polls
                    _ = tick.try_send(());
                }
                Ok(()) = pace.changed() => break,
                // the scheduler waits for a moment, which is further away now
                () = &mut set_back => {
                    tracing::warn!("the system's clock was set back: the schedule starts anew");
                    break;
                }
                // a task of the scheduler's that panics takes the ticks with it, and says nothing
                () = late(&schedule, jitter + watch.late, &clock) => {
                    tracing::error!("the schedule has not ticked: it starts anew");
                    break;
                }
            }
        }
    }
}

/// Waits until the clock is set back.
async fn set_back(clock: &Clock, look: Duration) {
    loop {
        let (wall, steady) = (clock.now(), Instant::now());
        sleep(look).await;
        if is_set_back(clock.now().duration_since(wall), steady.elapsed()) {
            return;
        }
    }
}

/// Whether wall time was set back while so much time passed. A clock that is only slowed down slows both.
fn is_set_back(wall: SignedDuration, steady: Duration) -> bool {
    wall.as_secs_f64() + STEP < steady.as_secs_f64()
}

/// Waits until the next tick should have come, and for that time longer.
async fn late(schedule: &Schedule, time: Duration, clock: &Clock) {
    let now = clock.now();
    match schedule.next(now) {
        Some(next) => sleep(now.duration_until(next).unsigned_abs() + time).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Handle;

    use super::*;

    #[test]
    fn only_a_step_back_of_seconds_is_one() {
        let set_back =
            |wall, steady| is_set_back(SignedDuration::from_millis(wall), Duration::from_millis(steady));
        assert!(set_back(-3_595_000, 5000));
        assert!(set_back(2000, 5000));
        assert!(!set_back(4000, 5000), "a leap second");
        assert!(!set_back(5000, 5000));
        assert!(!set_back(3_605_000, 5000), "a step forward");
        assert!(!set_back(600_000, 600_000), "a runtime that had no time to look");
    }

    const NEVER: Duration = Duration::from_secs(3600);
    const SOON: Duration = Duration::from_millis(1);

    /// Keeps a pace that ticks on leap days until its ticks are taken anew, which shows by the tasks of another scheduler.
    async fn wait_for_another_scheduler(clock: &Clock, watch: Watch, then: impl FnOnce()) {
        let alive = || Handle::current().metrics().num_alive_tasks();
        let pace = Pace { schedule: "0 0 0 29 2 *".parse().unwrap(), jitter: Duration::ZERO };
        let before = alive();
        let _ticks = pace.schedule.ticks(Duration::ZERO).await.unwrap();
        let (one, (_pace, followed), (tick, _kept)) =
            (alive() - before, watch::channel(pace), mpsc::channel(1));
        tokio::spawn(keep(followed, tick, clock.clone(), watch));
        let more_than = async |tasks: usize| {
            let more = async {
                while alive() <= before + tasks {
                    sleep(SOON).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(20), more).await.unwrap();
        };
        more_than(2 * one).await;
        then();
        more_than(2 * one + 1).await;
    }

    #[tokio::test]
    async fn the_ticks_are_taken_anew_once_the_clock_is_set_back() {
        let clock = Clock::fixed("2026-01-01T00:00:00Z".parse().unwrap());
        let set_back = || clock.set("2025-12-31T23:00:00Z".parse().unwrap());
        wait_for_another_scheduler(&clock, Watch { look: SOON, late: NEVER }, set_back).await;
    }

    #[tokio::test]
    async fn the_ticks_are_taken_anew_where_none_came_when_it_should_have() {
        let clock = Clock::fixed("2028-02-28T23:59:59Z".parse().unwrap());
        wait_for_another_scheduler(&clock, Watch { look: NEVER, late: SOON }, || {}).await;
    }
}
