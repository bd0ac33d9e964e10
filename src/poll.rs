//! The poller: on each tick it asks about everything that is watched, and it alone publishes what is known.

mod plan;
mod zone;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::cloudflare::Client;
use crate::domain::{Snapshot, Targets, ZoneKey};
use crate::telemetry::Telemetry;

/// What is polled, with what and how often: replaced as a whole when the configuration changes.
pub struct Setup {
    /// The clients by the name of their account; each account of a target has one.
    pub clients: BTreeMap<Arc<str>, Arc<Client>>,
    /// What is watched.
    pub targets: Targets,
    /// The longest time between two ticks.
    pub gap: Duration,
}

/// The one writer of the snapshot.
pub struct Poller {
    setup: watch::Receiver<Arc<Setup>>,
    snapshot: watch::Sender<Arc<Snapshot>>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
}

/// What a poll of a zone tells the writer.
enum Message {
    Outcome(crate::domain::Outcome),
    /// The zone of that name is the zone that is also given by its id.
    SameZone {
        name: ZoneKey,
        id: ZoneKey,
    },
}

impl Poller {
    /// A poller that has polled nothing yet: all that is watched is there, unread.
    pub fn new(setup: watch::Receiver<Arc<Setup>>, telemetry: Arc<Telemetry>, clock: Clock) -> Self {
        let first = Snapshot::default().retarget(&setup.borrow().targets);
        Self { setup, snapshot: watch::Sender::new(Arc::new(first)), telemetry, clock }
    }

    /// What is known, now and after each change.
    pub fn snapshot(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.subscribe()
    }

    /// Polls at once and then on every tick, until `shutdown` or until no more ticks can come.
    ///
    /// A tick during a poll is counted and passed over. A new setup drops the poll under way, leaves what is no
    /// longer watched, and polls at once.
    pub async fn run(mut self, mut ticks: mpsc::Receiver<()>, shutdown: CancellationToken) {
        let mut changes = self.setup.clone();
        loop {
            let setup = Arc::clone(&changes.borrow_and_update());
            let stopped = tokio::select! {
                () = self.follow(&setup, &mut ticks) => true,
                () = shutdown.cancelled() => true,
                Ok(()) = changes.changed() => false,
            };
            if stopped {
                return;
            }
        }
    }

    /// Polls everything once, until `deadline`.
    pub async fn poll_once(&mut self, deadline: Instant) {
        let setup = Arc::clone(&self.setup.borrow());
        self.poll(&setup, &mut setup.targets.clone(), deadline).await;
    }

    async fn follow(&mut self, setup: &Setup, ticks: &mut mpsc::Receiver<()>) {
        let mut targets = setup.targets.clone();
        self.snapshot.send_modify(|known| *known = Arc::new(known.retarget(&targets)));
        for zone in targets.zones() {
            self.telemetry.start_zone(zone.key());
        }
        let quotas = quotas(setup);
        self.telemetry.poll_interval(plan::interval(setup.gap, quotas.iter().copied()));
        let limit = plan::time_limit(setup.gap, quotas);
        loop {
            tokio::select! {
                () = self.poll(setup, &mut targets, Instant::now() + limit) => {}
                never = self.count_skipped(ticks) => match never {},
            }
            if ticks.recv().await.is_none() {
                return;
            }
        }
    }

    /// Counts the ticks that come while a poll is running.
    async fn count_skipped(&self, ticks: &mut mpsc::Receiver<()>) -> Infallible {
        while ticks.recv().await.is_some() {
            self.telemetry.poll_skipped();
            tracing::warn!("a poll is still running: this tick is passed over");
        }
        pending().await
    }

    /// Polls all zones side by side; where one turns out to be watched twice, merges the two and begins anew.
    async fn poll(&self, setup: &Setup, targets: &mut Targets, deadline: Instant) {
        let started = Instant::now();
        while let Err((name, id)) = self.poll_zones(setup, targets, deadline).await {
            tracing::warn!(zone = %name, %id, "this zone is configured twice, by name and by id: it is read once");
            *targets = targets.merged(&id, &name);
            self.snapshot.send_modify(|known| *known = Arc::new(known.retarget(targets)));
        }
        self.telemetry.poll_ended(started.elapsed(), self.clock.now().into());
        tracing::debug!(seconds = started.elapsed().as_secs_f64(), "poll ended");
    }

    async fn poll_zones(
        &self,
        setup: &Setup,
        targets: &Targets,
        deadline: Instant,
    ) -> Result<(), (ZoneKey, ZoneKey)> {
        let known = Arc::clone(&self.snapshot.borrow());
        let (sender, mut messages) = mpsc::channel(64);
        let polls: FuturesUnordered<_> = targets
            .zones()
            .iter()
            .filter_map(|target| {
                let poll = zone::ZonePoll {
                    client: setup.clients.get(target.account())?,
                    targets,
                    target,
                    known: known.zone(target.key())?,
                    telemetry: &self.telemetry,
                    clock: &self.clock,
                    deadline,
                    messages: sender.clone(),
                };
                Some(poll.run())
            })
            .collect();
        drop(sender);
        let all = async {
            polls.collect::<()>().await;
            pending().await
        };
        // the channel closes as the last zone ends
        let published = async {
            let mut batch = Vec::new();
            while messages.recv_many(&mut batch, 64).await > 0 {
                self.publish(&mut batch)?;
            }
            Ok(())
        };
        tokio::select! {
            result = published => result,
            never = all => never,
        }
    }

    fn publish(&self, batch: &mut Vec<Message>) -> Result<(), (ZoneKey, ZoneKey)> {
        let mut outcomes = Vec::with_capacity(batch.len());
        for message in batch.drain(..) {
            match message {
                Message::Outcome(outcome) => outcomes.push(outcome),
                Message::SameZone { name, id } => return Err((name, id)),
            }
        }
        self.snapshot.send_modify(|known| *known = Arc::new(known.fold(&outcomes)));
        Ok(())
    }
}

/// The limit of each quota, with the requests that a poll spends of it.
fn quotas(setup: &Setup) -> Vec<(crate::cloudflare::RateLimit, usize)> {
    let mut quotas: BTreeMap<*const crate::cloudflare::Budget, (crate::cloudflare::RateLimit, usize)> =
        BTreeMap::new();
    for target in setup.targets.zones() {
        if let Some(client) = setup.clients.get(target.account()) {
            let budget = client.budget();
            let quota = quotas.entry(budget).or_insert((budget.limit(), 0));
            quota.1 += plan::requests(target);
        }
    }
    quotas.into_values().collect()
}
