//! The zones that the poller watches, and the zone lists of accounts with patterns.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::api::Api;
use super::deadline::Deadline;
use super::memory::Memory;
use super::plan::{self, Load, Requests};
use super::quotas::quota;
use super::seen::Seen;
use super::zones::ZonesPoll;
use super::{Account, Poller, Setup};
use crate::domain::{AccountState, Entry, LISTED_EVERY, PartKind, Snapshot, ZoneList, ZoneState, ZoneTarget};

/// The number of zones on one page of the list of all zones.
const PAGE: usize = 50;

/// The latest list of an account's zones.
pub(super) struct Listed<A> {
    pub(super) account: Account<A>,
    pub(super) at: Instant,
    /// The expected number of pages.
    pub(super) pages: usize,
}

/// A zone as it was last polled.
pub(super) struct Watched<A> {
    pub(super) target: Arc<ZoneTarget>,
    pub(super) account: Account<A>,
    pub(super) memory: Arc<Memory>,
    pub(super) poll: Option<AbortHandle>,
    /// The requests reserved for never-read associations. Most zones do not need them.
    pub(super) reserved: usize,
    /// True if its error counters have been initialised to zero.
    pub(super) is_counted: bool,
}

impl<A> Watched<A> {
    pub(super) fn abort(&mut self) {
        if let Some(poll) = self.poll.take() {
            poll.abort();
        }
    }

    /// Returns the requests for reading a part of it.
    pub(super) fn requests(&self, zone: &ZoneState, kind: PartKind, now: Instant) -> Requests {
        match kind {
            PartKind::Associations => {
                let (extent, found) = (zone.target().extent(), zone.target().is_found());
                plan::requests(extent, found, zone.entries().len(), self.memory.lists(), now)
            }
            PartKind::ZoneLevel | PartKind::Settings => Requests::exactly(2),
            PartKind::DnsRecords => Requests::exactly(1),
        }
    }
}

impl<A: Api> Poller<A> {
    /// Watches the zones of the snapshot. Returns all of them, or only the changed ones.
    pub(super) fn watch<'k>(
        &mut self,
        setup: &Arc<Setup<A>>,
        known: &'k Snapshot,
        everything: bool,
    ) -> Cow<'k, [Arc<ZoneState>]> {
        let now = Instant::now();
        let (mut due, mut count, mut is_new) = (Vec::new(), 0, !everything);
        let is_same = self.planned.as_ref().is_some_and(|planned| Arc::ptr_eq(planned, setup));
        self.planned = Some(Arc::clone(setup));
        for (index, zone) in known.zones().iter().enumerate() {
            if is_same
                && self
                    .rows
                    .get(index)
                    .and_then(Option::as_ref)
                    .is_some_and(|row| row.is_current && Arc::ptr_eq(&row.zone, zone))
            {
                count += 1;
                continue;
            }
            let Some(account) = setup.accounts.get(zone.account()) else { continue };
            count += 1;
            let memory = match self.watched.get_mut(zone.key()) {
                Some(watched) if watched.target == *zone.target() && watched.account == *account => {
                    if everything {
                        watched.account.clone_from(account);
                    }
                    continue;
                }
                Some(watched) => {
                    watched.abort();
                    watched.memory.renewed(now)
                }
                None => {
                    let failed = zone.entries().iter().filter(|entry| entry.failure().is_some());
                    Memory::new(failed.map(Entry::hostname), now)
                }
            };
            is_new = true;
            let (target, account) = (Arc::clone(zone.target()), account.clone());
            due.push(Arc::clone(zone));
            let memory = Arc::new(memory);
            let watched = Watched { target, account, memory, poll: None, reserved: 0, is_counted: false };
            self.watched.insert(zone.key().clone(), watched);
        }
        if everything {
            self.watched.values_mut().for_each(|watched| (watched.poll, watched.reserved) = (None, 0));
        }
        if is_new || self.watched.len() > count {
            self.rows.clear();
            let of_account = |zone: &&Arc<ZoneState>| setup.accounts.contains_key(zone.account());
            let kept: HashSet<_> = known.zones().iter().filter(of_account).map(|zone| zone.key()).collect();
            let left = self.watched.extract_if(|key, _| !kept.contains(key));
            left.for_each(|(_, mut watched)| watched.abort());
            let accounts = setup.accounts.keys().map(|account| &**account).collect();
            self.telemetry.watch(&accounts, &known.zones().iter().map(|zone| zone.key().as_str()).collect());
        }
        match everything {
            true if count == known.zones().len() => Cow::Borrowed(known.zones()),
            true => known
                .zones()
                .iter()
                .filter(|zone| setup.accounts.contains_key(zone.account()))
                .cloned()
                .collect(),
            false => Cow::Owned(due),
        }
    }

    /// Starts to list the zones of each account if that is due: at first, after a failure, and every hour.
    pub(super) fn start_lists(&mut self, polls: &mut JoinSet<Seen>, deadline: Option<Instant>) {
        let (setup, known, now) = (Arc::clone(&self.setup.borrow()), self.keeper.snapshot(), Instant::now());
        for state in known.accounts() {
            let (name, Some(list)) = (state.name(), state.zone_list()) else { continue };
            let Some(account) = setup.accounts.get(name) else { continue };
            let fresh = self.listed.get(name).filter(|listed| listed.account == *account);
            let is_fresh = fresh.is_some_and(|listed| now - listed.at + setup.gap <= LISTED_EVERY);
            if is_fresh && list.part.is_up() {
                continue;
            }
            let pages = pages(list);
            self.allowances.entry(quota(account)).or_default().take(pages);
            self.listed.insert(Arc::clone(name), Listed { account: account.clone(), at: now, pages });
            let load = Load { limit: account.budget.limit(), most: pages };
            let poll = ZonesPoll {
                name: Arc::clone(name),
                account: account.clone(),
                known: Arc::clone(&list.found),
                deadline: Arc::new(Deadline::new(deadline, now, setup.gap, load)),
                keeper: self.keeper.clone(),
                clock: self.clock.clone(),
            };
            polls.spawn(poll.run());
        }
    }

    /// Deducts the unplanned pages of an account's list from the poll's remaining requests.
    pub(super) fn take_pages(&mut self, account: &Arc<str>) {
        let (known, listed) = (self.keeper.snapshot(), self.listed.get_mut(account));
        let list = known.account(account).and_then(AccountState::zone_list);
        let (Some(listed), Some(list)) = (listed, list) else { return };
        self.allowances
            .entry(quota(&listed.account))
            .or_default()
            .take(pages(list).saturating_sub(listed.pages));
    }

    /// Logs which accounts have patterns that match none of their zones, once.
    pub(super) fn log_patterns(&mut self) {
        let known = self.keeper.snapshot();
        for account in known.accounts() {
            let Some(list) = account.zone_list().filter(|list| list.part.is_up()) else { continue };
            if known.found_zones(account.name()) > 0 {
                self.without_zone.remove(account.name());
            } else if self.without_zone.insert(Arc::clone(account.name())) {
                let (account, zones) = (account.name(), list.found.len());
                let advice = (zones == 0)
                    .then_some("the token needs the permission \"Zone Read\" for the zones to be watched");
                tracing::warn!(%account, advice, "the patterns of the account match none of the {zones} active zones that its token sees");
            }
        }
    }
}

/// Returns the number of pages of the list, as far as known.
pub(super) fn pages(list: &ZoneList) -> usize {
    list.found.len().div_ceil(PAGE).max(1)
}
