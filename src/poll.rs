//! The poller: on each tick it reads everything that is watched, and reports the results to the keeper.

mod api;
mod breaker;
mod cycle;
mod deadline;
mod hostnames;
mod listing;
mod lists;
mod logged;
mod lookup;
mod memory;
mod once;
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

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::cloudflare::{Client, Error};
use crate::domain::{PartKind, ZoneKey, ZoneState};
use crate::keeper;
use crate::panic::contained;
use crate::telemetry::Telemetry;
pub use api::Api;
use deadline::Deadline;
pub use listing::{Listing, Unresolved, join};
use logged::Logged;
use lookup::Lookup;
use memory::Hourly;
use quotas::{Chosen, Outlooks, Quota, quota};
use rows::Row;
use seen::Seen;
pub use setup::{Account, Setup};
use story::Story;
use turns::Allowance;
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
    /// The planning data of each zone in the snapshot, valid for `planned`.
    rows: Vec<Option<Row>>,
    planned: Option<Arc<Setup<A>>>,
    /// When the zones of each account with patterns were last listed.
    listed: BTreeMap<Arc<str>, Listed<A>>,
    /// The requests left in the latest poll for parts that hold nothing.
    allowances: BTreeMap<Quota, Allowance>,
    /// When the latest full poll began.
    begun: BTreeMap<Quota, Instant>,
    /// The quotas that do not suffice for the schedule.
    excess: BTreeSet<Quota>,
    /// The accounts whose patterns match no zone, which were already logged.
    without_zone: BTreeSet<Arc<str>>,
    /// The arithmetic last logged for each quota.
    logged: BTreeMap<Quota, Logged>,
    /// True if the patterns were narrowed to the zones that a command names.
    is_narrowed: bool,
    story: Story,
    /// When Cloudflare's own address ranges were last read.
    cloudflare: Arc<Hourly>,
    /// Receives the duration of the first poll.
    first: Option<oneshot::Sender<Duration>>,
}

impl<A: Api> Poller<A> {
    /// Creates a poller for the keeper's snapshot.
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
            allowances: BTreeMap::new(),
            begun: BTreeMap::new(),
            excess: BTreeSet::new(),
            logged: BTreeMap::new(),
            without_zone: BTreeSet::new(),
            is_narrowed: false,
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

    /// Marks the patterns as narrowed. Patterns without a match are then not logged.
    #[must_use]
    pub fn narrowed(self, is_narrowed: bool) -> Self {
        Self { is_narrowed, ..self }
    }

    /// Starts the polls of all zones, or only of the changed ones, and ends the polls of zones that are no
    /// longer watched. Returns false if no quota allows a full poll yet.
    async fn start(&mut self, everything: bool, polls: &mut JoinSet<Seen>) -> bool {
        let (setup, known) = (Arc::clone(&self.setup.borrow()), self.keeper.snapshot());
        let mut due = self.watch(&setup, &known, everything);
        let mut outlooks = self.plan(&known);
        if everything {
            if !self.leave_out(&mut outlooks, &mut due, setup.gap) {
                return false;
            }
            self.set_allowances(&outlooks, setup.gap);
            // zones cannot use the requests that the lists take
            self.start_lists(polls, None);
        }
        self.log_quotas(&outlooks, setup.gap);
        let chosen = self.choose(&due, &known);
        self.announce(&known, &outlooks, &chosen, setup.gap).await;
        self.spawn(&setup, &due, chosen, &outlooks, polls, None);
        true
    }

    /// Starts to read never-read zones if other zones took less than was reserved. Returns false if there are
    /// none, or if it is too late.
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
        let outlooks = self.outlooks(&known);
        self.give_back(&known);
        let chosen = self.choose_more(&unread, &known);
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
        // both lists are sorted
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
            // most zones of an account hold nothing, and a zone that never fails needs no error sample
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

/// Returns the result of `work`, or an error if it panics.
async fn unless_it_panics<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    contained(work).await.map_err(Error::Panicked)
}

#[cfg(test)]
mod tests;
