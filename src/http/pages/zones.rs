//! The page of all accounts and zones, and how they are read.

use std::cmp::Reverse;

use askama::Template;

use super::advice::advice;
use super::facts::of_account;
use super::layout::Layout;
use super::links::{Count, Filter, Link, column, counted, filters};
use super::words::{Found, distance, found, global_switch, plural, switch};
use crate::domain::{AccountState, Date, Judge, Part, PartKind, Reason, Span, Told, Verdict, ZoneState};
use crate::http::activity::Activity;
use crate::http::index::{Index, Row};
use crate::http::query::{Query, Sort, encode};

/// The page.
#[derive(Template)]
#[template(path = "zones.html")]
pub(super) struct Page {
    layout: Layout,
    heading: String,
    filters: Vec<Filter>,
    accounts: Vec<AccountRow>,
    columns: Vec<Link>,
    rows: Vec<ZoneRow>,
    first: Option<String>,
    next: Option<String>,
}

/// A row of the table of accounts.
struct AccountRow {
    verdict: &'static str,
    name: String,
    href: String,
    words: String,
    findings: Vec<Found>,
}

/// Returns the accounts that a query selects, worst first.
fn accounts(index: &Index, activity: &Activity, query: &Query) -> Vec<AccountRow> {
    let judge = index.judge();
    let is_plain = query.cursor.is_none() && query.zone.is_none() && query.q.is_none();
    let accounts =
        judge.snapshot().accounts().iter().filter(|account| {
            is_plain && query.account.as_ref().is_none_or(|asked| **asked == **account.name())
        });
    let mut rows: Vec<_> = accounts.map(|account| (judge.tell_account(account), account)).collect();
    rows.sort_by_key(|(told, _)| Reverse(Told::worst(told)));
    let row = |(told, account): (Vec<Told>, &AccountState)| AccountRow {
        verdict: Told::worst(&told).label(),
        name: account.name().to_string(),
        href: format!("/zones?account={}", encode(account.name())),
        words: of_account(index, activity, account),
        findings: found(told),
    };
    rows.into_iter().map(row).collect()
}

struct ZoneRow {
    verdict: &'static str,
    zone: String,
    href: String,
    account: String,
    id: String,
    counts: Vec<Count>,
    switches: String,
    parts: Vec<PartRow>,
    findings: Vec<Found>,
    advice: &'static str,
}

/// The read status of one part of a zone.
struct PartRow {
    verdict: &'static str,
    words: String,
}

impl Page {
    pub(super) fn new(index: &Index, activity: &Activity, query: &Query) -> Self {
        let page = index.zones().page(index.judge(), query);
        let columns = [
            ("Verdict", Some(Sort::Verdict)),
            ("Zone", Some(Sort::Zone)),
            ("Account", None),
            ("Hostnames", None),
            ("Switches", None),
            ("Read", None),
            ("Findings", None),
        ];
        let counts = index.zones().tally(index.judge(), query);
        let link = |cursor| format!("/zones{}", Query { cursor, ..query.clone() });
        Self {
            layout: Layout::new(index, "/zones").about("Zones"),
            heading: plural(query.verdict.map_or(counts.all(), |verdict| counts.of(verdict)), "zone"),
            filters: filters(query, "/zones"),
            accounts: accounts(index, activity, query),
            columns: columns.map(|(name, sort)| column(query, "/zones", name, sort)).into(),
            rows: page.rows.iter().map(|row| ZoneRow::new(index, row)).collect(),
            first: query.cursor.is_some().then(|| link(None)),
            next: page.next.map(|cursor| link(Some(cursor))),
        }
    }
}

impl ZoneRow {
    fn new(index: &Index, row: &Row<'_, ZoneState>) -> Self {
        let (judge, zone) = (index.judge(), row.zone);
        let key = zone.key().as_str();
        let counts = index.hostnames_of(row.zone_index);
        let switches = [
            zone.zone_level_enabled().map(|on| format!("zone level {}", switch(Some(on)))),
            zone.global_enabled().map(|_| format!("global {}", global_switch(zone, judge.now()))),
            zone.ssl_mode().map(|mode| format!("SSL mode {}", mode.label())),
        ];
        let switches: Vec<_> = switches.into_iter().flatten().collect();
        Self {
            verdict: row.verdict.label(),
            zone: key.to_owned(),
            href: format!("/?zone={}", encode(key)),
            account: zone.account().to_owned(),
            id: zone.id().map(|id| id.to_string()).unwrap_or_default(),
            counts: counted(counts, &Query { zone: key.parse().ok(), ..Query::all(Sort::Verdict) }),
            switches: if switches.is_empty() { "not read".to_owned() } else { switches.join(", ") },
            parts: zone.parts().map(|(kind, part)| PartRow::new(judge, kind, part)).collect(),
            findings: found(judge.tell_zone(zone)),
            advice: if zone.is_up() { "" } else { advice(zone.failure()) },
        }
    }
}

impl PartRow {
    fn new(judge: &Judge, kind: PartKind, part: Part) -> Self {
        let what = match kind {
            PartKind::Associations => "associations",
            PartKind::ZoneLevel => "zone level",
            PartKind::Settings => "settings",
            PartKind::DnsRecords => "DNS records",
        };
        let ago = |at: Date| distance(at, judge.now());
        let read = part.last_success.map_or_else(|| "never".to_owned(), ago);
        let every = part.interval.map_or_else(String::new, |interval| {
            format!(", every {}", Span(i64::try_from(interval.as_secs()).unwrap_or(i64::MAX)))
        });
        let failure = part.failure();
        let failed =
            failure.map_or_else(String::new, |reason: Reason| format!("; failed: {}", reason.words()));
        let verdict = if failure.is_some() { Verdict::Unknown } else { Verdict::Ok };
        Self { verdict: verdict.label(), words: format!("{what}: {read}{every}{failed}") }
    }
}
