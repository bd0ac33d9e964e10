//! The poller: on each tick it asks about everything that is watched, and it alone publishes what is known.

mod hostnames;
mod listing;
mod lookup;
mod memory;
mod plan;
pub mod state_file;
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
use crate::cloudflare::{Budget, Client};
use crate::domain::{Outcome, Snapshot, Targets, ZoneKey, ZoneTarget};
use crate::telemetry::Telemetry;
use lookup::Lookup;
use memory::Memory;
use plan::{Load, Way};

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

/// A setup, with what was found out about it since it is followed.
struct Following<'a> {
    setup: &'a Setup,
    /// What is watched: zones that turned out to be one are merged.
    targets: Targets,
    memories: BTreeMap<ZoneKey, Memory>,
    /// What was said of polls that cannot keep to the schedule.
    excess: Vec<String>,
}

impl<'a> Following<'a> {
    fn new(setup: &'a Setup, known: &Snapshot) -> Self {
        let targets = known.without_twins(&setup.targets);
        let memories = targets.zones().iter().map(|zone| (zone.key().clone(), Memory::default()));
        Self { setup, memories: memories.collect(), targets, excess: Vec::new() }
    }
}

/// What a poll of a zone tells the writer.
enum Message {
    Outcome(Outcome),
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

    /// The same, knowing already what another poller has found out about the same targets.
    #[must_use]
    pub fn starting_from(self, known: Snapshot) -> Self {
        self.snapshot.send_replace(Arc::new(known));
        self
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
        let mut following = Following::new(&setup, &self.snapshot.borrow());
        self.poll(&mut following, deadline).await;
    }

    async fn follow(&mut self, setup: &Setup, ticks: &mut mpsc::Receiver<()>) {
        let mut following = Following::new(setup, &self.snapshot.borrow());
        self.snapshot.send_modify(|known| *known = Arc::new(known.retarget(&following.targets)));
        // whoever could still count for what has left is gone: the poll before was dropped
        let zones = setup.targets.zones().iter().map(|zone| zone.key().as_str());
        self.telemetry.watch(&setup.clients.keys().map(|account| &**account).collect(), &zones.collect());
        let mut limit = self.plan(&mut following);
        loop {
            tokio::select! {
                () = self.poll(&mut following, Instant::now() + limit) => {}
                never = self.count_skipped(ticks) => match never {},
            }
            // it may have shown that the next one takes more requests, or fewer
            limit = self.plan(&mut following);
            if ticks.recv().await.is_none() {
                return;
            }
        }
    }

    /// Tells how often is polled, says where that is less often than the schedule wants, and limits the next poll.
    fn plan(&self, following: &mut Following<'_>) -> Duration {
        let gap = following.setup.gap;
        let loads = loads(following, &self.snapshot.borrow());
        let excess: Vec<_> = loads.iter().filter_map(|load| load.excess(gap)).collect();
        for new in excess.iter().filter(|excess| !following.excess.contains(excess)) {
            tracing::warn!("{new}");
        }
        following.excess = excess;
        self.telemetry.poll_interval(plan::interval(gap, &loads));
        plan::time_limit(gap, &loads)
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
    async fn poll(&self, following: &mut Following<'_>, deadline: Instant) {
        let started = Instant::now();
        while let Err((name, id)) = self.poll_zones(following, deadline).await {
            if let (Some(name), Some(id)) = (following.targets.zone(&name), following.targets.zone(&id)) {
                tracing::warn!("{}", twice(name, id));
            }
            following.targets = following.targets.merged(&id, &name);
            self.snapshot.send_modify(|known| *known = Arc::new(known.retarget(&following.targets)));
        }
        self.telemetry.poll_ended(started.elapsed(), self.clock.now().into());
        tracing::debug!(seconds = started.elapsed().as_secs_f64(), "poll ended");
    }

    async fn poll_zones(
        &self,
        following: &Following<'_>,
        deadline: Instant,
    ) -> Result<(), (ZoneKey, ZoneKey)> {
        let Following { setup, targets, memories, .. } = following;
        let known = Arc::clone(&self.snapshot.borrow());
        let (sender, mut messages) = mpsc::channel(64);
        let lookups = setup
            .clients
            .iter()
            .map(|(account, client)| (account, Lookup::new(client, account, targets, &known)));
        let lookups: BTreeMap<_, _> = lookups.collect();
        let polls: FuturesUnordered<_> = targets
            .zones()
            .iter()
            .filter_map(|target| {
                let poll = zone::ZonePoll {
                    client: setup.clients.get(target.account())?,
                    lookup: lookups.get(target.account())?,
                    targets,
                    target,
                    known: known.zone(target.key())?,
                    memory: memories.get(target.key())?,
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

/// What is to be told of one zone that is given by name and by id, maybe in two accounts.
fn twice(name: &ZoneTarget, id: &ZoneTarget) -> String {
    let (one, other) = (name.account(), id.account());
    let (name, id) = (name.key(), id.key());
    if one == other {
        format!("zone {name} of account {one} is there again by its id {id}: it is read once")
    } else {
        format!(
            "zone {name} of account {one} is there again by its id {id} in account {other}: \
             it is read once, through account {one}"
        )
    }
}

/// What a poll takes of each quota.
fn loads(following: &Following<'_>, known: &Snapshot) -> Vec<Load> {
    let Following { setup, targets, memories, .. } = following;
    let mut loads: BTreeMap<*const Budget, Load> = BTreeMap::new();
    for (account, client) in &setup.clients {
        let budget = client.budget();
        let unused = Load { limit: budget.limit(), hostnames: 0, requests: 0, most: 0 };
        let load = loads.entry(Arc::as_ptr(budget)).or_insert(unused);
        let look_ups = Lookup::new(client, account, targets, known).requests();
        load.requests += look_ups;
        load.most += look_ups;
        for target in targets.zones().iter().filter(|target| target.account() == account) {
            let hostnames = known.zone(target.key()).map_or(0, |zone| zone.entries().len());
            let way = memories.get(target.key()).map_or(Way::Open, Memory::way);
            load.hostnames += hostnames;
            load.requests += plan::requests(target.extent(), hostnames, way);
            load.most += plan::most_requests(target.extent(), hostnames, way);
        }
    }
    loads.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_is_there_twice_is_told_with_each_account() {
        let id = "023e105f4ecef8ad9ca31a8372d0c353".parse().unwrap();
        let name = ZoneTarget::named("a".into(), "example.com".parse().unwrap(), None);
        assert_eq!(
            twice(&name, &ZoneTarget::identified("a".into(), id)),
            "zone example.com of account a is there again by its id 023e105f4ecef8ad9ca31a8372d0c353: it is read once"
        );
        assert_eq!(
            twice(&name, &ZoneTarget::identified("b".into(), id)),
            "zone example.com of account a is there again by its id 023e105f4ecef8ad9ca31a8372d0c353 in account b: \
             it is read once, through account a"
        );
    }
}
