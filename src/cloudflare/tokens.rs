//! Whether the token is still good.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

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
/// No sooner than this after the last time, however often requests are refused.
const SELDOM: Duration = Duration::from_secs(60);

impl Client {
    /// Verifies the token at once, hourly, when it changes, and after a 401 or 403; never ends and never fails.
    pub async fn keep_verified(&self) -> Infallible {
        let mut token = self.token.clone();
        loop {
            token.mark_unchanged();
            let state = self.verify_token(Instant::now() + self.options.timeout * 3).await;
            self.telemetry.token(&self.options.account, state.valid, state.expires);
            match state.valid {
                Some(false) => {
                    tracing::error!(account = %self.options.account, "Cloudflare does not accept the token");
                }
                valid => tracing::debug!(account = %self.options.account, ?valid, "token verified"),
            }
            let last = Instant::now();
            tokio::select! {
                () = sleep(REGULARLY) => {}
                () = async { self.refusal.notified().await; sleep_until(last + SELDOM).await } => {}
                // without a sender it can no longer change
                () = async { if token.changed().await.is_err() { std::future::pending().await } } => {}
            }
        }
    }

    /// Asks whether the token is active (`GET /user/tokens/verify`, and for one that an account owns
    /// `GET /accounts/{id}/tokens/verify`).
    pub async fn verify_token(&self, deadline: Instant) -> TokenState {
        let mut answer = self.verify("user/tokens/verify", deadline).await;
        if let (Err(_), Some(id)) = (&answer, &self.options.account_id) {
            answer = self.verify(&format!("accounts/{id}/tokens/verify"), deadline).await;
        }
        match answer {
            Ok(state) => state,
            // a token that an account owns fails here too: only together with other refusals this says something
            Err(error) if error.reason() == Reason::Auth => {
                let refused = self.refused.load(Ordering::Relaxed);
                TokenState { valid: refused.then_some(false), expires: None }
            }
            Err(error) => {
                tracing::debug!(account = %self.options.account, %error, "token cannot be verified");
                TokenState::default()
            }
        }
    }

    async fn verify(&self, path: &str, deadline: Instant) -> Result<TokenState, Error> {
        let decode = |body: &[u8]| {
            let envelope: Envelope<Token<'_>> = serde_json::from_slice(body)?;
            Ok(envelope.map(|token| {
                let (valid, expires) = token.state();
                Ok::<_, String>(TokenState { valid, expires })
            }))
        };
        let (state, _) = self.get(Endpoint::TokenVerify, &self.url(path)?, deadline, decode).await?;
        Ok(state)
    }
}
