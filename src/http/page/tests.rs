use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use hyper::Request;
use hyper::header::RETRY_AFTER;
use tokio::time::{Instant, advance, sleep, timeout};

use super::slots::{EVICT_INTERVAL, LATE, STALLED, WAIT, WAITING};
use super::*;

struct Endless;

impl Fill for Endless {
    fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool {
        out.resize(until, b'x');
        true
    }
}

const LIMITS: Limits = Limits { pages: 8, of_peer: 6 };

/// Returns the address of the peer with this number.
fn peer(number: u8) -> IpAddr {
    [127, 0, 0, number].into()
}

/// Returns the peers of the first eight pages, one page each.
fn peers() -> impl Iterator<Item = IpAddr> {
    (0..8).map(peer)
}

fn pages() -> Pages {
    Pages::new(LIMITS, || {})
}

fn slots() -> Slots {
    Slots::new(LIMITS, || {})
}

async fn ask(pages: &Pages, method: Method, peer: IpAddr) -> Response<Body> {
    let request = Request::builder().method(method).extension(Peer(peer));
    let (request, ()) = request.body(()).unwrap().into_parts();
    pages.answer(&request, HeaderValue::from_static("a/b"), || Endless).await
}

async fn acquire(slots: &Slots, peer: IpAddr) -> Option<Arc<Slot>> {
    slots.acquire(peer, |now| Slot::new(Endless, true, now)).await
}

async fn acquire_all(slots: &Slots) -> Vec<Arc<Slot>> {
    join_all(peers().map(|peer| acquire(slots, peer))).await.into_iter().flatten().collect()
}

/// Returns true for each slot that still has its page.
fn are_taken(slots: &[Arc<Slot>]) -> Vec<bool> {
    slots.iter().map(|slot| slot.read_at().is_some()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_ninth_page_waits_until_one_of_eight_ends() {
    let pages = pages();
    let mut responses = Vec::new();
    for peer in peers() {
        let response = ask(&pages, Method::GET, peer).await;
        assert_eq!(response.status(), StatusCode::OK);
        responses.push(response);
    }
    let mut ninth = pin!(ask(&pages, Method::GET, peer(8)));
    assert!(timeout(STALLED / 2, &mut ninth).await.is_err());
    responses.pop();
    assert_eq!(timeout(EVICT_INTERVAL, ninth).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_page_is_refused_after_a_timeout_or_if_too_many_are_queued() {
    let pages = pages();
    let slots = acquire_all(&pages.0).await;
    let read = async {
        loop {
            for slot in &slots {
                slot.next(Instant::now()).unwrap();
            }
            sleep(STALLED / 2).await;
        }
    };
    let asked = Instant::now();
    let refused = async |_| {
        let response = ask(&pages, Method::GET, peer(8)).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        asked.elapsed()
    };
    let mut waited = tokio::select! {
        waited = join_all((0..WAITING + 3).map(refused)) => waited,
        () = read => unreachable!(),
    };
    waited.sort();
    assert_eq!(waited[..3], [Duration::ZERO; 3]);
    assert_eq!(waited[3..], [WAIT; WAITING]);
}

#[tokio::test(start_paused = true)]
async fn the_longest_stalled_page_is_evicted_and_freed() {
    let pages = slots();
    let mut slots = acquire_all(&pages).await;
    sleep(STALLED / 2).await;
    for slot in slots.iter().filter(|slot| !Arc::ptr_eq(slot, &slots[3])) {
        slot.next(Instant::now()).unwrap();
    }
    let asked = Instant::now();
    slots.extend(acquire(&pages, peer(8)).await);
    assert_eq!(asked.elapsed(), STALLED / 2);
    // the other pages stay while their clients read
    assert!(timeout(STALLED / 4, acquire(&pages, peer(9))).await.is_err());
    assert_eq!(are_taken(&slots), [true, true, true, false, true, true, true, true, true]);
}

#[tokio::test(start_paused = true)]
async fn a_stall_of_the_whole_process_evicts_no_page() {
    let pages = slots();
    let mut slots = acquire_all(&pages).await;
    advance(2 * STALLED).await;
    let (ninth, ()) = tokio::join!(acquire(&pages, peer(8)), async {
        for slot in &slots[..7] {
            slot.next(Instant::now()).unwrap();
        }
    });
    slots.extend(ninth);
    assert_eq!(are_taken(&slots), [true, true, true, true, true, true, true, false, true]);
}

#[tokio::test(start_paused = true)]
async fn without_a_stalled_page_the_oldest_is_evicted_once_it_is_late() {
    let pages = slots();
    let mut slots = Vec::new();
    for peer in peers() {
        slots.extend(acquire(&pages, peer).await);
        sleep(Duration::from_millis(100)).await;
    }
    sleep(LATE - Duration::from_millis(800) - STALLED / 2).await;
    for slot in &slots {
        slot.next(Instant::now()).unwrap();
    }
    let asked = Instant::now();
    slots.extend(acquire(&pages, peer(8)).await);
    assert_eq!(asked.elapsed(), STALLED / 2);
    assert!(timeout(STALLED / 4, acquire(&pages, peer(9))).await.is_err());
    assert_eq!(are_taken(&slots), [false, true, true, true, true, true, true, true, true]);
}

#[tokio::test(start_paused = true)]
async fn stalled_pages_are_evicted_for_all_queued_requests_in_order() {
    let pages = slots();
    let order = Mutex::new(Vec::new());
    let ask = async |number: usize| {
        let slot = acquire(&pages, peer(8)).await;
        order.lock().unwrap().push(number);
        slot
    };
    let asked = Instant::now();
    let slots = join_all((0..WAITING).map(ask)).await;
    assert!(slots.iter().all(Option::is_some));
    assert_eq!(order.into_inner().unwrap(), (0..WAITING).collect::<Vec<_>>());
    assert!(asked.elapsed() < WAIT);
}

#[tokio::test(start_paused = true)]
async fn head_is_answered_while_all_slots_are_taken() {
    let pages = pages();
    let _responses = join_all(peers().map(|peer| ask(&pages, Method::GET, peer))).await;
    let head = timeout(Duration::ZERO, ask(&pages, Method::HEAD, peer(8))).await;
    assert_eq!(head.unwrap().status(), StatusCode::OK);
}

/// Requests a page that `make` builds from `source`.
async fn made(
    pages: &Pages,
    source: impl Future<Output = Option<()>>,
    make: impl FnOnce(()) -> Option<Vec<u8>> + Send + 'static,
) -> Response<Body> {
    let (request, ()) = Request::new(()).into_parts();
    pages.answer_made(&request, HeaderValue::from_static("a/b"), source, make).await
}

#[tokio::test]
async fn a_page_that_cannot_be_built_is_an_error() {
    let pages = pages();
    let status = async |source, make: fn(()) -> Option<Vec<u8>>| {
        made(&pages, std::future::ready(source), make).await.status()
    };
    assert_eq!(status(Some(()), |()| Some(b"page".into())).await, StatusCode::OK);
    assert_eq!(status(Some(()), |()| None).await, StatusCode::NOT_FOUND);
    assert_eq!(status(None, |()| None).await, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(status(Some(()), |()| panic!("a page")).await, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn after_a_hang_up_the_slot_stays_taken_until_the_work_ends() {
    let pages = Pages::new(Limits { pages: 1, of_peer: 1 }, || {});
    let (end, ended) = std::sync::mpsc::channel();
    let (begin, mut begun) = tokio::sync::oneshot::channel();
    let work = move |()| {
        begin.send(()).unwrap();
        ended.recv().ok()
    };
    tokio::select! {
        _ = made(&pages, async { Some(()) }, work) => unreachable!(),
        began = &mut begun => began.unwrap(),
    }
    let mut next = pin!(made(&pages, async { Some(()) }, |()| Some(Vec::new())));
    assert!(timeout(2 * STALLED, &mut next).await.is_err());
    end.send(Vec::new()).unwrap();
    assert_eq!(next.await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_peer_with_all_its_slots_taken_evicts_only_its_own_pages_and_delays_no_other() {
    let evictions = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&evictions);
    let pages = Slots::new(LIMITS, move || *counted.lock().unwrap() += 1);
    let waiting = join_all((0..WAITING).map(|_| acquire(&pages, peer(1))));
    let others = async {
        for _ in 0..100 {
            let slot = timeout(Duration::ZERO, acquire(&pages, peer(2))).await.unwrap();
            assert!(slot.unwrap().next(Instant::now()).is_ok());
            sleep(Duration::from_millis(10)).await;
        }
    };
    let (slots, ()) = tokio::join!(waiting, others);
    assert!(slots.iter().all(Option::is_some));
    assert_eq!(*evictions.lock().unwrap(), WAITING - LIMITS.of_peer);
}
