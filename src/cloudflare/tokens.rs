//! Verification of the token.

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

/// What answers have shown about the current token.
#[derive(Default)]
pub(super) struct TokenEvidence {
    /// The latest answer, verification aside, rejected the token.
    refused: AtomicBool,
    /// At least one answer accepted it.
    accepted: AtomicBool,
    /// It was verified at least once.
    verified: AtomicBool,
}

impl TokenEvidence {
    /// Adds an answer to anything but a verification.
    pub(super) fn add(&self, reason: Option<Reason>) {
        let refused = reason == Some(Reason::Auth);
        self.refused.store(refused, Ordering::Relaxed);
        self.accepted.fetch_or(!refused, Ordering::Relaxed);
    }

    /// Whether the latest answer rejected the token.
    fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    fn forget(&self) {
        for what in [&self.refused, &self.accepted, &self.verified] {
            what.store(false, Ordering::Relaxed);
        }
    }

    /// Whether a token that cannot be verified is invalid. A token owned by an account cannot be verified without its
    /// id, and may lack a permission somewhere, so one that was accepted anywhere is not invalid.
    fn is_invalid(&self) -> bool {
        let is = |what: &AtomicBool| what.load(Ordering::Relaxed);
        is(&self.refused) && (is(&self.verified) || !is(&self.accepted))
    }
}

const REGULARLY: Duration = Duration::from_secs(3600);
/// The least time between two verifications, however often requests are refused. Also the interval while the token is
/// not valid or nothing is known about it.
const SELDOM: Duration = Duration::from_secs(60);

impl Client {
    /// Verifies the token at once, hourly, when it changes, and after a 401 or 403; every minute until it is valid.
    /// Never ends and never fails.
    pub async fn keep_verified(&self) -> Infallible {
        let (mut token, mut known) = (self.token.clone(), false);
        // how often in a row the token was not valid although no poll was refused, which would report that
        let mut unnoticed = 0_u32;
        // the first refusal tells whether a verification that was refused is the token's fault
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
                            // the first verification may come before the first poll
                            if unnoticed == 2 {
                                tracing::warn!(account, "Cloudflare reports that the token is not valid");
                            }
                        }
                        (Some(true), _) if std::mem::take(&mut unnoticed) >= 2 => {
                            tracing::info!(account, "Cloudflare reports that the token is valid again");
                        }
                        _ => {}
                    }
                    // once it is valid again at Cloudflare, no refusal says so
                    if valid == Some(false) { SELDOM } else { REGULARLY }
                }
                Err(error) => {
                    tracing::debug!(account, %error, "token could not be verified");
                    // an outage says nothing about the token: what is known stays
                    if !known {
                        self.learn_token(TokenState::default());
                    }
                    SELDOM
                }
            };
            let after_refusal = Instant::now() + if is_first_refusal { Duration::ZERO } else { SELDOM };
            tokio::select! {
                () = sleep(pause) => {}
                () = async { self.refusal.notified().await; sleep_until(after_refusal).await } => {
                    is_first_refusal = false;
                }
                // without a sender it can no longer change
                () = async { if token.changed().await.is_err() { std::future::pending().await } } => {}
            }
            if *token.borrow() != asked_about {
                (known, is_first_refusal) = (false, true);
                self.evidence.forget();
            }
        }
    }

    /// Keeps what is known of the token.
    pub fn learn_token(&self, token: TokenState) {
        self.telemetry.token(&self.options.account, token.valid, token.expires);
        self.facts.send_modify(|facts| facts.token = token);
    }

    /// Verifies the token (`GET /user/tokens/verify`, and for one owned by an account
    /// `GET /accounts/{id}/tokens/verify`).
    ///
    /// # Errors
    /// If no answer says anything about the token.
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

/// Reads the answer to a verification.
fn decode(body: &[u8]) -> Decoded<TokenState> {
    Ok(Envelope::parse(body)?.object(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_cannot_be_verified_is_wrong_where_it_was_verified_before_or_is_accepted_nowhere() {
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
        assert!(!wrong(false, &[None, auth]) && !wrong(false, &[other, auth]), "a permission that it lacks");
        assert!(wrong(true, &[None, auth]), "it was revoked");
        assert!(!wrong(true, &[auth, None]));
    }
}
