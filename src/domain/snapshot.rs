//! The state of everything that is watched, at one moment.

mod origins;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::{
    AccountFacts, AccountState, Date, FoundZone, IpRange, Outcome, Reason, StoredZone, Targets, ZoneId,
    ZoneKey, ZoneList, ZoneState,
};

/// The state of everything that is watched, at one moment. It is immutable, cheap to clone, and shared by all readers.
///
/// A zone is labelled by its key, and identified by its id once that is known. Two targets with the same id are one
/// zone of the snapshot, with the label of the preferred target.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    targets: Arc<Targets>,
    /// Sorted by name.
    accounts: Vec<AccountState>,
    /// Sorted by key.
    zones: Vec<Arc<ZoneState>>,
    /// The address ranges of Cloudflare, once read.
    cloudflare: Option<Arc<[IpRange]>>,
}

impl Snapshot {
    /// Returns the accounts with watched zones, sorted by name.
    pub fn accounts(&self) -> &[AccountState] {
        &self.accounts
    }

    /// Returns the account of this name.
    pub fn account(&self, name: &str) -> Option<&AccountState> {
        self.accounts.iter().find(|account| &**account.name() == name)
    }

    fn account_mut(&mut self, name: &str) -> Option<&mut AccountState> {
        self.accounts.iter_mut().find(|account| &**account.name() == name)
    }

    /// Returns true if polls have tried to list the zones of every account with patterns, and to read every zone.
    pub fn is_tried(&self) -> bool {
        let mut lists = self.accounts.iter().filter_map(AccountState::zone_list);
        lists.all(|list| list.part.latest.is_some()) && self.zones.iter().all(|zone| zone.is_tried())
    }

    /// Returns the number of zones that the patterns of an account watch.
    pub fn found_zones(&self, account: &str) -> usize {
        self.zones.iter().filter(|zone| zone.target().is_found() && zone.account() == account).count()
    }

    /// Returns the zones, sorted by key.
    pub fn zones(&self) -> &[Arc<ZoneState>] {
        &self.zones
    }

    /// Returns the zone with this key.
    pub fn zone(&self, key: &ZoneKey) -> Option<&ZoneState> {
        self.index(key).map(|index| &*self.zones[index])
    }

    /// Returns the address ranges of Cloudflare, once read.
    pub fn cloudflare(&self) -> Option<&Arc<[IpRange]>> {
        self.cloudflare.as_ref()
    }

    /// Returns a snapshot with the address ranges of Cloudflare.
    #[must_use]
    pub fn with_cloudflare(&self, ranges: Arc<[IpRange]>) -> Self {
        Self { cloudflare: Some(ranges), ..self.clone() }
    }

    /// Restores a snapshot from a state file.
    pub fn restored(
        zones: impl IntoIterator<Item = StoredZone>,
        lists: impl IntoIterator<Item = (Arc<str>, ZoneList)>,
    ) -> Self {
        let mut zones: Vec<_> = zones.into_iter().map(|zone| Arc::new(ZoneState::restored(zone))).collect();
        zones.sort_by(|a, b| a.key().cmp(b.key()));
        zones.dedup_by(|b, a| a.key() == b.key());
        let accounts = lists.into_iter().map(|(name, list)| AccountState::restored(name, list));
        Self { targets: Arc::default(), accounts: accounts.collect(), zones, cloudflare: None }
    }

    /// Returns a snapshot of `targets`. Subjects that remain keep their readings, removed ones are dropped, new ones
    /// are unread.
    #[must_use]
    pub fn retarget(&self, targets: &Targets) -> Self {
        let accounts = targets.accounts().into_iter().map(|name| {
            let mut account =
                self.account(name).cloned().unwrap_or_else(|| AccountState::new(Arc::clone(name)));
            account.watch_by_patterns(targets.patterns().iter().any(|pattern| pattern.account == *name));
            account
        });
        let accounts = accounts.collect();
        Self { targets: Arc::new(targets.clone()), accounts, ..self.clone() }.expanded()
    }

    /// Returns a snapshot with exactly the zones that are configured or found by patterns.
    fn expanded(self) -> Self {
        let by_id: HashMap<ZoneId, &Arc<ZoneState>> =
            self.zones.iter().filter_map(|zone| Some((zone.id()?, zone))).collect();
        let lists: HashMap<&str, &[FoundZone]> = self
            .accounts
            .iter()
            .filter_map(|account| Some((&**account.name(), &*account.zone_list()?.found)))
            .collect();
        let targets = self.targets.expanded(|account| lists.get(account).copied().unwrap_or_default());
        let zones = targets.iter().map(|target| {
            let by_key = self.index(target.key()).map(|index| &self.zones[index]);
            let by_id = || target.id().and_then(|id| by_id.get(&id).copied());
            match by_key.filter(|zone| zone.is_of(target)).or_else(by_id) {
                Some(zone) if zone.target() == target && zone.twins().is_empty() => Arc::clone(zone),
                Some(zone) => {
                    let mut zone = ZoneState::clone(zone);
                    zone.retarget(target);
                    Arc::new(zone)
                }
                None => Arc::new(ZoneState::unread(target)),
            }
        });
        let mut next = Self { zones: zones.collect(), ..self };
        next.merge_twins();
        next.find_all_origins();
        next
    }

    /// Returns a snapshot after an attempt to list an account's zones. `found` is `None` if no list was read.
    #[must_use]
    pub fn with_zones(
        &self,
        account: &str,
        found: Option<Vec<FoundZone>>,
        result: Result<(), Reason>,
        at: Date,
    ) -> Self {
        let mut next = self.clone();
        let Some(known) = next.account_mut(account).filter(|known| known.zone_list().is_some()) else {
            return next;
        };
        let removed = found.as_ref().map_or(0, |found| {
            let ids: HashSet<ZoneId> = found.iter().map(|zone| zone.id).collect();
            let watched =
                self.zones.iter().filter(|zone| zone.target().is_found() && zone.account() == account);
            watched.filter(|zone| zone.target().id().is_some_and(|id| !ids.contains(&id))).count()
        });
        known.list(found, result, removed as u64, at);
        next.expanded()
    }

    /// Returns a snapshot that records that the zones of an account are about to be listed.
    #[must_use]
    pub fn with_list_wanted(&self, account: &str, at: Date) -> Self {
        let mut next = self.clone();
        if let Some(known) = next.account_mut(account) {
            known.want_list(at);
        }
        next
    }

    /// Returns a snapshot after `outcomes`. Outcomes about unwatched zones are ignored.
    #[must_use]
    pub fn fold(&self, outcomes: impl IntoIterator<Item = (ZoneKey, Outcome)>) -> Self {
        let mut next = self.clone();
        next.take_in(outcomes);
        next
    }

    /// Applies `outcomes` in place, like [`Snapshot::fold`]. The cost depends only on what they change.
    pub fn take_in(&mut self, outcomes: impl IntoIterator<Item = (ZoneKey, Outcome)>) {
        let (mut touched, mut identified, mut has_other_records) = (BTreeSet::new(), false, false);
        for (key, outcome) in outcomes {
            identified |= matches!(outcome, Outcome::Identified(_));
            let index = match self.index(&key) {
                // a poll that began before two zones were merged reports hostnames, but not the zone's result
                None if matches!(outcome, Outcome::Failed(_) | Outcome::Ended { .. }) => None,
                None => self.index_of_twin(&key),
                index => index,
            };
            if let Some(index) = index {
                // a plan changes no readings, so there is nothing to derive from it
                if !matches!(outcome, Outcome::Planned { .. }) {
                    touched.insert(index);
                }
                if let Outcome::DnsRecords { records: Ok(records), .. } = &outcome {
                    has_other_records |= self.zones[index].dns_records() != Some(records);
                }
                Arc::make_mut(&mut self.zones[index]).fold(outcome);
            }
        }
        for index in &touched {
            Arc::make_mut(&mut self.zones[*index]).settle();
        }
        let lacks_origins = touched.iter().any(|index| self.zones[*index].lacks_dns_origins());
        // only these outcomes change an id
        if identified {
            self.merge_twins();
            self.find_all_origins();
        } else if has_other_records || lacks_origins {
            self.find_origins(touched);
        }
    }

    /// Returns a snapshot with facts about an account.
    #[must_use]
    pub fn with_facts(&self, account: &str, facts: AccountFacts) -> Self {
        let mut next = self.clone();
        if let Some(known) = next.account_mut(account) {
            known.learn(facts);
        }
        next
    }

    /// Merges zones that have the same id.
    fn merge_twins(&mut self) {
        let mut first: HashMap<ZoneId, usize> = HashMap::with_capacity(self.zones.len());
        let mut merged = BTreeSet::new();
        for index in 0..self.zones.len() {
            let Some(id) = self.zones[index].id() else { continue };
            let kept = *first.entry(id).or_insert(index);
            if kept != index {
                let twin = Arc::clone(&self.zones[index]);
                Arc::make_mut(&mut self.zones[kept]).merge(&twin);
                merged.insert(index);
            }
        }
        if !merged.is_empty() {
            let mut index = 0..;
            self.zones.retain(|_| index.next().is_none_or(|index| !merged.contains(&index)));
            self.zones.sort_by(|a, b| a.key().cmp(b.key()));
        }
    }

    fn index(&self, key: &ZoneKey) -> Option<usize> {
        self.zones.binary_search_by(|zone| zone.key().cmp(key)).ok()
    }

    /// Returns the zone that a configured zone with this key was merged into.
    fn index_of_twin(&self, key: &ZoneKey) -> Option<usize> {
        self.zones.iter().position(|zone| zone.twins().contains(key))
    }
}

#[cfg(test)]
mod tests;
