//! Answers that take work and memory: written as the client takes them, and only so many at once.

use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper::header::{CONTENT_ENCODING, HeaderValue, RETRY_AFTER, VARY};
use hyper::{Response, StatusCode};
use tokio::sync::Semaphore;

use super::page_body::{Fill, PageBody};
use super::{Asked, Body, negotiate, respond, text};

/// How many pages may be under way at once, whatever their clients do.
const MOST: usize = 8;

/// The pages that are under way.
pub(super) struct Renderings(Arc<Semaphore>);

impl Default for Renderings {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

impl Renderings {
    /// Answers with a page; one too many is asked to come again, and the head alone makes none.
    pub(super) fn answer<P>(
        &self,
        asked: Asked<'_>,
        content_type: HeaderValue,
        page: impl FnOnce() -> P,
    ) -> Response<Body>
    where
        P: Fill + Send + Unpin + 'static,
    {
        let gzip = negotiate::gzip(asked.headers);
        let body = if asked.head {
            Empty::new().map_err(|never| match never {}).boxed_unsync()
        } else {
            let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() else {
                return busy();
            };
            PageBody::new(page(), gzip, permit).boxed_unsync()
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

fn busy() -> Response<Body> {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "too many pages are being written\n");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;

    struct Endless;

    impl Fill for Endless {
        fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool {
            out.resize(until, b'x');
            true
        }
    }

    fn ask(renderings: &Renderings, head: bool) -> Response<Body> {
        let headers = HeaderMap::new();
        renderings.answer(Asked { head, headers: &headers }, HeaderValue::from_static("a/b"), || Endless)
    }

    #[test]
    fn a_ninth_page_is_refused_until_one_of_the_eight_has_ended() {
        let renderings = Renderings::default();
        let mut under_way: Vec<_> = (0..8).map(|_| ask(&renderings, false)).collect();
        assert!(under_way.iter().all(|response| response.status() == StatusCode::OK));

        let ninth = ask(&renderings, false);
        assert_eq!(ninth.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ninth.headers()[RETRY_AFTER], "1");

        under_way.pop();
        assert_eq!(ask(&renderings, false).status(), StatusCode::OK);
    }

    #[test]
    fn a_head_alone_is_answered_whatever_is_under_way() {
        let renderings = Renderings::default();
        let _under_way: Vec<_> = (0..8).map(|_| ask(&renderings, false)).collect();
        assert_eq!(ask(&renderings, true).status(), StatusCode::OK);
    }
}
