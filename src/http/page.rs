//! Responses that cost work and memory. Each is written only as fast as its client reads, and their number is limited.

mod body;
mod gzip;
mod prepared;
mod slot;
mod slots;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper::header::{CONTENT_ENCODING, HeaderValue, VARY};
use hyper::http::request;
use hyper::{Method, Response, StatusCode};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::negotiate;
use super::response::{Body, busy, failed, not_found, respond};
use crate::listener::Peer;
use body::PageBody;
use gzip::Gzip;
use slot::Slot;
use slots::Slots;

pub(super) use slots::Limits;

/// The address that stands for a peer with an unknown address.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// A page that is written piece by piece.
pub(super) trait Fill {
    /// Appends to `out` until it holds at least `until` bytes. Returns false once the page has ended.
    fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool;
}

impl Fill for crate::metrics::Page {
    fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool {
        Self::fill(self, out, until)
    }
}

/// Answers requests with pages in a limited number of slots.
pub(super) struct Pages(Slots);

impl Pages {
    /// Creates the slots that `limits` allow. `evicted` is called for each evicted page.
    pub(super) fn new(limits: Limits, evicted: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Slots::new(limits, evicted))
    }

    /// Answers with a page, or with 503 if no slot is free. HEAD needs no slot and does not build the page.
    pub(super) async fn answer<P>(
        &self,
        request: &request::Parts,
        content_type: HeaderValue,
        page: impl FnOnce() -> P,
    ) -> Response<Body>
    where
        P: Fill + Send + 'static,
    {
        let gzip = negotiate::gzip(&request.headers);
        let body = if request.method == Method::HEAD {
            empty()
        } else {
            let Some(slot) = self.0.acquire(peer(request), |now| Slot::new(page(), gzip, now)).await else {
                return busy(TOO_MANY);
            };
            PageBody::new(slot).boxed_unsync()
        };
        compressed(respond(StatusCode::OK, content_type, body), gzip)
    }

    /// Answers with a page that `make` builds as a whole from the result of `source`, on a blocking thread.
    ///
    /// The status is 404 if `make` returns none, 500 if `source` yields none or `make` panics, and 503 if no slot is free.
    /// HEAD needs no slot and does not build the page.
    pub(super) async fn answer_made<S: Send + 'static>(
        &self,
        request: &request::Parts,
        content_type: HeaderValue,
        source: impl Future<Output = Option<S>>,
        make: impl FnOnce(S) -> Option<Vec<u8>> + Send + 'static,
    ) -> Response<Body> {
        let gzip = negotiate::gzip(&request.headers);
        if request.method == Method::HEAD {
            return compressed(respond(StatusCode::OK, content_type, empty()), gzip);
        }
        let Some(slot) = self.0.acquire(peer(request), Slot::reserved).await else {
            return busy(TOO_MANY);
        };
        let Some(source) = source.await else { return failed() };
        // if the client hangs up, the slot stays taken until the work for it ends
        let held = Arc::clone(&slot);
        let made = spawn_blocking(move || {
            let _held = held;
            make(source).map(|page| if gzip { Gzip::new().compress(&page, true) } else { Ok(page) })
        });
        let page = match made.await {
            Ok(Some(Ok(page))) => page,
            Ok(None) => return not_found(),
            Ok(Some(Err(_))) | Err(_) => return failed(),
        };
        if !slot.put(page.into(), Instant::now()) {
            return busy(TOO_MANY);
        }
        compressed(respond(StatusCode::OK, content_type, PageBody::new(slot).boxed_unsync()), gzip)
    }
}

const TOO_MANY: &str = "too many pages are being written";

fn peer(request: &request::Parts) -> IpAddr {
    request.extensions.get::<Peer>().map_or(UNKNOWN, |peer| peer.network())
}

fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Adds the compression headers.
fn compressed(mut response: Response<Body>, gzip: bool) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

#[cfg(test)]
mod tests;
