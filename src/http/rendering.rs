//! Answers that take work and memory: written as the client takes them, and only so many at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::header::{CONTENT_ENCODING, HeaderValue, VARY};
use hyper::{Response, StatusCode};
use tokio::time::Instant;

use super::page_body::{Fill, PageBody};
use super::{Asked, Body, busy, negotiate, respond};

/// How many pages may be under way at once, whatever their clients do.
const MOST: usize = 8;

/// How long a page may be under way while others want its place: a scrape has given up by then, or takes little.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pages that are under way.
#[derive(Default)]
pub(super) struct Renderings(Mutex<Vec<Rendering>>);

struct Rendering {
    started: Instant,
    /// Gone once the page has ended.
    place: Weak<Place>,
}

/// The place of a page that is under way, which it leaves when this is dropped.
#[derive(Default)]
pub(super) struct Place {
    /// Somebody else has it now.
    taken: AtomicBool,
}

impl Place {
    /// Gives it to somebody else.
    pub(super) fn take(&self) {
        self.taken.store(true, Ordering::Relaxed);
    }

    /// Whether the page has to end, because somebody else has its place.
    pub(super) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Renderings {
    /// A place for one more page, if need be that of the one that is under way longest.
    fn place(&self, now: Instant) -> Option<Arc<Place>> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|rendering| rendering.place.strong_count() > 0);
        if under_way.len() >= MOST {
            // they stand in the order of their start
            if now < under_way[0].started + PATIENCE {
                return None;
            }
            if let Some(place) = under_way.remove(0).place.upgrade() {
                place.take();
            }
        }
        let place = Arc::default();
        under_way.push(Rendering { started: now, place: Arc::downgrade(&place) });
        Some(place)
    }

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
            let Some(place) = self.place(Instant::now()) else {
                return busy("too many pages are being written\n");
            };
            PageBody::new(page(), gzip, place).boxed_unsync()
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
mod tests {
    use hyper::HeaderMap;
    use hyper::header::RETRY_AFTER;

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
    fn the_page_that_is_under_way_longest_gives_up_its_place_once_it_takes_too_long() {
        let (renderings, start) = (Renderings::default(), Instant::now());
        let places: Vec<_> = (0..8).map(|_| renderings.place(start).unwrap()).collect();
        let in_time = start + PATIENCE;
        assert!(renderings.place(in_time - Duration::from_millis(1)).is_none());
        let late = renderings.place(in_time).unwrap();
        let taken = places.iter().chain([&late]).map(|place| place.is_taken());
        assert_eq!(taken.collect::<Vec<_>>(), [true, false, false, false, false, false, false, false, false]);
    }

    #[test]
    fn a_head_alone_is_answered_whatever_is_under_way() {
        let renderings = Renderings::default();
        let _under_way: Vec<_> = (0..8).map(|_| ask(&renderings, false)).collect();
        assert_eq!(ask(&renderings, true).status(), StatusCode::OK);
    }
}
