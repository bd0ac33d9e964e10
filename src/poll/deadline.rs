//! The deadline of a poll's requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::plan::Load;

/// The deadline of the requests that a poll sends from one quota. Unplanned requests extend it.
pub(super) struct Deadline {
    start: Instant,
    limit: Limit,
}

enum Limit {
    Fixed(Instant),
    Planned { gap: Duration, load: Load, unplanned: AtomicUsize },
}

impl Deadline {
    /// Creates the `fixed` deadline, which never moves, or that of a poll with this load and ticks `gap`
    /// apart.
    pub(super) fn new(fixed: Option<Instant>, start: Instant, gap: Duration, load: Load) -> Self {
        let planned = || Limit::Planned { gap, load, unplanned: AtomicUsize::new(0) };
        Self { start, limit: fixed.map_or_else(planned, Limit::Fixed) }
    }

    /// Adds the time for this many more requests.
    pub(super) fn allow_for(&self, requests: usize) {
        if let Limit::Planned { unplanned, .. } = &self.limit {
            unplanned.fetch_add(requests, Ordering::Relaxed);
        }
    }

    /// Returns the deadline of the whole poll.
    pub(super) fn at(&self) -> Instant {
        match &self.limit {
            Limit::Fixed(at) => *at,
            Limit::Planned { gap, load, unplanned } => {
                self.start + load.time_limit(*gap, unplanned.load(Ordering::Relaxed))
            }
        }
    }

    /// Returns the deadline of requests that are likely to hang. It leaves time for later requests and the
    /// next poll.
    /// next poll.
    pub(super) fn halfway(&self) -> Instant {
        let at = self.at();
        match self.limit {
            Limit::Fixed(_) => at,
            Limit::Planned { .. } => self.start + at.duration_since(self.start) / 2,
        }
    }
}
