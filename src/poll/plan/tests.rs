use std::num::NonZeroU32;

use super::*;
use crate::domain::Expected;

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

fn limit() -> RateLimit {
    RateLimit { requests: NonZeroU32::new(600).unwrap(), per: minutes(5) }
}

#[test]
fn a_poll_ends_before_the_next_tick_or_takes_as_long_as_its_quota_needs() {
    let time_limit = |most, unplanned| Load { limit: limit(), most }.time_limit(minutes(5), unplanned);
    assert_eq!(time_limit(600, 0), Duration::from_secs(270));
    assert_eq!(time_limit(1200, 0), minutes(15));
    assert_eq!(time_limit(600, 600), minutes(15));
}

#[test]
fn times_are_shown_in_hours_minutes_and_seconds() {
    assert_eq!(
        [0, 1, 59, 60, 3600, 3661].map(|time| shown(Duration::from_secs(time))).join(", "),
        "1s, 1s, 59s, 1m, 1h, 1h 1m 1s"
    );
}

const GET: Extent = Extent { strategy: Strategy::Get, ..Extent::PLAIN };
const LIST: Extent = Extent { strategy: Strategy::List, ..Extent::PLAIN };
const AUTO: Extent = Extent { strategy: Strategy::Auto, ..Extent::PLAIN };
const DISCOVER: Extent = Extent { discovered: Some(Expected::Any), ..Extent::PLAIN };

/// Returns now, and moments less and more than an hour ago.
fn moments() -> (Instant, Instant, Instant) {
    let start = Instant::now();
    let now = start + AGAIN;
    (now, start + Duration::from_secs(1), start)
}

#[test]
fn the_read_mode_depends_on_the_cost_and_results_of_lists() {
    use ReadMode::{Gets, Lists as Both, ListsIfShort};
    let (now, recently, an_hour_ago) = moments();
    let read = |requests, unresolved, at| Lists::Read { requests, unresolved, at };
    for (extent, hostnames, lists, mode, why) in [
        (GET, 1000, Lists::Untried, Gets, "configured"),
        (LIST, 1, Lists::Untried, Both, "configured"),
        (LIST, 1, Lists::Refused { at: recently, again: Again::Hourly }, Both, "configured"),
        (DISCOVER, 0, Lists::Untried, Both, "only lists discover"),
        (AUTO, 2, Lists::Untried, Gets, "two lists cost as much"),
        (AUTO, 3, Lists::Untried, ListsIfShort, "two lists cost less"),
        (AUTO, 60, read(2, 0, recently), ListsIfShort, "they cost less"),
        (AUTO, 60, read(2, 57, recently), ListsIfShort, "they still cost less"),
        (AUTO, 60, read(2, 58, recently), Gets, "with the remaining GETs they cost as much"),
        (AUTO, 60, read(2, 58, an_hour_ago), ListsIfShort, "that may have changed"),
        (AUTO, 60, Lists::TooLong { pages: 59, at: recently }, Gets, "the pages cost as much"),
        (AUTO, 90, Lists::TooLong { pages: 59, at: recently }, ListsIfShort, "hostnames were added"),
        (AUTO, 60, Lists::TooLong { pages: 59, at: an_hour_ago }, ListsIfShort, "that may have changed"),
        (
            AUTO,
            60,
            Lists::Refused { at: recently, again: Again::NextPoll },
            ListsIfShort,
            "an outage may be over",
        ),
        (AUTO, 60, Lists::Refused { at: recently, again: Again::Hourly }, Gets, "they were refused"),
        (AUTO, 60, Lists::Refused { at: now, again: Again::Soon }, Gets, "they hung"),
        (LIST, 60, Lists::Refused { at: now, again: Again::Soon }, Gets, "they hung"),
        (LIST, 0, Lists::Refused { at: now, again: Again::Soon }, Both, "there is nothing else to ask"),
        (LIST, 60, Lists::Refused { at: recently, again: Again::Soon }, Both, "that was ten minutes ago"),
        (
            AUTO,
            60,
            Lists::Refused { at: recently, again: Again::Soon },
            ListsIfShort,
            "that was ten minutes ago",
        ),
        (
            AUTO,
            60,
            Lists::Refused { at: an_hour_ago, again: Again::Hourly },
            ListsIfShort,
            "that may have changed",
        ),
    ] {
        assert_eq!(
            read_mode(extent, hostnames, lists, now),
            mode,
            "{extent:?}, {hostnames}, {lists:?}: {why}"
        );
    }
}

#[test]
fn requests_are_estimated_from_earlier_polls() {
    let (now, recently, _) = moments();
    let read = |requests, unresolved| Lists::Read { requests, unresolved, at: recently };
    let refused = Lists::Refused { at: recently, again: Again::NextPoll };
    for (extent, hostnames, lists, expected, most) in [
        (GET, 1001, Lists::Untried, 1001, 1001),
        (LIST, 1000, Lists::Untried, 2, 1002),
        (LIST, 1001, Lists::Untried, 3, 1004),
        (AUTO, 2, Lists::Untried, 2, 2),
        (AUTO, 60, Lists::Untried, 2, 62),
        (AUTO, 60, read(3, 10), 13, 13),
        (AUTO, 60, read(2, 60), 60, 60),
        (DISCOVER, 60, read(2, 60), 62, 62),
        (AUTO, 60, refused, 61, 62),
    ] {
        let requests = requests(extent, false, hostnames, lists, now);
        assert_eq!(requests, Requests { expected, most }, "{extent:?}, {hostnames}, {lists:?}");
    }
    let found = |hostnames| requests(DISCOVER, true, hostnames, Lists::Untried, now);
    assert_eq!(found(0), Requests { expected: 1, most: 2 }, "most zones of an account are empty");
    assert_eq!(found(3), Requests { expected: 2, most: 5 }, "known from a state file");
}
