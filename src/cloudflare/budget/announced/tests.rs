use proptest::prelude::*;

use super::*;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

fn told(remaining: u32, reset: u64, quota: Option<u32>) -> Announcement {
    Announcement { remaining, reset: seconds(reset), quota }
}

/// Sends as many requests as allowed, up to 1,000, and returns their number.
fn sent(announced: &mut Announced, now: Instant) -> usize {
    let mut may = || announced.check(now).map(|()| announced.record(now)).is_ok();
    (0..1000).take_while(|_| may()).count()
}

#[test]
fn without_an_announcement_nothing_is_delayed() {
    assert_eq!(sent(&mut Announced::default(), Instant::now()), 1000);
}

#[test]
fn the_last_quarter_of_the_window_is_reserved_for_others() {
    let (mut announced, start) = (Announced::default(), Instant::now());
    announced.record(start);
    announced.answered(start, start + ms(10), told(50, 30, Some(100)));
    assert_eq!(sent(&mut announced, start + ms(20)), 25);
    assert_eq!(announced.check(start + ms(20)), Err(Wait::SharedQuota(start + ms(30_010))));
    // requests spent by others in the meantime are subtracted
    announced.answered(start + ms(20), start + ms(30), told(40, 30, Some(100)));
    assert_eq!(sent(&mut announced, start + ms(40)), 0);
}

#[test]
fn without_a_policy_the_quota_is_the_highest_number_ever_left() {
    let (mut announced, start) = (Announced::default(), Instant::now());
    announced.record(start);
    announced.answered(start, start, told(80, 30, None));
    announced.record(start + ms(10));
    announced.answered(start + ms(10), start + ms(20), told(40, 30, None));
    assert_eq!(sent(&mut announced, start + ms(20)), 20);
}

#[test]
fn a_late_response_does_not_restore_spent_requests() {
    let (mut announced, start) = (Announced::default(), Instant::now());
    announced.record(start);
    announced.record(start);
    announced.answered(start, start + ms(10), told(48, 30, Some(100)));
    announced.answered(start, start + ms(20), told(49, 30, Some(100)));
    assert_eq!(sent(&mut announced, start + ms(30)), 23);
}

#[test]
fn after_the_reset_one_request_is_sent_and_the_others_wait_for_its_response() {
    let (mut announced, start) = (Announced::default(), Instant::now());
    announced.record(start);
    announced.answered(start, start, told(0, 2, Some(100)));
    assert_eq!(sent(&mut announced, start + ms(1999)), 0);
    let reset = start + seconds(2);
    assert_eq!(sent(&mut announced, reset), 1);
    assert_eq!(announced.check(reset + ms(10)), Err(Wait::SharedQuota(reset + PATIENCE)));
    announced.answered(reset, reset + ms(50), told(90, 2, Some(100)));
    assert_eq!(sent(&mut announced, reset + ms(50)), 65);
}

#[test]
fn requests_stop_waiting_for_a_response_that_does_not_come() {
    let (mut announced, start) = (Announced::default(), Instant::now());
    announced.record(start);
    announced.answered(start, start, told(0, 2, Some(100)));
    let reset = start + seconds(2);
    assert_eq!(sent(&mut announced, reset), 1);
    assert_eq!(sent(&mut announced, reset + PATIENCE), 1000);

    announced.answered(reset, reset + PATIENCE, told(0, 2, Some(100)));
    let reset = reset + PATIENCE + seconds(2);
    assert_eq!(sent(&mut announced, reset), 1);
    announced.lost(reset, reset);
    assert_eq!(sent(&mut announced, reset), 1000);
}

#[test]
fn one_request_per_window_is_always_allowed() {
    let (mut announced, mut now) = (Announced::default(), Instant::now());
    announced.record(now);
    announced.answered(now, now, told(3, 0, Some(1200)));
    for _ in 0..5 {
        now += seconds(1);
        assert_eq!(sent(&mut announced, now), 1);
        announced.answered(now, now, told(3, 0, Some(1200)));
    }
}

#[test]
fn a_lost_request_counts_until_a_response_must_have_counted_it() {
    let (mut announced, start) = (Announced::default(), Instant::now());
    let at = |time| start + ms(time);
    for sent in [0, 0, 0] {
        announced.record(at(sent));
    }
    announced.answered(at(0), at(10), told(30, 60, Some(100)));
    announced.lost(at(0), at(20));
    // the last of the three may have been counted before the lost one
    announced.answered(at(0), at(30), told(29, 60, Some(100)));
    assert_eq!(sent(&mut announced, at(40)), 3);
    announced.answered(at(40), at(50), told(27, 60, Some(100)));
    assert_eq!(sent(&mut announced, at(50)), 0);
    announced.answered(at(40), at(60), told(26, 60, Some(100)));
    announced.answered(at(40), at(60), told(28, 60, Some(100)));
    assert_eq!(sent(&mut announced, at(60)), 1);
}

/// A simulated quota with fixed windows, each opened by its first request, and the requests in flight.
struct Model {
    quota: u32,
    opened: Instant,
    used: u32,
    others: u32,
    /// For each of our requests, the times when it is sent, counted and answered, and its response.
    in_flight: Vec<(Instant, Instant, Instant, Option<Announcement>)>,
}

const WINDOW: Duration = seconds(2);

impl Model {
    fn spend(&mut self, now: Instant) -> Announcement {
        if now >= self.opened + WINDOW {
            (self.opened, self.used, self.others) = (now, 0, 0);
        }
        self.used += 1;
        assert!(self.used <= self.quota, "overdrawn");
        let reset = (self.opened + WINDOW - now).as_millis().div_ceil(1000);
        told(self.quota - self.used, u64::try_from(reset).unwrap(), Some(self.quota))
    }
}

proptest! {
    #[test]
    fn the_quota_is_never_exceeded_while_others_stay_within_their_quarter(
        quota in 16_u32..80,
        concurrent in 1_usize..5,
        seed in any::<u64>(),
    ) {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut announced, start) = (Announced::default(), Instant::now());
        let mut model = Model { quota, opened: start, used: 0, others: 0, in_flight: Vec::new() };
        let mut answered = 0;
        for step in 0..1600 {
            let now = start + ms(5 * step);
            if model.others < quota / 4 && random.u8(..) < 10 {
                model.spend(now);
                model.others += 1;
            }
            let mut waiting = std::mem::take(&mut model.in_flight);
            for (_, counted, _, answer) in &mut waiting {
                if answer.is_none() && *counted <= now {
                    *answer = Some(model.spend(now));
                }
            }
            for (sent, counted, end, answer) in waiting {
                match answer {
                    Some(answer) if end <= now => {
                        answered += 1;
                        // one response in sixteen is lost
                        if random.u8(..) < 16 { announced.lost(sent, now) } else { announced.answered(sent, now, answer) }
                    }
                    _ => model.in_flight.push((sent, counted, end, answer)),
                }
            }
            while model.in_flight.len() < concurrent && announced.check(now).is_ok() {
                announced.record(now);
                let counted = now + ms(random.u64(0..40));
                model.in_flight.push((now, counted, counted + ms(random.u64(1..40)), None));
            }
        }
        // eight seconds cover at least two windows including rounding
        prop_assert!(answered >= 2, "{answered}");
    }
}
