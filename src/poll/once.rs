//! A single poll, as commands make it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::api::Api;
use super::quotas::{Chosen, Quota, optional_allowed, quota};
use super::seen::Seen;
use super::turns::{Allowance, Waiting};
use super::{Poller, lookup};
use crate::domain::{Date, Outcome, PartKind, Reason, Snapshot, ZoneKey, ZoneState};

/// The interval at which more parts are chosen while polls run.
const AGAIN: Duration = Duration::from_secs(1);

/// The parts that were requested.
type Asked = BTreeSet<(ZoneKey, PartKind)>;

/// The results of each zone's polls.
#[derive(Default)]
struct Met(BTreeMap<(Arc<str>, Option<ZoneKey>), Seen>);

impl Met {
    fn add(&mut self, ended: Result<Seen, JoinError>) {
        // an aborted poll has no results
        let Ok(seen) = ended else { return };
        match self.0.get_mut(&(Arc::clone(&seen.account), seen.zone.clone())) {
            Some(before) => before.absorb(seen),
            None => drop(self.0.insert((Arc::clone(&seen.account), seen.zone.clone()), seen)),
        }
    }
}

impl<A: Api> Poller<A> {
    /// Polls everything once, until `deadline`. Returns the parts of zones that were not read, or not
    /// completely, for lack of quota or time.
    pub async fn poll_once(&mut self, deadline: Instant) -> Vec<(ZoneKey, PartKind)> {
        let (started, mut polls, mut met) = (Instant::now(), JoinSet::new(), Met::default());
        self.start_lists(&mut polls, Some(deadline));
        // the zone lists decide which zones can be read
        while let Some(ended) = polls.join_next().await {
            met.add(ended);
        }
        if !self.is_narrowed {
            self.log_patterns();
        }
        let asked = self.ask_once(deadline, &mut polls, &mut met).await;
        let unsent = self.report_unsent(&asked, deadline).await;
        let seen: Vec<_> = met.0.into_values().collect();
        self.ended(started, &seen).await;
        unsent
    }

    /// Requests as many parts of zones as possible before `deadline`, and returns them.
    async fn ask_once(&mut self, deadline: Instant, polls: &mut JoinSet<Seen>, met: &mut Met) -> Asked {
        let (setup, mut asked) = (Arc::clone(&self.setup.borrow()), Asked::new());
        self.watch(&setup, &self.keeper.snapshot(), true);
        loop {
            self.keeper.published().await;
            let (known, is_idle) = (self.keeper.snapshot(), polls.is_empty());
            let outlooks = self.outlooks(&known);
            self.give_back(&known);
            if is_idle {
                // retries and failed requests may have used more of the quota than planned
                self.set_allowances_once(&known, &asked, deadline);
            }
            if asked.is_empty() {
                self.set_interval(&outlooks, setup.gap);
                let allowance = |quota| self.allowances.get(quota).copied().unwrap_or_default();
                let words = outlooks
                    .iter()
                    .filter_map(|(quota, outlook)| outlook.words_once(allowance(quota).requests()));
                words.for_each(|words| tracing::warn!("{words}"));
            }
            let chosen = self.choose_once(&known, &asked, is_idle);
            if is_idle && chosen.is_empty() {
                return asked;
            }
            for (zone, kinds) in &chosen {
                let watched = self.watched.get(zone).filter(|_| !kinds.contains(&PartKind::Associations));
                // an id that was looked up in this poll is not looked up again
                watched.into_iter().for_each(|watched| watched.memory.set_id_refused(false));
                asked.extend(kinds.iter().map(|kind| (zone.clone(), *kind)));
            }
            if !chosen.is_empty() {
                let of_chosen = known.zones().iter().filter(|zone| chosen.contains_key(zone.key()));
                let zones: Vec<_> = of_chosen.cloned().collect();
                self.announce(&known, &outlooks, &chosen, setup.gap).await;
                self.spawn(&setup, &zones, chosen, &outlooks, polls, Some(deadline));
            }
            let again = Instant::now() + AGAIN;
            while let Ok(Some(ended)) = timeout_at(again, polls.join_next()).await {
                met.add(ended);
            }
        }
    }

    /// Sets the requests that the quotas allow until `deadline`, less the look-ups of zones not requested
    /// yet.
    fn set_allowances_once(&mut self, known: &Snapshot, asked: &Asked, deadline: Instant) {
        let (setup, now) = (Arc::clone(&self.setup.borrow()), Instant::now());
        for account in setup.accounts.values() {
            self.allowances.insert(quota(account), Allowance::of(account.budget.left_until(deadline)));
        }
        for (name, account) in &setup.accounts {
            let names = known.zones().iter().filter(|zone| {
                let is_asked = || asked.contains(&(zone.key().clone(), PartKind::Associations));
                zone.account() == &**name && self.is_looked_up(zone, now) && !is_asked()
            });
            let requests = lookup::requests(names.count());
            self.allowances.entry(quota(account)).or_default().take(requests);
        }
    }

    /// Returns the parts to request now. A kind of part comes only after the kinds before it were requested
    /// for all zones of the quota. A never-read part waits until its maximum number of requests is left.
    /// Associations that would take more than is left are read as far as possible, one zone at a time, once
    /// nothing else is running.
    fn choose_once(&mut self, known: &Snapshot, asked: &Asked, is_idle: bool) -> Chosen {
        let (mut chosen, now) = (Chosen::new(), self.clock.now().into());
        let mut short: BTreeSet<Quota> = BTreeSet::new();
        for kind in PartKind::ALL {
            let waits = |zone: &&Arc<ZoneState>| {
                let is_read = zone.parts().any(|(part, _)| part == kind);
                // a zone whose id could not be found has failed as a whole
                let is_found =
                    kind == PartKind::Associations || zone.id().is_some() || chosen.contains_key(zone.key());
                is_read
                    && is_found
                    && self.watched.contains_key(zone.key())
                    && !short.contains(&self.takes(zone, kind).0)
                    && !asked.contains(&(zone.key().clone(), kind))
            };
            let mut waiting: Vec<_> = known.zones().iter().filter(waits).collect();
            // zones named in the configuration come before those found by patterns
            waiting.sort_by_key(|zone| zone.target().is_found());
            let never = |zone| (Waiting::Never(kind), kind, zone);
            self.admit(waiting.iter().copied().map(never), known, &mut chosen);
            let is_chosen = |zone: &ZoneState, chosen: &Chosen| {
                chosen.get(zone.key()).is_some_and(|kinds| kinds.contains(&kind))
            };
            let quotas = waiting.iter().filter(|zone| is_chosen(zone, &chosen));
            let admitted: BTreeSet<Quota> = quotas.map(|zone| self.takes(zone, kind).0).collect();
            for zone in waiting {
                let quota = self.takes(zone, kind).0;
                if is_chosen(zone, &chosen) || !short.insert(quota) {
                    continue;
                }
                let is_last = is_idle && kind == PartKind::Associations && !admitted.contains(&quota);
                let allowance = self.allowances.entry(quota).or_default();
                if is_last && allowance.admit(Waiting::Never(kind), 1, now) {
                    chosen.entry(zone.key().clone()).or_default().push(kind);
                }
            }
        }
        chosen
    }

    /// Reports the unrequested parts as not sent, and returns them with all other unsent parts.
    async fn report_unsent(&self, asked: &Asked, deadline: Instant) -> Vec<(ZoneKey, PartKind)> {
        let (known, at): (_, Date) = (self.keeper.snapshot(), self.clock.now().into());
        let optional = optional_allowed(&known, at);
        for zone in known.zones() {
            let Some(watched) = self.watched.get(zone.key()) else { continue };
            let is_blocked = watched.account.budget.is_blocked_until(deadline);
            let reason = if is_blocked { Reason::RateLimited } else { Reason::NotSent };
            for (kind, _) in zone.parts() {
                let is_allowed = optional.get(&(zone.account(), kind)) != Some(&0);
                let is_found = kind == PartKind::Associations || zone.id().is_some();
                if asked.contains(&(zone.key().clone(), kind)) || !is_allowed || !is_found {
                    continue;
                }
                let outcomes = match kind {
                    PartKind::Associations => {
                        vec![Outcome::Failed(reason), Outcome::Ended { result: Err(reason), at }]
                    }
                    PartKind::ZoneLevel => {
                        vec![Outcome::ZoneLevel { enabled: Err(reason), certificates: Err(reason), at }]
                    }
                    PartKind::Settings => {
                        vec![Outcome::Settings { global: Err(reason), ssl_mode: Err(reason), at }]
                    }
                    PartKind::DnsRecords => vec![Outcome::DnsRecords { records: Err(reason), at }],
                };
                for outcome in outcomes {
                    self.keeper.report(zone.key().clone(), outcome).await;
                }
            }
        }
        self.keeper.published().await;
        let is_short = |failure| matches!(failure, Some(Reason::NotSent | Reason::RateLimited));
        let known = self.keeper.snapshot();
        let parts =
            known.zones().iter().flat_map(|zone| zone.parts().map(move |(kind, part)| (zone, kind, part)));
        let unsent = parts.filter(|(zone, kind, part)| {
            let mut entries = zone.entries().iter().filter(|_| *kind == PartKind::Associations);
            is_short(part.failure()) || entries.any(|entry| is_short(entry.failure()))
        });
        unsent.map(|(zone, kind, _)| (zone.key().clone(), kind)).collect()
    }
}
