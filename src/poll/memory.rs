//! What is remembered of a zone from poll to poll, until the configuration changes.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::plan::Way;
use crate::domain::{Association, Hostname};

/// That a hostname has no association is taken from a list for this long, until a GET confirms it anew.
const CONFIRM_EVERY: Duration = Duration::from_secs(3600);

/// What is remembered of one zone.
#[derive(Default)]
pub(super) struct Memory(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    way: Way,
    /// When a GET last confirmed that there is no association.
    confirmed: HashMap<Hostname, Instant>,
    said_empty: bool,
}

impl Memory {
    fn get(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How its associations are read.
    pub(super) fn way(&self) -> Way {
        self.get().way
    }

    pub(super) fn set_way(&self, way: Way) {
        self.get().way = way;
    }

    /// Whether it is yet to be said that the zone has no association, which this counts as.
    pub(super) fn is_news_that_it_is_empty(&self) -> bool {
        !std::mem::replace(&mut self.get().said_empty, true)
    }

    /// Keeps what a GET said of a hostname that lists may lack.
    pub(super) fn answered(&self, hostname: &Hostname, association: Association) {
        let mut remembered = self.get();
        if association != Association::None {
            remembered.confirmed.remove(hostname);
        } else if remembered.way.asks_for_lists() {
            remembered.confirmed.insert(hostname.clone(), Instant::now());
        }
    }

    /// Whether a GET has said within the last hour that the hostname has no association.
    pub(super) fn is_confirmed(&self, hostname: &Hostname) -> bool {
        self.get().confirmed.get(hostname).is_some_and(|at| at.elapsed() < CONFIRM_EVERY)
    }

    /// Forgets the answers about what has left the zone, which would stay for ever.
    pub(super) fn retain(&self, is_there: impl Fn(&Hostname) -> bool) {
        self.get().confirmed.retain(|hostname, _| is_there(hostname));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn that_there_is_no_association_is_confirmed_for_an_hour_or_until_there_is_one() {
        let (memory, hostname) = (Memory::default(), "a.example".parse().unwrap());
        memory.set_way(Way::Lists { pages: 1 });
        assert!(!memory.is_confirmed(&hostname));
        memory.answered(&hostname, Association::None);
        advance(CONFIRM_EVERY - Duration::from_secs(1)).await;
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
