//! The tokens that the simulator accepts.

use super::gate::{Gate, RateLimit};

/// A gate for each token. The first belongs to the options' token.
pub(super) struct Tokens(Vec<Gate>);

impl Tokens {
    pub(super) fn new(token: &str, limit: Option<RateLimit>) -> Self {
        Self(vec![Gate::new(token, limit)])
    }

    /// Returns the gate of the token in this header. The first gate refuses unknown tokens.
    pub(super) fn of(&mut self, header: Option<&[u8]>) -> &mut Gate {
        let index = self.0.iter().position(|gate| header == Some(gate.authorization.as_bytes()));
        &mut self.0[index.unwrap_or(0)]
    }

    pub(super) fn first(&mut self) -> &mut Gate {
        &mut self.0[0]
    }

    /// Returns the gate of a token, creating it if needed.
    pub(super) fn gate(&mut self, token: &str) -> &mut Gate {
        let gate = Gate::new(token, self.0[0].limit);
        let index = self.0.iter().position(|known| known.authorization == gate.authorization);
        let index = index.unwrap_or_else(|| {
            self.0.push(gate);
            self.0.len() - 1
        });
        &mut self.0[index]
    }

    /// Replaces the limit of every token. Each token has its own count.
    pub(super) fn set_limit(&mut self, limit: Option<RateLimit>) {
        for gate in &mut self.0 {
            gate.set_limit(limit);
        }
    }
}
