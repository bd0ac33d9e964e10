//! What is known about a configured account.

use std::sync::Arc;

use super::Date;

/// What is known about a configured account, beside its zones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountState {
    name: Arc<str>,
    facts: AccountFacts,
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
        Self { name, facts: AccountFacts::default() }
    }

    /// Takes in what requests have shown.
    pub(super) fn learn(&mut self, facts: AccountFacts) {
        self.facts = facts;
    }

    /// Its name in the configuration, and in the label `account`.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What requests have shown.
    pub fn facts(&self) -> AccountFacts {
        self.facts
    }
}
