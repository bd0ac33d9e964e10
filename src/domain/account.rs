//! The state of a configured account.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Date, FoundZone, Part, Reason, ZoneId};

/// The maximum interval between two reads of an account's list of zones.
pub const LISTED_EVERY: Duration = Duration::from_secs(55 * 60);

/// The state of a configured account, apart from its zones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountState {
    name: Arc<str>,
    facts: AccountFacts,
    list: ZoneList,
    has_patterns: bool,
}

/// The list of the zones visible to an account's token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneList {
    /// The read status of the list.
    pub part: Part,
    /// The active zones, sorted by name.
    pub found: Arc<[FoundZone]>,
    /// The number of zones matched by patterns that have vanished since the exporter started.
    pub removed: u64,
    /// The time when the last zone vanished, which may be before a restart.
    pub removed_at: Option<Date>,
}

/// Facts about an account, learned from the responses to its requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountFacts {
    /// The state of the token.
    pub token: TokenState,
    /// The time of Cloudflare's last 429.
    pub rate_limited_at: Option<Date>,
}

/// The state of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenState {
    /// True if the token is active. None if unknown.
    pub valid: Option<bool>,
    /// The expiry date, if there is one.
    pub expires: Option<Date>,
}

impl AccountState {
    /// Creates an account about which nothing is known.
    pub(super) fn new(name: Arc<str>) -> Self {
        Self { name, facts: AccountFacts::default(), list: ZoneList::default(), has_patterns: false }
    }

    /// Restores an account from a state file.
    pub(super) fn restored(name: Arc<str>, list: ZoneList) -> Self {
        Self { list, ..Self::new(name) }
    }

    /// Sets if the account has patterns. Without patterns, its list of zones is dropped.
    pub(super) fn watch_by_patterns(&mut self, has_patterns: bool) {
        self.has_patterns = has_patterns;
        if !has_patterns {
            self.list = ZoneList::default();
        }
    }

    /// Records the result of listing the zones, of which `removed` watched ones have vanished.
    pub(super) fn list(
        &mut self,
        found: Option<Vec<FoundZone>>,
        result: Result<(), Reason>,
        removed: u64,
        at: Date,
    ) {
        if let Some(mut found) = found {
            let before = self.list.found.iter().enumerate().map(|(index, zone)| (zone.id, index));
            let before: HashMap<ZoneId, usize> = before.collect();
            let index = |zone: &FoundZone| before.get(&zone.id).copied().unwrap_or(usize::MAX);
            // of several zones with the same name, the one listed earliest keeps the name as its label
            let rank = |zone: &FoundZone| (index(zone), zone.id);
            found.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| rank(a).cmp(&rank(b))));
            self.list.found = found.into();
        }
        self.list.part.tried(result, at);
        self.list.removed += removed;
        if removed > 0 {
            self.list.removed_at = Some(at);
        }
    }

    /// Records that the zones are about to be listed.
    pub(super) fn want_list(&mut self, at: Date) {
        self.list.part.planned(LISTED_EVERY, at);
    }

    /// Updates the facts.
    pub(super) fn learn(&mut self, facts: AccountFacts) {
        self.facts = facts;
    }

    /// Returns the name in the configuration, which is also the value of the label `account`.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns the list of zones. None if the account has no patterns.
    pub fn zone_list(&self) -> Option<&ZoneList> {
        self.has_patterns.then_some(&self.list)
    }

    /// Returns the facts.
    pub fn facts(&self) -> AccountFacts {
        self.facts
    }
}
