//! Responses that take work and memory: written only as fast as their clients read, and only so many at once.

mod body;
mod gzip;
mod slot;
mod slots;

use std::net::{IpAddr, Ipv4Addr};

use http_body_util::{BodyExt, Empty};
use hyper::header::{CONTENT_ENCODING, HeaderValue, VARY};
use hyper::http::request;
use hyper::{Method, Response, StatusCode};

use super::negotiate;
use super::response::{Body, busy, respond};
use crate::listener::Peer;
use body::PageBody;
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
            Empty::new().map_err(|never| match never {}).boxed_unsync()
        } else {
            let peer = request.extensions.get::<Peer>().map_or(UNKNOWN, |peer| peer.network());
            let Some(slot) = self.0.acquire(peer, |now| Slot::new(page(), gzip, now)).await else {
                return busy("too many pages are being written");
            };
            PageBody::new(slot).boxed_unsync()
        };
        let mut response = respond(StatusCode::OK, content_type, body);
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        if gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

#[cfg(test)]
mod tests;
