//! The API client. It sends requests within the budget, retries them if that may help, and returns their results.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Response, StatusCode, Url};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::budget::{Admission, Announcement, Budget, Wait};
use super::connector::http_client;
use super::interner::Interner;
use super::request::{Call, Request};
use super::response::{Decoded, block_time, judge, largest_body, read_body};
use super::tokens::TokenEvidence;
use super::wire::{OddFields, ResultInfo};
use super::{ApiToken, BuildError, Error, Options, retry};
use crate::clock::Clock;
use crate::domain::{AccountFacts, Date, Reason, ZoneId};
use crate::keypair::PrivateKey;
use crate::telemetry::{Endpoint, Telemetry};

/// An API client for one account.
pub struct Client {
    pub(super) options: Options,
    http: reqwest::Client,
    pub(super) token: watch::Receiver<ApiToken>,
    budget: Arc<Budget>,
    slots: Semaphore,
    pub(super) telemetry: Arc<Telemetry>,
    clock: Clock,
    pub(super) certificates: Interner,
    pub(super) facts: watch::Sender<AccountFacts>,
    /// Notified after each 401 and 403, which triggers a verification of the token.
    pub(super) refusal: Notify,
    pub(super) evidence: TokenEvidence,
    /// The time for which 429s have blocked requests since the last call of `take_rate_limited`.
    rate_limited: Mutex<Option<Duration>>,
    /// The zones with odd fields in a response since the last call of `take_odd_fields`.
    odd_zones: Mutex<HashSet<ZoneId>>,
    /// The private key that it sends, which is redacted in responses.
    pub(super) key: OnceLock<PrivateKey>,
}

impl Client {
    /// Creates a client that sends the current value of `token` and takes its requests from `budget`.
    ///
    /// # Errors
    /// Fails if the extra certificates cannot be parsed or TLS cannot be set up.
    pub fn new(
        options: Options,
        token: watch::Receiver<ApiToken>,
        budget: Arc<Budget>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> Result<Self, BuildError> {
        Ok(Self {
            http: http_client(&options)?,
            slots: Semaphore::new(options.max_concurrent_requests),
            options,
            token,
            budget,
            telemetry,
            clock,
            certificates: Interner::default(),
            facts: watch::Sender::default(),
            refusal: Notify::new(),
            evidence: TokenEvidence::default(),
            rate_limited: Mutex::default(),
            odd_zones: Mutex::default(),
            key: OnceLock::new(),
        })
    }

    /// Returns the options of this client.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Returns the facts about the account learned from responses.
    pub fn facts(&self) -> watch::Receiver<AccountFacts> {
        self.facts.subscribe()
    }

    /// Returns the budget that requests are taken from.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// Returns the current time.
    pub(super) fn now(&self) -> Date {
        self.clock.now().into()
    }

    /// Returns the URL of a method, relative to the API's base URL.
    pub(super) fn url(&self, path: &str) -> Result<Url, Error> {
        let url = self.options.base_url.as_url().join(path);
        url.map_err(|error| Error::Invalid { status: 0, what: error.to_string().into(), ray: None })
    }

    /// Returns the host of the API, with its port if that is not the default.
    pub fn host(&self) -> String {
        let url = self.options.base_url.as_url();
        let host = url.host_str().unwrap_or_default();
        url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Returns the time for which 429s have blocked requests since the last call. None if there were none.
    pub fn take_rate_limited(&self) -> Option<Duration> {
        self.rate_limited.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Returns true if a response about the zone had a field of an unexpected type or form since the last call. Such
    /// fields are treated as missing.
    pub fn take_odd_fields(&self, zone: ZoneId) -> bool {
        self.odd_zones.lock().unwrap_or_else(PoisonError::into_inner).remove(&zone)
    }

    /// Sends a GET of `url`, like [`Client::call`].
    pub(super) async fn get<T>(
        &self,
        call: Call,
        url: Url,
        decode: impl Fn(&[u8]) -> Decoded<T>,
    ) -> Result<(T, Option<ResultInfo>), Error> {
        self.call(call, &Request::get(url), decode).await
    }

    /// Sends `request` and retries it until the deadline if that may help. `decode` parses the envelope and turns its
    /// result into a value or into the reason why it cannot be trusted.
    pub(super) async fn call<T>(
        &self,
        call: Call,
        request: &Request,
        decode: impl Fn(&[u8]) -> Decoded<T>,
    ) -> Result<(T, Option<ResultInfo>), Error> {
        let (mut attempt, mut before) = (0, None);
        loop {
            let error = match self.attempt(call, request, attempt, &decode).await {
                Ok(value) => return Ok(value),
                // the retry was not sent, so the previous error is more useful
                Err(error) if !error.was_sent() => return Err(before.unwrap_or(error)),
                Err(error) => error,
            };
            tracing::debug!(account = %self.options.account, endpoint = call.endpoint.label(), attempt, %error, "request failed");
            match retry::delay(attempt, &error, fastrand::f64()) {
                Some(delay) if request.may_repeat(&error) && Instant::now() + delay < call.deadline => {
                    sleep(delay).await;
                }
                _ => return Err(error),
            }
            attempt += 1;
            before = Some(error);
        }
    }

    async fn attempt<T>(
        &self,
        call: Call,
        request: &Request,
        attempt: u32,
        decode: impl Fn(&[u8]) -> Decoded<T>,
    ) -> Result<(T, Option<ResultInfo>), Error> {
        let Call { endpoint, deadline, .. } = call;
        let slot = timeout_at(deadline, self.slots.acquire()).await;
        let _slot = slot.map_err(|_| Error::Deadline)?;
        let admission = self.admission(deadline).await?;
        if attempt > 0 {
            self.telemetry.retry(&self.options.account, endpoint);
        }
        let token = self.token.borrow().clone();
        let authorization = token.header().map_err(|_| Error::Header)?;

        let sent = Instant::now();
        let time = self.options.timeout.min(deadline.saturating_duration_since(sent));
        let request = request.on(&self.http).header(AUTHORIZATION, authorization).timeout(time);
        let (status, outcome) = match request.send().await {
            Ok(response) => {
                let status = response.status();
                let outcome = self.receive(call, response, admission, decode).await;
                (Some(status), outcome.map_err(|error| error.without(&token, self.key.get())))
            }
            Err(error) => (None, Err(Error::transport(&error).without(&token, self.key.get()))),
        };
        let status = status.map(|status| status.as_u16());
        self.telemetry.request(&self.options.account, endpoint, status, sent.elapsed());

        let reason = outcome.as_ref().err().map(Error::reason);
        if endpoint != Endpoint::TokenVerify {
            if status.is_some() {
                self.evidence.add(reason);
            }
            if matches!(reason, Some(Reason::Auth | Reason::Forbidden)) {
                self.refusal.notify_one();
            }
        }
        outcome
    }

    /// Waits for the budget. Fails if that would take until `deadline`.
    async fn admission(&self, deadline: Instant) -> Result<Admission<'_>, Error> {
        self.budget.admit(deadline).await.map_err(|wait| {
            let left = |until: Instant| until.saturating_duration_since(Instant::now());
            match wait {
                Wait::Blocked(until) => Error::Blocked(left(until)),
                Wait::SharedQuota(until) => Error::Exhausted(left(until)),
                Wait::OwnLimit(_) => Error::Deadline,
            }
        })
    }

    async fn receive<T>(
        &self,
        call: Call,
        mut response: Response,
        admission: Admission<'_>,
        decode: impl Fn(&[u8]) -> Decoded<T>,
    ) -> Result<(T, Option<ResultInfo>), Error> {
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        self.record_limits(status, &headers, admission);
        let body = read_body(response, largest_body(call.endpoint)).await?;
        // even a success may repeat a key
        let body = self.key.get().map_or(Cow::Borrowed(&*body), |key| key.hidden_in_bytes(&body));
        let mut decoded = decode(&body);
        let odd = decoded.as_mut().map(|envelope| std::mem::take(&mut envelope.odd)).unwrap_or_default();
        let judged = judge(status, &headers, self.clock.now(), decoded);
        // a response that cannot be trusted is counted as invalid
        if judged.is_ok() {
            self.note(call, &odd);
        }
        judged
    }

    /// Logs the odd fields of a response and marks its zone.
    fn note(&self, call: Call, odd: &OddFields) {
        if odd.is_empty() {
            return;
        }
        let (account, endpoint) = (&*self.options.account, call.endpoint.label());
        tracing::debug!(account, endpoint, zone = ?call.zone, fields = ?odd, "fields of unexpected type or form are ignored");
        if let Some(zone) = call.zone {
            self.odd_zones.lock().unwrap_or_else(PoisonError::into_inner).insert(zone);
        }
    }

    /// Returns the result of a response with status 200 and no headers.
    pub(super) fn judge_success<T>(&self, decoded: Decoded<T>) -> Result<T, Error> {
        judge(StatusCode::OK, &HeaderMap::new(), self.clock.now(), decoded).map(|(value, _)| value)
    }

    /// Records the rate limit from the response's headers, even if its body never arrives.
    fn record_limits(&self, status: StatusCode, headers: &HeaderMap, admission: Admission<'_>) {
        let (account, now) = (&*self.options.account, Instant::now());
        let announcement = Announcement::of(headers);
        if let Some(Announcement { remaining, reset, .. }) = announcement {
            self.telemetry.rate_limit(account, remaining.into(), now + reset);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            let longer = self.budget.block(now, block_time(headers, self.clock.now()));
            self.telemetry.throttled(account, longer);
            let at = self.now();
            self.facts.send_modify(|facts| facts.rate_limited_at = Some(at));
            tracing::debug!(
                account,
                seconds = longer.as_secs(),
                "Cloudflare answered 429: requests are blocked"
            );
            let mut limited = self.rate_limited.lock().unwrap_or_else(PoisonError::into_inner);
            *limited = Some(limited.unwrap_or_default() + longer);
        }
        // last, since it may release other requests
        admission.answered(now, announcement);
    }
}
