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

/// How long a client may take nothing of its page while others want the place: far more than passes between the frames of
/// one nearby, and about what the network takes to send a lost packet again.
const PATIENCE: Duration = Duration::from_millis(200);

/// How long a page may be under way while others want its place: a scrape has given up by then.
const LATE: Duration = Duration::from_secs(10);

/// How many may wait for a place, and for how long: in that time clients that take nothing have let as many in.
const WAITING: usize = 64;
const WAIT: Duration = Duration::from_secs(2);

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
    /// Puts a page in a place, which may take a moment; none where too many wait, or nobody leaves.
    async fn place(&self, page: impl FnOnce(Instant) -> Place) -> Option<Arc<Place>> {
        let _waiting = self.waiting.try_acquire().ok()?;
        let place = async {
            let _first = self.first.lock().await;
            let mut has_room = self.under_way().len() < MOST;
            while !has_room {
                // also before the first look: where all has stood still, those that take something do so by then
                sleep(LOOK).await;
                has_room = make_room(&mut self.under_way(), Instant::now());
            }
            let started = Instant::now();
            let place = Arc::new(page(started));
            self.under_way().push(UnderWay { started, place: Arc::downgrade(&place) });
            place
        };
        timeout(WAIT, place).await.ok()
    }

    fn under_way(&self) -> MutexGuard<'_, Vec<UnderWay>> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|page| page.place.strong_count() > 0);
        under_way
    }

    /// Answers with a page; one too many is asked to come again, and the head alone makes none.
    pub(super) async fn answer<P>(
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
            let Some(place) = self.place(|now| Place::new(page(), gzip, now)).await else {
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

/// Whether there is room for one more page: if need be in the place of the one whose client has taken nothing for longest,
/// or else of the one that started first.
fn make_room(under_way: &mut Vec<UnderWay>, now: Instant) -> bool {
    if under_way.len() < MOST {
        return true;
    }
    let taken_at = |page: &UnderWay| page.place.upgrade().and_then(|place| place.taken_at());
    let slowest = (0..under_way.len()).min_by_key(|page| taken_at(&under_way[*page])).unwrap_or(0);
    let page = if taken_at(&under_way[slowest]).is_none_or(|taken_at| now >= taken_at + PATIENCE) {
        slowest
    } else if now >= under_way[0].started + LATE {
        0
    } else {
        return false;
    };
    if let Some(place) = under_way.remove(page).place.upgrade() {
        place.give_up();
    }
    true
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::future::join_all;
    use hyper::HeaderMap;
    use hyper::header::RETRY_AFTER;
    use tokio::time::advance;

    use super::*;

    struct Endless;

    impl Fill for Endless {
        fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool {
            out.resize(until, b'x');
            true
        }
    }

    async fn ask(renderings: &Renderings, head: bool) -> Response<Body> {
        let headers = HeaderMap::new();
        renderings
            .answer(Asked { head, headers: &headers }, HeaderValue::from_static("a/b"), || Endless)
            .await
    }

    async fn enter(renderings: &Renderings) -> Option<Arc<Place>> {
        renderings.place(|now| Place::new(Endless, true, now)).await
    }

    /// Which of them have their place still.
    fn there(places: &[Arc<Place>]) -> Vec<bool> {
        places.iter().map(|place| place.taken_at().is_some()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_ninth_page_waits_until_one_of_the_eight_has_ended() {
        let renderings = Renderings::default();
        let mut under_way = Vec::new();
        for _ in 0..8 {
            let response = ask(&renderings, false).await;
            assert_eq!(response.status(), StatusCode::OK);
            under_way.push(response);
        }
        let mut ninth = pin!(ask(&renderings, false));
        assert!(timeout(PATIENCE / 2, &mut ninth).await.is_err());
        under_way.pop();
        assert_eq!(timeout(LOOK, ninth).await.unwrap().status(), StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_is_refused_where_nobody_leaves_or_too_many_wait() {
        let renderings = Renderings::default();
        let places = join_all((0..8).map(|_| enter(&renderings))).await;
        let take = async {
            loop {
                for place in places.iter().flatten() {
                    place.next(Instant::now()).unwrap();
                }
                sleep(PATIENCE / 2).await;
            }
        };
        let asked = Instant::now();
        let refused = async |_| {
            let response = ask(&renderings, false).await;
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(response.headers()[RETRY_AFTER], "1");
            asked.elapsed()
        };
        let mut waited = tokio::select! {
            waited = join_all((0..WAITING + 3).map(refused)) => waited,
            () = take => unreachable!(),
        };
        waited.sort();
        assert_eq!(waited[..3], [Duration::ZERO; 3]);
        assert_eq!(waited[3..], [WAIT; WAITING]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_page_whose_client_has_taken_nothing_for_longest_gives_up_its_place_and_its_memory() {
        let renderings = Renderings::default();
        let mut places: Vec<_> =
            join_all((0..8).map(|_| enter(&renderings))).await.into_iter().flatten().collect();
        sleep(PATIENCE / 2).await;
        for place in places.iter().filter(|place| !Arc::ptr_eq(place, &places[3])) {
            place.next(Instant::now()).unwrap();
        }
        let asked = Instant::now();
        places.extend(enter(&renderings).await);
        assert_eq!(asked.elapsed(), PATIENCE / 2);
        // the others go on as long as their clients do
        assert!(timeout(PATIENCE / 4, enter(&renderings)).await.is_err());
        assert_eq!(there(&places), [true, true, true, false, true, true, true, true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_keeps_its_place_where_its_client_takes_something_as_soon_as_it_can() {
        let renderings = Renderings::default();
        let mut places: Vec<_> =
            join_all((0..8).map(|_| enter(&renderings))).await.into_iter().flatten().collect();
        // as if the machine had stood still
        advance(2 * PATIENCE).await;
        let (ninth, ()) = tokio::join!(enter(&renderings), async {
            for place in &places[..7] {
                place.next(Instant::now()).unwrap();
            }
        });
        places.extend(ninth);
        assert_eq!(there(&places), [true, true, true, true, true, true, true, false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_clients_take_something_the_page_that_started_first_gives_up_its_place_once_that_is_late()
     {
        let renderings = Renderings::default();
        let mut places = Vec::new();
        for _ in 0..8 {
            places.extend(enter(&renderings).await);
            sleep(Duration::from_millis(100)).await;
        }
        sleep(LATE - Duration::from_millis(800) - PATIENCE / 2).await;
        for place in &places {
            place.next(Instant::now()).unwrap();
        }
        let asked = Instant::now();
        places.extend(enter(&renderings).await);
        assert_eq!(asked.elapsed(), PATIENCE / 2);
        assert!(timeout(PATIENCE / 4, enter(&renderings)).await.is_err());
        assert_eq!(there(&places), [false, true, true, true, true, true, true, true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_came_first_gets_the_next_place_and_all_get_one_where_clients_take_nothing() {
        let renderings = Renderings::default();
        let order = Mutex::new(Vec::new());
        let ask = async |who: usize| {
            let place = enter(&renderings).await;
            order.lock().unwrap().push(who);
            place
        };
        let asked = Instant::now();
        let places = join_all((0..8 + WAITING).map(ask)).await;
        assert!(places.iter().all(Option::is_some));
        assert_eq!(order.into_inner().unwrap(), (0..8 + WAITING).collect::<Vec<_>>());
        assert!(asked.elapsed() < WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_alone_is_answered_whatever_is_under_way() {
        let renderings = Renderings::default();
        let _under_way = join_all((0..8).map(|_| ask(&renderings, false))).await;
        let head = timeout(Duration::ZERO, ask(&renderings, true)).await;
        assert_eq!(head.unwrap().status(), StatusCode::OK);
    }
}
