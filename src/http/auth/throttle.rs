//! A throttle for password checks. One runs at a time, and few may wait.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// The maximum number of waiting checks. With more, clients would time out before their turn.
const WAITING: usize = 8;

/// Runs one check at a time and limits the number of waiting checks.
pub(super) struct Throttle {
    waiting: Semaphore,
    pub(super) running: Arc<Semaphore>,
}

impl Throttle {
    /// Creates a throttle without any checks.
    pub(super) fn new() -> Self {
        Self { waiting: Semaphore::new(WAITING), running: Arc::new(Semaphore::new(1)) }
    }

    /// Waits for a turn. None if too many checks wait or `gone` resolves first.
    ///
    /// The first permit counts the caller as waiting, the second is the turn. Each is held until it is dropped.
    pub(super) async fn turn(
        &self,
        gone: impl Future<Output = ()>,
    ) -> Option<(SemaphorePermit<'_>, OwnedSemaphorePermit)> {
        let waiting = self.waiting.try_acquire().ok()?;
        tokio::select! {
            // biased, so that a free turn is taken even if `gone` has resolved
            biased;
            running = Arc::clone(&self.running).acquire_owned() => Some((waiting, running.ok()?)),
            () = gone => None,
        }
    }
}
