//! The parts of zones that a poll reads, and how often each has its turn: pure functions.
//!
//! Parts that hold something, such as associations, are read in every poll. All other parts take turns with
//! the remaining requests: first the never-read ones, then those read longest ago. If the quota suffices,
//! each has its turn within [`LISTED_EVERY`], evenly spread.

use std::time::Duration;

use crate::cloudflare::RateLimit;
use crate::domain::{Date, LISTED_EVERY, PartKind, Reason, ZoneState};

use super::plan::{Load, Requests, shown};

/// The share of the quota that is kept for parts that hold nothing, while any of them waits for its turn.
const KEPT: f64 = 0.25;

/// When a part that holds nothing was last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Waiting {
    /// Never.
    Never(PartKind),
    /// The latest attempt failed, but the next one may succeed.
    Failed(Option<Date>),
    /// It was read, or refused, at this time.
    Since(Option<Date>),
}

impl Waiting {
    /// Returns how a part of a zone waits for its turn. None if it holds something and is read in every poll.
    pub(super) fn of(zone: &ZoneState, kind: PartKind) -> Option<Self> {
        let part = zone.part(kind);
        if zone.holds(kind) {
            return None;
        }
        Some(match part.latest {
            None => Self::Never(kind),
            Some(Err(reason)) if !matches!(reason, Reason::Forbidden | Reason::NotFound) => {
                Self::Failed(part.tried_at)
            }
            Some(_) => Self::Since(part.tried_at),
        })
    }

    /// Returns true if it is read at the regular pace. Failed or overdue parts are read at once.
    fn is_paced(self, now: Date) -> bool {
        let is_overdue =
            |at: Date| u64::try_from(now.seconds_from(at)).is_ok_and(|age| age >= LISTED_EVERY.as_secs());
        match self {
            Self::Never(_) | Self::Failed(_) => false,
            Self::Since(at) => !at.is_none_or(is_overdue),
        }
    }
}

/// Everything that is watched with one quota.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlook {
    pub(super) limit: RateLimit,
    pub(super) zones: usize,
    pub(super) hostnames: usize,
    /// The requests per poll for parts that hold something.
    pub(super) holding: Requests,
    /// The requests for reading all other parts once.
    pub(super) rest: usize,
    /// The pages of the lists of zones, which are read within [`LISTED_EVERY`].
    pub(super) listing: usize,
}

impl Outlook {
    pub(super) fn new(limit: RateLimit) -> Self {
        Self { limit, zones: 0, hostnames: 0, holding: Requests::default(), rest: 0, listing: 0 }
    }

    /// Adds the requests of a part that holds something, or of another part.
    pub(super) fn add(&mut self, requests: Requests, holds: bool) {
        if holds {
            self.holding.expected += requests.expected;
            self.holding.most += requests.most;
        } else {
            self.rest += requests.expected;
        }
    }

    /// Returns the maximum load of a poll.
    pub(super) fn load(&self, gap: Duration) -> Load {
        let rest = whole(self.allowance(gap)).min(self.rest);
        Load { limit: self.limit, most: self.holding.most + rest }
    }

    /// Returns the number of requests that the quota allows between two ticks.
    fn allowed(&self, gap: Duration) -> f64 {
        f64::from(self.limit.requests.get()) * gap.as_secs_f64() / self.limit.per.as_secs_f64()
    }

    /// Returns the number of requests per poll that is enough to read all of the rest within [`LISTED_EVERY`].
    fn pace(&self, interval: Duration) -> f64 {
        self.rest as f64 / polls(interval)
    }

    /// Returns the time between the starts of two polls: the ticks needed to read the parts that hold
    /// something and to leave the rest its share.
    pub(super) fn interval(&self, gap: Duration) -> Duration {
        let (allowed, holding) = (self.allowed(gap), self.holding.expected as f64);
        if gap.is_zero() {
            return self.limit.time_for(self.holding.expected);
        }
        let suffices = |ticks: f64| {
            let left = ticks * allowed - holding;
            left + 1e-6 >= self.pace(gap.mul_f64(ticks)).min(ticks * allowed * KEPT)
        };
        // with the whole share kept, and with none
        let (most, least) =
            [1.0 - KEPT, 1.0].map(|share| (holding / (allowed * share) - 1e-9).ceil().max(1.0)).into();
        let ticks = if suffices(least) { least } else { most };
        Duration::try_from_secs_f64(gap.as_secs_f64() * ticks).unwrap_or(Duration::MAX)
    }

    /// Returns the number of requests that a poll may send for the rest.
    pub(super) fn allowance(&self, gap: Duration) -> f64 {
        let allowed = self.allowed(self.interval(gap));
        (allowed - self.holding.expected as f64).max(allowed * KEPT).max(1.0)
    }

    /// Returns the time between two readings of a part that holds nothing.
    pub(super) fn rest_interval(&self, gap: Duration) -> Duration {
        let interval = self.interval(gap);
        let allowance = (self.allowance(gap) - self.listing as f64 / polls(interval)).max(1.0);
        let needed = interval.as_secs_f64() * (self.rest as f64 / allowance).max(0.0);
        Duration::try_from_secs_f64(needed.max(LISTED_EVERY.as_secs_f64())).unwrap_or(Duration::MAX)
    }

    /// Returns the warning that polls cannot keep to the schedule, with the arithmetic. None if they can.
    pub(super) fn excess(&self, gap: Duration) -> Option<String> {
        let Self { limit, hostnames, holding: Requests { expected, .. }, .. } = self;
        let needed = limit.time_for(*expected);
        (needed > gap).then(|| {
            format!(
                "polls cannot keep to the schedule: {hostnames} hostnames take {expected} requests, which rate_limit \
                 ({} in {}) spreads over {}; the schedule polls every {}",
                limit.requests,
                shown(limit.per),
                shown(needed),
                shown(gap)
            )
        })
    }

    /// Returns the number of requests for reading everything once.
    pub(super) fn all(&self) -> usize {
        self.holding.expected + self.rest
    }

    fn zones_take(&self) -> String {
        let (zones, all) = (self.zones, self.all());
        if zones == 1 { format!("1 zone takes {all}") } else { format!("{zones} zones take {all}") }
    }

    /// Describes what a single poll with time for this many requests must leave out. None if that is nothing.
    pub(super) fn words_once(&self, sendable: usize) -> Option<String> {
        (self.all() > sendable).then(|| {
            format!(
                "{} requests, and rate_limit ({} in {}) leaves {sendable} in the available time: the associations of all \
                 zones are read first, then the zone level, then the settings",
                self.zones_take(),
                self.limit.requests,
                shown(self.limit.per),
            )
        })
    }

    /// Describes what the quota means for the schedule. None if everything is read in every poll.
    pub(super) fn words(&self, gap: Duration) -> Option<String> {
        let limit = self.limit;
        (self.rest > 0).then(|| {
            format!(
                "{} requests, which rate_limit ({} in {}) spreads over {}; parts with data are \
                 read every {}, empty parts every {}",
                self.zones_take(),
                limit.requests,
                shown(limit.per),
                shown(limit.time_for(self.all())),
                shown(self.interval(gap)),
                shown(self.rest_interval(gap)),
            )
        })
    }
}

/// Returns the number of polls within [`LISTED_EVERY`].
fn polls(interval: Duration) -> f64 {
    (LISTED_EVERY.as_secs_f64() / interval.as_secs_f64() + 1e-9).floor().max(1.0)
}

/// Rounds a count down.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "values out of range saturate")]
fn whole(count: f64) -> usize {
    count as usize
}

/// The remaining requests of one quota in the current poll.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowance {
    /// The number of requests that may still be sent for parts that hold nothing.
    left: f64,
    /// The number of these requests that parts read before may use. The next poll may use the rest.
    credit: f64,
}

impl Allowance {
    /// Returns the remaining requests at the start of the next poll.
    pub(super) fn next(self, outlook: &Outlook, gap: Duration) -> Self {
        let pace = outlook.pace(outlook.interval(gap));
        // a deficit is carried over; a surplus is not, since it is less than a part takes or comes from a
        // pause, after which all requests would be sent at once
        Self { left: outlook.allowance(gap) + self.left.min(0.0), credit: self.credit.clamp(0.0, 2.0) + pace }
    }

    /// Creates the requests of a single poll.
    pub(super) fn of(requests: usize) -> Self {
        Self { left: requests as f64, credit: 0.0 }
    }

    /// Returns the number of whole requests left.
    pub(super) fn requests(self) -> usize {
        whole(self.left)
    }

    /// Takes out unplanned requests.
    pub(super) fn take(&mut self, requests: usize) {
        self.left -= requests as f64;
    }

    /// Gives back requests that were not needed.
    pub(super) fn give_back(&mut self, requests: usize) {
        self.left += requests as f64;
    }

    /// Returns true if no request is left for a part with this wait, or with any shorter wait.
    pub(super) fn is_closed(&self, waiting: Waiting, now: Date) -> bool {
        self.left < 1.0 || waiting.is_paced(now) && self.credit < 1.0
    }

    /// Takes the requests of a part if its turn has come and enough are left.
    pub(super) fn admit(&mut self, waiting: Waiting, requests: usize, now: Date) -> bool {
        let requests = requests as f64;
        if requests > self.left || waiting.is_paced(now) && requests > self.credit {
            return false;
        }
        self.left -= requests;
        if matches!(waiting, Waiting::Since(_)) {
            self.credit -= requests;
        }
        true
    }
}

#[cfg(test)]
mod tests;
