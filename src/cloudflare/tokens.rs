//! Verification of the API token.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::request::Call;
use super::response::Decoded;
use super::wire::{Envelope, token};
use super::{Client, Error};
use crate::domain::{Reason, TokenState};
use crate::telemetry::Endpoint;

/// Facts about the current token, learned from responses.
#[derive(Default)]
pub(super) struct TokenEvidence {
    /// The latest response, not counting verifications, rejected the token.
    refused: AtomicBool,
    /// At least one response accepted the token.
    accepted: AtomicBool,
    /// The token was verified at least once.
    verified: AtomicBool,
}

impl TokenEvidence {
    /// Records a response to any request but a verification.
    pub(super) fn add(&self, reason: Option<Reason>) {
        let refused = reason == Some(Reason::Auth);
        self.refused.store(refused, Ordering::Relaxed);
        self.accepted.fetch_or(!refused, Ordering::Relaxed);
    }

    /// Returns true if the latest response rejected the token.
    fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    fn forget(&self) {
        for what in [&self.refused, &self.accepted, &self.verified] {
            what.store(false, Ordering::Relaxed);
        }
    }

    /// Returns true if a token that cannot be verified is invalid. A token owned by an account cannot be verified without the
    /// account's id and may lack some permission, so a token that was accepted anywhere is not invalid.
    fn is_invalid(&self) -> bool {
        let is = |what: &AtomicBool| what.load(Ordering::Relaxed);
        is(&self.refused) && (is(&self.verified) || !is(&self.accepted))
    }
}

/// The interval between two verifications of a valid token.
const REGULAR_INTERVAL: Duration = Duration::from_secs(3600);
/// The minimum interval between two verifications, however often requests are refused. Also the interval while the token
/// is invalid or could not be verified.
const MIN_INTERVAL: Duration = Duration::from_secs(60);

impl Client {
    /// Verifies the token at once, hourly, when it changes, and after a 401 or 403. Until the token is valid, verifies it every
    /// minute. Never returns.
    pub async fn keep_verified(&self) -> Infallible {
        let (mut token, mut known) = (self.token.clone(), false);
        // consecutive verifications of an invalid token while no poll was refused, which would have reported it
        let mut unnoticed = 0_u32;
        // the first refusal triggers a verification at once
        let mut is_first_refusal = true;
        loop {
            let asked_about = token.borrow_and_update().clone();
            let account = &*self.options.account;
            let pause = match self.verify_token(Instant::now() + self.options.timeout * 3).await {
                Ok(state @ TokenState { valid, .. }) => {
                    self.learn_token(state);
                    tracing::debug!(account, ?valid, "token verified");
                    known = true;
                    match (valid, self.evidence.is_refused()) {
                        (Some(false), false) => {
                            unnoticed += 1;
                            // not on the first verification, which may precede the first poll
                            if unnoticed == 2 {
                                tracing::warn!(account, "Cloudflare reports that the token is not valid");
                            }
                        }
                        (Some(true), _) if std::mem::take(&mut unnoticed) >= 2 => {
                            tracing::info!(account, "Cloudflare reports that the token is valid again");
                        }
                        _ => {}
                    }
                    // verify an invalid token often, since nothing else tells when it becomes valid
                    if valid == Some(false) { MIN_INTERVAL } else { REGULAR_INTERVAL }
                }
                Err(error) => {
                    tracing::debug!(account, %error, "token could not be verified");
                    // an outage says nothing about the token, so the known state is kept
                    if !known {
                        self.learn_token(TokenState::default());
                    }
                    MIN_INTERVAL
                }
            };
            let after_refusal = Instant::now() + if is_first_refusal { Duration::ZERO } else { MIN_INTERVAL };
            tokio::select! {
                () = sleep(pause) => {}
                () = async { self.refusal.notified().await; sleep_until(after_refusal).await } => {
                    is_first_refusal = false;
                }
                // without a sender, the token can no longer change
                () = async { if token.changed().await.is_err() { std::future::pending().await } } => {}
            }
            if *token.borrow() != asked_about {
                (known, is_first_refusal) = (false, true);
                self.evidence.forget();
            }
        }
    }

    /// Publishes the state of the token.
    pub fn learn_token(&self, token: TokenState) {
        self.telemetry.token(&self.options.account, token.valid, token.expires);
        self.facts.send_modify(|facts| facts.token = token);
    }

    /// Verifies the token with `GET /user/tokens/verify`, or `GET /accounts/{id}/tokens/verify` for one owned by an account.
    ///
    /// # Errors
    /// Fails if no response says anything about the token.
    pub async fn verify_token(&self, deadline: Instant) -> Result<TokenState, Error> {
        let mut answer = self.verify("user/tokens/verify", deadline).await;
        if let (Err(_), Some(id)) = (&answer, &self.options.account_id) {
            answer = self.verify(&format!("accounts/{id}/tokens/verify"), deadline).await;
        }
        self.evidence.verified.fetch_or(answer.is_ok(), Ordering::Relaxed);
        answer.or_else(|error| match error.reason() {
            Reason::Auth => {
                Ok(TokenState { valid: self.evidence.is_invalid().then_some(false), expires: None })
            }
            Reason::Forbidden | Reason::NotFound | Reason::Rejected => Ok(TokenState::default()),
            _ => Err(error),
        })
    }

    async fn verify(&self, path: &str, deadline: Instant) -> Result<TokenState, Error> {
        let call = Call { endpoint: Endpoint::TokenVerify, zone: None, deadline };
        let (state, _) = self.get(call, self.url(path)?, decode).await?;
        Ok(state)
    }
}

/// Parses the response to a verification.
fn decode(body: &[u8]) -> Decoded<TokenState> {
    Ok(Envelope::parse(body)?.object(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unverifiable_token_is_invalid_if_it_was_once_verified_or_is_never_accepted() {
        let (auth, other) = (Some(Reason::Auth), Some(Reason::NotFound));
        let wrong = |verified, answers: &[Option<Reason>]| {
            let evidence = TokenEvidence::default();
            evidence.verified.store(verified, Ordering::Relaxed);
            answers.iter().for_each(|reason| evidence.add(*reason));
            let before = evidence.is_invalid();
            evidence.forget();
            assert!(!evidence.is_invalid());
            before
        };
        assert!(!wrong(false, &[]) && !wrong(true, &[]));
        assert!(wrong(false, &[auth]) && wrong(true, &[auth]));
        assert!(!wrong(false, &[None, auth]) && !wrong(false, &[other, auth]), "it lacks a permission");
        assert!(wrong(true, &[None, auth]), "it was revoked");
        assert!(!wrong(true, &[auth, None]));
    }
}
