//! What a poll asks, in which order, and how long that may take: pure functions of what is known.

use std::time::Duration;

use crate::cloudflare::RateLimit;
use crate::domain::{Date, Entry, Extent, Hostname, Strategy, ZoneState};

/// Associations in one page of a list.
const PAGE: usize = 1000;

/// What a poll takes of one quota.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) limit: RateLimit,
    pub(super) hostnames: usize,
    pub(super) requests: usize,
    /// The most that it may come to: a first poll may find that there are no lists.
    pub(super) most: usize,
}

impl Load {
    /// How long its requests take, again and again.
    fn needed(&self) -> Duration {
        self.limit.time_for(self.requests)
    }

    /// How long the next poll may take.
    fn limit(&self, gap: Duration) -> Duration {
        match self.limit.time_for(self.most) {
            // with a window that others may have filled before it began
            needed if needed > gap => needed.saturating_add(self.limit.per),
            _ => gap,
        }
    }

    /// Why its requests cannot be sent within `gap`, where they cannot.
    pub(super) fn excess(&self, gap: Duration) -> Option<String> {
        let Self { limit, hostnames, requests, .. } = self;
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

/// By which requests the associations of a zone are read, as far as the polls before have shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    /// Nothing was decided yet.
    #[default]
    Open,
    /// A GET each.
    OneByOne,
    /// Lists, that of the associations in so many pages.
    Lists { pages: u32 },
    /// A GET each, after lists were asked for in vain, which they are each time.
    WithoutLists,
}

impl Way {
    /// Whether lists are asked for whatever they cost.
    pub(super) fn asks_for_lists(self) -> bool {
        matches!(self, Self::Lists { .. } | Self::WithoutLists)
    }
}

/// How many requests a poll of this zone sends, as far as that is known: retries, and what lists leave unsure, aside.
pub(super) fn requests(extent: Extent, hostnames: usize, way: Way) -> usize {
    let lists = hostnames.div_ceil(PAGE).max(1) + 1;
    let associations = match (way, extent.strategy) {
        (Way::Lists { pages }, _) => pages as usize + 1,
        (Way::WithoutLists, _) => 1 + hostnames,
        (Way::OneByOne, _) => hostnames,
        (Way::Open, _) if extent.discovered.is_some() => lists,
        (Way::Open, Strategy::Get) => hostnames,
        (Way::Open, Strategy::List) => lists,
        (Way::Open, Strategy::Auto) => hostnames.min(lists),
    };
    associations + if extent.zone_level { 2 } else { 0 }
}

/// How many it may send at the most, as far as that is known.
pub(super) fn most_requests(extent: Extent, hostnames: usize, way: Way) -> usize {
    let requests = requests(extent, hostnames, way);
    let may_lack_lists = way == Way::Open && extent.strategy != Strategy::Get;
    if may_lack_lists { requests.max(1 + hostnames) } else { requests }
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
    entries.sort_by_key(|entry| read_at(entry));
    entries.into_iter().map(|entry| entry.hostname().clone()).collect()
}

/// Some hostnames in that order.
pub(super) fn stalest_first(hostnames: &mut [Hostname], zone: &ZoneState) {
    hostnames.sort_by_cached_key(|hostname| zone.entry(hostname).and_then(read_at));
}

fn read_at(entry: &Entry) -> Option<Date> {
    entry.reading().map(|reading| reading.read_at)
}

/// The time between two polls: the schedule's longest gap, or what each quota needs for its requests.
pub(super) fn interval(gap: Duration, loads: &[Load]) -> Duration {
    loads.iter().map(Load::needed).max().unwrap_or_default().max(gap)
}

/// How long a poll may take: until the next tick, and where the quotas need longer than that, as long as they need.
pub(super) fn time_limit(gap: Duration, loads: &[Load]) -> Duration {
    loads.iter().map(|load| load.limit(gap)).max().unwrap_or(gap)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::domain::{
        Association, Expectation, Expected, HostnameTarget, Outcome, Reading, Reason, Snapshot, Targets,
        ZoneTarget,
    };

    const fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    fn load(requests: usize) -> Load {
        let limit = RateLimit { requests: NonZeroU32::new(600).unwrap(), per: minutes(5) };
        Load { limit, hostnames: requests, requests, most: requests }
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
        let unsure = Load { most: 1200, ..load(2) };
        assert_eq!(time_limit(minutes(5), &[unsure]), minutes(15));
        assert_eq!(interval(minutes(5), &[unsure]), minutes(5));
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
        let cost =
            |strategy, hostnames| requests(Extent { strategy, ..Extent::default() }, hostnames, Way::Open);
        assert_eq!([1, 2, 3, 1000, 1001].map(|count| cost(Strategy::Get, count)), [1, 2, 3, 1000, 1001]);
        assert_eq!([1, 2, 3, 1000, 1001].map(|count| cost(Strategy::List, count)), [2, 2, 2, 2, 3]);
        assert_eq!([1, 2, 3, 1000, 1001].map(|count| cost(Strategy::Auto, count)), [1, 2, 2, 2, 3]);

        let whole = Extent { discovered: Some(Expected::Any), zone_level: true, ..Extent::default() };
        assert_eq!(requests(whole, 0, Way::Open), 4);
    }

    #[test]
    fn once_a_zone_was_read_it_costs_what_that_took() {
        let extent = Extent::default();
        assert_eq!(requests(extent, 1000, Way::Lists { pages: 5 }), 6);
        assert_eq!(requests(extent, 1000, Way::OneByOne), 1000);
        assert_eq!(requests(extent, 1000, Way::WithoutLists), 1001);
        let most = |way| most_requests(extent, 1000, way);
        assert_eq!([Way::Open, Way::Lists { pages: 5 }, Way::OneByOne].map(most), [1001, 6, 1000]);
        let by_get = Extent { strategy: Strategy::Get, ..extent };
        assert_eq!(most_requests(by_get, 1000, Way::Open), 1000);
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

        let mut some = ["a.example", "b.example", "new.example"].map(|name| name.parse().unwrap());
        stalest_first(&mut some, &snapshot.zones()[0]);
        assert_eq!(some.each_ref().map(Hostname::as_str), ["new.example", "b.example", "a.example"]);
    }
}
