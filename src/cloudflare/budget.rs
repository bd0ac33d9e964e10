//! The request budget of one quota.

mod announced;
mod announcement;
mod ring;

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

pub(super) use announcement::Announcement;

use announced::Announced;
use ring::Ring;

/// A limit of requests in any window of a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The number of requests.
    pub requests: NonZeroU32,
    /// The length of the window.
    pub per: Duration,
}

impl RateLimit {
    /// The time that this many requests take at the limit.
    pub fn time_for(&self, requests: usize) -> Duration {
        let share = requests as f64 / f64::from(self.requests.get());
        // a product that no duration can hold is as good as never
        Duration::try_from_secs_f64(self.per.as_secs_f64() * share).unwrap_or(Duration::MAX)
    }
}

/// The longest time that a response may hold requests back. No response could correct a wrong one earlier.
pub(super) const LONGEST_BLOCK: Duration = Duration::from_secs(600);

/// The request budget of one quota, shared by all clients whose tokens belong to one Cloudflare user.
pub struct Budget {
    ledger: Mutex<Ledger>,
    /// Notified when a request has ended, which may let another one go early.
    ended: Notify,
}

/// Why a request may not be sent now, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Our own limit is reached, or the first request of a new window is not answered yet.
    OwnLimit(Instant),
    /// Cloudflare announced that nothing is left of the quota but the reserve for its other users.
    SharedQuota(Instant),
    /// Cloudflare blocked all requests.
    Blocked(Instant),
}

impl Wait {
    fn until(self) -> Instant {
        let (Self::OwnLimit(until) | Self::SharedQuota(until) | Self::Blocked(until)) = self;
        until
    }
}

/// A request that was admitted. It is in flight until its answer is recorded or this is dropped.
#[must_use]
#[derive(Debug)]
pub(super) struct Admission<'b> {
    budget: &'b Budget,
    sent: Instant,
    is_answered: bool,
}

impl Admission<'_> {
    /// Records what the answer announces about the quota.
    pub(super) fn answered(mut self, now: Instant, announcement: Option<Announcement>) {
        if let Some(announcement) = announcement {
            self.budget.ledger().announced.answered(self.sent, now, announcement);
            self.is_answered = true;
        }
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.budget.ledger().announced.lost(self.sent, Instant::now());
        }
        self.budget.ended.notify_waiters();
    }
}

impl std::fmt::Debug for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Budget").field("limit", &self.limit()).finish_non_exhaustive()
    }
}

impl Budget {
    /// Creates a budget of which nothing is spent.
    pub fn new(limit: RateLimit) -> Self {
        Self { ledger: Mutex::new(Ledger::new(limit)), ended: Notify::new() }
    }

    /// Takes over the requests and the block of another budget of the same user.
    pub fn inherit(&self, other: &Self) {
        let (spent, blocked_until) = {
            let other = other.ledger();
            (other.ring.departures().collect::<Vec<_>>(), other.blocked_until)
        };
        let mut ledger = self.ledger();
        ledger.ring.inherit(spent);
        ledger.blocked_until = ledger.blocked_until.max(blocked_until);
    }

    /// The limit in force.
    pub fn limit(&self) -> RateLimit {
        self.ledger().ring.limit()
    }

    /// Changes the limit. What was spent stays spent, and a block stays in force.
    pub fn set_limit(&self, limit: RateLimit) {
        self.ledger().ring.set_limit(limit);
        // requests that wait for the old one may go earlier
        self.ended.notify_waiters();
    }

    /// The number of requests that may be sent now, by the limit and by what others leave of the quota.
    pub fn left(&self) -> usize {
        let (mut ledger, now) = (self.ledger(), Instant::now());
        if ledger.blocked_until.is_some_and(|until| now < until) {
            return 0;
        }
        ledger.ring.left(now).min(ledger.announced.left(now))
    }

    /// The number of requests that can be sent before `deadline`, by the limit and by what others leave of the quota.
    pub fn left_until(&self, deadline: Instant) -> usize {
        if self.is_blocked_until(deadline) {
            return 0;
        }
        let (mut ledger, now) = (self.ledger(), Instant::now());
        let RateLimit { requests, per } = ledger.ring.limit();
        let windows = deadline.saturating_duration_since(now).as_nanos() / per.as_nanos().max(1);
        let later = usize::try_from(windows).unwrap_or(usize::MAX).saturating_mul(requests.get() as usize);
        ledger.ring.left(now).saturating_add(later).min(ledger.announced.left(deadline))
    }

    /// Whether Cloudflare blocks all requests until `deadline`.
    pub fn is_blocked_until(&self, deadline: Instant) -> bool {
        self.ledger().blocked_until.is_some_and(|until| deadline <= until)
    }

    /// The time for which the limit may hold this many requests back: none if they may be sent at once, else the time
    /// they take at the limit, after a window that is full already.
    pub fn time_for(&self, requests: usize) -> Duration {
        let mut ledger = self.ledger();
        if requests <= ledger.ring.left(Instant::now()) {
            return Duration::ZERO;
        }
        let limit = ledger.ring.limit();
        limit.time_for(requests).saturating_add(limit.per)
    }

    /// Counts a request as soon as it may be sent, or returns why that is not before `deadline`.
    pub(super) async fn admit(&self, deadline: Instant) -> Result<Admission<'_>, Wait> {
        let mut last = Wait::OwnLimit(deadline);
        loop {
            // before the check, so that no end is missed between the two
            let ended = self.ended.notified();
            let sent = Instant::now();
            // a request admitted as time runs out is too late
            if sent >= deadline {
                return Err(last);
            }
            let admitted = self.ledger().admit(sent);
            match admitted {
                Ok(()) => return Ok(Admission { budget: self, sent, is_answered: false }),
                Err(wait) if wait.until() >= deadline => return Err(wait),
                Err(wait) => {
                    last = wait;
                    tokio::select! {
                        () = sleep_until(wait.until()) => {}
                        () = ended => {}
                    }
                }
            }
        }
    }

    /// Takes a request that ends at once; false if it may not leave before `deadline`. For fakes of the API, in tests and
    /// benches: a client has to record the answer too.
    pub async fn spend(&self, deadline: Instant) -> bool {
        self.admit(deadline).await.is_ok()
    }

    /// Blocks all requests for `time`. Returns by how much that extends a block in force.
    pub(super) fn block(&self, now: Instant, time: Duration) -> Duration {
        self.ledger().block(now, time)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything that decides whether a request may be sent, as pure functions of an instant.
struct Ledger {
    ring: Ring,
    announced: Announced,
    blocked_until: Option<Instant>,
}

impl Ledger {
    fn new(limit: RateLimit) -> Self {
        Self { ring: Ring::new(limit), announced: Announced::default(), blocked_until: None }
    }

    fn admit(&mut self, now: Instant) -> Result<(), Wait> {
        if let Some(until) = self.blocked_until {
            if now < until {
                return Err(Wait::Blocked(until));
            }
            self.blocked_until = None;
        }
        let own = self.ring.check(now).map_err(Wait::OwnLimit).err();
        let shared = self.announced.check(now).err();
        // the longer wait counts
        if let Some(wait) = own.into_iter().chain(shared).max_by_key(|wait| wait.until()) {
            return Err(wait);
        }
        self.ring.leave(now);
        self.announced.leave(now);
        Ok(())
    }

    fn block(&mut self, now: Instant, time: Duration) -> Duration {
        let before = self.blocked_until.map_or(now, |until| until.max(now));
        let until = before.max(now + time);
        self.blocked_until = Some(until);
        until - before
    }
}

#[cfg(test)]
mod tests;
