//! Responses that take work and memory: written only as fast as their clients read, and only so many at once.

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

/// Stands for a peer whose address is not known.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// A page that is written piece by piece.
pub(super) trait Fill {
    /// Appends to `out` until it holds at least `until` octets; false once the page has ended.
    fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool;
}

impl Fill for crate::metrics::Page {
    fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool {
        Self::fill(self, out, until)
    }
}

/// Answers with pages, in a limited number of slots.
pub(super) struct Pages(Slots);

impl Pages {
    /// Answers with as many pages at once as `limits` allow; calls `evicted` for each that is evicted.
    pub(super) fn new(limits: Limits, evicted: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Slots::new(limits, evicted))
    }

    /// Answers with a page, or with 503 if there is no slot for it. HEAD needs no slot and makes no page.
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

    /// Answers with a page that `make` makes and compresses as a whole, off the runtime's thread, from what `source`
    /// yields: 404 if it makes none, 500 if there is no source or it panics, 503 if there is no slot. HEAD needs no
    /// slot and makes no page.
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
        // a client that leaves frees the slot only once the work for it has ended
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

/// Adds the headers about compression.
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
