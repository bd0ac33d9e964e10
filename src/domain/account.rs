//! What is known about a configured account.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Date, FoundZone, Part, Reason, ZoneId};

/// The list of an account's zones is read this often at least.
pub const LISTED_EVERY: Duration = Duration::from_secs(55 * 60);

/// What is known about a configured account, beside its zones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountState {
    name: Arc<str>,
    facts: AccountFacts,
    list: ZoneList,
    has_patterns: bool,
}

/// The list of the zones that an account's token sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneList {
    /// How it was read.
    pub part: Part,
    /// Its active zones, sorted by name.
    pub found: Arc<[FoundZone]>,
    /// The number of zones watched by patterns that have vanished since the start.
    pub removed: u64,
    /// When the latest of them vanished, be it before a restart.
    pub removed_at: Option<Date>,
}

/// What requests on behalf of an account have shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountFacts {
    /// What is known of its token.
    pub token: TokenState,
    /// When Cloudflare last answered 429.
    pub rate_limited_at: Option<Date>,
}

/// What is known of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenState {
    /// Whether it is active; none if that is not known.
    pub valid: Option<bool>,
    /// When it expires, if ever.
    pub expires: Option<Date>,
}

impl AccountState {
    /// An account of which only the name is known.
    pub(super) fn new(name: Arc<str>) -> Self {
        Self { name, facts: AccountFacts::default(), list: ZoneList::default(), has_patterns: false }
    }

    /// An account as a state file knew it.
    pub(super) fn restored(name: Arc<str>, list: ZoneList) -> Self {
        Self { list, ..Self::new(name) }
    }

    /// Watches zones by patterns from now on, or no longer.
    pub(super) fn watch_by_patterns(&mut self, has_patterns: bool) {
        self.has_patterns = has_patterns;
        if !has_patterns {
            self.list = ZoneList::default();
        }
    }

    /// Takes in what came of listing its zones; `removed` watched ones have vanished.
    pub(super) fn list(
        &mut self,
        found: Option<Vec<FoundZone>>,
        result: Result<(), Reason>,
        removed: u64,
        at: Date,
    ) {
        if let Some(mut found) = found {
            let before = self.list.found.iter().enumerate().map(|(place, zone)| (zone.id, place));
            let before: HashMap<ZoneId, usize> = before.collect();
            let place = |zone: &FoundZone| before.get(&zone.id).copied().unwrap_or(usize::MAX);
            // of several zones of one name the one that was known first keeps the name as its label
            let rank = |zone: &FoundZone| (place(zone), zone.id);
            found.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| rank(a).cmp(&rank(b))));
            self.list.found = found.into();
        }
        self.list.part.tried(result, at);
        self.list.removed += removed;
        if removed > 0 {
            self.list.removed_at = Some(at);
        }
    }

    /// Takes in that its zones are about to be listed.
    pub(super) fn want_list(&mut self, at: Date) {
        self.list.part.planned(LISTED_EVERY, at);
    }

    /// Takes in what requests have shown.
    pub(super) fn learn(&mut self, facts: AccountFacts) {
        self.facts = facts;
    }

    /// Its name in the configuration, and in the label `account`.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The list of its zones; none unless patterns watch some of them.
    pub fn zone_list(&self) -> Option<&ZoneList> {
        self.has_patterns.then_some(&self.list)
    }

    /// What requests have shown.
    pub fn facts(&self) -> AccountFacts {
        self.facts
    }
}
