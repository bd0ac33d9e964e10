//! The log lines about each quota and the schedule.

use std::time::Duration;

use super::Poller;
use super::api::Api;
use super::quotas::Outlooks;
use super::turns::Outlook;

/// The arithmetic of a quota as it was last logged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logged {
    requests: usize,
    limit: usize,
    interval: Duration,
    rest_interval: Duration,
}

impl Logged {
    fn of(outlook: &Outlook, gap: Duration) -> Self {
        let (interval, rest_interval) = (outlook.interval(gap), outlook.rest_interval(gap));
        let limit = outlook.limit.requests.get() as usize;
        Self { requests: outlook.all(), limit, interval, rest_interval }
    }

    /// Returns true if the new arithmetic need not be logged: the intervals are about the same, and the
    /// requests changed by less than a quarter or by less than a tenth of the limit.
    fn is_near(self, new: Self) -> bool {
        let is_half = |one: Duration, other: Duration| 2 * one.min(other) <= one.max(other);
        let (few, many) = (self.requests.min(new.requests), self.requests.max(new.requests));
        (4 * many < 5 * few || 10 * (many - few) < self.limit)
            && !is_half(self.interval, new.interval)
            && !is_half(self.rest_interval, new.rest_interval)
    }
}

impl<A: Api> Poller<A> {
    /// Logs the arithmetic of each quota once, and again after large changes.
    pub(super) fn log_quotas(&mut self, outlooks: &Outlooks, gap: Duration) {
        for (quota, outlook) in outlooks {
            let new = Logged::of(outlook, gap);
            let is_told = self.logged.get(quota).is_some_and(|logged| logged.is_near(new));
            if let Some(words) = outlook.words(gap).filter(|_| !is_told) {
                self.logged.insert(*quota, new);
                tracing::info!("{words}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::cloudflare::RateLimit;
    use crate::poll::plan::Requests;

    #[test]
    fn the_arithmetic_is_logged_again_after_a_large_change_but_not_for_a_few_requests() {
        let gap = Duration::from_secs(300);
        let limit = RateLimit { requests: NonZeroU32::new(600).unwrap(), per: gap };
        let logged = |holding, rest| {
            let holding = Requests::exactly(holding);
            Logged::of(&Outlook { holding, rest, ..Outlook::new(limit) }, gap)
        };
        let first = logged(0, 1500);
        assert!(first.is_near(logged(100, 1450)), "50 of 300 zones hold something");
        assert!(!first.is_near(logged(600, 1200)), "all 300 do, and a poll takes two ticks");
        assert!(!logged(0, 1000).is_near(logged(250, 1000)), "a quarter more requests");
        assert!(logged(4, 1).is_near(logged(4, 0)), "few of 600 requests");
    }
}
