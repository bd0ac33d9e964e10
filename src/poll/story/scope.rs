//! The scope of a failure: the API, an account or single zones.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Polled, Subject};
use crate::domain::Reason;
use crate::poll::seen::{Class, Seen, Trouble};

/// The failures of one poll that affect more than one zone.
pub(super) struct Scope {
    pub(super) wide: BTreeMap<Subject, Trouble>,
}

impl Scope {
    /// Decides how wide the failures of a poll are. An ongoing failure keeps its scope if only some zones
    /// were polled.
    pub(super) fn of(polled: &Polled<'_>, is_ongoing: impl Fn(&Subject) -> bool) -> Self {
        let mut scope = Self { wide: BTreeMap::new() };
        // the accounts of each host, and the zones of each account
        let mut accounts: BTreeMap<&Arc<str>, Vec<&Seen>> = BTreeMap::new();
        let mut hosts: BTreeMap<&Arc<str>, Vec<&Seen>> = BTreeMap::new();
        for seen in polled.seen {
            if seen.zone.is_some() {
                accounts.entry(&seen.account).or_default().push(seen);
            }
            hosts.entry(&seen.host).or_default().push(seen);
        }
        let watched =
            |account: &str| polled.known.zones().iter().filter(|zone| zone.account() == account).count();
        for (host, zones) in hosts {
            let all = accounts.iter().filter(|(_, zones)| zones.iter().any(|seen| seen.host == *host));
            let all = all.map(|(account, _)| watched(account)).sum();
            let subject = Subject::Host(Arc::clone(host));
            if let Some(trouble) = away(&zones, all, is_ongoing(&subject)) {
                scope.wide.insert(subject, trouble.clone());
            }
        }
        for (account, zones) in accounts {
            scope.add_account(account, &zones, watched(account), &is_ongoing);
            if let Some(time) = polled.limited.get(account) {
                let trouble = Trouble {
                    class: Class::RateLimited,
                    is_of_network: false,
                    error: format!("HTTP status 429: requests wait for {} s", time.as_secs()).into(),
                    advice: None,
                };
                let subject = Subject::Account(Arc::clone(account), Class::RateLimited);
                scope.wide.entry(subject).or_insert(trouble);
            }
        }
        scope
    }

    /// Adds the failures of an account with this many zones.
    fn add_account(
        &mut self,
        account: &Arc<str>,
        zones: &[&Seen],
        all: usize,
        is_ongoing: impl Fn(&Subject) -> bool,
    ) {
        for trouble in zones.iter().flat_map(|seen| seen.troubles().map(move |trouble| (seen, trouble))) {
            let (seen, trouble) = trouble;
            let subject = Subject::Account(Arc::clone(account), trouble.class);
            let is_of_all = match trouble.class {
                Class::Away => false,
                Class::RateLimited => true,
                Class::Unsent => !self.is_away(seen),
                class @ Class::Answered(reason) => {
                    let failed = zones.iter().filter(|seen| failed_as(seen, class)).count();
                    let is_wide = failed >= all && (all > 1 || reason == Reason::Auth);
                    failed == zones.len() && (is_wide || is_ongoing(&subject))
                }
            };
            if is_of_all {
                self.wide.entry(subject).or_insert_with(|| trouble.clone());
            }
        }
    }

    fn is_away(&self, seen: &Seen) -> bool {
        self.wide.contains_key(&Subject::Host(Arc::clone(&seen.host)))
    }

    /// Returns true if a wider failure explains this one.
    pub(super) fn explains(&self, seen: &Seen, trouble: &Trouble) -> bool {
        let account = Subject::Account(Arc::clone(&seen.account), trouble.class);
        // while the API hangs, some requests are not even sent
        let is_of_host = matches!(trouble.class, Class::Away | Class::Unsent) && self.is_away(seen);
        is_of_host || self.wide.contains_key(&account)
    }
}

/// Returns why a host with `all` zones is unavailable: no connection, or several zones that failed as a
/// whole.
fn away<'s>(zones: &[&'s Seen], all: usize, is_ongoing: bool) -> Option<&'s Trouble> {
    if let Some(trouble) = zones.iter().flat_map(|seen| seen.troubles()).find(|trouble| trouble.is_of_network)
    {
        return Some(trouble);
    }
    let failed: Vec<_> = zones.iter().filter(|seen| failed_as(seen, Class::Away)).collect();
    let is_wide = failed.len() >= all.min(2) || is_ongoing && failed.len() == zones.len();
    failed.first().filter(|_| is_wide)?.failure()
}

fn failed_as(seen: &Seen, class: Class) -> bool {
    seen.failure().is_some_and(|trouble| trouble.class == class)
}
