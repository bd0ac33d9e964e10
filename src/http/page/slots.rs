//! The slots of pages being written. They limit the number of pages and evict a slow page for a new one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::slot::Slot;

/// A page whose client reads nothing for this long may be evicted. It is about one retransmission timeout, and far more
/// than the time between two frames to a nearby client.
pub(super) const STALLED: Duration = Duration::from_millis(200);

/// A page that takes this long may be evicted, since a scrape has timed out by then.
pub(super) const LATE: Duration = Duration::from_secs(10);

/// The maximum number of requests of one peer that may wait for a slot. That many stalled pages can be evicted within
/// [`WAIT`].
pub(super) const WAITING: usize = 48;
pub(super) const WAIT: Duration = Duration::from_secs(2);

/// The maximum number of requests of all peers that may wait.
const MAX_WAITING: usize = 512;

/// The interval between two attempts to evict a page.
pub(super) const EVICT_INTERVAL: Duration = Duration::from_millis(5);

/// Limits on the pages written at once. They bound memory, since each page may hold its own snapshot.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Limits {
    pub(in crate::http) pages: usize,
    /// The maximum number of pages for one peer.
    pub(in crate::http) of_peer: usize,
}

/// The slots of pages being written.
pub(super) struct Slots {
    limits: Limits,
    evicted: Box<dyn Fn() + Send + Sync>,
    /// The taken slots in the order in which their pages started.
    taken: Mutex<Vec<Taken>>,
    waiting: Semaphore,
    queues: Mutex<HashMap<IpAddr, Arc<Queue>>>,
    /// Held by the request that is next among all peers with a slot left, so that slots are given in order.
    first: tokio::sync::Mutex<()>,
}

/// The waiting requests of one peer.
struct Queue {
    waiting: Semaphore,
    /// Held by the first request in the queue, so that slots are given in order.
    first: tokio::sync::Mutex<()>,
}

struct Taken {
    started: Instant,
    peer: IpAddr,
    slot: Weak<Slot>,
}

impl Slots {
    /// Creates free slots. `evicted` is called for each evicted page.
    pub(super) fn new(limits: Limits, evicted: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            limits,
            evicted: Box::new(evicted),
            taken: Mutex::default(),
            waiting: Semaphore::new(MAX_WAITING),
            queues: Mutex::default(),
            first: tokio::sync::Mutex::default(),
        }
    }

    /// Waits for a slot for a page to `peer`, evicting another page if possible. None if too many requests wait, or on
    /// timeout.
    ///
    /// A peer whose slots are all taken waits for one of its own and delays no other peer.
    pub(super) async fn acquire(
        &self,
        peer: IpAddr,
        page: impl FnOnce(Instant) -> Slot,
    ) -> Option<Arc<Slot>> {
        let queue = self.queue(peer);
        let _waiting_of_peer = queue.waiting.try_acquire().ok()?;
        let _waiting = self.waiting.try_acquire().ok()?;
        let acquire = async {
            let _first_of_peer = queue.first.lock().await;
            self.wait_for_free(self.limits.of_peer, |taken| taken.peer == peer).await;
            let _first = self.first.lock().await;
            self.wait_for_free(self.limits.pages, |_| true).await;
            let started = Instant::now();
            let slot = Arc::new(page(started));
            self.taken().push(Taken { started, peer, slot: Arc::downgrade(&slot) });
            slot
        };
        timeout(WAIT, acquire).await.ok()
    }

    fn queue(&self, peer: IpAddr) -> Arc<Queue> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|_, queue| Arc::strong_count(queue) > 1);
        let new = || Queue { waiting: Semaphore::new(WAITING), first: tokio::sync::Mutex::default() };
        Arc::clone(queues.entry(peer).or_insert_with(|| Arc::new(new())))
    }

    /// Waits until fewer than `max` of the slots selected by `of` are taken, evicting pages if possible.
    async fn wait_for_free(&self, max: usize, of: impl Fn(&Taken) -> bool + Copy) {
        let mut has_free_slot = self.taken().iter().filter(|taken| of(taken)).count() < max;
        while !has_free_slot {
            // sleep even before the first attempt: after a stall of the whole process, clients need time to read
            sleep(EVICT_INTERVAL).await;
            has_free_slot = self.evict(max, of, Instant::now());
        }
    }

    /// Evicts one of the pages selected by `of` if `max` of them are taken. Returns true if a slot is free.
    ///
    /// The page whose client has read nothing for longest is evicted if it is stalled. Otherwise the oldest page is evicted
    /// if it is late.
    fn evict(&self, max: usize, of: impl Fn(&Taken) -> bool, now: Instant) -> bool {
        let mut taken = self.taken();
        let mine: Vec<_> = (0..taken.len()).filter(|index| of(&taken[*index])).collect();
        if mine.len() < max {
            return true;
        }
        let read_at = |index: &usize| taken[*index].slot.upgrade().and_then(|slot| slot.read_at());
        let Some(slowest) = mine.iter().min_by_key(|index| read_at(index)) else { return false };
        let evicted = if read_at(slowest).is_none_or(|read_at| now >= read_at + STALLED) {
            *slowest
        } else if now >= taken[mine[0]].started + LATE {
            mine[0]
        } else {
            return false;
        };
        if let Some(slot) = taken.remove(evicted).slot.upgrade()
            && slot.evict()
        {
            (self.evicted)();
        }
        true
    }

    /// Returns the slots whose responses have not ended.
    fn taken(&self) -> MutexGuard<'_, Vec<Taken>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|taken| taken.slot.strong_count() > 0);
        taken
    }
}
