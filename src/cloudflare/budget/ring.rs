//! Our own limit, kept in every sliding window.

use std::collections::{BTreeSet, VecDeque};

use tokio::time::Instant;

use super::RateLimit;

/// The departures within the last window, oldest first. Exact in every sliding window, where a token bucket would let
/// twice the quota through in the first.
pub(super) struct Ring {
    limit: RateLimit,
    departures: VecDeque<Instant>,
}

impl Ring {
    pub(super) fn new(limit: RateLimit) -> Self {
        Self { limit, departures: VecDeque::new() }
    }

    pub(super) fn departures(&self) -> impl Iterator<Item = Instant> {
        self.departures.iter().copied()
    }

    /// Adds departures of another ring; one that is in both counts once.
    pub(super) fn inherit(&mut self, departures: Vec<Instant>) {
        let all: BTreeSet<_> = self.departures().chain(departures).collect();
        self.departures = all.into_iter().collect();
    }

    pub(super) fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Changes the limit. Past departures count for the new one.
    pub(super) fn set_limit(&mut self, limit: RateLimit) {
        self.limit = limit;
    }

    /// The number of requests that may be sent now.
    pub(super) fn left(&mut self, now: Instant) -> usize {
        self.forget(now);
        (self.limit.requests.get() as usize).saturating_sub(self.departures.len())
    }

    /// Succeeds if a request may be sent now, else returns when the next one may.
    pub(super) fn check(&mut self, now: Instant) -> Result<(), Instant> {
        self.forget(now);
        // there are more than the limit where it was lowered
        match self.departures.len().checked_sub(self.limit.requests.get() as usize) {
            Some(excess) => Err(self.departures[excess] + self.limit.per),
            None => Ok(()),
        }
    }

    /// Counts a request that is sent now, as [`Ring::check`] allows.
    pub(super) fn leave(&mut self, now: Instant) {
        self.departures.push_back(now);
    }

    /// Removes departures before the window.
    fn forget(&mut self, now: Instant) {
        while self.departures.front().is_some_and(|oldest| now >= *oldest + self.limit.per) {
            self.departures.pop_front();
        }
    }
}
