//! How many requests may be sent, and when the next one may leave.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// At most so many requests in any window of that length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How many requests.
    pub requests: NonZeroU32,
    /// How long the window is.
    pub per: Duration,
}

impl RateLimit {
    /// The time that so many requests take when they are sent at the limit, again and again.
    pub fn time_for(&self, requests: usize) -> Duration {
        let share = requests as f64 / f64::from(self.requests.get());
        // a product that no duration can hold is as good as never
        Duration::try_from_secs_f64(self.per.as_secs_f64() * share).unwrap_or(Duration::MAX)
    }
}

/// The requests of one quota: shared by all clients whose tokens belong to one Cloudflare user.
pub struct Budget {
    ring: Mutex<Ring>,
}

/// Why a request may not leave now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// The quota would be overdrawn before then.
    Pace(Instant),
    /// Cloudflare forbade all requests until then.
    Blocked(Instant),
}

impl Wait {
    pub(super) fn until(self) -> Instant {
        let (Self::Pace(until) | Self::Blocked(until)) = self;
        until
    }
}

impl Budget {
    /// A budget of which nothing is spent.
    pub fn new(limit: RateLimit) -> Self {
        Self { ring: Mutex::new(Ring { limit, departures: VecDeque::new(), blocked_until: None }) }
    }

    /// The limit that it holds.
    pub fn limit(&self) -> RateLimit {
        self.ring().limit
    }

    /// Counts a request that leaves now, or tells when to ask again.
    pub(super) fn admit(&self, now: Instant) -> Result<(), Wait> {
        self.ring().admit(now)
    }

    /// Forbids all requests for `time`; tells by how much that is longer than before.
    pub(super) fn block(&self, now: Instant, time: Duration) -> Duration {
        self.ring().block(now, time)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The departures within the last window, oldest first: exact in every sliding window, where a bucket with a
/// burst would let twice the quota through in its first.
struct Ring {
    limit: RateLimit,
    departures: VecDeque<Instant>,
    blocked_until: Option<Instant>,
}

impl Ring {
    fn admit(&mut self, now: Instant) -> Result<(), Wait> {
        if let Some(until) = self.blocked_until {
            if now < until {
                return Err(Wait::Blocked(until));
            }
            self.blocked_until = None;
        }
        while self.departures.front().is_some_and(|oldest| now >= *oldest + self.limit.per) {
            self.departures.pop_front();
        }
        if self.departures.len() >= self.limit.requests.get() as usize {
            return Err(Wait::Pace(self.departures[0] + self.limit.per));
        }
        self.departures.push_back(now);
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn budget(requests: u32, per: u64) -> Budget {
        Budget::new(RateLimit {
            requests: NonZeroU32::new(requests).unwrap(),
            per: Duration::from_millis(per),
        })
    }

    const fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[test]
    fn requests_leave_at_once_until_the_window_is_full_and_then_as_the_oldest_leave_it() {
        let (budget, start) = (budget(2, 100), Instant::now());
        assert_eq!(budget.admit(start), Ok(()));
        assert_eq!(budget.admit(start + ms(30)), Ok(()));
        assert_eq!(budget.admit(start + ms(40)), Err(Wait::Pace(start + ms(100))));
        assert_eq!(budget.admit(start + ms(99)), Err(Wait::Pace(start + ms(100))));
        assert_eq!(budget.admit(start + ms(100)), Ok(()));
        assert_eq!(budget.admit(start + ms(100)), Err(Wait::Pace(start + ms(130))));
    }

    #[test]
    fn a_block_stops_everything_and_a_shorter_one_does_not_lift_it() {
        let (budget, start) = (budget(10, 100), Instant::now());
        assert_eq!(budget.block(start, ms(300)), ms(300));
        assert_eq!(budget.block(start + ms(100), ms(50)), ms(0));
        assert_eq!(budget.block(start + ms(200), ms(300)), ms(200));
        assert_eq!(budget.admit(start + ms(499)), Err(Wait::Blocked(start + ms(500))));
        assert_eq!(budget.admit(start + ms(500)), Ok(()));
        assert_eq!(budget.block(start + ms(900), ms(10)), ms(10));
    }

    #[test]
    fn the_time_for_requests_is_their_share_of_the_window() {
        let limit = budget(600, 300_000).limit();
        let seconds = |requests| limit.time_for(requests).as_secs();
        assert_eq!([0, 1, 600, 1000, 100_000].map(seconds), [0, 0, 300, 500, 50_000]);
    }

    proptest! {
        #[test]
        fn no_sliding_window_ever_holds_more_than_the_quota(
            requests in 1_u32..6,
            asks in proptest::collection::vec((0_u64..40, any::<bool>()), 0..120),
        ) {
            let budget = budget(requests, 100);
            let mut now = Instant::now();
            let mut left = Vec::new();
            for (pause, patient) in asks {
                now += ms(pause);
                match budget.admit(now) {
                    Ok(()) => left.push(now),
                    // who waits as told is let through then
                    Err(wait) if patient => {
                        now = wait.until();
                        prop_assert_eq!(budget.admit(now), Ok(()));
                        left.push(now);
                    }
                    Err(_) => {}
                }
            }
            for (place, first) in left.iter().enumerate() {
                let within = left[place..].iter().filter(|other| **other - *first < ms(100)).count();
                prop_assert!(within <= requests as usize);
            }
        }
    }
}
