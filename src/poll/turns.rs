//! Which parts of zones a poll reads, and how often each has its turn: pure functions.
//!
//! What holds something is read in every poll. Everything else has its turn in the room that this leaves: first what
//! was never read, then what was read longest ago, so that each has its turn within [`LISTED_EVERY`] where the quota
//! suffices for that, evenly spread.

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
    /// The latest attempt failed, and may well succeed next time.
    Failed(Option<Date>),
    /// At this time, or it was refused then.
    Since(Option<Date>),
}

impl Waiting {
    /// How a part of a zone waits for its turn; none if it holds something, so that it is read in every poll.
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

    /// Returns true if it is read at the pace that gives each its turn in time; what failed or is late is read at once.
    fn is_paced(self, now: Date) -> bool {
        let is_overdue =
            |at: Date| u64::try_from(now.seconds_from(at)).is_ok_and(|age| age >= LISTED_EVERY.as_secs());
        match self {
            Self::Never(_) | Self::Failed(_) => false,
            Self::Since(at) => !at.is_none_or(is_overdue),
        }
    }
}

/// Everything that is watched on behalf of one quota.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlook {
    pub(super) limit: RateLimit,
    pub(super) zones: usize,
    pub(super) hostnames: usize,
    /// The requests that each poll takes for what holds something.
    pub(super) holding: Requests,
    /// The requests that it takes to read everything else once.
    pub(super) rest: usize,
    /// The pages of the lists of zones, which are read within [`LISTED_EVERY`].
    pub(super) listing: usize,
}

impl Outlook {
    pub(super) fn new(limit: RateLimit) -> Self {
        Self { limit, zones: 0, hostnames: 0, holding: Requests::default(), rest: 0, listing: 0 }
    }

    /// Adds the requests of something that holds something, or of the rest.
    pub(super) fn add(&mut self, requests: Requests, holds: bool) {
        if holds {
            self.holding.expected += requests.expected;
            self.holding.most += requests.most;
        } else {
            self.rest += requests.expected;
        }
    }

    /// What a poll takes at most.
    pub(super) fn load(&self, gap: Duration) -> Load {
        let rest = whole(self.room(gap)).min(self.rest);
        Load { limit: self.limit, most: self.holding.most + rest }
    }

    /// The requests that the quota allows between two ticks.
    fn allowed(&self, gap: Duration) -> f64 {
        f64::from(self.limit.requests.get()) * gap.as_secs_f64() / self.limit.per.as_secs_f64()
    }

    /// The requests that each poll takes for the rest, so that all of it has its turn in as many whole polls as there
    /// are in time.
    fn pace(&self, interval: Duration) -> f64 {
        self.rest as f64 / polls(interval)
    }

    /// The time between the starts of two polls: the ticks that it takes to read what holds something and to leave its
    /// share to the rest.
    pub(super) fn interval(&self, gap: Duration) -> Duration {
        let (allowed, holding) = (self.allowed(gap), self.holding.expected as f64);
        if gap.is_zero() {
            return self.limit.time_for(self.holding.expected);
        }
        let suffices = |ticks: f64| {
            let left = ticks * allowed - holding;
            left + 1e-6 >= self.pace(gap.mul_f64(ticks)).min(ticks * allowed * KEPT)
        };
        // with the whole share kept, and without any
        let (most, least) =
            [1.0 - KEPT, 1.0].map(|share| (holding / (allowed * share) - 1e-9).ceil().max(1.0)).into();
        let ticks = if suffices(least) { least } else { most };
        Duration::try_from_secs_f64(gap.as_secs_f64() * ticks).unwrap_or(Duration::MAX)
    }

    /// The requests that a poll may send for the rest.
    pub(super) fn room(&self, gap: Duration) -> f64 {
        let allowed = self.allowed(self.interval(gap));
        (allowed - self.holding.expected as f64).max(allowed * KEPT).max(1.0)
    }

    /// The time between two readings of what holds nothing.
    pub(super) fn rest_interval(&self, gap: Duration) -> Duration {
        let interval = self.interval(gap);
        let room = (self.room(gap) - self.listing as f64 / polls(interval)).max(1.0);
        let needed = interval.as_secs_f64() * (self.rest as f64 / room).max(0.0);
        Duration::try_from_secs_f64(needed.max(LISTED_EVERY.as_secs_f64())).unwrap_or(Duration::MAX)
    }

    /// The warning that polls cannot keep to the schedule, with the arithmetic; none if they can.
    pub(super) fn excess(&self, gap: Duration) -> Option<String> {
        let Self { limit, hostnames, holding: Requests { expected, .. }, .. } = self;
        let needed = limit.time_for(*expected);
        (needed > gap).then(|| {
            format!(
                "polls cannot keep to the schedule: {hostnames} hostnames take {expected} requests, and at {} in {} \
                 (rate_limit) those take {}, the shortest interval possible; the schedule has {}",
                limit.requests,
                shown(limit.per),
                shown(needed),
                shown(gap)
            )
        })
    }

    /// The requests that it takes to read everything once.
    pub(super) fn all(&self) -> usize {
        self.holding.expected + self.rest
    }

    fn zones_take(&self) -> String {
        let (zones, all) = (self.zones, self.all());
        if zones == 1 { format!("1 zone takes {all}") } else { format!("{zones} zones take {all}") }
    }

    /// What the quota leaves out of a poll that no other follows and that has time for so many requests, in words; none
    /// if that should be nothing.
    pub(super) fn words_once(&self, sendable: usize) -> Option<String> {
        (self.all() > sendable).then(|| {
            format!(
                "{} requests, and rate_limit ({} in {}) leaves {sendable} in the time there is: the associations of all \
                 zones are read first, then the zone level, then the settings",
                self.zones_take(),
                self.limit.requests,
                shown(self.limit.per),
            )
        })
    }

    /// What the quota makes of the schedule, in words; none where everything is read in every poll.
    pub(super) fn words(&self, gap: Duration) -> Option<String> {
        let limit = self.limit;
        (self.rest > 0).then(|| {
            format!(
                "{} requests, and at {} in {} (rate_limit) those take {}; then what holds \
                 something is read every {}, everything else every {}",
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

/// The polls that there are within [`LISTED_EVERY`].
fn polls(interval: Duration) -> f64 {
    (LISTED_EVERY.as_secs_f64() / interval.as_secs_f64() + 1e-9).floor().max(1.0)
}

/// A count, rounded down.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what no count can be becomes the nearest"
)]
fn whole(count: f64) -> usize {
    count as usize
}

/// The room of one quota in the present poll.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Room {
    /// The requests that may still be sent for what holds nothing.
    left: f64,
    /// The number of them that may be for parts that were read before. The next poll may use what a poll leaves.
    credit: f64,
}

impl Room {
    /// The room in the next poll, after this one.
    pub(super) fn next(self, outlook: &Outlook, gap: Duration) -> Self {
        let pace = outlook.pace(outlook.interval(gap));
        // what was taken beyond the room is missing now; what is left over is less than a part takes, or comes from a
        // pause, after which all would come at once
        Self { left: outlook.room(gap) + self.left.min(0.0), credit: self.credit.clamp(0.0, 2.0) + pace }
    }

    /// Room for so many requests in a poll that no other follows.
    pub(super) fn of(requests: usize) -> Self {
        Self { left: requests as f64, credit: 0.0 }
    }

    /// The whole requests that are left.
    pub(super) fn requests(self) -> usize {
        whole(self.left)
    }

    /// Takes so many requests out that were not planned for.
    pub(super) fn take(&mut self, requests: usize) {
        self.left -= requests as f64;
    }

    /// Gives back so many requests that were not needed.
    pub(super) fn give_back(&mut self, requests: usize) {
        self.left += requests as f64;
    }

    /// Returns true if there is no room for what waits like that, whatever it takes, nor for what waits for less long.
    pub(super) fn is_closed(&self, waiting: Waiting, now: Date) -> bool {
        self.left < 1.0 || waiting.is_paced(now) && self.credit < 1.0
    }

    /// Takes the requests of a part whose turn it is, if there is room for them.
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
