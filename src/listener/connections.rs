//! The open connections: what each is doing, and which one makes room for the next.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a connection that was accepted may take for its first head before it counts as idle.
const GRACE: Duration = Duration::from_secs(1);

/// The open connections.
#[derive(Default)]
pub(super) struct Connections {
    open: Mutex<Open>,
    /// One has left, or can make room now.
    changed: Notify,
}

/// By the order in which they came.
#[derive(Default)]
struct Open {
    next: u64,
    states: BTreeMap<u64, State>,
}

struct State {
    /// No request was read yet.
    fresh: bool,
    /// A request is in flight.
    busy: bool,
    /// The client has yet to take what was written.
    unsent: bool,
    /// When that last changed.
    since: Instant,
    close: CancellationToken,
}

impl State {
    fn is_idle(&self) -> bool {
        !self.busy && !self.unsent
    }

    /// How little it takes to make room, the least first; none while the client waits for the server.
    fn makes_room(&self, now: Instant) -> Option<(Loss, Instant)> {
        let loss = match self {
            Self { unsent: true, .. } => Loss::Answer,
            Self { busy: true, .. } => return None,
            Self { fresh: true, since, .. } if now < *since + GRACE => Loss::Request,
            _ => Loss::Nothing,
        };
        Some((loss, self.since))
    }
}

/// What is lost when a connection is closed, the least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Loss {
    Nothing,
    /// One that its client does not take.
    Answer,
    /// One that was not read yet, of a client that has done nothing wrong.
    Request,
}

impl Connections {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a slot as soon as there is one, for which another connection may have to make room.
    pub(super) async fn admit(self: &Arc<Self>, most: usize) -> Slot {
        // who has sent a request already is answered before it may have to go
        yield_now().await;
        while self.open().states.len() >= most {
            self.make_room();
            self.changed.notified().await;
        }
        let close = CancellationToken::new();
        let state =
            State { fresh: true, busy: false, unsent: false, since: Instant::now(), close: close.clone() };
        let mut open = self.open();
        let id = open.next;
        open.next += 1;
        open.states.insert(id, state);
        Slot { handle: Handle { id, connections: Arc::clone(self) }, close }
    }

    /// Closes the connection that has been idle longest, or else the one whose client has taken nothing for longest, or else
    /// the one that was accepted first; until that has left it is the same one, however often asked.
    pub(super) fn make_room(&self) {
        let (open, now) = (self.open(), Instant::now());
        let can = open.states.values().filter_map(|state| Some((state.makes_room(now)?, state)));
        if let Some((_, first)) = can.min_by_key(|(order, _)| *order) {
            first.close.cancel();
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
        self.update(|state| (state.fresh, state.busy) = (false, true));
        Busy(self)
    }

    /// Whether the client has yet to take what was written.
    pub(super) fn set_unsent(&self, unsent: bool) {
        self.update(|state| state.unsent = unsent);
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        if let Some(state) = self.connections.open().states.get_mut(&self.id) {
            change(state);
            state.since = Instant::now();
            if state.makes_room(state.since).is_some() {
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
    async fn a_connection_that_was_just_accepted_makes_room_after_those_that_are_idle() {
        let connections = Arc::default();
        let mut slots = Vec::new();
        for name in ["first", "idle", "stuck", "busy", "last"] {
            slots.push((name, Connections::admit(&connections, 5).await));
        }
        drop(slots[1].1.handle().busy());
        slots[2].1.handle().set_unsent(true);
        let _under_way = slots[3].1.handle().busy();

        let mut gone = Vec::new();
        for _ in 0..5 {
            connections.make_room();
            gone.extend(slots.extract_if(.., |(_, slot)| slot.close.is_cancelled()).map(|(name, _)| name));
        }
        assert_eq!(gone, ["idle", "stuck", "first", "last"]);
    }
}
