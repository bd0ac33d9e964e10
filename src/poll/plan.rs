//! What a poll asks, in which order, and how long that may take: pure functions of what is known.

use std::time::Duration;

use crate::cloudflare::RateLimit;
use crate::domain::{Entry, Hostname, Strategy, ZoneState, ZoneTarget};

/// Associations in one page of a list.
const PAGE: usize = 1000;

/// What a poll takes of one quota.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) limit: RateLimit,
    pub(super) hostnames: usize,
    pub(super) requests: usize,
}

impl Load {
    /// How long its requests take, again and again.
    fn needed(&self) -> Duration {
        self.limit.time_for(self.requests)
    }

    /// Why its requests cannot be sent within `gap`, where they cannot.
    pub(super) fn excess(&self, gap: Duration) -> Option<String> {
        let Self { limit, hostnames, requests } = self;
        let needed = self.needed();
        (needed > gap).then(|| {
            format!(
                "polls cannot keep to the schedule: {hostnames} hostnames take {requests} requests, and at {} in {} \
                 (rate_limit) those take {}, the shortest interval possible; the schedule has {}",
                limit.requests,
                shown(limit.per),
                shown(needed),
                shown(gap)
            )
        })
    }
}

/// Whole seconds at the least, rounded up: `1h 6m 40s`.
fn shown(time: Duration) -> String {
    let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).max(1);
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}"));
    parts.collect::<Vec<_>>().join(" ")
}

/// How many requests a poll of this zone sends, as far as that is known: retries, and what lists leave unsure, aside.
pub(super) fn requests(target: &ZoneTarget, hostnames: usize) -> usize {
    let extent = target.extent();
    let lists = hostnames.div_ceil(PAGE).max(1) + 1;
    let associations = match extent.strategy {
        _ if extent.discovered.is_some() => lists,
        Strategy::Get => hostnames,
        Strategy::List => lists,
        Strategy::Auto => hostnames.min(lists),
    };
    associations + usize::from(target.id().is_none()) + if extent.zone_level { 2 } else { 0 }
}

/// Whether lists may cost less than a GET each: they cost two requests at least.
pub(super) fn may_list(zone: &ZoneState) -> bool {
    lists_cost_less(zone, 1)
}

/// Whether so many pages of associations and the list of certificates cost less than a GET each, which tells more.
pub(super) fn lists_cost_less(zone: &ZoneState, pages: u32) -> bool {
    pages as usize + 1 < zone.entries().len()
}

/// The hostnames of a zone, those first that were not read for the longest time: where time or budget do not
/// suffice for all, none is left out again and again.
pub(super) fn hostnames(zone: &ZoneState) -> Vec<Hostname> {
    let mut entries: Vec<&Entry> = zone.entries().iter().collect();
    entries.sort_by_key(|entry| entry.reading().map(|reading| reading.read_at));
    entries.into_iter().map(|entry| entry.hostname().clone()).collect()
}

/// The time between two polls: the schedule's longest gap, or what each quota needs for its requests.
pub(super) fn interval(gap: Duration, loads: &[Load]) -> Duration {
    loads.iter().map(Load::needed).max().unwrap_or_default().max(gap)
}

/// How long a poll may take: until the next tick, and where the quotas need longer than that, for as long as they
/// need with a window that others may have filled before it began.
pub(super) fn time_limit(gap: Duration, loads: &[Load]) -> Duration {
    let longest = loads.iter().map(|load| match load.needed() {
        needed if needed > gap => needed.saturating_add(load.limit.per),
        _ => gap,
    });
    longest.max().unwrap_or(gap)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::domain::{
        Association, Expectation, Expected, Extent, HostnameTarget, Outcome, Reading, Reason, Snapshot,
        Targets,
    };

    const fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    fn load(requests: usize) -> Load {
        let limit = RateLimit { requests: NonZeroU32::new(600).unwrap(), per: minutes(5) };
        Load { limit, hostnames: requests, requests }
    }

    #[test]
    fn the_interval_is_the_gap_unless_a_quota_needs_longer() {
        assert_eq!(interval(minutes(5), &[]), minutes(5));
        assert_eq!(interval(minutes(5), &[load(600), load(10)]), minutes(5));
        assert_eq!(interval(minutes(5), &[load(600), load(1200)]), minutes(10));
        assert_eq!(interval(minutes(1), &[load(360)]), minutes(3));
    }

    #[test]
    fn a_poll_may_take_until_the_next_tick_or_as_long_as_its_quota_needs() {
        assert_eq!(time_limit(minutes(5), &[]), minutes(5));
        assert_eq!(time_limit(minutes(5), &[load(600)]), minutes(5));
        assert_eq!(time_limit(minutes(5), &[load(1200)]), minutes(15));
    }

    #[test]
    fn a_poll_that_cannot_fit_between_two_ticks_is_told_with_the_arithmetic() {
        assert_eq!(load(600).excess(minutes(5)), None);
        assert_eq!(
            Load { hostnames: 8000, ..load(8001) }.excess(minutes(5)).unwrap(),
            "polls cannot keep to the schedule: 8000 hostnames take 8001 requests, and at 600 in 5m (rate_limit) \
             those take 1h 6m 41s, the shortest interval possible; the schedule has 5m"
        );
        assert_eq!(
            [0, 1, 59, 60, 3600, 3661].map(|time| shown(Duration::from_secs(time))).join(", "),
            "1s, 1s, 59s, 1m, 1h, 1h 1m 1s"
        );
    }

    #[test]
    fn a_zone_costs_a_request_a_hostname_or_a_page_a_thousand() {
        let id = || ZoneTarget::identified("default".into(), "0".repeat(32).parse().unwrap());
        let cost = |strategy, hostnames| {
            let extent = Extent { strategy, ..Extent::default() };
            requests(&id().with_extent(extent), hostnames)
        };
        assert_eq!([1, 2, 3, 1000, 1001].map(|count| cost(Strategy::Get, count)), [1, 2, 3, 1000, 1001]);
        assert_eq!([1, 2, 3, 1000, 1001].map(|count| cost(Strategy::List, count)), [2, 2, 2, 2, 3]);
        assert_eq!([1, 2, 3, 1000, 1001].map(|count| cost(Strategy::Auto, count)), [1, 2, 2, 2, 3]);

        let named = ZoneTarget::named("default".into(), "example".parse().unwrap(), None);
        assert_eq!(requests(&named, 1), 2, "and one to find its id");
        let whole = Extent { discovered: Some(Expected::Any), zone_level: true, ..Extent::default() };
        assert_eq!(requests(&id().with_extent(whole), 0), 4);
    }

    #[test]
    fn lists_have_to_cost_less_since_a_get_tells_more() {
        let zone = |hostnames: usize| {
            let names = (0..hostnames).map(|number| target(&format!("h{number}.example")));
            let zone = ZoneTarget::named("default".into(), "example".parse().unwrap(), None);
            let targets = Targets::new([zone.with_hostnames(names.collect())]);
            Snapshot::default().retarget(&targets).zones()[0].clone()
        };
        assert_eq!([0, 1, 2, 3].map(|hostnames| may_list(&zone(hostnames))), [false, false, false, true]);
        assert!(lists_cost_less(&zone(10), 8));
        assert!(!lists_cost_less(&zone(10), 9));
    }

    fn target(name: &str) -> HostnameTarget {
        HostnameTarget { hostname: name.parse().unwrap(), expectation: Expectation::default() }
    }

    #[test]
    fn what_was_not_read_for_the_longest_time_is_asked_first() {
        let names = ["a.example", "b.example", "c.example", "d.example"];
        let zone = ZoneTarget::named("default".into(), "example".parse().unwrap(), None)
            .with_hostnames(names.iter().map(|name| target(name)).collect());
        let read = |name: &str, second| {
            let at = jiff::Timestamp::from_second(second).unwrap().into();
            (name.parse().unwrap(), Ok(Reading::bare(Association::Enabled, at)))
        };
        let outcome = Outcome {
            hostnames: vec![
                read("a.example", 30),
                read("b.example", 20),
                (names[3].parse().unwrap(), Err(Reason::Timeout)),
            ],
            ..Outcome::of(zone.key().clone())
        };
        let snapshot = Snapshot::default().retarget(&Targets::new([zone])).fold(&[outcome]);
        let order = hostnames(&snapshot.zones()[0]);
        let order: Vec<_> = order.iter().map(Hostname::as_str).collect();
        assert_eq!(order, ["c.example", "d.example", "b.example", "a.example"]);
    }
}
