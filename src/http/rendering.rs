//! Answers that take work and memory: written as the client takes them, and only so many at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::header::{CONTENT_ENCODING, HeaderValue, RETRY_AFTER, VARY};
use hyper::{Response, StatusCode};
use tokio::time::Instant;

use super::page_body::{Fill, PageBody};
use super::{Asked, Body, negotiate, respond, text};

/// How many pages may be under way at once, whatever their clients do.
const MOST: usize = 8;

/// How long a page may be under way while others want its place: a scrape has given up by then, or takes little.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a client may take nothing of its page while others want its place.
const STANDSTILL: Duration = Duration::from_secs(1);

/// The pages that are under way.
#[derive(Default)]
pub(super) struct Renderings(Mutex<Vec<Rendering>>);

struct Rendering {
    started: Instant,
    /// Gone once the page has ended.
    place: Weak<Place>,
}

/// The place of a page that is under way, which it leaves when this is dropped.
pub(super) struct Place {
    /// When the client last took some of the page.
    moved: Mutex<Instant>,
    /// Somebody else has it now.
    taken: AtomicBool,
}

impl Place {
    pub(super) fn at(now: Instant) -> Self {
        Self { moved: Mutex::new(now), taken: AtomicBool::new(false) }
    }

    /// Says that the client wants the next piece.
    pub(super) fn step(&self, now: Instant) {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    fn moved(&self) -> Instant {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }

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
    /// A place for one more page, if need be that of one that stands still, or is under way for too long.
    fn place(&self, now: Instant) -> Option<Arc<Place>> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|rendering| rendering.place.strong_count() > 0);
        if under_way.len() >= MOST {
            let moved = |rendering: &Rendering| rendering.place.upgrade().map(|place| place.moved());
            let still = (0..under_way.len()).min_by_key(|number| moved(&under_way[*number]));
            let still = still.filter(|number| moved(&under_way[*number]) <= Some(now - STANDSTILL));
            // they stand in the order of their start
            let late = Some(0).filter(|_| now >= under_way[0].started + PATIENCE);
            if let Some(place) = under_way.remove(still.or(late)?).place.upgrade() {
                place.take();
            }
        }
        let place = Arc::new(Place::at(now));
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
                return busy();
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
    fn the_page_that_is_under_way_longest_gives_up_its_place_once_it_takes_too_long() {
        let (renderings, start) = (Renderings::default(), Instant::now());
        let places: Vec<_> = (0..8).map(|_| renderings.place(start).unwrap()).collect();
        let in_time = start + PATIENCE;
        for place in &places {
            place.step(in_time - STANDSTILL / 2);
        }
        assert!(renderings.place(in_time - Duration::from_millis(1)).is_none());
        let late = renderings.place(in_time).unwrap();
        let taken = places.iter().chain([&late]).map(|place| place.is_taken());
        assert_eq!(taken.collect::<Vec<_>>(), [true, false, false, false, false, false, false, false, false]);
    }

    #[test]
    fn the_page_whose_client_takes_nothing_gives_up_its_place_before_those_that_are_taken() {
        let (renderings, start) = (Renderings::default(), Instant::now());
        let places: Vec<_> = (0..8).map(|_| renderings.place(start).unwrap()).collect();
        let later = start + STANDSTILL;
        for (number, place) in places.iter().enumerate().filter(|(number, _)| *number != 5) {
            place.step(later - STANDSTILL / 2 + Duration::from_millis(number as u64));
        }
        assert!(renderings.place(later - Duration::from_millis(1)).is_none());
        let _newcomer = renderings.place(later).unwrap();
        let taken: Vec<_> = (0..8).filter(|number| places[*number].is_taken()).collect();
        assert_eq!(taken, [5]);
        assert!(renderings.place(later).is_none(), "the others are taken");
    }

    #[test]
    fn a_head_alone_is_answered_whatever_is_under_way() {
        let renderings = Renderings::default();
        let _under_way: Vec<_> = (0..8).map(|_| ask(&renderings, false)).collect();
        assert_eq!(ask(&renderings, true).status(), StatusCode::OK);
    }
}
