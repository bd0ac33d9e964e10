//! Sends a request within its budget, again where that may help, and turns the response into a result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::budget::{Budget, Wait};
use super::interner::Interner;
use super::wire::{Envelope, ResultInfo};
use super::{ApiToken, BuildError, Error, Options, retry};
use crate::clock::Clock;
use crate::domain::{Date, Reason};
use crate::telemetry::{Endpoint, Telemetry, VERSION};

/// The API on behalf of one account.
pub struct Client {
    pub(super) options: Options,
    http: reqwest::Client,
    pub(super) token: watch::Receiver<ApiToken>,
    budget: Arc<Budget>,
    slots: Semaphore,
    pub(super) telemetry: Arc<Telemetry>,
    clock: Clock,
    pub(super) certificates: Interner,
    /// Told after each 401 and 403, which are the occasion to verify the token.
    pub(super) refusal: Notify,
    /// Whether the latest method that needs no more than the token was answered as if that were wrong.
    pub(super) refused: AtomicBool,
}

/// No answer is larger than this: 1,000 associations, or a few certificates, are well below 1 MiB.
const LARGEST_BODY: usize = 4 << 20;
/// What Cloudflare blocks for after its limit was passed, where it does not say.
const DEFAULT_BLOCK: Duration = Duration::from_secs(300);
const LONGEST_BLOCK: Duration = Duration::from_secs(600);

impl Client {
    /// A client that sends `token`, whatever it is at the time, and spends from `budget`.
    ///
    /// # Errors
    /// Where the extra certificates cannot be read or TLS cannot be set up.
    pub fn new(
        options: Options,
        token: watch::Receiver<ApiToken>,
        budget: Arc<Budget>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> Result<Self, BuildError> {
        telemetry.start_account(&options.account);
        Ok(Self {
            http: http_client(&options)?,
            slots: Semaphore::new(options.max_concurrent_requests),
            options,
            token,
            budget,
            telemetry,
            clock,
            certificates: Interner::default(),
            refusal: Notify::new(),
            refused: AtomicBool::new(false),
        })
    }

    /// How it was told to work.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What it spends from.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The time, now.
    pub(super) fn now(&self) -> Date {
        self.clock.now().into()
    }

    /// The URL of a method below the API's base.
    pub(super) fn url(&self, path: &str) -> Result<Url, Error> {
        let url = self.options.base_url.as_url().join(path);
        url.map_err(|error| Error::Invalid { status: 0, what: error.to_string(), ray: None })
    }

    /// GETs `url` until `deadline`, as often as that may help. `decode` reads an envelope and makes of its result
    /// a value, or says why that cannot be trusted.
    pub(super) async fn get<T>(
        &self,
        endpoint: Endpoint,
        url: &Url,
        deadline: Instant,
        decode: impl Fn(&[u8]) -> Decoded<T>,
    ) -> Result<(T, Option<ResultInfo>), Error> {
        let mut attempt = 0;
        loop {
            let error = match self.attempt(endpoint, url, deadline, &decode).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            tracing::debug!(account = %self.options.account, endpoint = endpoint.label(), attempt, %error, "request failed");
            match retry::delay(attempt, &error, fastrand::f64()) {
                Some(delay) if Instant::now() + delay < deadline => sleep(delay).await,
                _ => return Err(error),
            }
            self.telemetry.retry(&self.options.account, endpoint);
            attempt += 1;
        }
    }

    async fn attempt<T>(
        &self,
        endpoint: Endpoint,
        url: &Url,
        deadline: Instant,
        decode: impl Fn(&[u8]) -> Decoded<T>,
    ) -> Result<(T, Option<ResultInfo>), Error> {
        let slot = timeout_at(deadline, self.slots.acquire()).await;
        let _slot = slot.map_err(|_| Error::Deadline)?;
        self.admission(deadline).await?;
        let authorization = self.token.borrow().header().map_err(|_| Error::Header)?;

        let sent = Instant::now();
        let time = self.options.timeout.min(deadline.saturating_duration_since(sent));
        let request = self.http.get(url.clone()).header(AUTHORIZATION, authorization).timeout(time);
        let response = request.send().await.map_err(reqwest::Error::without_url);
        let (status, outcome) = match response {
            Ok(response) => (Some(response.status()), self.receive(response, decode).await),
            Err(error) => (None, Err(Error::Transport(error))),
        };
        let status = status.map(|status| status.as_u16());
        self.telemetry.request(&self.options.account, endpoint, status, sent.elapsed());

        let reason = outcome.as_ref().err().map(Error::reason);
        if endpoint != Endpoint::TokenVerify {
            self.refused.store(reason == Some(Reason::Auth), Ordering::Relaxed);
            if matches!(reason, Some(Reason::Auth | Reason::Forbidden)) {
                self.refusal.notify_one();
            }
        }
        outcome
    }

    /// Waits for the budget, as long as that ends before `deadline`.
    async fn admission(&self, deadline: Instant) -> Result<(), Error> {
        loop {
            let now = Instant::now();
            match self.budget.admit(now) {
                Ok(()) => return Ok(()),
                Err(wait) if wait.until() < deadline => sleep_until(wait.until()).await,
                Err(Wait::Blocked(until)) => return Err(Error::Blocked(until - now)),
                Err(Wait::Pace(_)) => return Err(Error::Deadline),
            }
        }
    }

    async fn receive<T>(
        &self,
        mut response: Response,
        decode: impl Fn(&[u8]) -> Decoded<T>,
    ) -> Result<(T, Option<ResultInfo>), Error> {
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        self.heed(status, &headers);
        let body = body(response).await?;
        judge(status, &headers, self.clock.now(), decode(&body))
    }

    /// What came of a response with status 200 and no headers.
    pub(super) fn judge_success<T>(&self, decoded: Decoded<T>) -> Result<T, Error> {
        judge(StatusCode::OK, &HeaderMap::new(), self.clock.now(), decoded).map(|(value, _)| value)
    }

    /// Heeds what the response says of the rate limit, also where the rest of it never comes.
    fn heed(&self, status: StatusCode, headers: &HeaderMap) {
        let (account, now) = (&*self.options.account, Instant::now());
        let limit = headers.get("ratelimit").and_then(|value| rate_limit(value.to_str().ok()?));
        if let Some((remaining, reset)) = limit {
            self.telemetry.rate_limit(account, remaining, now + reset);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            let asked = retry_after(headers, self.clock.now()).unwrap_or(DEFAULT_BLOCK);
            let longer = self.budget.block(now, asked.min(LONGEST_BLOCK));
            self.telemetry.throttled(account, longer);
            if !longer.is_zero() {
                tracing::warn!(account, seconds = longer.as_secs(), "Cloudflare's rate limit was passed");
            }
        }
    }
}

/// An envelope around a value, or around why the result cannot be trusted.
pub(super) type Decoded<T> = serde_json::Result<Envelope<Result<T, String>>>;

/// The one place where a response becomes a result.
fn judge<T>(
    status: StatusCode,
    headers: &HeaderMap,
    now: jiff::Timestamp,
    decoded: Decoded<T>,
) -> Result<(T, Option<ResultInfo>), Error> {
    let code = status.as_u16();
    let ray = headers.get("cf-ray").and_then(|ray| ray.to_str().ok());
    let ray = ray.map(|ray| ray.chars().take(64).collect::<String>().into_boxed_str());
    let invalid = |what: String, ray| Error::Invalid { status: code, what, ray };
    let failed =
        |errors, ray| Err(Error::Api { status: code, errors, ray, retry_after: retry_after(headers, now) });
    match decoded {
        Ok(envelope) if status.is_success() && envelope.success == Some(true) => match envelope.result {
            Some(Ok(value)) => Ok((value, envelope.result_info)),
            Some(Err(what)) => Err(invalid(what, ray)),
            None => Err(invalid("it has no result".to_owned(), ray)),
        },
        Ok(envelope) if status.is_success() && envelope.success.is_none() => {
            Err(invalid("it does not say whether it succeeded".to_owned(), ray))
        }
        Ok(envelope) => failed(envelope.errors, ray),
        // proxies answer errors with pages of their own: then the status is all there is
        Err(_) if !status.is_success() => failed(Vec::new(), ray),
        Err(error) => Err(invalid(format!("it is not the JSON expected: {error}"), ray)),
    }
}

/// Reads a body up to the cap; most come in one piece, which is not copied.
async fn body(mut response: Response) -> Result<bytes::Bytes, Error> {
    let mut next = async || response.chunk().await.map_err(|error| Error::Transport(error.without_url()));
    let Some(first) = next().await? else {
        return Ok(bytes::Bytes::new());
    };
    let mut whole: Option<Vec<u8>> = None;
    while let Some(chunk) = next().await? {
        let whole = whole.get_or_insert_with(|| first.to_vec());
        whole.extend_from_slice(&chunk);
        if whole.len() > LARGEST_BODY {
            return Err(Error::Oversized);
        }
    }
    let body = whole.map_or(first, bytes::Bytes::from);
    if body.len() > LARGEST_BODY { Err(Error::Oversized) } else { Ok(body) }
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: jiff::Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

/// How many requests are left and for how long that holds: `"default";r=50;t=30`.
fn rate_limit(text: &str) -> Option<(f64, Duration)> {
    let parameter = |name: &str| {
        let mut parameters = text.split(',').next()?.split(';').skip(1);
        parameters.find_map(|parameter| parameter.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let remaining: u32 = parameter("r")?.parse().ok()?;
    let reset: u32 = parameter("t")?.parse().ok()?;
    Some((f64::from(remaining), Duration::from_secs(reset.into())))
}

fn http_client(options: &Options) -> Result<reqwest::Client, BuildError> {
    let extra = match &options.extra_ca {
        Some(pem) => reqwest::Certificate::from_pem_bundle(pem).map_err(BuildError::Authorities)?,
        None => Vec::new(),
    };
    let builder = || {
        let builder = reqwest::Client::builder()
            .user_agent(format!("cloudflare-aop-exporter/{VERSION}"))
            .redirect(reqwest::redirect::Policy::none())
            // a request that is sent again has to pass the budget again
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(10))
            .pool_max_idle_per_host(options.max_concurrent_requests);
        if options.base_url.is_loopback() { builder.no_proxy() } else { builder.https_only(true) }
    };
    builder().tls_certs_merge(extra.clone()).build().or_else(|_| {
        // a container without any authority of its own: Mozilla's stand in
        let mozilla = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        let mozilla = mozilla.filter_map(|der| reqwest::Certificate::from_der(der).ok());
        let builder = builder().tls_certs_only(mozilla.chain(extra));
        builder.build().map_err(BuildError::Client)
    })
}

#[cfg(test)]
mod tests;
