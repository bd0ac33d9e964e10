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
use crate::schedule::{Schedule, Ticks};

/// The schedule is restarted if the clock is set back by at least this many seconds. A leap second is less.
const STEP: f64 = 2.0;

/// The timing of polls.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Timing {
    pub(super) schedule: Schedule,
    /// The maximum random delay of each tick.
    pub(super) jitter: Duration,
}

/// The tolerance for missing ticks.
#[derive(Clone, Copy)]
pub(super) struct Watch {
    /// The interval between two checks of the clock.
    look: Duration,
    /// The maximum delay of a tick before the schedule is restarted.
    late: Duration,
}

impl Default for Watch {
    fn default() -> Self {
        Self { look: Duration::from_secs(5), late: Duration::from_secs(60) }
    }
}

/// Forwards the ticks of the `timing` in force to `tick`.
pub(super) async fn keep(
    timing: watch::Receiver<Timing>,
    tick: mpsc::Sender<()>,
    clock: Clock,
    watch: Watch,
) -> anyhow::Result<Infallible> {
    keep_with(Ticks::start, timing, tick, clock, watch).await
}

async fn keep_with(
    start: impl Fn(&Schedule, Duration) -> Ticks,
    mut timing: watch::Receiver<Timing>,
    tick: mpsc::Sender<()>,
    clock: Clock,
    watch: Watch,
) -> anyhow::Result<Infallible> {
    loop {
        let Timing { schedule, jitter } = timing.borrow_and_update().clone();
        let mut ticks = start(&schedule, jitter);
        let mut set_back = pin!(set_back(&clock, watch.look));
        loop {
            tokio::select! {
                ticked = ticks.next() => {
                    ticked.context("schedule")?;
                    // full only while no poll takes ticks
                    _ = tick.try_send(());
                }
                Ok(()) = timing.changed() => break,
                // the scheduler waits for a time of day, which is now further away
                () = &mut set_back => {
                    tracing::warn!("the system clock was set back: restarting the schedule");
                    break;
                }
                // if a task of the scheduler panics, the ticks end without an error
                () = late(&schedule, jitter + watch.late, &clock) => {
                    tracing::error!("the schedule has missed a tick: restarting it");
                    break;
                }
            }
        }
        ticks.stop().await;
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

/// Returns true if wall time was set back while this much monotonic time passed. A clock that is slowed down
/// slows both.
fn is_set_back(wall: SignedDuration, steady: Duration) -> bool {
    wall.as_secs_f64() + STEP < steady.as_secs_f64()
}

/// Waits until `time` after the next tick is due.
async fn late(schedule: &Schedule, time: Duration, clock: &Clock) {
    let now = clock.now();
    match schedule.next(now) {
        Some(next) => sleep(now.duration_until(next).unsigned_abs() + time).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;

    #[test]
    fn the_clock_is_set_back_if_it_loses_seconds_at_once() {
        let set_back =
            |wall, steady| is_set_back(SignedDuration::from_millis(wall), Duration::from_millis(steady));
        assert!(set_back(-3_595_000, 5000));
        assert!(set_back(2000, 5000));
        assert!(!set_back(4000, 5000), "a leap second");
        assert!(!set_back(5000, 5000));
        assert!(!set_back(3_605_000, 5000), "a step forward");
        assert!(!set_back(600_000, 600_000), "a runtime that was busy for ten minutes");
    }

    const NEVER: Duration = Duration::from_secs(3600);
    const SOON: Duration = Duration::from_millis(1);

    /// A schedule that ticks on leap days, kept by a task.
    struct Kept {
        timing: watch::Sender<Timing>,
        /// Receives the schedule at each start.
        starts: mpsc::UnboundedReceiver<String>,
        _tick: mpsc::Receiver<()>,
        _keeps: JoinHandle<anyhow::Result<Infallible>>,
    }

    impl Kept {
        fn new(clock: &Clock, watch: Watch) -> Self {
            let (timing, followed) = watch::channel(Self::on(29));
            let ((tick, kept), (started, starts)) = (mpsc::channel(1), mpsc::unbounded_channel());
            let start = move |schedule: &Schedule, jitter| {
                started.send(schedule.to_string()).unwrap();
                Ticks::start(schedule, jitter)
            };
            let keeps = tokio::spawn(keep_with(start, followed, tick, clock.clone(), watch));
            Self { timing, starts, _tick: kept, _keeps: keeps }
        }

        fn on(day: u8) -> Timing {
            Timing { schedule: format!("0 0 0 {day} 2 *").parse().unwrap(), jitter: Duration::ZERO }
        }

        async fn starts_again(&mut self) -> String {
            timeout(Duration::from_secs(20), self.starts.recv()).await.unwrap().unwrap()
        }
    }

    #[tokio::test]
    async fn the_schedule_is_restarted_once_the_clock_is_set_back() {
        let clock = Clock::fixed("2026-01-01T00:00:00Z".parse().unwrap());
        let mut kept = Kept::new(&clock, Watch { look: SOON, late: NEVER });
        kept.starts_again().await;
        clock.set("2025-12-31T23:00:00Z".parse().unwrap());
        kept.starts_again().await;
    }

    #[tokio::test]
    async fn the_schedule_is_restarted_if_a_tick_is_missed() {
        let clock = Clock::fixed("2028-02-28T23:59:59Z".parse().unwrap());
        let mut kept = Kept::new(&clock, Watch { look: NEVER, late: SOON });
        for _ in 0..2 {
            kept.starts_again().await;
        }
    }

    #[tokio::test]
    async fn the_schedule_is_restarted_once_it_changes() {
        let clock = Clock::fixed("2026-01-01T00:00:00Z".parse().unwrap());
        let mut kept = Kept::new(&clock, Watch { look: NEVER, late: NEVER });
        assert_eq!(kept.starts_again().await, "0 0 0 29 2 *");
        kept.timing.send_replace(Kept::on(28));
        assert_eq!(kept.starts_again().await, "0 0 0 28 2 *");
    }
}
