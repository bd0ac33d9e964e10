//! What a poll sends, and how long that takes: pure functions of what is watched and what earlier polls learned.

use std::time::Duration;

use tokio::time::Instant;

use crate::cloudflare::RateLimit;
use crate::domain::{Extent, Strategy};

/// What may have changed without a sign of it is asked again this often.
pub(super) const AGAIN: Duration = Duration::from_secs(3600);

/// Associations in one page of a list.
const PAGE: usize = 1000;

/// What earlier polls learned about reading a zone's associations by lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lists {
    /// Nothing yet.
    Untried,
    /// Both lists were read.
    Read {
        /// The pages of both lists.
        requests: usize,
        /// The hostnames that they left to a GET each.
        unresolved: usize,
        /// When.
        at: Instant,
    },
    /// The first page told of so many that a GET for each hostname costs less.
    TooLong {
        /// The pages of the list of associations.
        pages: usize,
        /// When.
        at: Instant,
    },
    /// A list was refused, or what came was no list.
    Refused {
        /// When.
        at: Instant,
        /// When to ask again.
        again: Again,
    },
}

/// When to ask again for a list that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// In the next poll: it was an outage or an unreadable body.
    NextPoll,
    /// After ten minutes: it hung, which costs the time of a poll.
    Soon,
    /// After an hour: it is not there, or not for this token.
    Hourly,
}

/// A list that hung is asked for again after this time.
const SOON: Duration = Duration::from_secs(600);

impl Lists {
    /// Returns true if lists are what the latest poll read.
    pub(super) fn are_read(self) -> bool {
        matches!(self, Self::Read { .. })
    }
}

/// How a poll reads the associations of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadMode {
    /// A GET for each hostname.
    Gets,
    /// Both lists.
    Lists,
    /// Both lists, unless the first page shows that a GET for each hostname costs less.
    ListsIfShort,
}

/// Decides how a poll reads a zone with so many known hostnames.
pub(super) fn read_mode(extent: Extent, hostnames: usize, lists: Lists, now: Instant) -> ReadMode {
    let is_due = |at| now.duration_since(at) >= AGAIN;
    let hangs = matches!(lists, Lists::Refused { at, again: Again::Soon } if now.duration_since(at) < SOON);
    if needs_lists(extent) {
        return if hangs && hostnames > 0 { ReadMode::Gets } else { ReadMode::Lists };
    }
    // at equal cost a GET tells more
    if extent.strategy == Strategy::Get || !is_short(1, hostnames) {
        return ReadMode::Gets;
    }
    let wants_lists = match lists {
        Lists::Untried => true,
        Lists::Read { requests, unresolved, at } => requests + unresolved < hostnames || is_due(at),
        Lists::TooLong { pages, at } => is_short(pages, hostnames) || is_due(at),
        Lists::Refused { at, again } => match again {
            Again::NextPoll => true,
            Again::Soon => !hangs,
            Again::Hourly => is_due(at),
        },
    };
    if wants_lists { ReadMode::ListsIfShort } else { ReadMode::Gets }
}

/// Returns true if only lists tell all that is wanted, or lists are what the configuration asks for.
pub(super) fn needs_lists(extent: Extent) -> bool {
    extent.discovered.is_some() || extent.strategy == Strategy::List
}

/// Returns true if so many pages of associations and one of certificates cost less than a GET for each hostname.
pub(super) fn is_short(pages: usize, hostnames: usize) -> bool {
    pages + 1 < hostnames
}

/// The requests of a poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Requests {
    /// Those to expect, by what the last polls learned; retries not counted.
    pub(super) expected: usize,
    /// Those to allow time for: what was not tried yet may turn out worse.
    pub(super) most: usize,
}

impl Requests {
    /// Requests that are known beforehand.
    pub(super) const fn exactly(count: usize) -> Self {
        Self { expected: count, most: count }
    }
}

/// The requests that reading the associations of a zone takes, look-ups not counted. A zone that a pattern `found` is
/// taken for empty until it was read, and a list without associations needs none of certificates.
pub(super) fn requests(
    extent: Extent,
    found: bool,
    hostnames: usize,
    lists: Lists,
    now: Instant,
) -> Requests {
    let untried = hostnames.div_ceil(PAGE).max(1) + 1;
    match (read_mode(extent, hostnames, lists, now), lists) {
        (ReadMode::Gets, _) => Requests::exactly(hostnames),
        (_, Lists::Read { requests, unresolved, .. }) => Requests::exactly(requests + unresolved),
        (_, Lists::Refused { .. }) => Requests { expected: 1 + hostnames, most: untried + hostnames },
        (_, Lists::TooLong { pages, .. }) => Requests { expected: pages + 1, most: pages + 1 + hostnames },
        (_, Lists::Untried) if found && hostnames == 0 => Requests { expected: 1, most: untried },
        (_, Lists::Untried) => Requests { expected: untried, most: untried + hostnames },
    }
}

/// What a poll takes of one quota.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) limit: RateLimit,
    /// The requests to allow time for.
    pub(super) most: usize,
}

impl Load {
    /// The time that a poll may take where ticks are `gap` apart and `unplanned` requests came up on the way. What
    /// hangs ends a little before the next tick, which would be skipped otherwise.
    pub(super) fn time_limit(&self, gap: Duration, unplanned: usize) -> Duration {
        match self.limit.time_for(self.most.saturating_add(unplanned)) {
            // with a window that others may have filled before it began
            needed if needed > gap => needed.saturating_add(self.limit.per),
            _ => gap - gap / 10,
        }
    }
}

/// Whole seconds at the least, rounded up: `1h 6m 40s`.
pub(super) fn shown(time: Duration) -> String {
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).max(1);
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}"));
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
