//! What a poll reads on behalf of each quota, and how often.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::api::Api;
use super::plan::Requests;
use super::turns::{Outlook, Waiting};
use super::watched::Watched;
use super::{Account, Poller, lookup, plan};
use crate::domain::{Date, Outcome, Part, PartKind, Reason, Snapshot, ZoneKey, ZoneState};

/// The address of a budget, which tells quotas apart.
pub(super) type Quota = usize;

/// Everything that is watched, by quota.
pub(super) type Outlooks = BTreeMap<Quota, Outlook>;

/// The parts of each zone that are to be read.
pub(super) type Chosen = BTreeMap<ZoneKey, Vec<PartKind>>;

/// Settings are asked for of so many zones of an account until the token turns out to be allowed to read them.
const SETTINGS_TRIED: usize = 3;

impl<A: Api> Poller<A> {
    /// What there is to read on behalf of each quota.
    pub(super) fn outlooks(&self) -> Outlooks {
        let (known, now) = (self.keeper.snapshot(), Instant::now());
        let setup = self.setup.borrow();
        let of_account = |account| (quota(account), Outlook::new(account.budget.limit()));
        let mut outlooks: Outlooks = setup.accounts.values().map(of_account).collect();
        let mut names: BTreeMap<&str, (usize, Quota)> = BTreeMap::new();
        for zone in known.zones() {
            let Some(Watched { account, memory, .. }) = self.watched.get(zone.key()) else { continue };
            let quota = quota(account);
            let outlook = outlooks.entry(quota).or_insert_with(|| Outlook::new(account.budget.limit()));
            outlook.zones += 1;
            outlook.hostnames += zone.entries().len();
            for (kind, _) in zone.parts() {
                let (_, requests) = self.takes(zone, kind);
                outlook.add(requests, zone.holds(kind));
            }
            let (count, _) = names.entry(zone.account()).or_insert((0, quota));
            *count += usize::from(lookup::is_looked_up(zone, memory, now));
        }
        for (count, quota) in names.into_values() {
            if let Some(outlook) = outlooks.get_mut(&quota) {
                outlook.add(Requests::exactly(lookup::requests(count)), true);
            }
        }
        outlooks
    }

    /// Plans a poll of everything: sets the poll interval, and logs when a quota begins to make that longer than the
    /// schedule's, and when it ends. Returns what there is to read.
    pub(super) fn plan(&mut self) -> Outlooks {
        let (gap, outlooks) = (self.setup.borrow().gap, self.outlooks());
        let mut excess = BTreeSet::new();
        for (quota, outlook) in &outlooks {
            if let Some(new) = outlook.excess(gap) {
                excess.insert(*quota);
                if self.excess.contains(quota) {
                    tracing::debug!("{new}");
                } else {
                    tracing::warn!("{new}");
                }
            }
        }
        if excess.is_empty() && !self.excess.is_empty() {
            tracing::info!("the rate limit suffices for the schedule again");
        }
        self.excess = excess;
        self.set_interval(&outlooks, gap);
        outlooks
    }

    /// Sets the interval between two polls.
    pub(super) fn set_interval(&self, outlooks: &Outlooks, gap: Duration) {
        let interval = outlooks.values().map(|outlook| outlook.interval(gap)).max().unwrap_or(gap);
        self.telemetry.poll_interval(interval);
    }

    /// Leaves out what is read from quotas whose poll takes several ticks, until those have passed: begun at the tick that
    /// comes first, it would find half of its quota spent, and its readings would be apart longer than is told.
    /// False if nothing remains.
    pub(super) fn leave_out(
        &mut self,
        outlooks: &mut Outlooks,
        due: &mut Vec<Arc<ZoneState>>,
        gap: Duration,
    ) -> bool {
        let (now, all) = (Instant::now(), outlooks.len());
        outlooks.retain(|quota, outlook| {
            let interval = outlook.interval(gap);
            let begun = self.begun.get(quota);
            // a tick may come a little early
            let is_due = interval <= gap || begun.is_none_or(|begun| now + gap / 2 >= *begun + interval);
            if is_due {
                self.begun.insert(*quota, now);
            }
            is_due
        });
        let of = |zone: &ZoneState| self.watched.get(zone.key()).map(|watched| quota(&watched.account));
        due.retain(|zone| of(zone).is_some_and(|quota| outlooks.contains_key(&quota)));
        all == 0 || !outlooks.is_empty()
    }

    /// Makes room for a poll of everything.
    pub(super) fn make_room(&mut self, outlooks: &Outlooks, gap: Duration) {
        for (quota, outlook) in outlooks {
            let room = self.rooms.entry(*quota).or_default();
            *room = room.next(outlook, gap);
        }
    }

    /// The parts of these zones to read now: all that hold something, and of the others those whose turn it is.
    pub(super) fn choose(&mut self, zones: &[Arc<ZoneState>], known: &Snapshot) -> Chosen {
        let (mut chosen, mut waiting) = (Chosen::new(), Vec::new());
        for zone in zones {
            for (kind, _) in zone.parts() {
                match Waiting::of(zone, kind) {
                    None => chosen.entry(zone.key().clone()).or_default().push(kind),
                    Some(since) => waiting.push((since, kind, zone)),
                }
            }
        }
        waiting.sort_by_key(|(since, ..)| *since);
        self.admit(waiting, known, &mut chosen);
        chosen
    }

    /// Gives back what was set aside for associations and turned out not to be needed.
    pub(super) fn give_back(&mut self, known: &Snapshot) {
        for zone in known.zones() {
            let Some(watched) = self.watched.get_mut(zone.key()) else { continue };
            let reserved = std::mem::take(&mut watched.reserved);
            if reserved > 0 && watched.memory.lists().are_read() {
                let (quota, requests) = self.takes(zone, PartKind::Associations);
                self.rooms.entry(quota).or_default().give_back(reserved.saturating_sub(requests.expected));
            }
        }
    }

    /// Those of these zones whose associations there is room for after all, although they were never read.
    pub(super) fn choose_more(&mut self, zones: &[Arc<ZoneState>], known: &Snapshot) -> Chosen {
        let never = |zone| (Waiting::Never(PartKind::Associations), PartKind::Associations, zone);
        let mut chosen = Chosen::new();
        self.admit(zones.iter().map(never).collect(), known, &mut chosen);
        chosen
    }

    /// Adds those of the waiting parts that there is room for.
    pub(super) fn admit(
        &mut self,
        waiting: Vec<(Waiting, PartKind, &Arc<ZoneState>)>,
        known: &Snapshot,
        chosen: &mut Chosen,
    ) {
        let now = self.clock.now().into();
        let mut settings = settings_allowed(known, now);
        for (since, kind, zone) in waiting {
            let left = settings.get_mut(zone.account()).filter(|_| kind == PartKind::Settings);
            if left.as_ref().is_some_and(|left| **left == 0) {
                continue;
            }
            let (quota, requests) = self.takes(zone, kind);
            // what was never read may hold something
            let never = matches!(since, Waiting::Never(_));
            let requests = if never { requests.most } else { requests.expected };
            if self.rooms.entry(quota).or_default().admit(since, requests, now) {
                chosen.entry(zone.key().clone()).or_default().push(kind);
                left.into_iter().for_each(|left| *left -= 1);
                let watched = self.watched.get_mut(zone.key()).filter(|_| kind == PartKind::Associations);
                watched.into_iter().for_each(|watched| watched.reserved = if never { requests } else { 0 });
            }
        }
    }

    /// The quota and the requests that reading a part of a watched zone takes.
    pub(super) fn takes(&self, zone: &ZoneState, kind: PartKind) -> (Quota, Requests) {
        let Some(Watched { account, memory, .. }) = self.watched.get(zone.key()) else {
            return Default::default();
        };
        let requests = match kind {
            PartKind::Associations => {
                let (extent, found) = (zone.target().extent(), zone.target().is_found());
                plan::requests(extent, found, zone.entries().len(), memory.lists(), Instant::now())
            }
            PartKind::ZoneLevel | PartKind::Settings => Requests::exactly(2),
        };
        (quota(account), requests)
    }

    /// Reports how often each part is read, where that is new or the part is about to be read.
    pub(super) async fn announce(
        &self,
        known: &Snapshot,
        outlooks: &Outlooks,
        chosen: &Chosen,
        gap: Duration,
    ) {
        let at = self.clock.now().into();
        for zone in known.zones() {
            let Some(watched) = self.watched.get(zone.key()) else { continue };
            let Some(outlook) = outlooks.get(&quota(&watched.account)) else { continue };
            for (part, state) in zone.parts() {
                let holds = zone.holds(part);
                let interval = if holds { outlook.interval(gap) } else { outlook.rest_interval(gap) };
                let is_chosen = chosen.get(zone.key()).is_some_and(|parts| parts.contains(&part));
                if is_chosen || state.interval != Some(interval) {
                    let planned = Outcome::Planned { part, interval, at };
                    self.keeper.report(zone.key().clone(), planned).await;
                }
            }
        }
    }
}

/// Tells the quota of an account from others.
pub(super) fn quota<A>(account: &Account<A>) -> Quota {
    Arc::as_ptr(&account.budget).addr()
}

/// Of how many zones of each account the settings may be asked for now. Where the token may not read them, that is tried
/// with one zone an hour.
pub(super) fn settings_allowed(known: &Snapshot, now: Date) -> BTreeMap<&str, usize> {
    let mut allowed = BTreeMap::new();
    for account in known.accounts() {
        let of_account = known.zones().iter().filter(|zone| zone.account() == &**account.name());
        let parts = || of_account.clone().map(|zone| zone.part(PartKind::Settings));
        let refused = parts().filter(|part| part.failure() == Some(Reason::Forbidden));
        let (refused, latest) =
            refused.fold((0, None), |(count, at), part| (count + 1, part.tried_at.max(at)));
        let is_quiet = latest.is_none_or(|at: Date| now.seconds_from(at) >= 3600);
        let count = match refused {
            _ if parts().any(Part::is_up) => usize::MAX,
            SETTINGS_TRIED.. => usize::from(is_quiet),
            refused => SETTINGS_TRIED - refused,
        };
        allowed.insert(&**account.name(), count);
    }
    allowed
}
