//! Methods for tests: faults, tokens and request counts.

use tokio::time::Instant;

use super::Simulator;
use super::fault::Fault;
use super::gate::{RateLimit, Standing};
use super::presence::Watch;
use super::requests::Requests;
use super::scope::Scope;

impl Simulator {
    /// Adds a fault. Returns its number for [`Simulator::clear_fault`].
    pub fn add_fault(&self, fault: Fault) -> u64 {
        self.state().faults.add(fault)
    }

    /// Removes a fault. Returns true if it was still active.
    pub fn clear_fault(&self, number: u64) -> bool {
        self.state().faults.remove(number)
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// Sets the state of the options' token, and its expiry (RFC 3339).
    pub fn set_token(&self, standing: Standing, expires_on: Option<String>) {
        let mut state = self.state();
        let gate = state.tokens.first();
        gate.standing = standing;
        gate.expires_on = expires_on;
    }

    /// Sets what a token sees and may do. Accepts it if it was unknown or revoked.
    pub fn set_scope(&self, token: &str, scope: Scope) {
        let mut state = self.state();
        let gate = state.tokens.gate(token);
        gate.scope = scope;
        gate.standing = Standing::Active;
    }

    /// Revokes a token.
    pub fn revoke(&self, token: &str) {
        self.state().tokens.gate(token).standing = Standing::Revoked;
    }

    /// Replaces the rate limit, and resets its count and block.
    pub fn set_rate_limit(&self, limit: Option<RateLimit>) {
        self.state().tokens.set_limit(limit);
    }

    /// Starts to watch that nothing stops presenting a certificate.
    pub fn watch(&self) {
        let mut state = self.state();
        let watch = Watch::new(&state.world, Instant::now());
        state.watch = Some(watch);
    }

    /// Returns the hostnames and zones that stopped presenting a certificate since [`Simulator::watch`].
    pub fn went_dark(&self) -> Vec<String> {
        let state = &mut *self.state();
        let Some(watch) = &mut state.watch else { return Vec::new() };
        watch.look(&state.world, Instant::now());
        watch.dark()
    }

    /// Returns the number of requests that are never answered, carried out or not.
    pub fn swallowed(&self) -> u64 {
        self.state().swallowed
    }

    /// Returns the API requests so far.
    pub fn requests(&self) -> Requests {
        self.state().requests.clone()
    }

    /// Resets the request counts.
    pub fn forget_requests(&self) {
        self.state().requests = Requests::default();
    }
}
