//! Our own rate limit, enforced in every sliding window.

use std::collections::{BTreeSet, VecDeque};

use tokio::time::Instant;

use super::RateLimit;

/// The times of the requests within the last window, oldest first. This is exact in every sliding window, whereas a token
/// bucket would allow twice the limit in the first one.
pub(super) struct Ring {
    limit: RateLimit,
    sent: VecDeque<Instant>,
}

impl Ring {
    pub(super) fn new(limit: RateLimit) -> Self {
        Self { limit, sent: VecDeque::new() }
    }

    pub(super) fn sent(&self) -> impl Iterator<Item = Instant> {
        self.sent.iter().copied()
    }

    /// Adds the requests of another ring. A request in both counts once.
    pub(super) fn inherit(&mut self, sent: Vec<Instant>) {
        let all: BTreeSet<_> = self.sent().chain(sent).collect();
        self.sent = all.into_iter().collect();
    }

    pub(super) fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Changes the limit. Past requests count towards the new one.
    pub(super) fn set_limit(&mut self, limit: RateLimit) {
        self.limit = limit;
    }

    /// Returns the number of requests that may be sent now.
    pub(super) fn left(&mut self, now: Instant) -> usize {
        self.drop_expired(now);
        (self.limit.requests.get() as usize).saturating_sub(self.sent.len())
    }

    /// Succeeds if a request may be sent now. Otherwise returns the time when the next one may.
    pub(super) fn check(&mut self, now: Instant) -> Result<(), Instant> {
        self.drop_expired(now);
        // after the limit was lowered, there may be more requests than it allows
        match self.sent.len().checked_sub(self.limit.requests.get() as usize) {
            Some(excess) => Err(self.sent[excess] + self.limit.per),
            None => Ok(()),
        }
    }

    /// Counts a request sent now, after [`Ring::check`] has allowed it.
    pub(super) fn record(&mut self, now: Instant) {
        self.sent.push_back(now);
    }

    /// Removes requests older than the window.
    fn drop_expired(&mut self, now: Instant) {
        while self.sent.front().is_some_and(|oldest| now >= *oldest + self.limit.per) {
            self.sent.pop_front();
        }
    }
}
