//! The checks of a token: validity, rate limit and permissions.

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::answer::{Answer, Refusal};
use super::scope::Scope;

/// The rate limit of a token, and the block that follows if it is exceeded.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    /// The number of requests that a window admits.
    pub requests: u32,
    /// The length of a window. A window starts with its first request.
    pub per: Duration,
    /// The time for which every request is refused after the limit was exceeded.
    pub block: Duration,
}

/// The state of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The token is valid.
    Active,
    /// The token was switched off: only its verification still answers.
    Disabled,
    /// The token has expired: only its verification still answers.
    Expired,
    /// The token is unknown.
    Revoked,
}

/// A token and its remaining budget.
pub(super) struct Gate {
    pub(super) authorization: String,
    pub(super) scope: Scope,
    pub(super) standing: Standing,
    /// The expiry in RFC 3339.
    pub(super) expires_on: Option<String>,
    pub(super) limit: Option<RateLimit>,
    opened: Option<Instant>,
    used: u32,
    blocked_until: Option<Instant>,
}

impl Gate {
    pub(super) fn new(token: &str, limit: Option<RateLimit>) -> Self {
        let authorization = format!("Bearer {token}");
        Self {
            authorization,
            scope: Scope::default(),
            standing: Standing::Active,
            expires_on: None,
            limit,
            opened: None,
            used: 0,
            blocked_until: None,
        }
    }

    /// Replaces the limit and resets the count.
    pub(super) fn set_limit(&mut self, limit: Option<RateLimit>) {
        self.limit = limit;
        self.opened = None;
        self.used = 0;
        self.blocked_until = None;
    }

    /// Admits a request with this `Authorization` header, or fails with the refusal. `verifies` is true for a
    /// request that verifies the token.
    pub(super) fn admit(
        &mut self,
        header: Option<&[u8]>,
        verifies: bool,
        now: Instant,
    ) -> Result<(), Refusal> {
        let header = header.filter(|header| is_bearer(header)).ok_or(Refusal::MALFORMED_HEADER)?;
        let known = header == self.authorization.as_bytes() && self.standing != Standing::Revoked;
        if !known {
            return Err(if verifies { Refusal::INVALID_TOKEN } else { Refusal::NOT_AUTHENTICATED });
        }
        self.spend(now)?;
        if verifies || self.standing == Standing::Active { Ok(()) } else { Err(Refusal::NOT_AUTHENTICATED) }
    }

    fn spend(&mut self, now: Instant) -> Result<(), Refusal> {
        let Some(limit) = self.limit else { return Ok(()) };
        if self.opened.is_none_or(|opened| opened + limit.per <= now) {
            self.opened = Some(now);
            self.used = 0;
        }
        self.used = self.used.saturating_add(1);
        let blocked = self.blocked_until.filter(|until| *until > now);
        let blocked = blocked.or((self.used > limit.requests).then(|| now + limit.block));
        self.blocked_until = blocked;
        blocked.map_or(Ok(()), |until| Err(Refusal::rate_limited(seconds_up(until - now))))
    }

    /// Adds the remaining budget to the headers of a response.
    pub(super) fn tell(&self, answer: &mut Answer, now: Instant) {
        let Some(limit) = self.limit else { return };
        let remaining = limit.requests.saturating_sub(self.used);
        let reset =
            self.opened.map_or(limit.per, |opened| (opened + limit.per).saturating_duration_since(now));
        let budget = format!("\"default\";r={remaining};t={}", seconds_up(reset));
        let policy = format!("\"default\";q={};w={}", limit.requests, seconds_up(limit.per));
        for (name, value) in [("ratelimit", budget), ("ratelimit-policy", policy)] {
            let value = HeaderValue::try_from(value).ok();
            answer.headers.extend(value.map(|value| (HeaderName::from_static(name), value)));
        }
    }
}

/// Returns true for the scheme `Bearer`, one space and a possible token.
fn is_bearer(header: &[u8]) -> bool {
    let token = header.strip_prefix(b"Bearer ");
    token.is_some_and(|token| !token.is_empty() && token.iter().all(u8::is_ascii_graphic))
}

fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Option<&[u8]> = Some(b"Bearer good");

    fn codes(gate: &mut Gate, now: Instant, requests: usize) -> Vec<u32> {
        let outcomes = (0..requests).map(|_| gate.admit(GOOD, false, now));
        outcomes.map(|outcome| outcome.map_or_else(|refusal| refusal.code, |()| 0)).collect()
    }

    #[test]
    fn only_the_valid_token_passes() {
        let mut gate = Gate::new("good", None);
        let mut code = |header, verifies| gate.admit(header, verifies, Instant::now()).map_err(|no| no.code);
        assert_eq!(code(GOOD, false), Ok(()));
        assert_eq!(code(None, false), Err(6003));
        assert_eq!(code(Some(b"Bearer "), false), Err(6003));
        assert_eq!(code(Some(b"good"), false), Err(6003));
        assert_eq!(code(Some(b"Bearer bad"), false), Err(10000));
        assert_eq!(code(Some(b"Bearer bad"), true), Err(1000));
    }

    #[test]
    fn exceeding_the_limit_blocks_all_requests_for_a_while() {
        let second = Duration::from_secs(1);
        let limit = RateLimit { requests: 2, per: second * 10, block: second * 30 };
        let (mut gate, start) = (Gate::new("good", Some(limit)), Instant::now());
        assert_eq!(codes(&mut gate, start, 4), [0, 0, 971, 971]);
        assert_eq!(codes(&mut gate, start + second * 29, 1), [971]);
        assert_eq!(codes(&mut gate, start + second * 40, 3), [0, 0, 971]);
    }

    #[test]
    fn a_window_starts_with_its_first_request() {
        let second = Duration::from_secs(1);
        let limit = RateLimit { requests: 2, per: second * 10, block: second };
        let (mut gate, start) = (Gate::new("good", Some(limit)), Instant::now());
        assert_eq!(codes(&mut gate, start, 2), [0, 0]);
        assert_eq!(codes(&mut gate, start + second * 10, 2), [0, 0]);
    }
}
