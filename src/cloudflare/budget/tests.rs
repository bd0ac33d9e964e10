use proptest::prelude::*;

use super::*;

fn limit(requests: u32, per: u64) -> RateLimit {
    RateLimit { requests: NonZeroU32::new(requests).unwrap(), per: Duration::from_millis(per) }
}

fn ledger(requests: u32, per: u64) -> Ledger {
    Ledger::new(limit(requests, per))
}

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

#[test]
fn requests_are_sent_at_once_until_the_window_is_full_and_then_as_old_ones_expire() {
    let (mut ledger, start) = (ledger(2, 100), Instant::now());
    assert_eq!(ledger.admit(start), Ok(()));
    assert_eq!(ledger.admit(start + ms(30)), Ok(()));
    assert_eq!(ledger.admit(start + ms(40)), Err(Wait::OwnLimit(start + ms(100))));
    assert_eq!(ledger.admit(start + ms(99)), Err(Wait::OwnLimit(start + ms(100))));
    assert_eq!(ledger.admit(start + ms(100)), Ok(()));
    assert_eq!(ledger.admit(start + ms(100)), Err(Wait::OwnLimit(start + ms(130))));
}

#[test]
fn a_block_stops_all_requests_and_a_shorter_block_does_not_lift_it() {
    let (mut ledger, start) = (ledger(10, 100), Instant::now());
    assert_eq!(ledger.block(start, ms(300)), ms(300));
    assert_eq!(ledger.block(start + ms(100), ms(50)), ms(0));
    assert_eq!(ledger.block(start + ms(200), ms(300)), ms(200));
    assert_eq!(ledger.admit(start + ms(499)), Err(Wait::Blocked(start + ms(500))));
    assert_eq!(ledger.admit(start + ms(500)), Ok(()));
    assert_eq!(ledger.block(start + ms(900), ms(10)), ms(10));
}

#[tokio::test]
async fn inherited_requests_count_once_and_the_longer_block_applies() {
    let soon = || Instant::now() + ms(1);
    let [one, other] = [1, 2].map(|requests| Budget::new(limit(requests, 3_600_000)));
    drop(one.admit(soon()).await.unwrap());
    other.inherit(&one);
    other.inherit(&one);
    drop(other.admit(soon()).await.unwrap());
    assert!(matches!(other.admit(soon()).await, Err(Wait::OwnLimit(_))));

    let now = Instant::now();
    one.block(now, ms(500_000));
    other.block(now, ms(100_000));
    other.inherit(&one);
    one.inherit(&other);
    for budget in [one, other] {
        assert_eq!(budget.admit(soon()).await.unwrap_err(), Wait::Blocked(now + ms(500_000)));
    }
}

#[tokio::test]
async fn the_remaining_requests_are_the_minimum_of_limit_and_announcement() {
    let (budget, soon) = (Budget::new(limit(100, 3_600_000)), || Instant::now() + ms(1000));
    drop(budget.admit(soon()).await.unwrap());
    assert_eq!(budget.left(), 99);
    let announced = Announcement { remaining: 60, reset: Duration::from_secs(60), quota: Some(80) };
    budget.admit(soon()).await.unwrap().answered(Instant::now(), Some(announced));
    assert_eq!(budget.left(), 40, "a quarter of 80 is reserved for others");
    let _in_flight = budget.admit(soon()).await.unwrap();
    assert_eq!(budget.left(), 39);
    budget.block(Instant::now(), ms(500_000));
    assert_eq!(budget.left(), 0);
}

#[test]
fn the_time_for_requests_is_their_share_of_the_window() {
    let limit = limit(600, 300_000);
    let seconds = |requests| limit.time_for(requests).as_secs();
    assert_eq!([0, 1, 600, 1000, 100_000].map(seconds), [0, 0, 300, 500, 50_000]);
}

#[tokio::test]
async fn the_limit_delays_requests_that_do_not_fit_into_the_window() {
    let budget = Budget::new(limit(600, 300_000));
    let seconds = |requests| budget.time_for(requests).as_secs();
    assert_eq!([0, 600, 602, 1200].map(seconds), [0, 0, 601, 900]);
    for _ in 0..301 {
        drop(budget.admit(Instant::now() + Duration::from_secs(3600)).await.unwrap());
    }
    assert_eq!([0, 299, 300, 600].map(seconds), [0, 0, 450, 600]);
}

#[tokio::test]
async fn a_new_limit_counts_requests_sent_under_the_old_one() {
    let budget = Budget::new(limit(1, 3_600_000));
    let admitted = async || budget.admit(Instant::now() + ms(1)).await.is_ok();
    assert!(admitted().await && !admitted().await);
    budget.set_limit(limit(2, 3_600_000));
    assert_eq!(budget.limit(), limit(2, 3_600_000));
    assert!(admitted().await && !admitted().await);
}

const ANNOUNCED: Announcement =
    Announcement { remaining: 30, reset: Duration::from_secs(60), quota: Some(100) };

#[tokio::test]
async fn a_request_that_ends_releases_another_before_the_window_resets() {
    let budget = Budget::new(limit(1000, 1000));
    let far = Instant::now() + Duration::from_secs(3600);
    let first = budget.admit(far).await.unwrap();
    let second = budget.admit(far).await.unwrap();
    first.answered(Instant::now(), Some(Announcement { remaining: 27, ..ANNOUNCED }));

    // 27 are left, 25 are reserved for others, and the second request may or may not be counted yet
    let third = budget.admit(far).await.unwrap();
    let fourth = async {
        let waiting = Instant::now();
        let admission = budget.admit(far).await.unwrap();
        (admission, waiting.elapsed())
    };
    let answers = async {
        tokio::time::sleep(ms(20)).await;
        second.answered(Instant::now(), Some(Announcement { remaining: 28, ..ANNOUNCED }));
    };
    let ((fourth, waited), ()) = tokio::join!(fourth, answers);
    assert!((ms(20)..ms(10_000)).contains(&waited), "{waited:?}");
    let told = budget.admit(Instant::now() + Duration::from_secs(30)).await.unwrap_err();
    assert!(matches!(told, Wait::SharedQuota(_)), "{told:?}");
    drop((third, fourth));
}

#[tokio::test]
async fn a_dropped_request_is_no_longer_in_flight_but_may_have_been_counted() {
    let budget = Budget::new(limit(1000, 1000));
    let soon = Instant::now() + Duration::from_secs(5);
    budget.admit(soon).await.unwrap().answered(Instant::now(), Some(ANNOUNCED));
    for _ in 0..5 {
        drop(budget.admit(soon).await.unwrap());
    }
    assert_eq!(budget.admit(soon).await.unwrap_err(), budget.admit(soon).await.unwrap_err());
}

#[tokio::test(start_paused = true)]
async fn a_quota_used_up_by_others_is_distinguished_from_our_own_limit() {
    let (budget, start) = (Budget::new(limit(1, 100_000)), Instant::now());
    let soon = start + Duration::from_secs(5);
    let used_up = Announcement { remaining: 20, reset: Duration::from_secs(1), quota: Some(100) };
    budget.admit(soon).await.unwrap().answered(start, Some(used_up));
    assert!(matches!(budget.admit(soon).await, Err(Wait::OwnLimit(_))), "our own limit lasts longer");

    budget.set_limit(limit(1000, 1000));
    let half = start + ms(500);
    assert_eq!(budget.admit(half).await.unwrap_err(), Wait::SharedQuota(start + Duration::from_secs(1)));
    // the first request of the next window has no response before the deadline
    let first = budget.admit(soon).await.unwrap();
    let deadline = Instant::now() + ms(500);
    assert!(matches!(budget.admit(deadline).await, Err(Wait::SharedQuota(_))));
    first.answered(Instant::now(), Some(Announcement { remaining: 90, ..used_up }));
    assert!(budget.admit(soon).await.is_ok());
}

proptest! {
    #[test]
    fn no_sliding_window_ever_holds_more_than_the_quota(
        requests in 1_u32..6,
        asks in proptest::collection::vec((0_u64..40, any::<bool>()), 0..120),
    ) {
        let mut ledger = ledger(requests, 100);
        let mut now = Instant::now();
        let mut left = Vec::new();
        for (pause, patient) in asks {
            now += ms(pause);
            match ledger.admit(now) {
                Ok(()) => left.push(now),
                // a request that waits until the given time is admitted
                Err(wait) if patient => {
                    now = wait.until();
                    prop_assert_eq!(ledger.admit(now), Ok(()));
                    left.push(now);
                }
                Err(_) => {}
            }
        }
        for (index, first) in left.iter().enumerate() {
            let within = left[index..].iter().filter(|other| **other - *first < ms(100)).count();
            prop_assert!(within <= requests as usize);
        }
    }
}
