//! Whether the token is still good.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::transport::Decoded;
use super::wire::{Envelope, Token};
use super::{Client, Error};
use crate::domain::{Date, Reason};
use crate::telemetry::Endpoint;

/// What is known of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenState {
    /// Whether it is active; none where that cannot be found out.
    pub valid: Option<bool>,
    /// When it expires, where it does.
    pub expires: Option<Date>,
}

const REGULARLY: Duration = Duration::from_secs(3600);
/// No sooner than this after the last time, however often requests are refused; and regularly while the token is not good
/// or nothing is known of it.
const SELDOM: Duration = Duration::from_secs(60);

impl Client {
    /// Verifies the token at once, hourly, when it changes, and after a 401 or 403; every minute until it is good.
    /// Never ends and never fails.
    pub async fn keep_verified(&self) -> Infallible {
        let (mut token, mut known, mut said) = (self.token.clone(), false, None);
        loop {
            let asked_about = token.borrow_and_update().clone();
            let account = &*self.options.account;
            let pause = match self.verify_token(Instant::now() + self.options.timeout * 3).await {
                Ok(TokenState { valid, expires }) => {
                    self.telemetry.token(account, valid, expires);
                    if valid == Some(false) && said != valid {
                        tracing::error!(account, "Cloudflare does not accept the token");
                    } else {
                        tracing::debug!(account, ?valid, "token verified");
                    }
                    (known, said) = (true, valid);
                    // once it is mended at Cloudflare no refusal tells of it
                    if valid == Some(false) { SELDOM } else { REGULARLY }
                }
                Err(error) => {
                    tracing::debug!(account, %error, "token could not be verified");
                    // an outage says nothing of the token: what is known of it stays
                    if !known {
                        self.telemetry.token(account, None, None);
                    }
                    SELDOM
                }
            };
            let last = Instant::now();
            tokio::select! {
                () = sleep(pause) => {}
                () = async { self.refusal.notified().await; sleep_until(last + SELDOM).await } => {}
                // without a sender it can no longer change
                () = async { if token.changed().await.is_err() { std::future::pending().await } } => {}
            }
            known &= *token.borrow() == asked_about;
        }
    }

    /// Asks whether the token is active (`GET /user/tokens/verify`, and for one that an account owns
    /// `GET /accounts/{id}/tokens/verify`).
    ///
    /// # Errors
    /// Where no answer came that says anything of the token.
    pub async fn verify_token(&self, deadline: Instant) -> Result<TokenState, Error> {
        let mut answer = self.verify("user/tokens/verify", deadline).await;
        if let (Err(_), Some(id)) = (&answer, &self.options.account_id) {
            answer = self.verify(&format!("accounts/{id}/tokens/verify"), deadline).await;
        }
        answer.or_else(|error| match error.reason() {
            // a token that an account owns fails here too: only together with other refusals this says something
            Reason::Auth => {
                let refused = self.refused.load(Ordering::Relaxed);
                Ok(TokenState { valid: refused.then_some(false), expires: None })
            }
            Reason::Forbidden | Reason::NotFound | Reason::Rejected => Ok(TokenState::default()),
            _ => Err(error),
        })
    }

    async fn verify(&self, path: &str, deadline: Instant) -> Result<TokenState, Error> {
        let (state, _) = self.get(Endpoint::TokenVerify, self.url(path)?, deadline, decode).await?;
        Ok(state)
    }
}

/// What the verification says of the token.
pub(super) fn decode(body: &[u8]) -> Decoded<TokenState> {
    let envelope: Envelope<Token<'_>> = serde_json::from_slice(body)?;
    Ok(envelope.map(|token| {
        let (valid, expires) = token.state();
        Ok(TokenState { valid, expires })
    }))
}
