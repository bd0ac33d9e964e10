//! The slots of the pages that are being written: how many there are, and which page is evicted for another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::slot::Slot;

/// How many pages may be written at once, whatever their clients do: each may hold a snapshot of its own.
const SLOTS: usize = 8;

/// A page whose client reads nothing for this long may be evicted: far more than passes between two frames to a client
/// nearby, and about one retransmission timeout.
pub(super) const STALLED: Duration = Duration::from_millis(200);

/// A page that takes this long may be evicted: a scrape has timed out by then.
pub(super) const LATE: Duration = Duration::from_secs(10);

/// How many requests may wait for a slot, and for how long: stalled pages have made way for as many by then.
pub(super) const WAITING: usize = 64;
pub(super) const WAIT: Duration = Duration::from_secs(2);

/// The interval between two attempts to evict a page.
pub(super) const LOOK: Duration = Duration::from_millis(5);

/// The slots of the pages that are being written.
pub(super) struct Slots {
    /// In the order in which they were started.
    taken: Mutex<Vec<Taken>>,
    waiting: Semaphore,
    /// Held by the first in the queue, so that slots are given in order.
    first: tokio::sync::Mutex<()>,
}

struct Taken {
    started: Instant,
    slot: Weak<Slot>,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            taken: Mutex::default(),
            waiting: Semaphore::new(WAITING),
            first: tokio::sync::Mutex::default(),
        }
    }
}

impl Slots {
    /// Waits for a slot for `page`, and evicts another page if it may; none if too many wait, or it takes too long.
    pub(super) async fn acquire(&self, page: impl FnOnce(Instant) -> Slot) -> Option<Arc<Slot>> {
        let _waiting = self.waiting.try_acquire().ok()?;
        let acquire = async {
            let _first = self.first.lock().await;
            let mut has_room = self.taken().len() < SLOTS;
            while !has_room {
                // also before the first attempt: if the whole process was stalled, clients read something in this time
                sleep(LOOK).await;
                has_room = make_room(&mut self.taken(), Instant::now());
            }
            let started = Instant::now();
            let slot = Arc::new(page(started));
            self.taken().push(Taken { started, slot: Arc::downgrade(&slot) });
            slot
        };
        timeout(WAIT, acquire).await.ok()
    }

    /// The slots whose responses have not ended.
    fn taken(&self) -> MutexGuard<'_, Vec<Taken>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|taken| taken.slot.strong_count() > 0);
        taken
    }
}

/// Evicts a page if all slots are taken; true if one is free.
///
/// It evicts the page whose client has read nothing for longest, if that is stalled, or else the oldest, if that is late.
fn make_room(taken: &mut Vec<Taken>, now: Instant) -> bool {
    if taken.len() < SLOTS {
        return true;
    }
    let read_at = |taken: &Taken| taken.slot.upgrade().and_then(|slot| slot.read_at());
    let slowest = (0..taken.len()).min_by_key(|index| read_at(&taken[*index])).unwrap_or(0);
    let evicted = if read_at(&taken[slowest]).is_none_or(|read_at| now >= read_at + STALLED) {
        slowest
    } else if now >= taken[0].started + LATE {
        0
    } else {
        return false;
    };
    if let Some(slot) = taken.remove(evicted).slot.upgrade() {
        slot.evict();
    }
    true
}
