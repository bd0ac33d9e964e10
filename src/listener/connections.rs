//! The open connections: which of them are idle, and which one makes room for the next.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// How long a client may keep its connection waiting while others want its place.
const GRACE: Duration = Duration::from_secs(1);

/// The open connections.
#[derive(Default)]
pub(super) struct Connections {
    open: Mutex<Open>,
    /// One has left, or has become idle.
    changed: Notify,
}

/// By the order in which they came.
#[derive(Default)]
struct Open {
    next: u64,
    states: BTreeMap<u64, State>,
}

struct State {
    /// A request is in flight.
    busy: bool,
    /// Since when the client has yet to take what was written.
    unsent: Option<Instant>,
    /// No request has come yet.
    is_fresh: bool,
    /// When it last became idle.
    idle_since: Instant,
    close: CancellationToken,
}

impl State {
    fn is_idle(&self) -> bool {
        !self.busy && self.unsent.is_none()
    }
}

impl Open {
    /// Which connection makes room: of those that are idle the one that has been so longest, else of those whose
    /// clients keep it waiting, for a request or to take an answer, the one that has waited longest.
    fn dispensable(&self, now: Instant) -> Option<&State> {
        let idle = self.states.values().filter(|state| state.is_idle());
        let used = idle.clone().filter(|state| !state.is_fresh).map(|state| (state.idle_since, state));
        let fresh = idle.filter(|state| state.is_fresh).map(|state| (state.idle_since, state));
        let unsent = self.states.values().filter_map(|state| Some((state.unsent?, state)));
        let waiting = fresh.chain(unsent).filter(|(since, _)| now - *since >= GRACE);
        let first = used.min_by_key(|(since, _)| *since).or_else(|| waiting.min_by_key(|(since, _)| *since));
        first.map(|(_, state)| state)
    }
}

impl Connections {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a slot as soon as there is one, for which a connection is closed that can be spared.
    pub(super) async fn admit(self: &Arc<Self>, most: usize) -> Slot {
        while self.open().states.len() >= most {
            self.close_one();
            // as time goes by, others can be spared
            let _ = timeout(GRACE / 10, self.changed.notified()).await;
        }
        let (close, idle_since) = (CancellationToken::new(), Instant::now());
        let state = State { busy: false, unsent: None, is_fresh: true, idle_since, close: close.clone() };
        let mut open = self.open();
        let id = open.next;
        open.next += 1;
        open.states.insert(id, state);
        Slot { handle: Handle { id, connections: Arc::clone(self) }, close }
    }

    /// Closes a connection that can be spared; until that has left it is the same one, however often asked.
    pub(super) fn close_one(&self) {
        if let Some(state) = self.open().dispensable(Instant::now()) {
            state.close.cancel();
        }
    }

    pub(super) fn close_all(&self) {
        for state in self.open().states.values() {
            state.close.cancel();
        }
    }
}

/// The place of one open connection, which it leaves when this is dropped.
pub(super) struct Slot {
    handle: Handle,
    /// Says that the connection has to end now.
    pub(super) close: CancellationToken,
}

impl Slot {
    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Whether no request is in flight and the client has all that was written.
    pub(super) fn is_idle(&self) -> bool {
        self.handle.connections.open().states.get(&self.handle.id).is_none_or(State::is_idle)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.handle.connections.open().states.remove(&self.handle.id);
        self.handle.connections.changed.notify_one();
    }
}

/// Says what an open connection is doing.
#[derive(Clone)]
pub(super) struct Handle {
    id: u64,
    connections: Arc<Connections>,
}

impl Handle {
    /// A request is in flight, until what is returned is dropped.
    pub(super) fn busy(self) -> Busy {
        self.update(|state| (state.busy, state.is_fresh) = (true, false));
        Busy(self)
    }

    /// Whether the client has yet to take what was written.
    pub(super) fn set_unsent(&self, unsent: bool) {
        self.update(|state| state.unsent = unsent.then(Instant::now));
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        if let Some(state) = self.connections.open().states.get_mut(&self.id) {
            change(state);
            if state.is_idle() {
                state.idle_since = Instant::now();
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
