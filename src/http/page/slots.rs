//! The slots of the pages that are being written: how many there are, and which page is evicted for another.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::slot::Slot;

/// A page whose client reads nothing for this long may be evicted: far more than passes between two frames to a client
/// nearby, and about one retransmission timeout.
pub(super) const STALLED: Duration = Duration::from_millis(200);

/// A page that takes this long may be evicted: a scrape has timed out by then.
pub(super) const LATE: Duration = Duration::from_secs(10);

/// How many requests of one peer may wait for a slot, and for how long: as many stalled pages were evicted by then.
pub(super) const WAITING: usize = 48;
pub(super) const WAIT: Duration = Duration::from_secs(2);

/// How many requests of all peers may wait.
const WAITING_IN_ALL: usize = 512;

/// The interval between two attempts to evict a page.
pub(super) const LOOK: Duration = Duration::from_millis(5);

/// How many pages may be written at once, whatever their clients do: each may hold a snapshot of its own.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Limits {
    pub(in crate::http) pages: usize,
    /// How many of them may go to one peer.
    pub(in crate::http) of_peer: usize,
}

/// The slots of the pages that are being written.
pub(super) struct Slots {
    limits: Limits,
    evicted: Box<dyn Fn() + Send + Sync>,
    /// In the order in which they were started.
    taken: Mutex<Vec<Taken>>,
    waiting: Semaphore,
    queues: Mutex<HashMap<IpAddr, Arc<Queue>>>,
    /// Held by the first of all peers that has its share left, so that peers take turns.
    first: tokio::sync::Mutex<()>,
}

/// The requests of one peer that wait.
struct Queue {
    waiting: Semaphore,
    /// Held by the first of them, so that slots are given in order.
    first: tokio::sync::Mutex<()>,
}

struct Taken {
    started: Instant,
    peer: IpAddr,
    slot: Weak<Slot>,
}

impl Slots {
    /// Free slots; calls `evicted` for each page that is evicted.
    pub(super) fn new(limits: Limits, evicted: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            limits,
            evicted: Box::new(evicted),
            taken: Mutex::default(),
            waiting: Semaphore::new(WAITING_IN_ALL),
            queues: Mutex::default(),
            first: tokio::sync::Mutex::default(),
        }
    }

    /// Waits for a slot for a page to `peer`, and evicts another page if it may; none if too many wait, or it takes too long.
    ///
    /// A peer that has its share of slots waits for one of its own, and delays no other peer.
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
            self.make_room(self.limits.of_peer, |taken| taken.peer == peer).await;
            let _first = self.first.lock().await;
            self.make_room(self.limits.pages, |_| true).await;
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

    /// Waits until fewer than `most` of these slots are taken.
    async fn make_room(&self, most: usize, of: impl Fn(&Taken) -> bool + Copy) {
        let mut has_room = self.taken().iter().filter(|taken| of(taken)).count() < most;
        while !has_room {
            // also before the first attempt: if the whole process was stalled, clients read something in this time
            sleep(LOOK).await;
            has_room = self.evict(most, of, Instant::now());
        }
    }

    /// Evicts one of these pages if `most` of their slots are taken; true if one is free.
    ///
    /// It evicts the page whose client has read nothing for longest, if that is stalled, or else the oldest, if that is late.
    fn evict(&self, most: usize, of: impl Fn(&Taken) -> bool, now: Instant) -> bool {
        let mut taken = self.taken();
        let mine: Vec<_> = (0..taken.len()).filter(|index| of(&taken[*index])).collect();
        if mine.len() < most {
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

    /// The slots whose responses have not ended.
    fn taken(&self) -> MutexGuard<'_, Vec<Taken>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|taken| taken.slot.strong_count() > 0);
        taken
    }
}
