//! Plans, for each quota, which parts of zones a poll reads and how often.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::api::Api;
use super::plan::Requests;
use super::turns::{Outlook, Waiting};
use super::watched::{Watched, pages};
use super::{Account, Poller, lookup};
use crate::domain::{Date, Outcome, Part, PartKind, Reason, Snapshot, ZoneKey, ZoneState};

/// The address of a budget, which identifies a quota.
pub(super) type Quota = usize;

/// The outlook of each quota.
pub(super) type Outlooks = BTreeMap<Quota, Outlook>;

/// The parts of each zone to read.
pub(super) type Chosen = BTreeMap<ZoneKey, Vec<PartKind>>;

/// The number of zones per account for which optional parts are requested until the token proves to have the
/// permission.
const OPTIONAL_TRIED: usize = 3;

/// The share of an interval by which an announced interval may be off until the part is read again.
const NEWS: f64 = 0.02;

impl<A: Api> Poller<A> {
    /// Returns the outlook of each quota.
    pub(super) fn outlooks(&mut self, known: &Snapshot) -> Outlooks {
        self.refresh(known);
        let setup = self.setup.borrow();
        let of_account = |account| (quota(account), Outlook::new(account.budget.limit()));
        let mut outlooks: Outlooks = setup.accounts.values().map(of_account).collect();
        let mut names: BTreeMap<&str, (usize, Quota)> = BTreeMap::new();
        for row in self.rows.iter().flatten() {
            let Some(outlook) = outlooks.get_mut(&row.quota) else { continue };
            outlook.zones += 1;
            outlook.hostnames += row.hostnames;
            row.parts.iter().flatten().for_each(|part| outlook.add(part.requests, part.holds));
            if row.is_looked_up {
                names.entry(row.zone.account()).or_insert((0, row.quota)).0 += 1;
            }
        }
        for (count, quota) in names.into_values() {
            if let Some(outlook) = outlooks.get_mut(&quota) {
                outlook.add(Requests::exactly(lookup::requests(count)), true);
            }
        }
        for account in known.accounts() {
            let Some(list) = account.zone_list() else { continue };
            let quota = setup.accounts.get(account.name()).map(quota);
            let outlook = quota.and_then(|quota| outlooks.get_mut(&quota));
            outlook.into_iter().for_each(|outlook| outlook.listing += pages(list));
        }
        outlooks
    }

    /// Plans a full poll. Sets the poll interval, and logs when a quota starts or stops making it longer than
    /// the schedule's. Returns the outlooks.
    pub(super) fn plan(&mut self, known: &Snapshot) -> Outlooks {
        let gap = self.setup.borrow().gap;
        let outlooks = self.outlooks(known);
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

    /// Leaves out quotas whose poll takes several ticks until these have passed. A poll at the first tick
    /// would find half of its quota spent, and its readings would be further apart than announced. Returns
    /// false if nothing remains.
    pub(super) fn leave_out(
        &mut self,
        outlooks: &mut Outlooks,
        due: &mut Cow<'_, [Arc<ZoneState>]>,
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
        if outlooks.len() < all {
            due.to_mut().retain(|zone| of(zone).is_some_and(|quota| outlooks.contains_key(&quota)));
        }
        all == 0 || !outlooks.is_empty()
    }

    /// Sets the requests of a full poll.
    pub(super) fn set_allowances(&mut self, outlooks: &Outlooks, gap: Duration) {
        for (quota, outlook) in outlooks {
            let allowance = self.allowances.entry(*quota).or_default();
            *allowance = allowance.next(outlook, gap);
        }
    }

    /// Returns the parts of these zones to read now: all parts that hold something, and other parts whose
    /// turn it is.
    pub(super) fn choose(&mut self, zones: &[Arc<ZoneState>], known: &Snapshot) -> Chosen {
        let (mut chosen, mut waiting) = (Chosen::new(), Vec::new());
        let mut due = zones.iter().enumerate().peekable();
        for row in self.rows.iter().flatten() {
            let Some((index, zone)) = due.next_if(|(_, zone)| Arc::ptr_eq(zone, &row.zone)) else { continue };
            for part in row.parts.iter().flatten() {
                match part.waiting {
                    None => chosen.entry(zone.key().clone()).or_default().push(part.kind),
                    Some(since) => waiting.push(Reverse((since, index, part.kind))),
                }
            }
        }
        debug_assert!(due.peek().is_none(), "the rows belong to another snapshot");
        // usually few of many have their turn, so sorting all of them would be wasteful
        let mut waiting = BinaryHeap::from(waiting);
        let next = || waiting.pop().map(|Reverse((since, index, kind))| (since, kind, &zones[index]));
        self.admit(std::iter::from_fn(next), known, &mut chosen);
        chosen
    }

    /// Gives back requests that were reserved for associations and not needed.
    pub(super) fn give_back(&mut self, known: &Snapshot) {
        for zone in known.zones() {
            let Some(watched) = self.watched.get_mut(zone.key()) else { continue };
            let reserved = std::mem::take(&mut watched.reserved);
            if reserved > 0 && watched.memory.lists().are_read() {
                let (quota, requests) = self.takes(zone, PartKind::Associations);
                self.allowances
                    .entry(quota)
                    .or_default()
                    .give_back(reserved.saturating_sub(requests.expected));
            }
        }
    }

    /// Returns those of these zones whose never-read associations can be read after all.
    pub(super) fn choose_more(&mut self, zones: &[Arc<ZoneState>], known: &Snapshot) -> Chosen {
        let never = |zone| (Waiting::Never(PartKind::Associations), PartKind::Associations, zone);
        let mut chosen = Chosen::new();
        self.admit(zones.iter().map(never), known, &mut chosen);
        chosen
    }

    /// Adds those of the waiting parts for which requests are left.
    pub(super) fn admit<'z>(
        &mut self,
        waiting: impl Iterator<Item = (Waiting, PartKind, &'z Arc<ZoneState>)>,
        known: &Snapshot,
        chosen: &mut Chosen,
    ) {
        let now = self.clock.now().into();
        let mut optional = optional_allowed(known, now);
        for (since, kind, zone) in waiting {
            // all later parts have shorter waits, so nothing is left for them either
            if self.allowances.values().all(|allowance| allowance.is_closed(since, now)) {
                break;
            }
            let left = optional.get_mut(&(zone.account(), kind));
            if left.as_ref().is_some_and(|left| **left == 0) {
                continue;
            }
            let (quota, requests) = self.takes(zone, kind);
            // a part that was never read may hold something
            let never = matches!(since, Waiting::Never(_));
            let requests = if never { requests.most } else { requests.expected };
            if self.allowances.entry(quota).or_default().admit(since, requests, now) {
                chosen.entry(zone.key().clone()).or_default().push(kind);
                left.into_iter().for_each(|left| *left -= 1);
                let watched = self.watched.get_mut(zone.key()).filter(|_| kind == PartKind::Associations);
                watched.into_iter().for_each(|watched| watched.reserved = if never { requests } else { 0 });
            }
        }
    }

    /// Returns the quota of a watched zone's part, and the requests for reading it.
    pub(super) fn takes(&self, zone: &ZoneState, kind: PartKind) -> (Quota, Requests) {
        let watched = self.watched.get(zone.key());
        let takes =
            |watched: &Watched<A>| (quota(&watched.account), watched.requests(zone, kind, Instant::now()));
        watched.map(takes).unwrap_or_default()
    }

    /// Reports how often each part is read, if that has changed or the part is about to be read. The interval
    /// of many zones changes a little with each poll, so changes below [`NEWS`] are reported only when a part
    /// has its turn.
    pub(super) async fn announce(
        &self,
        known: &Snapshot,
        outlooks: &Outlooks,
        chosen: &Chosen,
        gap: Duration,
    ) {
        let at = self.clock.now().into();
        let intervals = |(quota, outlook): (&Quota, &Outlook)| {
            (*quota, [outlook.interval(gap), outlook.rest_interval(gap)])
        };
        let intervals: BTreeMap<Quota, _> = outlooks.iter().map(intervals).collect();
        let mut news = Vec::new();
        for (key, parts) in chosen {
            let Some(zone) = known.zone(key) else { continue };
            let Some(intervals) =
                self.watched.get(key).and_then(|watched| intervals.get(&quota(&watched.account)))
            else {
                continue;
            };
            let logged = |part: PartKind| {
                let interval = intervals[usize::from(!zone.holds(part))];
                zone.part(part).interval == Some(interval) && zone.is_wanted(part)
            };
            let untold = parts.iter().filter(|part| !logged(**part));
            news.extend(untold.map(|part| (key, *part, intervals, zone.holds(*part))));
        }
        for row in self.rows.iter().flatten() {
            let Some(intervals) = intervals.get(&row.quota) else { continue };
            for part in row.parts.iter().flatten() {
                let interval = intervals[usize::from(!part.holds)];
                if part.interval.is_none_or(|logged| logged.abs_diff(interval) > interval.mul_f64(NEWS)) {
                    news.push((row.zone.key(), part.kind, intervals, part.holds));
                }
            }
        }
        for (key, part, intervals, holds) in news {
            let planned = Outcome::Planned { part, interval: intervals[usize::from(!holds)], at };
            self.keeper.report(key.clone(), planned).await;
        }
    }
}

/// Returns the quota of an account.
pub(super) fn quota<A>(account: &Account<A>) -> Quota {
    Arc::as_ptr(&account.budget).addr()
}

/// Returns for how many zones of each account each optional part may be requested now. If the token lacks the
/// permission, one zone an hour is tried.
pub(super) fn optional_allowed(known: &Snapshot, now: Date) -> BTreeMap<(&str, PartKind), usize> {
    let mut allowed = BTreeMap::new();
    let kinds = PartKind::ALL.into_iter().filter(|kind| kind.is_optional());
    for (account, kind) in kinds.flat_map(|kind| known.accounts().iter().map(move |account| (account, kind)))
    {
        let of_account = known.zones().iter().filter(|zone| zone.account() == &**account.name());
        let parts = || of_account.clone().map(|zone| zone.part(kind));
        if parts().any(Part::is_up) {
            allowed.insert((&**account.name(), kind), usize::MAX);
            continue;
        }
        let refused = parts().filter(|part| part.failure() == Some(Reason::Forbidden));
        let (refused, latest) =
            refused.fold((0, None), |(count, at), part| (count + 1, part.tried_at.max(at)));
        let is_quiet = latest.is_none_or(|at: Date| now.seconds_from(at) >= 3600);
        let count = match refused {
            OPTIONAL_TRIED.. => usize::from(is_quiet),
            refused => OPTIONAL_TRIED - refused,
        };
        allowed.insert((&**account.name(), kind), count);
    }
    allowed
}
