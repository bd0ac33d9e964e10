use std::num::NonZeroU32;

use super::*;
use crate::domain::Date;

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

fn limit() -> RateLimit {
    RateLimit { requests: NonZeroU32::new(600).unwrap(), per: minutes(5) }
}

fn outlook(holding: usize, rest: usize) -> Outlook {
    Outlook { rest, holding: Requests::exactly(holding), hostnames: holding, ..Outlook::new(limit()) }
}

#[test]
fn the_interval_is_the_gap_or_the_ticks_that_a_quota_needs() {
    let interval = |gap, holding| outlook(holding, 0).interval(minutes(gap));
    assert_eq!(interval(5, 0), minutes(5));
    assert_eq!(interval(5, 600), minutes(5));
    assert_eq!(interval(5, 1200), minutes(10));
    assert_eq!(interval(5, 601), minutes(10), "ticks during a poll are skipped");
    assert_eq!(interval(1, 360), minutes(3));
}

#[test]
fn a_quarter_of_the_quota_is_left_to_parts_that_hold_nothing_if_they_need_it() {
    for (holding, rest, interval, rest_interval) in [
        // 50 zones with associations of 2,000, without and with the zone level and settings
        (100, 1950, 5, 55 * 60),
        (100, 9950, 5, 9950 * 300 / 500),
        // 300 zones with associations, nothing at zone level
        (600, 1200, 10, 55 * 60),
        (450, 2000, 5, 2000 * 300 / 150),
        (500, 100, 5, 55 * 60),
        (0, 1, 5, 55 * 60),
    ] {
        let outlook = outlook(holding, rest);
        assert_eq!(outlook.interval(minutes(5)), minutes(interval), "{holding} {rest}");
        assert_eq!(outlook.rest_interval(minutes(5)).as_secs(), rest_interval, "{holding} {rest}");
    }
}

#[test]
fn an_insufficient_quota_is_reported_with_the_arithmetic() {
    assert_eq!(outlook(600, 0).excess(minutes(5)), None);
    assert_eq!(
        Outlook { hostnames: 8000, ..outlook(8001, 0) }.excess(minutes(5)).unwrap(),
        "polls cannot keep to the schedule: 8000 hostnames take 8001 requests, which rate_limit \
         (600 in 5m) spreads over 1h 6m 41s; the schedule polls every 5m"
    );
    assert_eq!(outlook(600, 0).words(minutes(5)), None);
    assert_eq!(
        Outlook { zones: 2000, ..outlook(100, 9950) }.words(minutes(5)).unwrap(),
        "2000 zones take 10050 requests, which rate_limit (600 in 5m) spreads over 1h 23m 45s; parts with data are \
                 read every 5m, empty parts every 1h 39m 30s"
    );
}

/// Simulates the turns of 2,000 zones, 50 of which hold something.
#[test]
fn over_a_day_every_part_has_its_turn_and_no_poll_takes_more_than_its_share() {
    for (parts, requests, most, longest) in [(1950, 1, 290, 12), (4000, 2, 600, 20)] {
        let outlook = outlook(100, parts * requests);
        let mut last: Vec<Option<i64>> = vec![None; parts];
        let (mut allowance, mut ages, mut taken) = (Allowance::default(), Vec::new(), Vec::new());
        for poll in 0..288 {
            let now = poll * 300;
            allowance = allowance.next(&outlook, minutes(5));
            let date = |at: i64| Date::from(jiff::Timestamp::from_second(at).unwrap());
            let waiting = |at: Option<i64>| match at {
                None => Waiting::Never(PartKind::Associations),
                at => Waiting::Since(at.map(date)),
            };
            let mut order: Vec<usize> = (0..parts).collect();
            order.sort_by_key(|index| waiting(last[*index]));
            let mut sent = 0;
            for index in order {
                if allowance.admit(waiting(last[index]), requests, date(now)) {
                    ages.extend(last[index].map(|at| (now - at) / 300));
                    last[index] = Some(now);
                    sent += requests;
                }
            }
            taken.push(100 + sent);
        }
        assert!(last.iter().all(Option::is_some));
        assert!(ages.iter().all(|age| *age <= longest), "{:?}", ages.iter().max());
        // the first pass uses the whole quota
        let settled = &taken[40..];
        assert!(taken.iter().all(|requests| *requests <= 600), "{:?}", taken.iter().max());
        assert!(settled.iter().all(|requests| *requests <= most), "{:?}", settled.iter().max());
    }
}
