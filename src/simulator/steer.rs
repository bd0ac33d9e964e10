//! How tests steer a simulator: its faults, its tokens, and the requests that it counted.

use tokio::time::Instant;

use super::Simulator;
use super::fault::Fault;
use super::gate::{RateLimit, Standing};
use super::presence::Watch;
use super::requests::Requests;
use super::scope::Scope;

impl Simulator {
    /// Puts a fault in force; the number is for [`Simulator::clear_fault`].
    pub fn add_fault(&self, fault: Fault) -> u64 {
        self.state().faults.add(fault)
    }

    /// Ends a fault. Returns true if it was still in force.
    pub fn clear_fault(&self, number: u64) -> bool {
        self.state().faults.remove(number)
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// Says what has become of the options' token, and when it expires (RFC 3339).
    pub fn set_token(&self, standing: Standing, expires_on: Option<String>) {
        let mut state = self.state();
        let gate = state.tokens.first();
        gate.standing = standing;
        gate.expires_on = expires_on;
    }

    /// Says what a token sees and may do; one that was unknown or revoked is taken from now on.
    pub fn set_scope(&self, token: &str, scope: Scope) {
        let mut state = self.state();
        let gate = state.tokens.gate(token);
        gate.scope = scope;
        gate.standing = Standing::Active;
    }

    /// Takes a token no more.
    pub fn revoke(&self, token: &str) {
        self.state().tokens.gate(token).standing = Standing::Revoked;
    }

    /// Replaces the rate limit; what was counted, and a block, are forgotten.
    pub fn set_rate_limit(&self, limit: Option<RateLimit>) {
        self.state().tokens.set_limit(limit);
    }

    /// Watches from now on that no hostname presents nothing that presented something before.
    pub fn watch(&self) {
        let mut state = self.state();
        let watch = Watch::new(&state.world, Instant::now());
        state.watch = Some(watch);
    }

    /// The hostnames, and zones by their names, that presented something and then nothing since [`Simulator::watch`].
    pub fn went_dark(&self) -> Vec<String> {
        let state = &mut *self.state();
        let Some(watch) = &mut state.watch else { return Vec::new() };
        watch.look(&state.world, Instant::now());
        watch.dark()
    }

    /// The requests so far that are never answered, carried out or not.
    pub fn swallowed(&self) -> u64 {
        self.state().swallowed
    }

    /// The API requests that came so far.
    pub fn requests(&self) -> Requests {
        self.state().requests.clone()
    }

    /// Starts counting anew.
    pub fn forget_requests(&self) {
        self.state().requests = Requests::default();
    }
}
