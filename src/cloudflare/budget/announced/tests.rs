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

/// Sends as many requests as it may, up to 1,000, and says how many those are.
fn sent(announced: &mut Announced, now: Instant) -> usize {
    let mut may = || announced.check(now).map(|()| announced.leave(now)).is_ok();
    (0..1000).take_while(|_| may()).count()
}

#[test]
fn where_nothing_is_announced_nothing_is_held_back() {
    assert_eq!(sent(&mut Announced::default(), Instant::now()), 1000);
}

#[test]
fn the_last_quarter_of_the_window_is_left_to_others() {
    let (mut announced, start) = (Announced::default(), Instant::now());
    announced.leave(start);
    announced.answered(start, start + ms(10), told(50, 30, Some(100)));
    assert_eq!(sent(&mut announced, start + ms(20)), 25);
    assert_eq!(announced.check(start + ms(20)), Err(Wait::SharedQuota(start + ms(30_010))));
    // what others spend meanwhile is taken off
    announced.answered(start + ms(20), start + ms(30), told(40, 30, Some(100)));
    assert_eq!(sent(&mut announced, start + ms(40)), 0);
}

#[test]
fn without_a_policy_the_window_holds_the_most_that_ever_was_left() {
    let (mut announced, start) = (Announced::default(), Instant::now());
    announced.leave(start);
    announced.answered(start, start, told(80, 30, None));
    announced.leave(start + ms(10));
    announced.answered(start + ms(10), start + ms(20), told(40, 30, None));
    assert_eq!(sent(&mut announced, start + ms(20)), 20);
}

#[test]
fn an_answer_that_was_overtaken_does_not_bring_back_what_is_spent() {
    let (mut announced, start) = (Announced::default(), Instant::now());
    announced.leave(start);
    announced.leave(start);
    announced.answered(start, start + ms(10), told(48, 30, Some(100)));
    announced.answered(start, start + ms(20), told(49, 30, Some(100)));
    assert_eq!(sent(&mut announced, start + ms(30)), 23);
}

#[test]
fn after_the_reset_one_request_goes_ahead_and_the_others_follow_its_answer() {
    let (mut announced, start) = (Announced::default(), Instant::now());
    announced.leave(start);
    announced.answered(start, start, told(0, 2, Some(100)));
    assert_eq!(sent(&mut announced, start + ms(1999)), 0);
    let reset = start + seconds(2);
    assert_eq!(sent(&mut announced, reset), 1);
    assert_eq!(announced.check(reset + ms(10)), Err(Wait::SharedQuota(reset + PATIENCE)));
    announced.answered(reset, reset + ms(50), told(90, 2, Some(100)));
    assert_eq!(sent(&mut announced, reset + ms(50)), 65);
}

#[test]
fn who_waits_for_an_answer_that_does_not_come_goes_on_after_a_while() {
    let (mut announced, start) = (Announced::default(), Instant::now());
    announced.leave(start);
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
fn however_little_is_left_one_request_a_window_goes() {
    let (mut announced, mut now) = (Announced::default(), Instant::now());
    announced.leave(now);
    announced.answered(now, now, told(3, 0, Some(1200)));
    for _ in 0..5 {
        now += seconds(1);
        assert_eq!(sent(&mut announced, now), 1);
        announced.answered(now, now, told(3, 0, Some(1200)));
    }
}

#[test]
fn what_was_lost_counts_until_an_answer_must_have_counted_it() {
    let (mut announced, start) = (Announced::default(), Instant::now());
    let at = |time| start + ms(time);
    for sent in [0, 0, 0] {
        announced.leave(at(sent));
    }
    announced.answered(at(0), at(10), told(30, 60, Some(100)));
    announced.lost(at(0), at(20));
    // the last of the three may have been counted before the one that was lost
    announced.answered(at(0), at(30), told(29, 60, Some(100)));
    assert_eq!(sent(&mut announced, at(40)), 3);
    announced.answered(at(40), at(50), told(27, 60, Some(100)));
    assert_eq!(sent(&mut announced, at(50)), 0);
    announced.answered(at(40), at(60), told(26, 60, Some(100)));
    announced.answered(at(40), at(60), told(28, 60, Some(100)));
    assert_eq!(sent(&mut announced, at(60)), 1);
}

/// A quota of fixed windows, which the first request opens, and what is on its way to it and back.
struct Model {
    quota: u32,
    opened: Instant,
    used: u32,
    others: u32,
    /// When each of our requests left, is counted and is answered; and the answer.
    under_way: Vec<(Instant, Instant, Instant, Option<Announcement>)>,
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
    fn what_was_announced_is_never_overdrawn_while_others_keep_to_their_quarter(
        quota in 16_u32..80,
        concurrent in 1_usize..5,
        seed in any::<u64>(),
    ) {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut announced, start) = (Announced::default(), Instant::now());
        let mut model = Model { quota, opened: start, used: 0, others: 0, under_way: Vec::new() };
        let mut answered = 0;
        for step in 0..1600 {
            let now = start + ms(5 * step);
            if model.others < quota / 4 && random.u8(..) < 10 {
                model.spend(now);
                model.others += 1;
            }
            let mut waiting = std::mem::take(&mut model.under_way);
            for (_, counted, _, answer) in &mut waiting {
                if answer.is_none() && *counted <= now {
                    *answer = Some(model.spend(now));
                }
            }
            for (sent, counted, end, answer) in waiting {
                match answer {
                    Some(answer) if end <= now => {
                        answered += 1;
                        // the answer to one in sixteen is lost
                        if random.u8(..) < 16 { announced.lost(sent, now) } else { announced.answered(sent, now, answer) }
                    }
                    _ => model.under_way.push((sent, counted, end, answer)),
                }
            }
            while model.under_way.len() < concurrent && announced.check(now).is_ok() {
                announced.leave(now);
                let counted = now + ms(random.u64(0..40));
                model.under_way.push((now, counted, counted + ms(random.u64(1..40)), None));
            }
        }
        // eight seconds are at least two windows and what was rounded up
        prop_assert!(answered >= 2, "{answered}");
    }
}
