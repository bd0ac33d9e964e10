//! Reads responses and turns each into a result.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use super::Error;
use super::budget::LONGEST_BLOCK;
use super::wire::{Envelope, ResultInfo, printable};
use crate::telemetry::Endpoint;

/// The time for which Cloudflare blocks all requests after a 429, unless the response says otherwise.
const DEFAULT_BLOCK: Duration = Duration::from_secs(300);

/// Returns the maximum size of a body. 1,000 associations or a few certificates are well below 1 MiB. The response to a
/// change may contain all associations of the zone, each with its certificate.
pub(super) const fn largest_body(endpoint: Endpoint) -> usize {
    match endpoint {
        Endpoint::HostnamePut => 16 << 20,
        _ => 4 << 20,
    }
}

/// An envelope with a value, or with the reason why its result cannot be trusted.
pub(super) type Decoded<T> = serde_json::Result<Envelope<Result<T, String>>>;

/// Turns a response into a result.
pub(super) fn judge<T>(
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
            None => Err(invalid("the field result is missing".to_owned(), ray)),
        },
        Ok(envelope) if status.is_success() && envelope.success.is_none() => {
            Err(invalid("the field success is missing".to_owned(), ray))
        }
        Ok(envelope) => failed(envelope.errors, ray),
        // a page of a proxy or of bot protection says nothing about the token and its permissions
        Err(error) if matches!(code, 400..=499) && !matches!(code, 408 | 429) && !error.is_eof() => {
            Err(Error::Page { status: code, ray })
        }
        // otherwise the status is enough
        Err(_) if !status.is_success() => failed(Vec::new(), ray),
        // the error quotes the text in full, so it must be truncated
        Err(error) => {
            Err(invalid(format!("the JSON has an unexpected form: {}", printable(&error.to_string())), ray))
        }
    }
}

/// Reads a body of at most `cap` bytes. Most bodies arrive in one chunk, which is not copied.
pub(super) async fn read_body(mut response: Response, cap: usize) -> Result<Bytes, Error> {
    let mut next = async || response.chunk().await.map_err(|error| Error::transport(&error));
    let Some(first) = next().await? else {
        return Ok(Bytes::new());
    };
    let mut whole: Option<Vec<u8>> = None;
    while let Some(chunk) = next().await? {
        let whole = whole.get_or_insert_with(|| first.to_vec());
        if whole.capacity() - whole.len() < chunk.len() {
            // grow by less than doubling, so that a large body does not take twice its size
            whole.reserve_exact(chunk.len() + whole.len().min(1 << 20));
        }
        whole.extend_from_slice(&chunk);
        if whole.len() > cap {
            return Err(Error::Oversized(cap));
        }
    }
    let body = whole.map_or(first, Bytes::from);
    if body.len() > cap { Err(Error::Oversized(cap)) } else { Ok(body) }
}

/// Returns the time for which a 429 blocks all requests. A zero `Retry-After` is ignored, since it would allow exceeding
/// the limit again and again.
pub(super) fn block_time(headers: &HeaderMap, now: jiff::Timestamp) -> Duration {
    let asked = retry_after(headers, now).filter(|time| !time.is_zero());
    asked.unwrap_or(DEFAULT_BLOCK).min(LONGEST_BLOCK)
}

/// Parses `Retry-After` as seconds or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: jiff::Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests;
