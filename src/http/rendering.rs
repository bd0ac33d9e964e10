//! Answers that take work and memory: written as the client takes them, and only so many at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::header::{CONTENT_ENCODING, HeaderValue, VARY};
use hyper::{Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::page_body::{Fill, PageBody, Place};
use super::{Asked, Body, busy, negotiate, respond};

/// How many pages may be under way at once, whatever their clients do: each may hold a snapshot that is not the latest.
const MOST: usize = 8;

/// How long a client may take nothing of its page while others want the place. That is far more than passes between the
/// frames of one that takes what it can, and so short that it takes a flood of clients to keep all places.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long a page may be under way while others want its place: a scrape has given up by then.
const LATE: Duration = Duration::from_secs(10);

/// How many may wait for a place, and for how long: in that time even clients that take nothing have let so many in.
const WAITING: usize = 64;
const WAIT: Duration = Duration::from_secs(1);

/// How often who waits looks for a place.
const LOOK: Duration = Duration::from_millis(5);

/// The places of the pages that are under way.
pub(super) struct Renderings {
    /// In the order of their start.
    under_way: Mutex<Vec<UnderWay>>,
    waiting: Semaphore,
    /// Whoever came first gets the next place.
    first: tokio::sync::Mutex<()>,
}

struct UnderWay {
    started: Instant,
    place: Weak<Place>,
}

impl Default for Renderings {
    fn default() -> Self {
        Self {
            under_way: Mutex::default(),
            waiting: Semaphore::new(WAITING),
            first: tokio::sync::Mutex::default(),
        }
    }
}

impl Renderings {
    /// Waits a moment until there is a place for one more page, which has to take it at once.
    pub(super) async fn wait(&self) {
        let Ok(_waiting) = self.waiting.try_acquire() else { return };
        let place = async {
            let _first = self.first.lock().await;
            while self.with_room(Instant::now()).is_none() {
                sleep(LOOK).await;
            }
        };
        // who has waited in vain is told so with the answer
        let _ = timeout(WAIT, place).await;
    }

    /// The pages under way, if there is room for one more: if need be in the place of the one whose client has taken
    /// nothing for longest, or else of the one that started first.
    fn with_room(&self, now: Instant) -> Option<MutexGuard<'_, Vec<UnderWay>>> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|page| page.place.strong_count() > 0);
        if under_way.len() >= MOST {
            let taken_at = |page: &UnderWay| page.place.upgrade().and_then(|place| place.taken_at());
            let slowest = (0..under_way.len()).min_by_key(|page| taken_at(&under_way[*page]))?;
            let page = if taken_at(&under_way[slowest]).is_none_or(|taken_at| now >= taken_at + PATIENCE) {
                slowest
            } else if now >= under_way[0].started + LATE {
                0
            } else {
                return None;
            };
            if let Some(place) = under_way.remove(page).place.upgrade() {
                place.give_up();
            }
        }
        Some(under_way)
    }

    fn place(&self, now: Instant, page: impl FnOnce() -> Place) -> Option<Arc<Place>> {
        let mut under_way = self.with_room(now)?;
        let place = Arc::new(page());
        under_way.push(UnderWay { started: now, place: Arc::downgrade(&place) });
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
        P: Fill + Send + 'static,
    {
        let gzip = negotiate::gzip(asked.headers);
        let body = if asked.head {
            Empty::new().map_err(|never| match never {}).boxed_unsync()
        } else {
            let now = Instant::now();
            let Some(place) = self.place(now, || Place::new(page(), gzip, now)) else {
                return busy("too many pages are being written\n");
            };
            PageBody::new(place).boxed_unsync()
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
    use futures_util::future::join_all;
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
    fn the_page_whose_client_has_taken_nothing_for_longest_gives_up_its_place_and_its_memory() {
        let (renderings, start) = (Renderings::default(), Instant::now());
        let enter = |after| renderings.place(start + after, || Place::new(Endless, true, start + after));
        let places: Vec<_> = (0..8).map(|_| enter(Duration::ZERO).unwrap()).collect();
        let late = PATIENCE - Duration::from_millis(1);
        assert!(enter(late).is_none());
        for place in places.iter().filter(|place| !Arc::ptr_eq(place, &places[3])) {
            place.next(start + late).unwrap();
        }
        let ninth = enter(PATIENCE).unwrap();
        let there: Vec<_> = places.iter().map(|place| place.taken_at().is_some()).collect();
        assert_eq!(there, [true, true, true, false, true, true, true, true]);
        // the others go on as long as their clients do
        assert!(enter(PATIENCE).is_none() && ninth.taken_at().is_some());
    }

    #[test]
    fn where_all_clients_take_something_the_page_that_started_first_gives_up_its_place_once_that_is_late() {
        let (renderings, start) = (Renderings::default(), Instant::now());
        let enter = |after| renderings.place(start + after, || Place::new(Endless, true, start + after));
        let places: Vec<_> = (0..8).map(|number| enter(Duration::from_secs(number)).unwrap()).collect();
        for place in &places {
            place.next(start + LATE - PATIENCE / 2).unwrap();
        }
        assert!(enter(LATE - Duration::from_millis(1)).is_none());
        let _ninth = enter(LATE).unwrap();
        let there: Vec<_> = places.iter().map(|place| place.taken_at().is_some()).collect();
        assert_eq!(there, [false, true, true, true, true, true, true, true]);
        assert!(enter(LATE).is_none());
    }

    #[tokio::test]
    async fn who_asks_while_all_places_are_taken_waits_for_one_but_not_for_long() {
        let (renderings, start) = (Renderings::default(), Instant::now());
        let enter = || renderings.place(start, || Place::new(Endless, false, Instant::now()));
        let _slow: Vec<_> = (0..8).map(|_| enter().unwrap()).collect();
        // nobody takes anything, so that one after the other gives up its place to who came first
        let order = Mutex::new(Vec::new());
        let ask = async |who: usize| {
            renderings.wait().await;
            let place = renderings.place(Instant::now(), || Place::new(Endless, false, Instant::now()));
            order.lock().unwrap().push(who);
            place
        };
        let asked = join_all((0..20).map(ask)).await;
        assert!(asked.iter().all(Option::is_some));
        assert_eq!(order.into_inner().unwrap(), (0..20).collect::<Vec<_>>());

        // those whose clients go on taking keep theirs
        let asked_at = Instant::now();
        for place in asked.iter().flatten() {
            let _ = place.next(asked_at + 2 * WAIT);
        }
        renderings.wait().await;
        assert!(asked_at.elapsed() >= WAIT);
        assert!(enter().is_none());
    }

    #[test]
    fn a_head_alone_is_answered_whatever_is_under_way() {
        let renderings = Renderings::default();
        let _under_way: Vec<_> = (0..8).map(|_| ask(&renderings, false)).collect();
        assert_eq!(ask(&renderings, true).status(), StatusCode::OK);
    }
}
