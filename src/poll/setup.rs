//! On whose behalf to poll, and how often.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::cloudflare::{Budget, Client};

/// On whose behalf to poll, and how often; replaced as a whole when the configuration changes it. What to poll is in
/// the keeper's snapshot.
pub struct Setup<A = Client> {
    /// The accounts by name; zones of other accounts are not polled.
    pub accounts: BTreeMap<Arc<str>, Account<A>>,
    /// The longest time between two ticks.
    pub gap: Duration,
}

impl<A> PartialEq for Setup<A> {
    fn eq(&self, other: &Self) -> bool {
        self.accounts == other.accounts && self.gap == other.gap
    }
}

/// One account of the API.
pub struct Account<A = Client> {
    /// The API on behalf of the account.
    pub api: Arc<A>,
    /// The quota that its requests take from.
    pub budget: Arc<Budget>,
    /// The number of requests that may run side by side.
    pub max_concurrent: usize,
    /// Changes with the token: what another token could not read may be read now.
    pub token: u64,
}

impl<A> Clone for Account<A> {
    fn clone(&self) -> Self {
        let (api, budget) = (Arc::clone(&self.api), Arc::clone(&self.budget));
        Self { api, budget, max_concurrent: self.max_concurrent, token: self.token }
    }
}

impl<A> PartialEq for Account<A> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.api, &other.api) && self.token == other.token
    }
}
