//! What polls learned about a zone, for later polls. Most of it is dropped once the zone's configuration, API client
//! or token changes.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::plan::{AGAIN, Lists};
use crate::domain::{Association, Hostname, LISTED_EVERY};

/// The knowledge of earlier polls about one zone.
pub(super) struct Memory(Mutex<Learned>);

struct Learned {
    lists: Lists,
    /// When a GET last confirmed that there is no association.
    confirmed: HashMap<Hostname, Instant>,
    /// Hostnames that a GET found to have an association although the list lacked them.
    contradicted: HashSet<Hostname>,
    /// Hostnames whose latest GET failed.
    failed: HashMap<Hostname, Failed>,
    looked_up: Instant,
    /// True if the API refused the known id.
    is_id_refused: bool,
    said_empty: bool,
}

/// The failures of a hostname since its last answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Failed {
    /// The number of polls in which other hostnames of the zone were answered. 0 may mean an outage of the
    /// whole zone.
    pub(super) alone: u32,
    /// The time of the latest failure.
    pub(super) at: Instant,
}

impl Memory {
    /// Creates an empty memory, except for hostnames that failed before, even in an earlier process. A known
    /// id counts as looked up at `now`.
    pub(super) fn new<'e>(failed: impl Iterator<Item = &'e Hostname>, now: Instant) -> Self {
        let failed = failed.map(|hostname| (hostname.clone(), Failed { alone: 0, at: now })).collect();
        Self(Mutex::new(Learned {
            lists: Lists::Untried,
            confirmed: HashMap::new(),
            contradicted: HashSet::new(),
            failed,
            looked_up: now,
            is_id_refused: false,
            said_empty: false,
        }))
    }

    /// Returns what remains valid after the zone's configuration, API client or token has changed. A refused list
    /// is forgotten, since the new token may be allowed to read it.
    pub(super) fn renewed(&self, now: Instant) -> Self {
        let renewed = Self::new([].into_iter(), now);
        renewed.get().is_id_refused = self.is_id_refused();
        renewed.get().failed.clone_from(&self.get().failed);
        renewed
    }

    fn get(&self) -> MutexGuard<'_, Learned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what was learned about reading lists.
    pub(super) fn lists(&self) -> Lists {
        self.get().lists
    }

    pub(super) fn set_lists(&self, lists: Lists) {
        self.get().lists = lists;
    }

    /// Returns true the first time that the zone is found to have no association.
    pub(super) fn is_empty_for_the_first_time(&self) -> bool {
        !std::mem::replace(&mut self.get().said_empty, true)
    }

    /// Records an answered GET.
    pub(super) fn answered(&self, hostname: &Hostname, association: Association) {
        let mut learned = self.get();
        learned.failed.remove(hostname);
        if association != Association::None {
            learned.confirmed.remove(hostname);
        }
        if learned.lists.are_read() {
            if association == Association::None {
                learned.confirmed.insert(hostname.clone(), Instant::now());
                learned.contradicted.remove(hostname);
            } else {
                learned.contradicted.insert(hostname.clone());
            }
        }
    }

    /// Records a failed GET. `alone` is true if other hostnames of the zone were answered in the same poll.
    pub(super) fn failed(&self, hostname: &Hostname, alone: bool) {
        let (mut learned, at) = (self.get(), Instant::now());
        let failed = learned.failed.entry(hostname.clone()).or_insert(Failed { alone: 0, at });
        *failed = Failed { alone: failed.alone + u32::from(alone), at };
    }

    /// Records that a GET lacked time or quota. The hostname then waits no longer than answered ones.
    pub(super) fn unsent(&self, hostname: &Hostname) {
        let mut learned = self.get();
        if learned.failed.get(hostname).is_some_and(|failed| failed.alone == 0) {
            learned.failed.remove(hostname);
        }
    }

    /// Returns the failures of the hostname since its last answer. None if its latest GET was answered or
    /// never sent.
    pub(super) fn failures(&self, hostname: &Hostname) -> Option<Failed> {
        self.get().failed.get(hostname).copied()
    }

    /// Returns true if the latest GET for the hostname found an association although the list lacked it.
    pub(super) fn is_contradicted(&self, hostname: &Hostname) -> bool {
        self.get().contradicted.contains(hostname)
    }

    /// Returns true if a GET confirmed within the last hour that the hostname has no association.
    pub(super) fn is_confirmed(&self, hostname: &Hostname) -> bool {
        self.get().confirmed.get(hostname).is_some_and(|at| at.elapsed() < AGAIN)
    }

    /// Forgets hostnames that are no longer watched.
    pub(super) fn retain(&self, is_watched: impl Fn(&Hostname) -> bool) {
        let mut learned = self.get();
        learned.confirmed.retain(|hostname, _| is_watched(hostname));
        learned.contradicted.retain(|hostname| is_watched(hostname));
        learned.failed.retain(|hostname, _| is_watched(hostname));
    }

    /// Records whether the API refused the zone's id.
    pub(super) fn set_id_refused(&self, refused: bool) {
        self.get().is_id_refused = refused;
    }

    /// Returns true if the known id was refused, so that it must be looked up before its next use.
    pub(super) fn is_id_refused(&self) -> bool {
        self.get().is_id_refused
    }

    /// Records a look-up of the id, successful or not.
    pub(super) fn looked_up(&self) {
        self.get().looked_up = Instant::now();
    }

    /// Returns true if the id was last looked up an hour ago or earlier.
    pub(super) fn is_look_up_due(&self, now: Instant) -> bool {
        now.duration_since(self.get().looked_up) >= AGAIN
    }
}

/// Something that is read hourly, during the poll of any zone.
#[derive(Default)]
pub(super) struct Hourly(Mutex<Option<Instant>>);

impl Hourly {
    /// Returns true if it was not tried within the last half of [`LISTED_EVERY`]. The caller must then read
    /// it.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = tried.is_none_or(|at| now.duration_since(at) >= LISTED_EVERY / 2);
        if is_due {
            *tried = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_missing_association_is_confirmed_for_an_hour_or_until_one_is_found() {
        let (memory, hostname) = (Memory::new([].into_iter(), Instant::now()), "a.example".parse().unwrap());
        memory.set_lists(Lists::Read { requests: 2, unresolved: 0, at: Instant::now() });
        assert!(!memory.is_confirmed(&hostname));
        memory.answered(&hostname, Association::None);
        advance(AGAIN - Duration::from_secs(1)).await;
        assert!(memory.is_confirmed(&hostname));
        advance(Duration::from_secs(1)).await;
        assert!(!memory.is_confirmed(&hostname));
        memory.answered(&hostname, Association::None);
        memory.answered(&hostname, Association::Enabled);
        assert!(!memory.is_confirmed(&hostname));
        memory.answered(&hostname, Association::None);
        memory.retain(|_| false);
        assert!(!memory.is_confirmed(&hostname));
    }
}
