//! Tracks what each open connection is doing and chooses which one to close for a new one.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Observer, Peer};

/// The time a new connection gets for its first request head before it counts as idle.
const GRACE: Duration = Duration::from_secs(1);

/// The open connections.
pub(super) struct Connections {
    observer: Arc<dyn Observer>,
    open: Mutex<Open>,
    /// Notified when a connection closes or becomes eligible to be closed.
    changed: Notify,
}

/// The open connections in the order in which they were accepted.
#[derive(Default)]
struct Open {
    next: u64,
    states: BTreeMap<u64, State>,
}

struct State {
    /// The number of requests read.
    requests: u64,
    /// True while a request is in flight.
    busy: bool,
    /// True while a write waits for the client to read.
    unsent: bool,
    /// The time of the last change to the fields above.
    since: Instant,
    close: CancellationToken,
}

impl State {
    fn is_idle(&self) -> bool {
        !self.busy && !self.unsent
    }

    /// Returns the rank for closing this connection; the lowest is closed first. None while the client waits for us.
    fn close_rank(&self, now: Instant) -> Option<(Loss, Instant)> {
        let loss = match self {
            Self { unsent: true, .. } => Loss::Answer,
            Self { busy: true, .. } => return None,
            Self { requests: 0, since, .. } if now < *since + GRACE => Loss::Request,
            _ => Loss::Nothing,
        };
        Some((loss, self.since))
    }
}

/// A client's loss if its connection is closed, ordered from least to most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Loss {
    Nothing,
    /// A response that the client does not read.
    Answer,
    /// A request that has not been read yet, from a client that did nothing wrong.
    Request,
}

impl Connections {
    /// Creates an empty set of connections that reports each change to `observer`.
    pub(super) fn new(observer: Arc<dyn Observer>) -> Self {
        observer.connections(0);
        Self { observer, open: Mutex::default(), changed: Notify::new() }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a slot. If none is free, closes another connection.
    pub(super) async fn admit(self: &Arc<Self>, max: usize, peer: Peer) -> Slot {
        // let connections read their pending requests first, so that they are not closed below
        yield_now().await;
        while self.open().states.len() >= max {
            self.evict_one();
            self.changed.notified().await;
        }
        let close = CancellationToken::new();
        let state =
            State { requests: 0, busy: false, unsent: false, since: Instant::now(), close: close.clone() };
        let mut open = self.open();
        let id = open.next;
        open.next += 1;
        open.states.insert(id, state);
        self.observer.connections(open.states.len());
        Slot { handle: Handle { id, connections: Arc::clone(self) }, peer, close }
    }

    /// Evicts one connection: the longest idle one, or else the one whose client has read nothing for longest, or else the
    /// oldest new one. Further calls choose the same connection until it has closed.
    pub(super) fn evict_one(&self) {
        let (open, now) = (self.open(), Instant::now());
        let ranked = open.states.values().filter_map(|state| Some((state.close_rank(now)?, state)));
        if let Some((_, first)) = ranked.min_by_key(|(rank, _)| *rank) {
            first.close.cancel();
        }
    }

    pub(super) fn close_all(&self) {
        for state in self.open().states.values() {
            state.close.cancel();
        }
    }
}

/// The slot of one open connection, freed when it is dropped.
pub(super) struct Slot {
    handle: Handle,
    pub(super) peer: Peer,
    /// Cancelled when the connection must close.
    pub(super) close: CancellationToken,
}

impl Slot {
    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Reports a TLS handshake that failed.
    pub(super) fn handshake_failed(&self, why: &dyn Display) {
        self.handle.connections.observer.handshake_failed(self.peer, why);
    }

    /// Returns true if no request is in flight and the client has read everything written.
    pub(super) fn is_idle(&self) -> bool {
        self.handle.connections.open().states.get(&self.handle.id).is_none_or(State::is_idle)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let connections = &self.handle.connections;
        let mut open = connections.open();
        open.states.remove(&self.handle.id);
        connections.observer.connections(open.states.len());
        drop(open);
        connections.changed.notify_one();
    }
}

/// Records what an open connection is doing.
#[derive(Clone)]
pub(super) struct Handle {
    id: u64,
    connections: Arc<Connections>,
}

impl Handle {
    /// Marks a request as in flight until the result is dropped.
    pub(super) fn busy(self) -> Busy {
        self.update(|state| {
            state.requests += 1;
            state.busy = true;
        });
        Busy(self)
    }

    /// Returns the number of requests read, and true if the last one is in flight.
    pub(super) fn requests(&self) -> (u64, bool) {
        let open = self.connections.open();
        open.states.get(&self.id).map_or((0, false), |state| (state.requests, state.busy))
    }

    /// Records that a write waits for the client to read, or no longer does.
    pub(super) fn set_unsent(&self, unsent: bool) {
        self.update(|state| state.unsent = unsent);
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        if let Some(state) = self.connections.open().states.get_mut(&self.id) {
            change(state);
            state.since = Instant::now();
            if state.close_rank(state.since).is_some() {
                self.connections.changed.notify_one();
            }
        }
    }
}

/// A request in flight, from its head to the end of the response body.
pub(super) struct Busy(Handle);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.update(|state| state.busy = false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_is_closed_after_idle_and_stalled_ones() {
        let connections = Arc::new(Connections::new(Arc::new(())));
        let peer = Peer(std::net::Ipv4Addr::LOCALHOST.into());
        let mut slots = Vec::new();
        for name in ["first", "idle", "stalled", "busy", "last"] {
            slots.push((name, connections.admit(5, peer).await));
        }
        drop(slots[1].1.handle().busy());
        slots[2].1.handle().set_unsent(true);
        let _busy = slots[3].1.handle().busy();

        let mut closed = Vec::new();
        for _ in 0..5 {
            connections.evict_one();
            closed.extend(slots.extract_if(.., |(_, slot)| slot.close.is_cancelled()).map(|(name, _)| name));
        }
        assert_eq!(closed, ["idle", "stalled", "first", "last"]);
    }
}
