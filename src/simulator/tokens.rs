//! The tokens that the simulator takes.

use super::gate::{Gate, RateLimit};

/// A gate for each token; the first is that of the options.
pub(super) struct Tokens(Vec<Gate>);

impl Tokens {
    pub(super) fn new(token: &str, limit: Option<RateLimit>) -> Self {
        Self(vec![Gate::new(token, limit)])
    }

    /// The gate of the token in that header; an unknown one is refused at the first gate.
    pub(super) fn of(&mut self, header: Option<&[u8]>) -> &mut Gate {
        let place = self.0.iter().position(|gate| header == Some(gate.authorization.as_bytes()));
        &mut self.0[place.unwrap_or(0)]
    }

    pub(super) fn first(&mut self) -> &mut Gate {
        &mut self.0[0]
    }

    /// The gate of that token, which is made where there is none.
    pub(super) fn gate(&mut self, token: &str) -> &mut Gate {
        let gate = Gate::new(token, self.0[0].limit);
        let place = self.0.iter().position(|known| known.authorization == gate.authorization);
        let place = place.unwrap_or_else(|| {
            self.0.push(gate);
            self.0.len() - 1
        });
        &mut self.0[place]
    }

    /// Replaces the limit of every token; each counts for itself.
    pub(super) fn set_limit(&mut self, limit: Option<RateLimit>) {
        for gate in &mut self.0 {
            gate.set_limit(limit);
        }
    }
}
