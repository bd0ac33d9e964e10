//! Folds the results of polls into what has started to fail and what works again. A failure is reported when
//! it starts and when it ends, not in every poll. Pure: time is an argument, and [`Line`]s are logged
//! elsewhere.

mod lines;
mod scope;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::seen::{Class, Seen, Thing, Trouble};
use crate::domain::{PartKind, Snapshot, ZoneKey};
pub(super) use lines::Line;
use scope::Scope;

/// The subject of a failure: the widest one that explains it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    /// The API at this host.
    Host(Arc<str>),
    /// An account, with one class of failure.
    Account(Arc<str>, Class),
    /// The list of an account's zones.
    List(Arc<str>),
    /// An optional part of an account's zones that the token may not read.
    Optional(Arc<str>, PartKind),
    /// A zone of an account, with the part that fails.
    Zone(Arc<str>, ZoneKey, Thing),
}

/// An ongoing failure.
struct Ongoing {
    class: Class,
    since: Instant,
}

/// News about a subject.
enum News {
    Began(Trouble),
    Ended(Duration),
}

/// The ongoing failures.
#[derive(Default)]
pub(super) struct Story {
    ongoing: BTreeMap<Subject, Ongoing>,
    overruns: Overruns,
}

/// The polls in a row that were still running at the next tick.
#[derive(Default)]
struct Overruns {
    polls: u32,
    ticks: usize,
    since: Option<Instant>,
}

/// The results of one poll.
pub(super) struct Polled<'a> {
    pub(super) seen: &'a [Seen],
    /// The accounts whose requests got a 429 during the poll, and how long each was blocked.
    pub(super) limited: &'a BTreeMap<Arc<str>, Duration>,
    /// The watched zones.
    pub(super) known: &'a Snapshot,
    pub(super) started: Instant,
    pub(super) ended: Instant,
}

impl Story {
    /// Takes in a poll, and returns what to report: first what works again, then what has started to fail.
    pub(super) fn fold(&mut self, polled: &Polled<'_>) -> Vec<Line> {
        self.ongoing.retain(|subject, _| is_watched(subject, polled.known));
        let scope = Scope::of(polled, |subject| self.ongoing.contains_key(subject));
        let mut failing: BTreeMap<Subject, Trouble> = scope.wide.clone();
        let mut working = BTreeSet::new();
        for seen in polled.seen {
            self.sort(seen, &scope, &mut failing, &mut working);
        }
        let mut news = Vec::new();
        for subject in working.into_iter().filter(|subject| !failing.contains_key(subject)) {
            if let Some(ongoing) = self.ongoing.remove(&subject) {
                news.push((subject, News::Ended(polled.ended.duration_since(ongoing.since))));
            }
        }
        for (subject, trouble) in failing {
            let (class, since) = (trouble.class, polled.started);
            let before = self.ongoing.get(&subject);
            if before.is_none_or(|before| before.class != class) {
                let since = before.map_or(since, |before| before.since);
                self.ongoing.insert(subject.clone(), Ongoing { class, since });
                news.push((subject, News::Began(trouble)));
            }
        }
        let empty = polled.seen.iter().filter(|seen| seen.is_empty);
        lines::of(news, empty.filter_map(|seen| Some((&seen.account, seen.zone.as_ref()?))))
    }

    /// Sorts the results of a zone into its own failures and what works.
    fn sort(
        &self,
        seen: &Seen,
        scope: &Scope,
        failing: &mut BTreeMap<Subject, Trouble>,
        working: &mut BTreeSet<Subject>,
    ) {
        let account = || Arc::clone(&seen.account);
        let subject = |thing| match &seen.zone {
            Some(zone) => Subject::Zone(account(), zone.clone(), thing),
            None => Subject::List(account()),
        };
        for (thing, result) in &seen.things {
            match result {
                // an optional permission: reported once
                Err(trouble)
                    if trouble.is_of_permission()
                        && let Some(part) = thing.optional_part() =>
                {
                    failing.insert(Subject::Optional(account(), part), trouble.clone());
                }
                Ok(()) => {
                    working.insert(subject(thing.clone()));
                }
                // a wider failure explains it, so its own state is unknown
                Err(trouble) if scope.explains(seen, trouble) => {}
                Err(trouble) if *thing != Thing::Zone && is_same(seen.failure(), trouble) => {}
                Err(trouble) => {
                    failing.insert(subject(thing.clone()), trouble.clone());
                }
            }
        }
        if seen.failure().is_none() {
            let of_zone = self.ongoing.keys().filter(|known| {
                matches!(known, Subject::Zone(_, zone, thing @ Thing::Hostname(_))
                    if Some(zone) == seen.zone.as_ref() && !seen.things.contains_key(thing))
            });
            working.extend(of_zone.cloned());
        }
        if seen.is_answered() {
            let accounts = self
                .ongoing
                .keys()
                .filter(|known| matches!(known, Subject::Account(account, _) if *account == seen.account));
            working.extend(accounts.cloned());
            working.insert(Subject::Host(Arc::clone(&seen.host)));
        }
    }

    /// Records how many ticks came during a poll, and returns what to report: that polls repeatedly take too
    /// long, or no longer do. `is_planned` is true if that was already logged.
    pub(super) fn ticks(&mut self, skipped: usize, is_planned: bool, now: Instant) -> Option<Line> {
        let overruns = &mut self.overruns;
        if is_planned {
            *overruns = Overruns::default();
            return None;
        }
        if skipped == 0 {
            let Overruns { ticks, since, .. } = std::mem::take(overruns);
            return since.map(|since| Line::on_time(ticks, now.duration_since(since)));
        }
        (overruns.polls, overruns.ticks) = (overruns.polls + 1, overruns.ticks + skipped);
        // a single slow poll is not reported
        let begins = overruns.polls >= 2 && overruns.since.is_none();
        begins.then(|| {
            overruns.since = Some(now);
            Line::overrun(overruns.ticks)
        })
    }
}

fn is_same(failure: Option<&Trouble>, trouble: &Trouble) -> bool {
    failure.is_some_and(|failure| failure.class == trouble.class)
}

/// Returns true if the subject is still watched. Otherwise it has neither failed nor recovered.
fn is_watched(subject: &Subject, known: &Snapshot) -> bool {
    match subject {
        Subject::Host(_) => true,
        Subject::Account(account, _) | Subject::List(account) | Subject::Optional(account, _) => {
            known.accounts().iter().any(|known| known.name() == account)
        }
        Subject::Zone(account, zone, thing) => known.zone(zone).is_some_and(|zone| {
            let is_there = |hostname| zone.entry(hostname).is_some();
            zone.account() == &**account && !matches!(thing, Thing::Hostname(hostname) if !is_there(hostname))
        }),
    }
}

#[cfg(test)]
mod tests;
