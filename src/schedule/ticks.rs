//! The ticks of a schedule, fired by tokio-cron-scheduler.

use std::io;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::Schedule;

/// A running scheduler. It ticks until it is dropped.
///
/// The scheduler has its own runtime on a blocking thread. The tasks of tokio-cron-scheduler hold each other's channels, so
/// they outlive its `shutdown` and leak 21 kB each time. Only dropping their runtime ends them.
pub struct Ticks {
    ticks: mpsc::Receiver<Result<(), TicksError>>,
    scheduler: JoinHandle<()>,
}

/// The reason why there are no more ticks.
#[derive(Debug, thiserror::Error)]
pub enum TicksError {
    /// The scheduler's runtime could not be built.
    #[error("the scheduler's runtime cannot be built: {0}")]
    Runtime(#[from] io::Error),
    /// The scheduler did not start.
    #[error("the scheduler cannot be started: {0}")]
    Start(#[from] JobSchedulerError),
    /// The scheduler panicked, or its runtime is shutting down.
    #[error("the scheduler has ended")]
    Ended,
}

impl Ticks {
    /// Starts a scheduler. Each tick is delayed by a random time of up to `jitter`.
    ///
    /// `jitter` must be shorter than [the shortest gap](Schedule::shortest_gap), or ticks delay each other. Ticks are
    /// dropped if the receiver falls behind.
    pub fn start(schedule: &Schedule, jitter: Duration) -> Self {
        let (sender, ticks) = mpsc::channel(4);
        let expression = schedule.to_string();
        let scheduler = spawn_blocking(move || {
            if let Err(error) = run(&expression, jitter, &sender) {
                // fails only if the receiver is gone
                _ = sender.blocking_send(Err(error));
            }
        });
        Self { ticks, scheduler }
    }

    /// Waits for the next tick.
    ///
    /// # Errors
    /// Fails if the scheduler could not be started or has ended.
    pub async fn next(&mut self) -> Result<(), TicksError> {
        self.ticks.recv().await.unwrap_or(Err(TicksError::Ended))
    }

    /// Stops the scheduler and waits until its resources are freed.
    pub async fn stop(self) {
        drop(self.ticks);
        // an error means that the scheduler panicked, which has freed everything
        let _ = self.scheduler.await;
    }
}

/// Sends ticks until their receiver is dropped.
fn run(
    expression: &str,
    jitter: Duration,
    ticks: &mpsc::Sender<Result<(), TicksError>>,
) -> Result<(), TicksError> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let (due, mut dues) = mpsc::channel(2);
        // one job needs a few messages per tick; the default is 200 slots in each of ten channels
        let mut scheduler = JobScheduler::new_with_channel_size(16).await?;
        scheduler.init().await?;
        let job = Job::new(expression, move |_, _| {
            // full only if the jitter exceeds the gap between ticks; the delayed tick then serves for both
            _ = due.try_send(Instant::now() + jitter.mul_f64(fastrand::f64()));
        })?;
        scheduler.add(job).await?;
        scheduler.start().await?;
        let forward = async {
            while let Some(due) = dues.recv().await {
                sleep_until(due).await;
                _ = ticks.try_send(Ok(()));
            }
        };
        tokio::select! {
            () = forward => Err(TicksError::Ended),
            () = ticks.closed() => Ok(()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_schedule_of_every_second_ticks_within_seconds() {
        let mut ticks = Ticks::start(&"* * * * * *".parse().unwrap(), Duration::from_millis(10));
        let tick = tokio::time::timeout(Duration::from_secs(5), ticks.next()).await;
        assert!(matches!(tick, Ok(Ok(()))), "{tick:?}");
    }

    #[tokio::test]
    async fn a_thousand_restarts_leak_no_task() {
        let schedule = "0 0 0 29 2 *".parse().unwrap();
        let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = alive();
        for _ in 0..1000 {
            Ticks::start(&schedule, Duration::ZERO).stop().await;
        }
        assert_eq!(alive(), before);
    }
}
