//! A throttle for checks of passwords: one at a time, and few that wait.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// How many checks may wait. With more, clients would time out before their turn.
const WAITING: usize = 8;

/// Lets one check run at a time, and limits how many wait for that.
pub(super) struct Throttle {
    waiting: Semaphore,
    pub(super) running: Arc<Semaphore>,
}

impl Throttle {
    /// A throttle that nothing uses yet.
    pub(super) fn new() -> Self {
        Self { waiting: Semaphore::new(WAITING), running: Arc::new(Semaphore::new(1)) }
    }

    /// Waits for a turn; none if too many wait, or the caller is `gone` first.
    ///
    /// The first permit counts the caller as waiting, the second one is the turn. Each lasts until it is dropped.
    pub(super) async fn turn(
        &self,
        gone: impl Future<Output = ()>,
    ) -> Option<(SemaphorePermit<'_>, OwnedSemaphorePermit)> {
        let waiting = self.waiting.try_acquire().ok()?;
        tokio::select! {
            // in this order, so that a turn that is free is taken
            biased;
            running = Arc::clone(&self.running).acquire_owned() => Some((waiting, running.ok()?)),
            () = gone => None,
        }
    }
}
