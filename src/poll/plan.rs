//! The requests of a poll and their duration: pure functions of the watched zones and of what earlier polls
//! learned.

use std::time::Duration;

use tokio::time::Instant;

use crate::cloudflare::RateLimit;
use crate::domain::{Extent, Strategy};

/// The interval after which unconfirmed knowledge is checked again.
pub(super) const AGAIN: Duration = Duration::from_secs(3600);

/// The number of associations on one page of a list.
const PAGE: usize = 1000;

/// The knowledge of earlier polls about reading a zone's associations by lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lists {
    /// Nothing yet.
    Untried,
    /// Both lists were read.
    Read {
        /// The number of pages of both lists.
        requests: usize,
        /// The number of hostnames that still needed a GET.
        unresolved: usize,
        /// The time of the reading.
        at: Instant,
    },
    /// The first page showed so many pages that a GET for each hostname costs less.
    TooLong {
        /// The number of pages of the list of associations.
        pages: usize,
        /// The time of the reading.
        at: Instant,
    },
    /// A list was refused, or the response was not a list.
    Refused {
        /// The time of the refusal.
        at: Instant,
        /// When to try again.
        again: Again,
    },
}

/// When to try a refused list again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// In the next poll, after an outage or an unreadable body.
    NextPoll,
    /// After ten minutes, if it hung, which costs the time of a poll.
    Soon,
    /// After an hour, if it does not exist or this token may not read it.
    Hourly,
}

/// The time after which a list that hung is tried again.
const SOON: Duration = Duration::from_secs(600);

impl Lists {
    /// Returns true if the latest poll read lists.
    pub(super) fn are_read(self) -> bool {
        matches!(self, Self::Read { .. })
    }
}

/// The way in which a poll reads the associations of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadMode {
    /// A GET for each hostname.
    Gets,
    /// Both lists.
    Lists,
    /// Both lists, unless the first page shows that a GET for each hostname costs less.
    ListsIfShort,
}

/// Decides how a poll reads a zone with this many known hostnames.
pub(super) fn read_mode(extent: Extent, hostnames: usize, lists: Lists, now: Instant) -> ReadMode {
    let is_due = |at| now.duration_since(at) >= AGAIN;
    let hangs = matches!(lists, Lists::Refused { at, again: Again::Soon } if now.duration_since(at) < SOON);
    if needs_lists(extent) {
        return if hangs && hostnames > 0 { ReadMode::Gets } else { ReadMode::Lists };
    }
    // at equal cost, a GET says more
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

/// Returns true if only lists contain everything, or the configuration asks for lists.
pub(super) fn needs_lists(extent: Extent) -> bool {
    extent.discovered.is_some() || extent.strategy == Strategy::List
}

/// Returns true if this many pages of associations and one of certificates cost less than a GET for each
/// hostname.
pub(super) fn is_short(pages: usize, hostnames: usize) -> bool {
    pages + 1 < hostnames
}

/// The number of requests of a poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Requests {
    /// The expected number, by what the last polls learned, without retries.
    pub(super) expected: usize,
    /// The number to allow time for: parts not tried yet may take more.
    pub(super) most: usize,
}

impl Requests {
    /// Returns requests whose number is known in advance.
    pub(super) const fn exactly(count: usize) -> Self {
        Self { expected: count, most: count }
    }
}

/// Returns the requests for reading a zone's associations, without look-ups. A zone `found` by a pattern
/// counts as empty until it was read, and an empty list of associations needs no list of certificates.
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

/// The requests of a poll from one quota.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) limit: RateLimit,
    /// The requests to allow time for.
    pub(super) most: usize,
}

impl Load {
    /// Returns how long a poll may take if ticks are `gap` apart and `unplanned` requests were added.
    /// Requests that hang end shortly before the next tick, which would be skipped otherwise.
    pub(super) fn time_limit(&self, gap: Duration, unplanned: usize) -> Duration {
        match self.limit.time_for(self.most.saturating_add(unplanned)) {
            // plus one window, which earlier requests may have filled
            needed if needed > gap => needed.saturating_add(self.limit.per),
            _ => gap - gap / 10,
        }
    }
}

/// Formats a time in whole seconds, rounded up, at least one: `1h 6m 40s`.
pub(super) fn shown(time: Duration) -> String {
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).max(1);
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}"));
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
