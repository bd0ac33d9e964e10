//! Sends a request within its budget, again where that may help, and turns the response into a result.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode, Url};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::budget::{Admission, Announcement, Budget, LONGEST_BLOCK, Wait};
use super::interner::Interner;
use super::tokens::Standing;
use super::wire::{Envelope, ResultInfo, printable};
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
    pub(super) standing: Standing,
}

/// A request that may be sent more than once: one of a method that does not add to what it did before.
pub(super) struct Request {
    method: Method,
    url: Url,
    /// JSON.
    body: Option<Bytes>,
}

impl Request {
    /// A GET.
    pub(super) fn get(url: Url) -> Self {
        Self { method: Method::GET, url, body: None }
    }

    /// A PUT of JSON.
    pub(super) fn put(url: Url, json: Vec<u8>) -> Self {
        Self { method: Method::PUT, url, body: Some(json.into()) }
    }

    fn on(&self, http: &reqwest::Client) -> reqwest::RequestBuilder {
        let builder = http.request(self.method.clone(), self.url.clone());
        match &self.body {
            Some(json) => builder.header(CONTENT_TYPE, "application/json").body(json.clone()),
            None => builder,
        }
    }
}

/// No answer is larger than this: 1,000 associations, or a few certificates, are well below 1 MiB. A change, which is
/// made by then, may be answered with all associations of the zone, each with its certificate.
const fn largest_body(endpoint: Endpoint) -> usize {
    match endpoint {
        Endpoint::HostnamePut => 16 << 20,
        _ => 4 << 20,
    }
}

/// How long Cloudflare blocks all requests after its limit was passed, unless it says otherwise.
const DEFAULT_BLOCK: Duration = Duration::from_secs(300);

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
            standing: Standing::default(),
        })
    }

    /// How it was told to work.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What it spends from.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// The time, now.
    pub(super) fn now(&self) -> Date {
        self.clock.now().into()
    }

    /// The URL of a method below the API's base.
    pub(super) fn url(&self, path: &str) -> Result<Url, Error> {
        let url = self.options.base_url.as_url().join(path);
        url.map_err(|error| Error::Invalid { status: 0, what: error.to_string().into(), ray: None })
    }

    /// GETs `url`; the rest is as with [`Client::call`].
    pub(super) async fn get<T>(
        &self,
        endpoint: Endpoint,
        url: Url,
        deadline: Instant,
        decode: impl Fn(&[u8]) -> Decoded<T>,
    ) -> Result<(T, Option<ResultInfo>), Error> {
        self.call(endpoint, &Request::get(url), deadline, decode).await
    }

    /// Sends `request` until `deadline`, as often as that may help. `decode` reads an envelope and makes of its
    /// result a value, or says why that cannot be trusted.
    pub(super) async fn call<T>(
        &self,
        endpoint: Endpoint,
        request: &Request,
        deadline: Instant,
        decode: impl Fn(&[u8]) -> Decoded<T>,
    ) -> Result<(T, Option<ResultInfo>), Error> {
        let (mut attempt, mut before) = (0, None);
        loop {
            let error = match self.attempt(endpoint, request, attempt, deadline, &decode).await {
                Ok(value) => return Ok(value),
                // it was not sent again: what came of it before says more
                Err(error) if !error.was_sent() => return Err(before.unwrap_or(error)),
                Err(error) => error,
            };
            tracing::debug!(account = %self.options.account, endpoint = endpoint.label(), attempt, %error, "request failed");
            match retry::delay(attempt, &error, fastrand::f64()) {
                Some(delay) if Instant::now() + delay < deadline => sleep(delay).await,
                _ => return Err(error),
            }
            attempt += 1;
            before = Some(error);
        }
    }

    async fn attempt<T>(
        &self,
        endpoint: Endpoint,
        request: &Request,
        attempt: u32,
        deadline: Instant,
        decode: impl Fn(&[u8]) -> Decoded<T>,
    ) -> Result<(T, Option<ResultInfo>), Error> {
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
                let outcome = self.receive(endpoint, response, admission, decode).await;
                (Some(status), outcome.map_err(|error| error.without(&token)))
            }
            Err(error) => (None, Err(Error::transport(&error).without(&token))),
        };
        let status = status.map(|status| status.as_u16());
        self.telemetry.request(&self.options.account, endpoint, status, sent.elapsed());

        let reason = outcome.as_ref().err().map(Error::reason);
        if endpoint != Endpoint::TokenVerify {
            if status.is_some() {
                self.standing.hear(reason);
            }
            if matches!(reason, Some(Reason::Auth | Reason::Forbidden)) {
                self.refusal.notify_one();
            }
        }
        outcome
    }

    /// Waits for the budget, as long as that ends before `deadline`.
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
        endpoint: Endpoint,
        mut response: Response,
        admission: Admission<'_>,
        decode: impl Fn(&[u8]) -> Decoded<T>,
    ) -> Result<(T, Option<ResultInfo>), Error> {
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        self.heed(status, &headers, admission);
        let body = body(response, largest_body(endpoint)).await?;
        judge(status, &headers, self.clock.now(), decode(&body))
    }

    /// What came of a response with status 200 and no headers.
    pub(super) fn judge_success<T>(&self, decoded: Decoded<T>) -> Result<T, Error> {
        judge(StatusCode::OK, &HeaderMap::new(), self.clock.now(), decoded).map(|(value, _)| value)
    }

    /// Heeds what the response says of the rate limit, also where the rest of it never comes.
    fn heed(&self, status: StatusCode, headers: &HeaderMap, admission: Admission<'_>) {
        let (account, now) = (&*self.options.account, Instant::now());
        let announcement = Announcement::of(headers);
        if let Some(Announcement { remaining, reset, .. }) = announcement {
            self.telemetry.rate_limit(account, remaining.into(), now + reset);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            let longer = self.budget.block(now, block_time(headers, self.clock.now()));
            self.telemetry.throttled(account, longer);
            if !longer.is_zero() {
                tracing::warn!(account, seconds = longer.as_secs(), "Cloudflare's rate limit was passed");
            }
        }
        // last, since it lets others go
        admission.hear(now, announcement);
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
    let invalid = |what: String, ray| Error::Invalid { status: code, what: what.into(), ray };
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
        // the error repeats what stands there, however long that is
        Err(error) => {
            Err(invalid(format!("it is not the JSON expected: {}", printable(&error.to_string())), ray))
        }
    }
}

/// Reads a body up to the cap; most come in one piece, which is not copied.
async fn body(mut response: Response, cap: usize) -> Result<Bytes, Error> {
    let mut next = async || response.chunk().await.map_err(|error| Error::transport(&error));
    let Some(first) = next().await? else {
        return Ok(Bytes::new());
    };
    let mut whole: Option<Vec<u8>> = None;
    while let Some(chunk) = next().await? {
        let whole = whole.get_or_insert_with(|| first.to_vec());
        whole.extend_from_slice(&chunk);
        if whole.len() > cap {
            return Err(Error::Oversized(cap));
        }
    }
    let body = whole.map_or(first, Bytes::from);
    if body.len() > cap { Err(Error::Oversized(cap)) } else { Ok(body) }
}

/// How long a 429 blocks all requests. No time at all, which would let them pass the limit again and again, is as good as
/// none given.
fn block_time(headers: &HeaderMap, now: jiff::Timestamp) -> Duration {
    let asked = retry_after(headers, now).filter(|time| !time.is_zero());
    asked.unwrap_or(DEFAULT_BLOCK).min(LONGEST_BLOCK)
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
