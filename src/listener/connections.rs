//! The open connections: what each is doing, and which one to close for the next.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Observer, Peer};

/// How long a new connection may take for its first head before it counts as idle.
const GRACE: Duration = Duration::from_secs(1);

/// The open connections.
pub(super) struct Connections {
    observer: Arc<dyn Observer>,
    open: Mutex<Open>,
    /// Notified when a connection has closed, or may be closed.
    changed: Notify,
}

/// In the order in which they were accepted.
#[derive(Default)]
struct Open {
    next: u64,
    states: BTreeMap<u64, State>,
}

struct State {
    /// How many requests were read.
    requests: u64,
    /// Whether a request is in flight.
    busy: bool,
    /// Whether the client has yet to read what was written.
    unsent: bool,
    /// When one of these last changed.
    since: Instant,
    close: CancellationToken,
}

impl State {
    fn is_idle(&self) -> bool {
        !self.busy && !self.unsent
    }

    /// The rank for closing it, the lowest first; none while the client waits for the server.
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

/// What a client loses when its connection is closed, the least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Loss {
    Nothing,
    /// A response that it does not read.
    Answer,
    /// A request that was not read yet, although the client did nothing wrong.
    Request,
}

impl Connections {
    /// No connections yet; `observer` learns of each change.
    pub(super) fn new(observer: Arc<dyn Observer>) -> Self {
        observer.connections(0);
        Self { observer, open: Mutex::default(), changed: Notify::new() }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a slot, and closes another connection if necessary.
    pub(super) async fn admit(self: &Arc<Self>, most: usize, peer: Peer) -> Slot {
        // connections with a request are served first, since they may be closed below
        yield_now().await;
        while self.open().states.len() >= most {
            self.make_room();
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

    /// Closes the connection that is idle for longest, or else the one whose client has read nothing for longest, or else the
    /// oldest new one. Further calls choose the same one until it has closed.
    pub(super) fn make_room(&self) {
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
    /// Cancelled once the connection has to close.
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

    /// Whether no request is in flight and the client has read all that was written.
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
    /// Marks a request in flight until the result is dropped.
    pub(super) fn busy(self) -> Busy {
        self.update(|state| {
            state.requests += 1;
            state.busy = true;
        });
        Busy(self)
    }

    /// Returns how many requests were read, and whether the last of them is in flight.
    pub(super) fn requests(&self) -> (u64, bool) {
        let open = self.connections.open();
        open.states.get(&self.id).map_or((0, false), |state| (state.requests, state.busy))
    }

    /// Records whether the client has yet to read what was written.
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

/// A request in flight: from its head to the end of its response's body.
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
            connections.make_room();
            closed.extend(slots.extract_if(.., |(_, slot)| slot.close.is_cancelled()).map(|(name, _)| name));
        }
        assert_eq!(closed, ["idle", "stalled", "first", "last"]);
    }
}
