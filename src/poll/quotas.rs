//! What a poll of everything takes of each quota, and whether that suffices for the schedule.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::Instant;

use super::plan::{self, Load};
use super::{Api, Poller, Watched, lookup};
use crate::cloudflare::Budget;

/// What a poll takes, by quota.
pub(super) type Loads = BTreeMap<*const Budget, Load>;

impl<A: Api> Poller<A> {
    /// What a poll of everything takes of each quota.
    fn loads(&self) -> Loads {
        let (known, now) = (self.keeper.snapshot(), Instant::now());
        let mut loads = Loads::new();
        let mut names: BTreeMap<&str, (usize, *const Budget)> = BTreeMap::new();
        for zone in known.zones() {
            let Some(Watched { account, memory, .. }) = self.watched.get(zone.key()) else { continue };
            let quota = Arc::as_ptr(&account.budget);
            let hostnames = zone.entries().len();
            let requests = plan::requests(zone.target().extent(), hostnames, memory.lists(), now);
            let load = loads.entry(quota).or_insert_with(|| Load::new(account.budget.limit()));
            load.add(hostnames, requests);
            let (count, _) = names.entry(zone.account()).or_insert((0, quota));
            *count += usize::from(lookup::is_looked_up(zone, memory, now));
        }
        for (count, quota) in names.into_values() {
            if let Some(load) = loads.get_mut(&quota) {
                load.add(0, plan::Requests::exactly(lookup::requests(count)));
            }
        }
        loads
    }

    /// Plans a poll of everything: sets the poll interval, and logs when a quota begins to make that longer than the
    /// schedule's, and when it ends. Returns what the poll takes.
    pub(super) fn plan(&mut self) -> Loads {
        let (gap, loads) = (self.setup.borrow().gap, self.loads());
        let mut excess = BTreeSet::new();
        for (quota, load) in &loads {
            if let Some(new) = load.excess(gap) {
                excess.insert(quota.addr());
                if self.excess.contains(&quota.addr()) {
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
        self.interval = plan::interval(gap, loads.values());
        self.telemetry.poll_interval(self.interval);
        loads
    }
}
