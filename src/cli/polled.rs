//! A single poll, for commands that print its results.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::daemon::InForce;
use crate::domain::{PartKind, Snapshot, Targets, ZoneKey};
use crate::keeper::{Handle, Keeper};
use crate::poll::{Poller, Setup};
use crate::telemetry::Telemetry;

/// A poller that polls once, and the keeper of what it reads.
pub(super) struct Polled {
    pub(super) kept: Handle,
    poller: Poller,
    /// Kept because the poller ends when it is dropped.
    _setup: watch::Sender<Arc<Setup>>,
}

impl Polled {
    /// Prepares the poll. Reads nothing yet.
    pub(super) fn new(
        targets: &Targets,
        accounts: InForce,
        gap: Duration,
        telemetry: &Arc<Telemetry>,
        clock: &Clock,
    ) -> Self {
        let (setup, receiver) = watch::channel(Arc::new(Setup { accounts, gap }));
        let (keeper, kept) = Keeper::new(Snapshot::default().retarget(targets));
        tokio::spawn(keeper.run(CancellationToken::new()));
        let poller = Poller::new(receiver, kept.clone(), Arc::clone(telemetry), clock.clone());
        Self { kept, poller, _setup: setup }
    }

    /// Tells the poller if the command line has narrowed the patterns.
    pub(super) fn narrowed(self, is_narrowed: bool) -> Self {
        Self { poller: self.poller.narrowed(is_narrowed), ..self }
    }

    /// Polls once, until `deadline`. Returns the parts of zones that were not read for lack of quota or time.
    pub(super) async fn poll(&mut self, deadline: Instant) -> Vec<(ZoneKey, PartKind)> {
        self.poller.poll_once(deadline).await
    }
}
