//! Requests to the API.

use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder, Url};
use tokio::time::Instant;

use super::Error;
use crate::domain::ZoneId;
use crate::telemetry::Endpoint;

/// A call of an API method.
#[derive(Clone, Copy)]
pub(super) struct Call {
    pub(super) endpoint: Endpoint,
    /// The zone of the call.
    pub(super) zone: Option<ZoneId>,
    pub(super) deadline: Instant,
}

/// A request.
pub(super) struct Request {
    method: Method,
    url: Url,
    /// The JSON body.
    body: Option<Bytes>,
}

impl Request {
    /// Creates a GET.
    pub(super) fn get(url: Url) -> Self {
        Self { method: Method::GET, url, body: None }
    }

    /// Creates a PUT of JSON.
    pub(super) fn put(url: Url, json: Vec<u8>) -> Self {
        Self { method: Method::PUT, url, body: Some(json.into()) }
    }

    /// Creates a POST of JSON.
    pub(super) fn post(url: Url, json: Bytes) -> Self {
        Self { method: Method::POST, url, body: Some(json) }
    }

    /// Creates a DELETE.
    pub(super) fn delete(url: Url) -> Self {
        Self { method: Method::DELETE, url, body: None }
    }

    /// Returns true if it may be sent again after this error. A repeated POST may add twice, unless the first
    /// was refused because of other requests.
    pub(super) fn may_repeat(&self, error: &Error) -> bool {
        self.method != Method::POST || matches!(error, Error::Api { status: 409 | 429, .. })
    }

    /// Builds the request for `client`.
    pub(super) fn on(&self, client: &Client) -> RequestBuilder {
        let builder = client.request(self.method.clone(), self.url.clone());
        match &self.body {
            Some(json) => builder.header(CONTENT_TYPE, "application/json").body(json.clone()),
            None => builder,
        }
    }
}
