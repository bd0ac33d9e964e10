//! The poller: on each tick it asks about everything that is watched, and reports to the keeper what it finds out.

mod api;
mod breaker;
mod deadline;
mod hostnames;
mod listing;
mod lists;
mod lookup;
mod memory;
mod plan;
mod quotas;
mod rows;
mod seen;
mod setup;
mod story;
mod turns;
mod watched;
mod zone;
mod zones;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::cloudflare::{Client, Error};
use crate::domain::{PartKind, ZoneKey, ZoneState};
use crate::keeper;
use crate::panic::contained;
use crate::telemetry::Telemetry;
pub use api::Api;
use deadline::Deadline;
pub use listing::{Listing, Unresolved, join};
use lookup::Lookup;
use memory::Hourly;
use quotas::{Chosen, Outlooks, Quota, quota};
use rows::Row;
use seen::Seen;
pub use setup::{Account, Setup};
use story::{Line, Polled, Story};
use turns::Room;
use watched::{Listed, Watched};
use zone::ZonePoll;

/// Polls zones and reports to the keeper.
pub struct Poller<A = Client> {
    setup: watch::Receiver<Arc<Setup<A>>>,
    keeper: keeper::Handle,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    /// The zones of the latest poll.
    watched: HashMap<ZoneKey, Watched<A>>,
    /// What planning needs of each zone of the snapshot, under the setup beneath.
    rows: Vec<Option<Row>>,
    planned: Option<Arc<Setup<A>>>,
    /// When the zones of each account that has patterns were last listed.
    listed: BTreeMap<Arc<str>, Listed<A>>,
    /// What is left in the latest poll for what holds nothing.
    rooms: BTreeMap<Quota, Room>,
    /// When the latest poll of everything began.
    begun: BTreeMap<Quota, Instant>,
    /// The quotas that do not suffice for the schedule.
    excess: BTreeSet<Quota>,
    /// The accounts whose patterns match no zone, as the log has told.
    without_zone: BTreeSet<Arc<str>>,
    /// How often everything is read, as the log has told of each quota.
    told: BTreeMap<Quota, Duration>,
    story: Story,
    /// The ranges of Cloudflare's own addresses.
    cloudflare: Arc<Hourly>,
    /// Receives the duration of the first poll.
    first: Option<oneshot::Sender<Duration>>,
}

impl<A: Api> Poller<A> {
    /// A poller of what the keeper's snapshot watches.
    pub fn new(
        setup: watch::Receiver<Arc<Setup<A>>>,
        keeper: keeper::Handle,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> Self {
        Self {
            setup,
            keeper,
            telemetry,
            clock,
            watched: HashMap::new(),
            rows: Vec::new(),
            planned: None,
            listed: BTreeMap::new(),
            rooms: BTreeMap::new(),
            begun: BTreeMap::new(),
            excess: BTreeSet::new(),
            told: BTreeMap::new(),
            without_zone: BTreeSet::new(),
            story: Story::default(),
            cloudflare: Arc::default(),
            first: None,
        }
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
            let (known, gap) = (self.keeper.snapshot(), self.setup.borrow().gap);
            let outlooks = self.plan(&known);
            self.tell_of_quotas(&outlooks, gap);
            self.announce(&known, &outlooks, &Chosen::new(), gap).await;
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
        let (started, mut polls, mut seen) = (Instant::now(), JoinSet::new(), Vec::new());
        self.start_lists(&mut polls, Some(deadline));
        // what there is decides what can be read of it
        while let Some(ended) = polls.join_next().await {
            seen.extend(ended);
        }
        self.tell_of_patterns();
        self.start(true, &mut polls, Some(deadline)).await;
        while let Some(ended) = polls.join_next().await {
            seen.extend(ended);
        }
        self.ended(started, &seen).await;
    }

    /// Polls all zones side by side, or those alone for which something has changed.
    async fn poll(&mut self, everything: bool, ticks: &mut mpsc::Receiver<()>) {
        let (started, mut polls) = (Instant::now(), JoinSet::new());
        self.setup.mark_unchanged();
        if !everything {
            // another configuration or token may tell of other zones
            self.listed.clear();
        }
        if !self.start(everything, &mut polls, None).await {
            self.telemetry.poll_skipped();
            tracing::debug!("the quota makes a poll take several ticks: this one is skipped");
            return;
        }
        if !everything {
            self.start_lists(&mut polls, None);
        }
        if polls.is_empty() && !everything {
            return;
        }
        // the quota may come to suffice meanwhile
        let is_planned = !self.excess.is_empty();
        let (mut seen, mut skipped) = (Vec::new(), 0);
        loop {
            tokio::select! {
                ended = polls.join_next() => match ended {
                    // one that was aborted has met nothing
                    Some(Err(_)) => {}
                    Some(Ok(ended)) => {
                        if ended.zone.is_none() {
                            self.take_pages(&ended.account);
                            self.start(false, &mut polls, None).await;
                            self.tell_of_patterns();
                        }
                        seen.push(ended);
                    }
                    None if self.start_more(started, &mut polls).await => {}
                    None => break,
                },
                Some(()) = ticks.recv() => {
                    self.telemetry.poll_skipped();
                    skipped += 1;
                    tracing::debug!("a poll is still running: this tick is skipped");
                }
                Ok(()) = self.setup.changed() => {
                    self.listed.clear();
                    self.start(false, &mut polls, None).await;
                    self.start_lists(&mut polls, None);
                }
            }
        }
        if let Some(line) = self.story.ticks(skipped, is_planned, Instant::now()) {
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
    /// that are no longer watched. False if no quota allows a poll of everything yet.
    async fn start(
        &mut self,
        everything: bool,
        polls: &mut JoinSet<Seen>,
        deadline: Option<Instant>,
    ) -> bool {
        let (setup, known) = (Arc::clone(&self.setup.borrow()), self.keeper.snapshot());
        let mut due = self.watch(&setup, &known, everything);
        let mut outlooks = self.plan(&known);
        if everything {
            if deadline.is_none() && !self.leave_out(&mut outlooks, &mut due, setup.gap) {
                return false;
            }
            self.make_room(&setup, &outlooks, deadline);
            if deadline.is_none() {
                // what the lists take is not there for zones
                self.start_lists(polls, None);
            }
        }
        let chosen = if deadline.is_some() {
            self.choose_once(&due)
        } else {
            self.tell_of_quotas(&outlooks, setup.gap);
            self.choose(&due, &known)
        };
        self.announce(&known, &outlooks, &chosen, setup.gap).await;
        self.spawn(&setup, &due, chosen, &outlooks, polls, deadline);
        true
    }

    /// Starts to read zones that were never read, where those that were read take less than they might have; false if
    /// there are none, or it is late.
    async fn start_more(&mut self, started: Instant, polls: &mut JoinSet<Seen>) -> bool {
        let setup = Arc::clone(&self.setup.borrow());
        if started.elapsed() >= setup.gap / 2 {
            return false;
        }
        self.keeper.published().await;
        let known = self.keeper.snapshot();
        let is_unread = |zone: &&Arc<ZoneState>| !zone.is_tried() && self.watched.contains_key(zone.key());
        let unread: Vec<_> = known.zones().iter().filter(is_unread).cloned().collect();
        if unread.is_empty() {
            return false;
        }
        let (chosen, outlooks) = (self.choose_more(&unread, &known), self.outlooks(&known));
        self.announce(&known, &outlooks, &chosen, setup.gap).await;
        self.spawn(&setup, &unread, chosen, &outlooks, polls, None);
        !polls.is_empty()
    }

    /// Starts the polls of these zones.
    fn spawn(
        &mut self,
        setup: &Setup<A>,
        zones: &[Arc<ZoneState>],
        chosen: Chosen,
        outlooks: &Outlooks,
        polls: &mut JoinSet<Seen>,
        deadline: Option<Instant>,
    ) {
        let now = Instant::now();
        // both are sorted
        let find = |key: &ZoneKey| zones.binary_search_by(|zone| zone.key().cmp(key)).ok();
        let chosen = chosen.into_iter().filter_map(|(key, parts)| Some((&zones[find(&key)?], parts)));
        let chosen: Vec<_> = chosen.collect();
        let mut lookups = BTreeMap::new();
        for (name, account) in &setup.accounts {
            let of_account = chosen.iter().filter(|(zone, _)| zone.account() == &**name);
            let names = of_account.filter(|(zone, _)| self.is_looked_up(zone, now));
            lookups.insert(&**name, Arc::new(Lookup::new(Arc::clone(&account.api), names.count())));
        }
        let deadlines: BTreeMap<_, _> = outlooks
            .iter()
            .map(|(quota, outlook)| {
                let load = outlook.load(setup.gap);
                (quota, Arc::new(Deadline::new(deadline, now, setup.gap, load)))
            })
            .collect();
        for (zone, parts) in chosen {
            let Some(watched) = self.watched.get_mut(zone.key()) else { continue };
            let Some(deadline) = deadlines.get(&quota(&watched.account)) else { continue };
            let Some(lookup) = lookups.get(zone.account()) else { continue };
            // most zones of an account hold nothing, and what never fails needs no sample
            if !watched.is_counted && zone.holds(PartKind::Associations) {
                watched.is_counted = true;
                self.telemetry.start_errors(zone.key());
            }
            let (account, host) = (zone.account().into(), watched.account.api.host().into());
            let poll = ZonePoll {
                account: watched.account.clone(),
                lookup: Arc::clone(lookup),
                zone: Arc::clone(zone),
                memory: Arc::clone(&watched.memory),
                cloudflare: Arc::clone(&self.cloudflare),
                deadline: Arc::clone(deadline),
                parts,
                keeper: self.keeper.clone(),
                telemetry: Arc::clone(&self.telemetry),
                clock: self.clock.clone(),
                seen: Mutex::new(Seen::new(account, host, Some(zone.key().clone()))),
            };
            watched.poll = Some(polls.spawn(poll.run()));
        }
    }

    fn is_looked_up(&self, zone: &ZoneState, now: Instant) -> bool {
        let watched = lookup::name(zone).and_then(|_| self.watched.get(zone.key()));
        watched.is_some_and(|watched| lookup::is_looked_up(zone, &watched.memory, now))
    }
}

/// The result of `work`, or an error if it panics.
async fn unless_it_panics<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    contained(work).await.map_err(Error::Panicked)
}

#[cfg(test)]
mod tests;
