//! The accounts in force: their clients, tokens and budgets. Tokens and budgets outlive the clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::clock::Clock;
use crate::cloudflare::{ApiToken, Budget, Client};
use crate::config::{self, TokenSource};
use crate::poll::Account;
use crate::telemetry::Telemetry;

/// The accounts in force by name, in the form for the poller.
pub type InForce = BTreeMap<Arc<str>, Account>;

/// The accounts in force.
pub struct Accounts {
    /// The budgets by quota. None is ever removed: spent requests and blocks persist whatever the
    /// configuration says in the meantime.
    budgets: BTreeMap<String, Arc<Budget>>,
    known: BTreeMap<Arc<str>, Known>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
}

struct Known {
    client: Arc<Client>,
    source: TokenSource,
    token: watch::Sender<ApiToken>,
    /// The number of earlier tokens.
    tokens: u64,
}

impl Known {
    /// Replaces the token.
    fn take(&mut self, token: ApiToken) {
        let changed = self.token.send_if_modified(|before| {
            let changed = *before != token;
            *before = token;
            changed
        });
        self.tokens += u64::from(changed);
    }
}

impl Accounts {
    /// Creates an empty set of accounts.
    pub fn new(telemetry: Arc<Telemetry>, clock: Clock) -> Self {
        Self { budgets: BTreeMap::new(), known: BTreeMap::new(), telemetry, clock }
    }

    /// Puts the configured accounts in force, with the tokens that were read with the configuration. An
    /// unchanged client is kept, with its connections.
    ///
    /// # Errors
    /// Fails if a token cannot be read or a client cannot be built. Nothing has changed then.
    pub fn update(&mut self, configured: &[config::Account]) -> anyhow::Result<InForce> {
        let mut next = Vec::new();
        for account in configured {
            let name = &account.options.account;
            let token = match &account.read_token {
                Some(token) => token.clone(),
                None => account.token.read().with_context(|| format!("account {name}"))?,
            };
            let budget = self.budgets.entry(account.quota.clone());
            let budget = Arc::clone(budget.or_insert_with(|| Arc::new(Budget::new(account.rate_limit))));
            let known = self.known.get(name).filter(|known| {
                *known.client.options() == account.options && Arc::ptr_eq(known.client.budget(), &budget)
            });
            let built = match known {
                Some(_) => None,
                None => Some(
                    self.build(account, token.clone(), budget).with_context(|| format!("account {name}"))?,
                ),
            };
            next.push((account, token, built));
        }
        // nothing can fail from here on
        let mut before = std::mem::take(&mut self.known);
        // the same user under another name or quota keeps the spent requests and the block
        for (account, token, built) in &next {
            let same = before
                .iter()
                .filter(|(name, known)| **name == account.options.account || *known.token.borrow() == *token);
            if let Some(built) = built {
                same.for_each(|(_, known)| built.client.budget().inherit(known.client.budget()));
            }
        }
        for (account, token, built) in next {
            let name = Arc::clone(&account.options.account);
            let Some(mut known) = built.or_else(|| before.remove(&name)) else { continue };
            known.client.budget().set_limit(account.rate_limit);
            known.take(token);
            known.source.clone_from(&account.token);
            self.known.insert(name, known);
        }
        Ok(self.in_force())
    }

    /// Reads the tokens of the accounts in force again. A token that cannot be read stays unchanged.
    pub async fn renew_tokens(&mut self) -> InForce {
        let sources: Vec<_> = self.known.values().map(|known| known.source.clone()).collect();
        let read = move || sources.iter().map(|source| source.read().ok()).collect::<Vec<_>>();
        let tokens = spawn_blocking(read).await.unwrap_or_default();
        for (known, token) in self.known.values_mut().zip(tokens) {
            if let Some(token) = token {
                known.take(token);
            }
        }
        self.in_force()
    }

    fn in_force(&self) -> InForce {
        let account = |known: &Known| Account {
            api: Arc::clone(&known.client),
            budget: Arc::clone(known.client.budget()),
            max_concurrent: known.client.options().max_concurrent_requests,
            token: known.tokens,
        };
        self.known.iter().map(|(name, known)| (Arc::clone(name), account(known))).collect()
    }

    fn build(
        &self,
        account: &config::Account,
        token: ApiToken,
        budget: Arc<Budget>,
    ) -> anyhow::Result<Known> {
        let (token, receiver) = watch::channel(token);
        let (telemetry, clock) = (Arc::clone(&self.telemetry), self.clock.clone());
        let client = Client::new(account.options.clone(), receiver, budget, telemetry, clock)?;
        Ok(Known { client: Arc::new(client), source: account.token.clone(), token, tokens: 0 })
    }
}
