//! The poller: on each tick it asks about everything that is watched, and reports to the keeper what it finds out.

mod api;
mod breaker;
mod deadline;
mod hostnames;
mod listing;
mod lists;
mod lookup;
mod memory;
mod panic;
mod plan;
mod quotas;
mod seen;
mod setup;
mod story;
mod zone;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::cloudflare::Client;
use crate::domain::{Entry, ZoneKey, ZoneState, ZoneTarget};
use crate::keeper;
use crate::telemetry::Telemetry;
pub use api::Api;
use deadline::Deadline;
pub use listing::{Listing, Unresolved, join};
use lookup::Lookup;
use memory::Memory;
pub use panic::is_contained;
use quotas::Loads;
use seen::Seen;
pub use setup::{Account, Setup};
use story::{Line, Polled, Story};
use zone::ZonePoll;

/// Polls zones and reports to the keeper.
pub struct Poller<A = Client> {
    setup: watch::Receiver<Arc<Setup<A>>>,
    keeper: keeper::Handle,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    /// The zones of the latest poll.
    watched: BTreeMap<ZoneKey, Watched<A>>,
    /// The time between two polls of everything, by the latest plan.
    interval: Duration,
    /// The quotas that do not suffice for the schedule.
    excess: BTreeSet<usize>,
    story: Story,
    /// Receives the duration of the first poll.
    first: Option<oneshot::Sender<Duration>>,
}

/// A zone, as it was last polled.
struct Watched<A> {
    target: Arc<ZoneTarget>,
    account: Account<A>,
    memory: Arc<Memory>,
    poll: Option<AbortHandle>,
}

impl<A> Watched<A> {
    fn abort(&mut self) {
        if let Some(poll) = self.poll.take() {
            poll.abort();
        }
    }
}

impl<A: Api> Poller<A> {
    /// A poller of what the keeper's snapshot watches.
    pub fn new(
        setup: watch::Receiver<Arc<Setup<A>>>,
        keeper: keeper::Handle,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> Self {
        let (watched, interval, excess) = (BTreeMap::new(), Duration::ZERO, BTreeSet::new());
        let (story, first) = (Story::default(), None);
        Self { setup, keeper, telemetry, clock, watched, interval, excess, story, first }
    }

    /// Sends the duration of the first poll to `first` once that has ended.
    #[must_use]
    pub fn announcing(self, first: oneshot::Sender<Duration>) -> Self {
        Self { first: Some(first), ..self }
    }

    /// Polls at once and then on every tick, until `shutdown` or until no more ticks can come.
    ///
    /// A tick during a poll is counted and skipped. A new setup is polled at once where something changed for a zone;
    /// the polls of all other zones go on.
    pub async fn run(mut self, ticks: mpsc::Receiver<()>, shutdown: CancellationToken) {
        tokio::select! {
            () = self.follow(ticks) => {}
            () = shutdown.cancelled() => {}
        }
    }

    async fn follow(&mut self, mut ticks: mpsc::Receiver<()>) {
        let mut everything = true;
        loop {
            self.poll(everything, &mut ticks).await;
            // it may have learned what the next one takes
            self.plan();
            everything = tokio::select! {
                tick = ticks.recv() => match tick {
                    Some(()) => true,
                    None => return,
                },
                Ok(()) = self.setup.changed() => false,
            };
        }
    }

    /// Polls everything once, until `deadline`.
    pub async fn poll_once(&mut self, deadline: Instant) {
        let (started, mut polls) = (Instant::now(), JoinSet::new());
        self.start(true, &mut polls, Some(deadline));
        let mut seen = Vec::new();
        while let Some(ended) = polls.join_next().await {
            seen.extend(ended);
        }
        self.ended(started, &seen).await;
    }

    /// Polls all zones side by side, or those alone for which something has changed.
    async fn poll(&mut self, everything: bool, ticks: &mut mpsc::Receiver<()>) {
        let (started, mut polls) = (Instant::now(), JoinSet::new());
        self.setup.mark_unchanged();
        self.start(everything, &mut polls, None);
        if polls.is_empty() && !everything {
            return;
        }
        let (mut seen, mut skipped) = (Vec::new(), 0);
        loop {
            tokio::select! {
                ended = polls.join_next() => match ended {
                    // one that was aborted has met nothing
                    Some(ended) => seen.extend(ended),
                    None => break,
                },
                Some(()) = ticks.recv() => {
                    self.telemetry.poll_skipped();
                    skipped += 1;
                    tracing::debug!("a poll is still running: this tick is skipped");
                }
                Ok(()) = self.setup.changed() => self.start(false, &mut polls, None),
            }
        }
        if let Some(line) = self.story.ticks(skipped, !self.excess.is_empty(), Instant::now()) {
            line.log();
        }
        self.ended(started, &seen).await;
    }

    async fn ended(&mut self, started: Instant, seen: &[Seen]) {
        // whoever sees the poll counted sees what came of it
        self.keeper.published().await;
        self.tell(started, seen);
        if let Some(first) = self.first.take() {
            // whoever waited may be gone
            let _ = first.send(started.elapsed());
        }
        self.telemetry.poll_ended(started.elapsed(), self.clock.now().into());
        tracing::debug!(seconds = started.elapsed().as_secs_f64(), "poll ended");
    }

    /// Logs what the poll found to fail or to work again.
    fn tell(&mut self, started: Instant, seen: &[Seen]) {
        let setup = Arc::clone(&self.setup.borrow());
        let accounts = setup.accounts.iter();
        let limited =
            accounts.filter_map(|(name, account)| Some((Arc::clone(name), account.api.take_rate_limited()?)));
        let (limited, known, ended) = (limited.collect(), self.keeper.snapshot(), Instant::now());
        let polled = Polled { seen, limited: &limited, known: &known, started, ended };
        self.story.fold(&polled).iter().for_each(Line::log);
    }

    /// Starts the polls of all zones, or of those alone for which something has changed, and ends the polls of those
    /// that are no longer watched.
    fn start(&mut self, everything: bool, polls: &mut JoinSet<Seen>, deadline: Option<Instant>) {
        let (setup, known) = (Arc::clone(&self.setup.borrow()), self.keeper.snapshot());
        let now = Instant::now();
        let mut before = std::mem::take(&mut self.watched);
        let mut due = Vec::new();
        for zone in known.zones() {
            let Some(account) = setup.accounts.get(zone.account()) else { continue };
            let same = before.remove(zone.key()).map(|mut watched| {
                let same = watched.target == *zone.target() && watched.account == *account;
                if !same {
                    watched.abort();
                }
                (same, watched)
            });
            let (changed, memory) = match same {
                Some((true, watched)) => {
                    let memory = Arc::clone(&watched.memory);
                    self.watched.insert(zone.key().clone(), watched);
                    (false, memory)
                }
                Some((false, watched)) => (true, Arc::new(watched.memory.renewed(now))),
                None => {
                    let failed = zone.entries().iter().filter(|entry| entry.failure().is_some());
                    (true, Arc::new(Memory::new(failed.map(Entry::hostname), now)))
                }
            };
            if changed || everything {
                let (target, account) = (Arc::clone(zone.target()), account.clone());
                due.push(Arc::clone(zone));
                self.watched.insert(zone.key().clone(), Watched { target, account, memory, poll: None });
            }
        }
        before.values_mut().for_each(Watched::abort);
        let accounts = setup.accounts.keys().map(|account| &**account).collect();
        self.telemetry.watch(&accounts, &known.zones().iter().map(|zone| zone.key().as_str()).collect());
        let loads = self.plan();
        self.spawn(&setup, &due, loads, polls, deadline);
    }

    /// Starts the polls of these zones.
    fn spawn(
        &mut self,
        setup: &Setup<A>,
        zones: &[Arc<ZoneState>],
        loads: Loads,
        polls: &mut JoinSet<Seen>,
        deadline: Option<Instant>,
    ) {
        let now = Instant::now();
        let mut lookups = BTreeMap::new();
        for (name, account) in &setup.accounts {
            let names = zones.iter().filter(|zone| zone.account() == &**name && self.is_looked_up(zone, now));
            lookups.insert(&**name, Arc::new(Lookup::new(Arc::clone(&account.api), names.count())));
        }
        let deadlines: BTreeMap<_, _> = loads
            .into_iter()
            .map(|(quota, load)| {
                let planned = || Deadline::planned(now, setup.gap, load);
                (quota, Arc::new(deadline.map_or_else(planned, |at| Deadline::fixed(now, at))))
            })
            .collect();
        for zone in zones {
            let Some(watched) = self.watched.get_mut(zone.key()) else { continue };
            let Some(deadline) = deadlines.get(&Arc::as_ptr(&watched.account.budget)) else { continue };
            let Some(lookup) = lookups.get(zone.account()) else { continue };
            let poll = ZonePoll {
                account: watched.account.clone(),
                lookup: Arc::clone(lookup),
                zone: Arc::clone(zone),
                memory: Arc::clone(&watched.memory),
                deadline: Arc::clone(deadline),
                interval: self.interval,
                keeper: self.keeper.clone(),
                telemetry: Arc::clone(&self.telemetry),
                clock: self.clock.clone(),
                seen: Mutex::new(Seen::new(
                    zone.account().into(),
                    watched.account.api.host().into(),
                    zone.key().clone(),
                )),
            };
            watched.poll = Some(polls.spawn(poll.run()));
        }
    }

    fn is_looked_up(&self, zone: &ZoneState, now: Instant) -> bool {
        let watched = self.watched.get(zone.key());
        watched.is_some_and(|watched| lookup::is_looked_up(zone, &watched.memory, now))
    }
}

#[cfg(test)]
mod tests;
