//! What the log tells of each quota: what it makes of the schedule.

use std::time::Duration;

use super::Poller;
use super::api::Api;
use super::quotas::Outlooks;
use super::turns::Outlook;

/// The arithmetic that the log has told of a quota.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    requests: usize,
    interval: Duration,
    rest_interval: Duration,
}

impl Told {
    fn of(outlook: &Outlook, gap: Duration) -> Self {
        let (interval, rest_interval) = (outlook.interval(gap), outlook.rest_interval(gap));
        Self { requests: outlook.all(), interval, rest_interval }
    }

    /// Returns true if what was told is still about right, so that not each poll tells of a few requests more.
    fn is_near(self, new: Self) -> bool {
        let is_half = |one: Duration, other: Duration| 2 * one.min(other) <= one.max(other);
        let (few, many) = (self.requests.min(new.requests), self.requests.max(new.requests));
        4 * many < 5 * few
            && !is_half(self.interval, new.interval)
            && !is_half(self.rest_interval, new.rest_interval)
    }
}

impl<A: Api> Poller<A> {
    /// Logs what each quota makes of the schedule, once, and again where what was found out since changes that a lot.
    pub(super) fn tell_of_quotas(&mut self, outlooks: &Outlooks, gap: Duration) {
        for (quota, outlook) in outlooks {
            let new = Told::of(outlook, gap);
            let is_told = self.told.get(quota).is_some_and(|told| told.is_near(new));
            if let Some(words) = outlook.words(gap).filter(|_| !is_told) {
                self.told.insert(*quota, new);
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
    fn what_was_told_is_told_again_where_associations_change_it_a_lot_and_not_for_a_few_requests() {
        let gap = Duration::from_secs(300);
        let limit = RateLimit { requests: NonZeroU32::new(600).unwrap(), per: gap };
        let told = |holding, rest| {
            let holding = Requests::exactly(holding);
            Told::of(&Outlook { holding, rest, ..Outlook::new(limit) }, gap)
        };
        let first = told(0, 1500);
        assert!(first.is_near(told(100, 1450)), "50 of 300 zones hold something");
        assert!(!first.is_near(told(600, 1200)), "all 300 do, and a poll takes two ticks");
        assert!(!told(0, 1000).is_near(told(250, 1000)), "a quarter more requests");
    }
}
