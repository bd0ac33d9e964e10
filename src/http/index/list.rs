//! A list of all items of one kind, in every sort order.

use std::cmp::Reverse;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use memchr::memmem::Finder;

use super::{Counts, Thing};
use crate::domain::{Date, Findings, Hostname, Judge, Verdict, ZoneState};
use crate::http::query::{Cursor, Query, Sort, SortKey};

/// All items of one kind. It holds only computed values: the items themselves stay in the snapshot.
pub(in crate::http) struct List<T> {
    /// The items in the snapshot's order: by zone, name and level.
    items: Vec<Item>,
    counts: Counts,
    /// The positions of the items in each order, sorted at first use.
    orders: [OnceLock<Vec<u32>>; Sort::ALL.len()],
    kind: PhantomData<fn() -> T>,
}

/// The position of an item's zone in the snapshot and of the item in its zone. Small, since there may be
/// 100,000.
struct Item {
    ends: Option<Date>,
    findings: Findings,
    zone: u32,
    position: u32,
    verdict: Verdict,
}

/// One page of a list.
pub(in crate::http) struct Page<'a, T> {
    /// The rows, in the order of the query.
    pub(in crate::http) rows: Vec<Row<'a, T>>,
    /// The cursor of the next page; none on the last page.
    pub(in crate::http) next: Option<Cursor>,
}

/// A row of a list.
pub(in crate::http) struct Row<'a, T> {
    /// The item itself.
    pub(in crate::http) thing: &'a T,
    /// Its zone.
    pub(in crate::http) zone: &'a ZoneState,
    /// The position of the zone in the snapshot.
    pub(in crate::http) zone_index: usize,
    /// The worst of its findings.
    pub(in crate::http) verdict: Verdict,
    /// Its end date, if known.
    pub(in crate::http) ends: Option<Date>,
}

impl<T: Thing> List<T> {
    pub(super) fn new(judge: &Judge) -> Self {
        let (mut items, mut counts) = (Vec::new(), Counts::default());
        for (zone, state) in (0..).zip(judge.snapshot().zones()) {
            for (position, thing) in (0..).zip(T::of(state)) {
                let findings = thing.findings(judge, state);
                let verdict = findings.verdict();
                counts.add(verdict);
                items.push(Item { ends: thing.ends(), findings, zone, position, verdict });
            }
        }
        Self { items, counts, orders: Default::default(), kind: PhantomData }
    }

    /// Returns the number of items with each verdict.
    pub(in crate::http) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn each_verdict(&self, mut take: impl FnMut(usize, Verdict)) {
        self.items.iter().for_each(|item| take(item.zone as usize, item.verdict));
    }

    /// Returns the page that a query selects. `judge` is the index's.
    pub(in crate::http) fn page<'a>(&self, judge: &'a Judge, query: &Query) -> Page<'a, T> {
        let order = self.order(judge, query.sort);
        let start = query.cursor.as_ref().map_or(0, |cursor| {
            let shown = cursor.sort_key();
            order.partition_point(|item| {
                self.row(judge, *item).sort_key().compare(&shown, T::order(query.sort)).is_le()
            })
        });
        let mut matching = self.matching(judge, query, &order[start..]);
        let rows: Vec<_> = matching.by_ref().take(query.limit).collect();
        let more = matching.next().is_some();
        let next = rows.last().filter(|_| more).map(|row| Cursor::new(query.sort, &row.sort_key()));
        Page { rows, next }
    }

    /// Counts the rows on all pages by verdict, with all filters of the query except the one by verdict.
    pub(in crate::http) fn tally(&self, judge: &Judge, query: &Query) -> Counts {
        let query = &Query { verdict: None, ..query.clone() };
        let mut counts = Counts::default();
        let order = self.order(judge, Sort::Zone);
        self.matching(judge, query, order).for_each(|row| counts.add(row.verdict));
        counts
    }

    /// Returns all rows in this order.
    pub(in crate::http) fn rows<'a>(
        &'a self,
        judge: &'a Judge,
        sort: Sort,
    ) -> impl Iterator<Item = Row<'a, T>> {
        self.order(judge, sort).iter().map(|item| self.row(judge, *item))
    }

    fn matching<'a>(
        &self,
        judge: &'a Judge,
        query: &Query,
        order: &[u32],
    ) -> impl Iterator<Item = Row<'a, T>> {
        let text = query.q.as_deref().map(|text| Finder::new(text.as_bytes()));
        let zones = judge.snapshot().zones().iter();
        let zones: Vec<_> = zones.map(|zone| ZoneMatch::new(zone, query, text.as_ref())).collect();
        order.iter().filter_map(move |item| {
            let item = &self.items[*item as usize];
            let zone = &zones[item.zone as usize];
            let is_told = zone.matches
                && query.verdict.is_none_or(|verdict| item.verdict == verdict)
                && query.finding.is_none_or(|finding| item.findings.contains(finding));
            let row = is_told.then(|| self.row_of(judge, item))?;
            let is_about =
                |hostname: &Hostname| row.zone.entry(hostname).is_some_and(|entry| row.thing.is_about(entry));
            let is_found = zone.has_text || text.as_ref().is_none_or(|text| row.thing.contains(text));
            (is_found && query.hostname.as_ref().is_none_or(is_about)).then_some(row)
        })
    }

    fn row<'a>(&self, judge: &'a Judge, item: u32) -> Row<'a, T> {
        self.row_of(judge, &self.items[item as usize])
    }

    fn row_of<'a>(&self, judge: &'a Judge, item: &Item) -> Row<'a, T> {
        let zone_index = item.zone as usize;
        let zone: &ZoneState = &judge.snapshot().zones()[zone_index];
        let thing = &T::of(zone)[item.position as usize];
        Row { thing, zone, zone_index, verdict: item.verdict, ends: item.ends }
    }

    /// Returns the positions of the items in this order. Equal items keep the snapshot's order.
    fn order(&self, judge: &Judge, sort: Sort) -> &[u32] {
        let sort = T::order(sort);
        self.orders[sort as usize].get_or_init(|| {
            let mut order: Vec<u32> = (0..).take(self.items.len()).collect();
            let item = |position: &u32| &self.items[*position as usize];
            let ends = |position: &u32| seconds(item(position).ends);
            match sort {
                Sort::Zone => {}
                Sort::Ends => order.sort_by_key(ends),
                Sort::Verdict => {
                    order.sort_by_key(|position| (Reverse(item(position).verdict), ends(position)));
                }
                Sort::Hostname => {
                    let named = |position: u32| (self.row(judge, position).thing.name(), position);
                    let mut names: Vec<_> = order.iter().copied().map(named).collect();
                    names.sort_unstable();
                    order = names.into_iter().map(|(_, position)| position).collect();
                }
            }
            order
        })
    }
}

impl<T: Thing> Row<'_, T> {
    fn sort_key(&self) -> SortKey<'_> {
        let (name, level) = (self.thing.name(), self.thing.level());
        SortKey {
            verdict: self.verdict,
            ends: seconds(self.ends),
            zone: self.zone.key().as_str(),
            name,
            level,
        }
    }
}

/// Returns the sort key of an end date. Unknown dates sort last.
fn seconds(ends: Option<Date>) -> i64 {
    ends.map_or(i64::MAX, Date::as_second)
}

/// The result of matching a query against a zone as a whole.
struct ZoneMatch {
    matches: bool,
    /// True if the zone's own names contain the searched text.
    has_text: bool,
}

impl ZoneMatch {
    fn new(zone: &Arc<ZoneState>, query: &Query, text: Option<&Finder<'_>>) -> Self {
        let key = zone.key().as_str();
        let is_asked = |name: &str| name == key || zone.id().is_some_and(|id| id.to_string() == name);
        let matches = query.zone.as_ref().is_none_or(|name| is_asked(name.as_str()))
            && query.account.as_ref().is_none_or(|account| account == zone.account())
            && query.hostname.as_ref().is_none_or(|hostname| zone.entry(hostname).is_some());
        let has_text = text.is_some_and(|text| {
            let id = zone.id().map(|id| id.to_string()).unwrap_or_default();
            [key, &id].iter().any(|name| text.find(name.as_bytes()).is_some())
        });
        Self { matches, has_text }
    }
}
