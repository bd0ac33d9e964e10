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

/// A limit on the number of requests within any time window of a given length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The number of requests.
    pub requests: NonZeroU32,
    /// The length of the window.
    pub per: Duration,
}

impl RateLimit {
    /// Returns the time that this many requests take at the limit.
    pub fn time_for(&self, requests: usize) -> Duration {
        let share = requests as f64 / f64::from(self.requests.get());
        // a result too large for `Duration` means never
        Duration::try_from_secs_f64(self.per.as_secs_f64() * share).unwrap_or(Duration::MAX)
    }
}

/// The maximum time for which a response may block requests. While blocked, no later response could correct a wrong value.
pub(super) const LONGEST_BLOCK: Duration = Duration::from_secs(600);

/// The request budget of one quota, shared by all clients whose tokens belong to one Cloudflare user.
pub struct Budget {
    ledger: Mutex<Ledger>,
    /// Notified when a request ends, which may allow another one to be sent early.
    ended: Notify,
}

/// The reason why a request may not be sent now, and the time until which it must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Our own limit is reached, or the first request of a new window has no response yet.
    OwnLimit(Instant),
    /// Cloudflare announced that only the reserve for the quota's other users is left.
    SharedQuota(Instant),
    /// Cloudflare blocks all requests.
    Blocked(Instant),
}

impl Wait {
    fn until(self) -> Instant {
        let (Self::OwnLimit(until) | Self::SharedQuota(until) | Self::Blocked(until)) = self;
        until
    }
}

/// An admitted request. It is in flight until its response is recorded or this is dropped.
#[must_use]
#[derive(Debug)]
pub(super) struct Admission<'b> {
    budget: &'b Budget,
    sent: Instant,
    is_answered: bool,
}

impl Admission<'_> {
    /// Records the quota announced by the response.
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
    /// Creates an unspent budget.
    pub fn new(limit: RateLimit) -> Self {
        Self { ledger: Mutex::new(Ledger::new(limit)), ended: Notify::new() }
    }

    /// Takes over the recorded requests and the block of another budget of the same user.
    pub fn inherit(&self, other: &Self) {
        let (spent, blocked_until) = {
            let other = other.ledger();
            (other.ring.sent().collect::<Vec<_>>(), other.blocked_until)
        };
        let mut ledger = self.ledger();
        ledger.ring.inherit(spent);
        ledger.blocked_until = ledger.blocked_until.max(blocked_until);
    }

    /// Returns the current limit.
    pub fn limit(&self) -> RateLimit {
        self.ledger().ring.limit()
    }

    /// Changes the limit. Past requests still count, and a block remains in force.
    pub fn set_limit(&self, limit: RateLimit) {
        self.ledger().ring.set_limit(limit);
        // requests waiting for the old limit may now be sent earlier
        self.ended.notify_waiters();
    }

    /// Returns the number of requests that may be sent now, within both our own limit and the announced quota.
    pub fn left(&self) -> usize {
        let (mut ledger, now) = (self.ledger(), Instant::now());
        if ledger.blocked_until.is_some_and(|until| now < until) {
            return 0;
        }
        ledger.ring.left(now).min(ledger.announced.left(now))
    }

    /// Returns the number of requests that can be sent before `deadline`, by the limit and by what others leave of the
    /// quota.
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

    /// Returns true if Cloudflare blocks all requests until `deadline`.
    pub fn is_blocked_until(&self, deadline: Instant) -> bool {
        self.ledger().blocked_until.is_some_and(|until| deadline <= until)
    }

    /// Returns the maximum time for which our own limit may delay this many requests. It is zero if they may be sent at once.
    /// Otherwise it is the time they take at the limit, plus one window if the current window is full.
    pub fn time_for(&self, requests: usize) -> Duration {
        let mut ledger = self.ledger();
        if requests <= ledger.ring.left(Instant::now()) {
            return Duration::ZERO;
        }
        let limit = ledger.ring.limit();
        limit.time_for(requests).saturating_add(limit.per)
    }

    /// Waits until a request may be sent and counts it. Fails with the reason if that is not before `deadline`.
    pub(super) async fn admit(&self, deadline: Instant) -> Result<Admission<'_>, Wait> {
        let mut last = Wait::OwnLimit(deadline);
        loop {
            // registered before the check, so that no notification is missed in between
            let ended = self.ended.notified();
            let sent = Instant::now();
            // a request admitted at the deadline would be too late
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

    /// Counts a request that ends at once. Returns false if it may not be sent before `deadline`. Only for fakes of the API in
    /// tests and benches, since a real client must also record the response.
    pub async fn spend(&self, deadline: Instant) -> bool {
        self.admit(deadline).await.is_ok()
    }

    /// Blocks all requests for `time`. Returns the time by which this extends the current block.
    pub(super) fn block(&self, now: Instant, time: Duration) -> Duration {
        self.ledger().block(now, time)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state that decides if a request may be sent, with pure functions of an instant.
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
        // the longer wait applies
        if let Some(wait) = own.into_iter().chain(shared).max_by_key(|wait| wait.until()) {
            return Err(wait);
        }
        self.ring.record(now);
        self.announced.record(now);
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
