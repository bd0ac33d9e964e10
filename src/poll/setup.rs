//! The accounts of polls, and the schedule.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::cloudflare::{Budget, Client};

/// The accounts of polls, and the schedule. A changed configuration replaces it as a whole. The zones to poll
/// are in the keeper's snapshot.
pub struct Setup<A = Client> {
    /// The accounts by name. Zones of other accounts are not polled.
    pub accounts: BTreeMap<Arc<str>, Account<A>>,
    /// The maximum time between two ticks.
    pub gap: Duration,
}

impl<A> PartialEq for Setup<A> {
    fn eq(&self, other: &Self) -> bool {
        self.accounts == other.accounts && self.gap == other.gap
    }
}

/// One account of the API.
pub struct Account<A = Client> {
    /// The API client of the account.
    pub api: Arc<A>,
    /// The quota for its requests.
    pub budget: Arc<Budget>,
    /// The maximum number of concurrent requests.
    pub max_concurrent: usize,
    /// Changes with the token, since a new token may have other permissions.
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
